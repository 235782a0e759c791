//! The JSON of this crate: one document, with a version, and one cookie a line, so that damage to a line stays there.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{Damage, FormatError};
use crate::record::Record;

/// The highest version that is known, and the one that is written.
const VERSION: u64 = 1;
const FORMAT: &str = "cookies";

/// A cookie, or what is wrong with it, and the number of the line on which it begins.
pub(crate) type Numbered = (usize, Result<Record, Damage>);

#[derive(Deserialize)]
struct Head {
    format: String,
    version: u64,
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    cookies: Vec<&'a RawValue>,
}

/// Writes the cookies, one a line.
pub(crate) fn write<'a>(records: impl IntoIterator<Item = &'a Record>) -> String {
    let mut text = format!("{{\"format\":\"{FORMAT}\",\"version\":{VERSION},\"cookies\":[");
    let mut separator = "\n";
    for record in records {
        // Strings, numbers and flags always have a form in JSON.
        let Ok(line) = serde_json::to_string(record) else { continue };
        text.push_str(separator);
        text.push_str(&line);
        separator = ",\n";
    }
    text.push_str("\n]}\n");
    text
}

/// Reads the cookies of a document, however it is laid out; of one that is damaged, those that stand on a line of their
/// own.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<Numbered>, FormatError> {
    if let Ok(head) = serde_json::from_slice::<Head>(bytes) {
        check(&head)?;
        if let Some(cookies) = std::str::from_utf8(bytes).ok().and_then(read_whole) {
            return Ok(cookies);
        }
    }
    read_lines(bytes)
}

fn check(head: &Head) -> Result<(), FormatError> {
    if head.format != FORMAT {
        return Err(FormatError::NotCookies);
    }
    if head.version == 0 || head.version > VERSION {
        return Err(FormatError::Version { found: head.version, known: VERSION });
    }
    Ok(())
}

fn read_whole(text: &str) -> Option<Vec<Numbered>> {
    let document: Document<'_> = serde_json::from_str(text).ok()?;
    let (mut at, mut number) = (0, 1);
    let cookies = document.cookies.into_iter().map(|cookie| {
        // The values are slices of the text, in their order.
        let begins = cookie.get().as_ptr().addr().saturating_sub(text.as_ptr().addr());
        number += text.get(at..begins).map_or(0, |passed| passed.matches('\n').count());
        at = begins;
        (number, serde_json::from_str(cookie.get()).map_err(|_| Damage::Json))
    });
    Some(cookies.collect())
}

fn read_lines(bytes: &[u8]) -> Result<Vec<Numbered>, FormatError> {
    let mut lines = (1..).zip(bytes.split(|&byte| byte == b'\n'));
    let (_, first) = lines.next().ok_or(FormatError::NotCookies)?;
    let head = [first.trim_ascii_end(), b"]}"].concat();
    check(&serde_json::from_slice(&head).map_err(|_| FormatError::NotCookies)?)?;
    let cookies = lines.filter_map(|(number, line)| {
        let line = line.trim_ascii();
        let line = line.strip_suffix(b",").unwrap_or(line);
        match line {
            b"" | b"]}" => None,
            _ if std::str::from_utf8(line).is_err() => Some((number, Err(Damage::NotUtf8))),
            _ => Some((number, serde_json::from_slice(line).map_err(|_| Damage::Json))),
        }
    });
    Ok(cookies.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str) -> Record {
        Record {
            name: name.to_owned(),
            value: "v\t\"\u{e9}".to_owned(),
            path: "/".to_owned(),
            ..Record::default()
        }
    }

    /// The names that are read, and the lines that are damaged.
    type Told<'a> = (&'a [&'a str], &'a [(usize, Damage)]);

    #[track_caller]
    fn check_read(text: &[u8], expected: Result<Told<'_>, FormatError>) {
        let told = read(text).map(|cookies| {
            let names: Vec<_> =
                cookies.iter().filter_map(|(_, read)| Some(read.as_ref().ok()?.name.clone())).collect();
            let damaged: Vec<_> = cookies
                .iter()
                .filter_map(|(line, read)| Some((*line, read.as_ref().err().copied()?)))
                .collect();
            (names, damaged)
        });
        let expected = expected
            .map(|(names, damaged)| (names.iter().map(|&name| name.to_owned()).collect(), damaged.to_vec()));
        assert_eq!(told, expected, "{}", String::from_utf8_lossy(text));
    }

    #[test]
    fn what_is_written_is_read() {
        let records = [record("a"), record("b")];
        let text = write(&records);
        let read: Vec<_> = read(text.as_bytes())
            .unwrap()
            .into_iter()
            .map(|(line, read)| (line, read.ok().unwrap()))
            .collect();
        assert!(read == [(2, records[0].clone()), (3, records[1].clone())]);
        assert_eq!(write([]), "{\"format\":\"cookies\",\"version\":1,\"cookies\":[\n]}\n");
        check_read(write([]).as_bytes(), Ok((&[], &[])));
    }

    #[test]
    fn damage_to_one_line_costs_no_other() {
        let text = write(&[record("a"), record("b"), record("c")]);
        let lines: Vec<&str> = text.lines().collect();
        let with = |second: &[u8]| {
            [
                lines[0].as_bytes(),
                b"\n",
                lines[1].as_bytes(),
                b"\n",
                second,
                b"\n",
                lines[3].as_bytes(),
                b"\n]}\n",
            ]
            .concat()
        };
        check_read(&with(b"{\"name\":"), Ok((&["a", "c"], &[(3, Damage::Json)])));
        check_read(&with(b"{\"name\":7},"), Ok((&["a", "c"], &[(3, Damage::Json)])));
        check_read(&with(b"\xff"), Ok((&["a", "c"], &[(3, Damage::NotUtf8)])));
        let cut = text.get(..text.len() - 20).unwrap();
        check_read(cut.as_bytes(), Ok((&["a", "b"], &[(4, Damage::Json)])));
    }

    #[test]
    fn other_layouts_are_read() {
        let pretty = b"{\n \"version\": 1,\n \"cookies\": [\n  {\n   \"name\": \"a\"\n  },\n  7,\n  {\"name\": \"b\"}],\n \"format\": \"cookies\"\n}";
        check_read(pretty, Ok((&["a", "b"], &[(7, Damage::Json)])));
    }

    #[test]
    fn other_documents_are_left_alone() {
        check_read(b"{}", Err(FormatError::NotCookies));
        check_read(b"{\"format\":\"songs\",\"version\":1,\"cookies\":[]}", Err(FormatError::NotCookies));
        check_read(
            b"{\"format\":\"cookies\",\"version\":2,\"cookies\":7}",
            Err(FormatError::Version { found: 2, known: 1 }),
        );
        check_read(
            b"{\"format\":\"cookies\",\"version\":2,\"cookies\":[\n",
            Err(FormatError::Version { found: 2, known: 1 }),
        );
    }
}
