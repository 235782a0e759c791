//! `cookies.txt`, as Netscape began it and curl, wget and Python's `MozillaCookieJar` read and write it.
//!
//! A line has seven fields between tabs: domain, whether hosts below it get the cookie, path, whether it is `Secure`,
//! expiry in seconds since 1970 (0 at the end of the session), name, value. `#HttpOnly_` before the domain says `HttpOnly`.

use std::fmt::Write as _;

use crate::error::Damage;
use crate::record::Record;

const HTTP_ONLY: &str = "#HttpOnly_";

/// Python reads no file without the first line.
const HEAD: &str = "# Netscape HTTP Cookie File\n# Written by a program: what is added by hand is kept, comments are not.\n\n";

/// Writes the cookies that the format has words for, one a line.
pub(crate) fn write<'a>(records: impl IntoIterator<Item = &'a Record>) -> String {
    let mut text = HEAD.to_owned();
    for record in records {
        // curl writes an IPv6 address without brackets.
        let domain = record.domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let domain = domain.unwrap_or(&record.domain);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{}{}{domain}\t{}\t{}\t{}\t{}\t{}\t{}",
            if record.http_only { HTTP_ONLY } else { "" },
            // Python wants a dot exactly where hosts below the domain get the cookie.
            if record.host_only { "" } else { "." },
            flag(!record.host_only),
            record.path,
            flag(record.secure),
            record.expires_ms.map_or(0, |millis| millis / 1000),
            record.name,
            record.value,
        );
    }
    text
}

/// Whether a line can hold it: a tab would end a field too early, and a dollar begins a comment.
pub(crate) fn can_hold(record: &Record) -> bool {
    let comment = record.host_only && record.domain.starts_with('$');
    !comment && [&record.name, &record.value, &record.path].iter().all(|field| !field.contains('\t'))
}

/// Reads all lines that are neither empty nor comments, each with its number.
pub(crate) fn read(bytes: &[u8]) -> impl Iterator<Item = (usize, Result<Record, Damage>)> + '_ {
    (1..).zip(bytes.split(|&byte| byte == b'\n')).filter_map(|(number, line)| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match std::str::from_utf8(line) {
            Ok(line) => Some((number, read_line(line)?)),
            Err(_) if line.starts_with(b"#") && !line.starts_with(HTTP_ONLY.as_bytes()) => None,
            Err(_) => Some((number, Err(Damage::NotUtf8))),
        }
    })
}

/// Whether the bytes begin as such files do.
pub(crate) fn has_head(bytes: &[u8]) -> bool {
    bytes.starts_with(b"# Netscape HTTP Cookie File") || bytes.starts_with(b"# HTTP Cookie File")
}

fn read_line(line: &str) -> Option<Result<Record, Damage>> {
    let (line, http_only) = line.strip_prefix(HTTP_ONLY).map_or((line, false), |rest| (rest, true));
    let start = line.trim_start();
    // Python leaves out lines with a dollar, too.
    if start.is_empty() || start.starts_with(['#', '$']) {
        return None;
    }
    Some(fields(line).map(|record| Record { http_only, ..record }))
}

fn fields(line: &str) -> Result<Record, Damage> {
    let fields: Vec<&str> = line.split('\t').collect();
    let (domain, wide, path, rest) = match *fields.as_slice() {
        // curl takes a line without a path: the field behind it is a flag.
        [domain, wide, secure, ref rest @ ..] if is_flag(secure) => (domain, wide, "/", (secure, rest)),
        [domain, wide, path, secure, ref rest @ ..] => (domain, wide, path, (secure, rest)),
        _ => return Err(Damage::Fields { found: fields.len() }),
    };
    let (secure, rest) = rest;
    let (expires, name, value) = match *rest {
        [expires, name, value] => (expires, name, value),
        // Editors strip the tab before a value that is empty.
        [expires, name] => (expires, name, ""),
        _ => return Err(Damage::Fields { found: fields.len() }),
    };
    Ok(Record {
        domain: domain.strip_prefix('.').unwrap_or(domain).to_owned(),
        host_only: !read_flag(wide)?,
        path: path.to_owned(),
        secure: read_flag(secure)?,
        expires_ms: read_expiry(expires)?,
        name: name.to_owned(),
        value: value.to_owned(),
        ..Record::default()
    })
}

fn flag(yes: bool) -> &'static str {
    if yes { "TRUE" } else { "FALSE" }
}

fn is_flag(field: &str) -> bool {
    field.eq_ignore_ascii_case("TRUE") || field.eq_ignore_ascii_case("FALSE")
}

fn read_flag(field: &str) -> Result<bool, Damage> {
    if is_flag(field) { Ok(field.eq_ignore_ascii_case("TRUE")) } else { Err(Damage::Flag) }
}

/// Seconds since 1970, which some exporters write with a fraction. Python writes nothing for a session cookie.
fn read_expiry(field: &str) -> Result<Option<u64>, Damage> {
    let (negative, digits) = field.strip_prefix('-').map_or((false, field), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) || (whole.is_empty() && !field.is_empty()) {
        return Err(Damage::Expiry);
    }
    if whole.bytes().all(|digit| digit == b'0') {
        return Ok(None);
    }
    if negative {
        return Ok(Some(0));
    }
    // More digits than fit are as good as for ever.
    Ok(Some(whole.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(1000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Result<&str, Damage>) {
        let read: Vec<_> = read(line.as_bytes()).collect();
        let [(1, found)] = read.as_slice() else { panic!("{} cookies in {line:?}", read.len()) };
        // What was read is told by writing it again.
        let told = found.as_ref().map(|record| write([record]).lines().last().unwrap().to_owned());
        assert_eq!(told.as_ref().map(String::as_str).map_err(|damage| **damage), expected, "{line:?}");
    }

    #[test]
    fn lines_of_other_programs_are_read() {
        check(".a.com\tTRUE\t/x\tTRUE\t123\tn\tv", Ok(".a.com\tTRUE\t/x\tTRUE\t123\tn\tv"));
        check("a.com\tFALSE\t/\tFALSE\t0\tn\tv\r", Ok("a.com\tFALSE\t/\tFALSE\t0\tn\tv"));
        check("#HttpOnly_.a.com\tTRUE\t/\tFALSE\t0\tn\tv", Ok("#HttpOnly_.a.com\tTRUE\t/\tFALSE\t0\tn\tv"));
        check("a.com\tFALSE\t/\tFALSE\t\tn\tv", Ok("a.com\tFALSE\t/\tFALSE\t0\tn\tv"));
        check("a.com\tFALSE\t/\tFALSE\t12.9\tn\tv", Ok("a.com\tFALSE\t/\tFALSE\t12\tn\tv"));
        check("a.com\tFALSE\t/\tFALSE\t5\tn\t", Ok("a.com\tFALSE\t/\tFALSE\t5\tn\t"));
        check("a.com\tFALSE\t/\tFALSE\t5\tn", Ok("a.com\tFALSE\t/\tFALSE\t5\tn\t"));
        check("a.com\tFALSE\t/\tFALSE\t5\t\tv", Ok("a.com\tFALSE\t/\tFALSE\t5\t\tv"));
        check("a.com\ttrue\tFALSE\t5\tn\tv", Ok(".a.com\tTRUE\t/\tFALSE\t5\tn\tv"));
        check(".a.com\tFALSE\t/\tFALSE\t5\tn\tv", Ok("a.com\tFALSE\t/\tFALSE\t5\tn\tv"));
        check("::1\tFALSE\t/\tFALSE\t5\tn\tv", Ok("::1\tFALSE\t/\tFALSE\t5\tn\tv"));
    }

    #[test]
    fn what_is_no_cookie_is_said_so() {
        check("a.com", Err(Damage::Fields { found: 1 }));
        check("a.com\tFALSE\t/\tFALSE\t5\tn\tv\tw", Err(Damage::Fields { found: 8 }));
        check("a.com\tFALSE\t/\tFALSE\t5", Err(Damage::Fields { found: 5 }));
        check("a.com FALSE / FALSE 5 n v", Err(Damage::Fields { found: 1 }));
        check("a.com\tyes\t/\tFALSE\t5\tn\tv", Err(Damage::Flag));
        check("a.com\tFALSE\t/\tno\t5\tn\tv", Err(Damage::Flag));
        check("a.com\tFALSE\t/\tFALSE\tsoon\tn\tv", Err(Damage::Expiry));
        check("a.com\tFALSE\t/\tFALSE\t-\tn\tv", Err(Damage::Expiry));
        check("a.com\tFALSE\t/\tFALSE\t.5\tn\tv", Err(Damage::Expiry));
    }

    #[test]
    fn comments_and_empty_lines_are_left_out() {
        let text = b"# Netscape HTTP Cookie File\n#\n\n  \n# \xff\n$Version\n#HttpOnly_\n \t# x\n";
        assert!(has_head(text));
        assert_eq!(read(text).count(), 0);
        let bad = [b"#HttpOnly_\xff\n".as_slice(), b"a\xff\n"].concat();
        let numbers: Vec<_> = read(&bad).map(|(number, read)| (number, read.err())).collect();
        assert_eq!(numbers, [(1, Some(Damage::NotUtf8)), (2, Some(Damage::NotUtf8))]);
    }
}
