//! Field lines in the order and letter case of the wire.

mod lines;

use std::borrow::Cow;
use std::fmt;

use crate::error::RequestError;

pub use lines::FieldLines;

/// Field lines in the order and letter case in which they stand on the wire, duplicates kept. Look-up ignores case.
///
/// One buffer holds all bytes, so that clearing and refilling allocates nothing. Values are octets: most are ASCII,
/// none contains CR, LF or NUL.
///
/// ```
/// let mut headers = wire::Headers::new();
/// headers.append("X-Order", "kept")?;
/// headers.append("accept", "text/html")?;
/// headers.append("Accept", "text/plain")?;
///
/// assert_eq!(headers.get("ACCEPT"), Some(&b"text/html"[..]));
/// assert_eq!(headers.get_all("accept").count(), 2);
/// let lines: Vec<_> = headers.iter().map(|(name, _)| name).collect();
/// assert_eq!(lines, ["X-Order", "accept", "Accept"]);
/// # Ok::<(), wire::RequestError>(())
/// ```
#[derive(Clone, Default)]
pub struct Headers {
    /// Name and value of every line, one after the other, in the order of `lines`.
    bytes: Vec<u8>,
    lines: Vec<Line>,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    start: usize,
    name: usize,
    /// Bytes between name and value.
    gap: usize,
    value: usize,
}

impl Line {
    fn value_start(self) -> usize {
        self.start + self.name + self.gap
    }

    fn end(self) -> usize {
        self.value_start() + self.value
    }
}

impl Headers {
    /// Makes an empty list; allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), lines: Vec::new() }
    }

    /// Returns the number of field lines.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Tells whether there is no field line.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Returns the first value of a field.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.get_all(name).next()
    }

    /// Returns the first value of a field if it is UTF-8.
    #[must_use]
    pub fn get_str(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Tells whether a field is there.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Returns all values of a field, in order.
    pub fn get_all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let name = name.as_bytes();
        let named = move |line: &&Line| {
            line.name == name.len()
                && self
                    .bytes
                    .get(line.start..line.start + line.name)
                    .is_some_and(|n| n.eq_ignore_ascii_case(name))
        };
        self.lines
            .iter()
            .filter(named)
            .map(|line| self.bytes.get(line.value_start()..line.end()).unwrap_or_default())
    }

    /// Returns every member of a comma-separated list over all lines of a field, trimmed, empty ones left out
    /// (RFC 9110 §5.6.1). Commas inside quoted strings are not treated apart: for lists of tokens.
    pub fn tokens<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.get_all(name)
            .flat_map(|value| value.split(|&b| b == b','))
            .map(trim_ows)
            .filter(|member| !member.is_empty())
    }

    /// Tells whether a comma-separated list contains a token, ignoring case.
    #[must_use]
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.tokens(name).any(|member| member.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// Returns all lines with their names as octets, which costs no check for UTF-8.
    pub(crate) fn raw(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        self.lines.iter().map(|line| {
            let name = self.bytes.get(line.start..line.start + line.name).unwrap_or_default();
            (name, self.bytes.get(line.value_start()..line.end()).unwrap_or_default())
        })
    }

    /// Adds a line at the end. Surrounding white space of the value is dropped.
    ///
    /// # Errors
    /// The name is not a token, or the value contains a control character other than HTAB (RFC 9110 §5.1, §5.5).
    pub fn append(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), RequestError> {
        let value = trim_ows(value.as_ref());
        check_name(name)?;
        check_value(name, value)?;
        self.push_checked(name, value);
        Ok(())
    }

    /// Sets a field to one value: the first line of that name takes it in its place, others go; a field that is not
    /// there is appended.
    ///
    /// # Errors
    /// As [`append`](Self::append); nothing changes then.
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), RequestError> {
        let value = trim_ows(value.as_ref());
        check_name(name)?;
        check_value(name, value)?;
        let Some(first) = self.position(name) else {
            self.push_checked(name, value);
            return Ok(());
        };
        let mut seen = 0;
        self.retain(|n, _| {
            seen += usize::from(n.eq_ignore_ascii_case(name));
            !n.eq_ignore_ascii_case(name) || seen == 1
        });
        if let Some(line) = self.lines.get_mut(first) {
            let old = line.value_start()..line.end();
            let (from, to) = (line.value, value.len());
            line.value = to;
            self.bytes.splice(old, value.iter().copied());
            for later in self.lines.iter_mut().skip(first + 1) {
                later.start = later.start + to - from;
            }
        }
        Ok(())
    }

    /// Removes all lines of a field and returns how many there were.
    pub fn remove(&mut self, name: &str) -> usize {
        let before = self.len();
        self.retain(|n, _| !n.eq_ignore_ascii_case(name));
        before - self.len()
    }

    /// Keeps the lines for which `keep` answers true.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &[u8]) -> bool) {
        let mut end = 0;
        let bytes = &mut self.bytes;
        self.lines.retain_mut(|line| {
            let both = bytes.get(line.start..line.end()).unwrap_or_default();
            let name = both.get(..line.name).unwrap_or_default();
            let value = both.get(line.name + line.gap..).unwrap_or_default();
            let kept = keep(std::str::from_utf8(name).unwrap_or_default(), value);
            if kept {
                bytes.copy_within(line.start..line.end(), end);
                line.start = end;
                end = line.end();
            }
            kept
        });
        bytes.truncate(end);
    }

    /// Removes all lines and keeps the capacity.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.lines.clear();
    }

    /// Appends all lines of another list.
    pub fn extend_from(&mut self, other: &Self) {
        let offset = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        self.lines.extend(other.lines.iter().map(|line| Line { start: line.start + offset, ..*line }));
    }

    /// Adds a line whose name and value were checked.
    pub(crate) fn push_checked(&mut self, name: &str, value: &[u8]) {
        self.lines.push(Line { start: self.bytes.len(), name: name.len(), gap: 0, value: value.len() });
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(value);
    }

    /// Takes a whole section in one copy. Tells whether every line but the first stands behind CRLF.
    pub(crate) fn fill(&mut self, section: &[u8], fields: &[httparse::Header<'_>]) -> bool {
        self.clear();
        self.bytes.extend_from_slice(section);
        let base = section.as_ptr().addr();
        self.lines.extend(fields.iter().map(|field| {
            // httparse leaves no white space around it.
            let value = field.value;
            let start = field.name.as_ptr().addr().wrapping_sub(base);
            let value_start = value.as_ptr().addr().wrapping_sub(base);
            let name = field.name.len();
            // An empty value may stand anywhere.
            let gap = if value.is_empty() { 0 } else { value_start.wrapping_sub(start + name) };
            Line { start, name, gap, value: value.len() }
        }));
        self.lines
            .iter()
            .skip(1)
            .all(|line| line.start.checked_sub(2).and_then(|at| section.get(at..line.start)) == Some(b"\r\n"))
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.raw().position(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes()))
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Headers {}

/// Shows no credentials, see [`is_secret_field`], and of URLs neither user-info nor query.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(name, value)| (name, shown_value(name, value)))).finish()
    }
}

/// Returns what may be seen of a field's value: nothing of credentials, and of URLs neither user-info nor query. What is not
/// UTF-8 is replaced.
///
/// ```
/// assert_eq!(wire::shown_value("Authorization", b"Bearer 1234"), "[redacted]");
/// assert_eq!(wire::shown_value("Location", b"/in?token=1234"), "/in?...");
/// assert_eq!(wire::shown_value("Content-Type", b"text/html"), "text/html");
/// ```
#[must_use]
pub fn shown_value<'a>(name: &str, value: &'a [u8]) -> Cow<'a, str> {
    // URLs often have passwords in their user-info, and tokens in their query or fragment.
    const URLS: [&str; 3] = ["location", "content-location", "referer"];
    // Several URLs among other text: which part is harmless is a guess.
    const MIXED: [&str; 2] = ["refresh", "link"];
    let is_one_of = |names: &[&str]| names.iter().any(|other| name.eq_ignore_ascii_case(other));
    if is_secret_field(name) || is_one_of(&MIXED) {
        return "[redacted]".into();
    }
    let text = String::from_utf8_lossy(value);
    if !is_one_of(&URLS) {
        return text;
    }
    let end = text.find(['?', '#']).unwrap_or(text.len());
    let (before, after) = text.split_at(end);
    let rest = if after.is_empty() { "" } else { "?..." };
    // RFC 3986 §3.2: the authority ends at the next slash, its user-info at the last @ before that.
    let authority = before.find("//").map_or(end, |at| at + 2);
    let (scheme, behind) = before.split_at(authority);
    let (authority, path) = behind.split_at(behind.find('/').unwrap_or(behind.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}{host}{path}{rest}").into()
}

/// Tells whether a field carries a credential, so that its value must not be shown, nor follow a redirect to another
/// origin.
///
/// These are authorization, proxy-authorization, cookie, set-cookie, api-key and every name that ends in `-api-key`,
/// `-token`, `-secret` or `-password`.
#[must_use]
pub fn is_secret_field(name: &str) -> bool {
    const NAMES: [&str; 6] =
        ["authorization", "proxy-authorization", "cookie", "set-cookie", "api-key", "apikey"];
    const ENDINGS: [&str; 4] = ["-api-key", "-token", "-secret", "-password"];
    let ends_with = |ending: &&str| {
        let name = name.as_bytes();
        name.len()
            .checked_sub(ending.len())
            .and_then(|start| name.get(start..))
            .is_some_and(|end| end.eq_ignore_ascii_case(ending.as_bytes()))
    };
    NAMES.iter().any(|secret| name.eq_ignore_ascii_case(secret)) || ENDINGS.iter().any(ends_with)
}

/// RFC 9110 §5.6.3: optional white space is SP and HTAB, nothing else.
pub(crate) fn trim_ows(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// RFC 9110 §5.6.2
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes.iter().all(|b| {
            matches!(b,
            b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
                || b.is_ascii_alphanumeric()
        })
}

fn check_name(name: &str) -> Result<(), RequestError> {
    if is_token(name.as_bytes()) {
        return Ok(());
    }
    // What follows may be a value, and secret: "Authorization: Bearer ..." is given as a name now and then.
    let wrong = name.find(|c: char| !c.is_ascii() || !is_token(&[c as u8])).unwrap_or(name.len());
    Err(RequestError::FieldName { name: name.chars().take(64.min(wrong + 1)).collect() })
}

/// RFC 9110 §5.5: visible octets, SP, HTAB and obs-text.
pub(crate) fn is_value(value: &[u8]) -> bool {
    value.iter().all(|&b| b == b'\t' || (b >= b' ' && b != 0x7f))
}

fn check_value(name: &str, value: &[u8]) -> Result<(), RequestError> {
    if is_value(value) { Ok(()) } else { Err(RequestError::FieldValue { name: name.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in lines {
            headers.append(name, value).unwrap();
        }
        headers
    }

    #[test]
    fn order_case_and_duplicates_are_kept() {
        let h = headers(&[("b", "1"), ("A", "2"), ("B", " 3\t")]);
        let lines: Vec<_> = h.iter().collect();
        assert_eq!(lines, [("b", &b"1"[..]), ("A", b"2"), ("B", b"3")]);
        assert_eq!(h.get_all("B").collect::<Vec<_>>(), [b"1", b"3"]);
    }

    #[test]
    fn set_replaces_in_place_and_drops_the_others() {
        for value in ["", "x", "much longer than before"] {
            let mut h = headers(&[("a", "1"), ("b", "22"), ("c", "3"), ("B", "4"), ("d", "5")]);
            h.set("B", value).unwrap();
            assert_eq!(h, headers(&[("a", "1"), ("b", value), ("c", "3"), ("d", "5")]));
        }
        let mut h = Headers::new();
        h.set("x", "1").unwrap();
        assert_eq!(h, headers(&[("x", "1")]));
    }

    #[test]
    fn remove_takes_every_line_of_the_name() {
        let mut h = headers(&[("a", "1"), ("b", "2"), ("A", "3"), ("c", "4")]);
        assert_eq!(h.remove("a"), 2);
        assert_eq!(h, headers(&[("b", "2"), ("c", "4")]));
        assert_eq!(h.remove("a"), 0);
    }

    #[test]
    fn extending_keeps_both_lists() {
        let mut h = headers(&[("a", "1")]);
        h.extend_from(&headers(&[("b", "2"), ("c", "3")]));
        assert_eq!(h, headers(&[("a", "1"), ("b", "2"), ("c", "3")]));
    }

    #[test]
    fn lists_are_read_over_all_lines() {
        let h = headers(&[("Connection", ",close,, x "), ("connection", "Upgrade")]);
        let tokens: Vec<_> = h.tokens("connection").collect();
        assert_eq!(tokens, [&b"close"[..], b"x", b"Upgrade"]);
        assert!(h.has_token("Connection", "UPGRADE"));
        assert!(!h.has_token("Connection", "clos"));
    }

    #[test]
    fn injection_is_refused() {
        for name in ["", "a b", "a:", "a\r\nb", "ä", "a\0"] {
            let error = Headers::new().append(name, "v").unwrap_err();
            assert!(matches!(error, RequestError::FieldName { .. }), "{name:?}");
        }
        for (name, shown) in [("Authorization: s3cret", "Authorization:"), ("", ""), ("äb", "ä"), ("a", "a")]
        {
            let cut = check_name(name).err();
            let expected = (name != "a").then(|| RequestError::FieldName { name: shown.into() });
            assert_eq!(cut, expected, "{name:?}");
        }
        for value in ["a\r\nX: y", "a\nb", "a\rb", "\0", "\x7f", "\x0b"] {
            let error = Headers::new().append("n", value).unwrap_err();
            assert_eq!(error, RequestError::FieldValue { name: "n".into() }, "{value:?}");
        }
        assert!(Headers::new().append("n", b"\xff\tok").is_ok());
    }

    #[test]
    fn of_urls_only_the_place_is_shown() {
        for (value, expected) in [
            ("/next", "/next"),
            ("/next?code=s3cret", "/next?..."),
            ("next#token=s3cret", "next?..."),
            ("https://b:8443/in?code=s3cret#more", "https://b:8443/in?..."),
            ("https://ida:s3cret@b/in", "https://b/in"),
            ("https://ida:s3@cret@b/in", "https://b/in"),
            ("//ida@b", "//b"),
            ("/to/ida@b", "/to/ida@b"),
            ("http://b/to/ida@c", "http://b/to/ida@c"),
        ] {
            for name in ["Location", "content-location", "Referer"] {
                let shown = format!("{:?}", headers(&[(name, value)]));
                assert_eq!(shown, format!("{{{name:?}: {expected:?}}}"));
            }
        }
    }

    #[test]
    fn of_fields_with_several_urls_nothing_is_shown() {
        let link = ("Link", "<https://a/>; rel=next, <https://ida:s3cret@b/>");
        let shown = format!("{:?}", headers(&[link, ("refresh", "5; url=/?s3cret")]));
        assert_eq!(shown, r#"{"Link": "[redacted]", "refresh": "[redacted]"}"#);
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown =
            format!("{:?}", headers(&[("Cookie", "s3cret"), ("X-Api-Key", "s3cret"), ("Accept", "a")]));
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(shown.contains(r#""Accept": "a""#), "{shown}");
        for name in ["AUTHORIZATION", "X-Auth-Token", "x-amz-security-token", "Client-Secret", "set-cookie"] {
            assert!(is_secret_field(name), "{name}");
        }
        for name in ["accept", "key", "tokens", "etag", "Idempotency-Key"] {
            assert!(!is_secret_field(name), "{name}");
        }
    }
}
