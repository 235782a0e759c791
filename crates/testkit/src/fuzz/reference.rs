//! What the RFCs say, written down a second time and without care for cost: whole messages, no state.

use wire::{Leniency, Limits};

/// A field line: its name and its value.
pub(super) type Line = (Vec<u8>, Vec<u8>);

/// What becomes of a chunked body when the connection ends behind it.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// With so many bytes behind it.
    Complete {
        trailers: Vec<Line>,
        left: usize,
    },
    Cut,
    Bad,
    TooLarge,
}

/// Decodes a chunked body (RFC 9112 §7.1): the content up to where the verdict fell.
pub(super) fn chunks(body: &[u8], limits: &Limits, leniency: &Leniency) -> (Vec<u8>, Verdict) {
    let (mut content, mut rest, mut extensions) = (Vec::new(), body, 0);
    loop {
        let size = match chunk_size(&mut rest, &mut extensions, limits, leniency) {
            Ok(size) => size,
            Err(verdict) => return (content, verdict),
        };
        if size == 0 {
            return (content, trailers(rest, limits, leniency));
        }
        let (data, behind) = split(rest, usize::try_from(size).unwrap_or(usize::MAX));
        content.extend_from_slice(data);
        rest = match behind {
            [b'\r', b'\n', next @ ..] => next,
            [] | [b'\r'] => return (content, Verdict::Cut),
            _ => return (content, Verdict::Bad),
        };
    }
}

/// Takes a line with a chunk size and extensions, which count against their limits together with white space.
fn chunk_size(
    rest: &mut &[u8],
    extensions: &mut usize,
    limits: &Limits,
    leniency: &Leniency,
) -> Result<u64, Verdict> {
    let (digits, behind) = split_while(rest, |b| b.is_ascii_hexdigit());
    let most = limits.chunk_extension_bytes.max(16);
    let zeros = split_while(digits, |b| b == b'0').0.len();
    if digits.len() - zeros > 16 && zeros + 16 <= most {
        return Err(Verdict::Bad);
    }
    if digits.len() > most {
        return Err(Verdict::TooLarge);
    }
    if digits.is_empty() {
        return Err(if behind.is_empty() { Verdict::Cut } else { Verdict::Bad });
    }
    let text = std::str::from_utf8(digits).expect("hexadecimal digits");
    let size = u64::from_str_radix(text, 16).expect("at most sixteen digits count");

    let (line, behind) = split_while(behind, |b| b == b'\t' || b >= b' ' && b != 0x7f);
    let (space, extension) = split_while(line, |b| matches!(b, b' ' | b'\t'));
    let mut count = |bytes: usize| {
        *extensions += bytes;
        let fits = bytes <= limits.chunk_extension_bytes && *extensions <= limits.chunk_extensions_total;
        if fits { Ok(()) } else { Err(Verdict::TooLarge) }
    };
    let text = match extension {
        [] => &[][..],
        [b';', text @ ..] => text,
        _ => return count(space.len()).and(Err(Verdict::Bad)),
    };
    count(space.len() + text.len())?;
    *rest = match behind {
        [] => return Err(Verdict::Cut),
        [b'\r', ..] if quote_is_open(text) => return Err(Verdict::Bad),
        [b'\r', ..] if !space.is_empty() && extension.is_empty() && !leniency.padded_chunk_size => {
            return Err(Verdict::Bad);
        }
        [b'\r'] => return Err(Verdict::Cut),
        [b'\r', b'\n', next @ ..] => next,
        _ => return Err(Verdict::Bad),
    };
    Ok(size)
}

fn quote_is_open(text: &[u8]) -> bool {
    let (mut open, mut bytes) = (false, text.iter());
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => open = !open,
            b'\\' if open && bytes.next().is_none() => return true,
            _ => {}
        }
    }
    open
}

fn trailers(rest: &[u8], limits: &Limits, leniency: &Leniency) -> Verdict {
    let (mut text, beyond) = split(rest, limits.trailer_bytes);
    let mut lines: Vec<Line> = Vec::new();
    loop {
        let Some(len) = text.iter().position(|&b| b == b'\n') else {
            let never_a_line = text.windows(2).any(|pair| pair.starts_with(b"\r"))
                || lines.is_empty() && matches!(text, [b' ' | b'\t', ..]);
            return match () {
                () if never_a_line => Verdict::Bad,
                () if beyond.is_empty() => Verdict::Cut,
                () => Verdict::TooLarge,
            };
        };
        let (line, next) = split(text, len + 1);
        let bare = line.strip_suffix(b"\n").filter(|_| leniency.bare_lf);
        let Some(line) = line.strip_suffix(b"\r\n").or(bare) else { return Verdict::Bad };
        text = next;
        match (line, lines.last_mut()) {
            ([], _) => {
                return Verdict::Complete { trailers: lines, left: text.len() + beyond.len() };
            }
            // RFC 9112 §5.2: a folded line goes on after one space.
            ([b' ' | b'\t', ..], Some((_, value))) if leniency.obs_fold && is_value(line) => {
                let more = line.trim_ascii();
                if !value.is_empty() && !more.is_empty() {
                    value.push(b' ');
                }
                value.extend_from_slice(more);
            }
            _ => match field(line) {
                Some(field) => lines.push(field),
                None => return Verdict::Bad,
            },
        }
        if lines.len() > limits.fields {
            return Verdict::TooLarge;
        }
    }
}

/// A request as a server takes it apart.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) target: &'a str,
    pub(super) version: &'a str,
    pub(super) fields: Vec<Line>,
    /// What is left behind the head.
    pub(super) body: &'a [u8],
}

/// How a server finds the end of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Framed {
    Without,
    Length(u64),
    Chunked,
}

impl<'a> Request<'a> {
    /// Takes a request apart (RFC 9112 §2, §3, §5).
    pub(super) fn read(bytes: &'a [u8]) -> Self {
        let end =
            bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head ends with an empty line");
        let (head, body) = split(bytes, end);
        let (_, body) = split(body, 4);
        let head = String::from_utf8_lossy(head);
        let len = head.find("\r\n").unwrap_or(head.len());
        let (line, _) = split(bytes, len);
        let line = std::str::from_utf8(line).expect("a request line is ASCII");
        let [method, target, version] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("not a method, a target and a version: {line:?}");
        };
        assert!(is_token(method.as_bytes()), "{method:?} is not a method");
        assert!(
            !target.is_empty() && target.bytes().all(|b| b.is_ascii_graphic()),
            "{target:?} is not a target"
        );
        assert!(matches!(version, "HTTP/1.1" | "HTTP/1.0"), "{version:?} is not a version");
        let (_, mut rest) = split(bytes.get(..end + 2).unwrap_or_default(), len + 2);
        let mut fields = Vec::new();
        while !rest.is_empty() {
            let len = rest.windows(2).position(|pair| pair == b"\r\n").expect("each line ends");
            let (line, next) = split(rest, len);
            fields.push(
                field(line)
                    .unwrap_or_else(|| panic!("not a field line: {:?}", line.escape_ascii().to_string())),
            );
            (_, rest) = split(next, 2);
        }
        Self { method, target, version, fields, body }
    }

    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let named = move |line: &&Line| line.0.eq_ignore_ascii_case(name.as_bytes());
        self.fields.iter().filter(named).map(|(_, value)| value.as_slice())
    }

    /// Finds how the body is framed (RFC 9112 §6.3); no two servers may see that differently.
    pub(super) fn framed(&self) -> Framed {
        let lengths: Vec<_> = self.values("content-length").collect();
        let codings: Vec<_> = self
            .values("transfer-encoding")
            .flat_map(|value| value.split(|&b| b == b','))
            .map(|coding| coding.trim_ascii().to_ascii_lowercase())
            .collect();
        match (&lengths[..], &codings[..]) {
            ([], []) => Framed::Without,
            ([], [before @ .., last]) => {
                assert_eq!(self.version, "HTTP/1.1", "a transfer coding in HTTP/1.0");
                assert_eq!(last, b"chunked", "the last coding");
                let other = |coding: &Vec<u8>| is_token(coding) && coding != b"chunked";
                assert!(before.iter().all(other), "codings that may be read otherwise");
                Framed::Chunked
            }
            ([length], []) => {
                let digits =
                    std::str::from_utf8(length).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
                let length = digits.and_then(|digits| digits.parse().ok());
                Framed::Length(length.expect("Content-Length is a number"))
            }
            _ => panic!("more than one framing field"),
        }
    }
}

/// field-line = field-name ":" OWS field-value OWS
fn field(line: &[u8]) -> Option<Line> {
    let colon = line.iter().position(|&b| b == b':')?;
    let (name, value) = split(line, colon);
    let (_, value) = split(value, 1);
    (is_token(name) && is_value(value)).then(|| (name.to_vec(), trim(value).to_vec()))
}

/// Without white space at its ends (RFC 9110 §5.6.3).
pub(super) fn trim(value: &[u8]) -> &[u8] {
    let (_, value) = split_while(value, |b| matches!(b, b' ' | b'\t'));
    let len = value.iter().rposition(|b| !matches!(b, b' ' | b'\t')).map_or(0, |last| last + 1);
    split(value, len).0
}

/// RFC 9110 §5.6.2
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|b| b.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(b))
}

/// RFC 9110 §5.5
pub(super) fn is_value(bytes: &[u8]) -> bool {
    !bytes.iter().any(|&b| b.is_ascii_control() && b != b'\t')
}

fn split(bytes: &[u8], at: usize) -> (&[u8], &[u8]) {
    bytes.split_at(at.min(bytes.len()))
}

fn split_while(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    split(bytes, bytes.iter().take_while(|&&b| wanted(b)).count())
}
