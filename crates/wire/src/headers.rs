//! Field lines in the order and letter case of the wire.

mod secrets;

use std::fmt;

use crate::error::RequestError;
use secrets::REDACTED;
pub use secrets::{is_secret_field, shown_value};

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
/// for (name, value) in &headers {
///     println!("{name}: {}", String::from_utf8_lossy(value));
/// }
/// let names: Vec<_> = headers.iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["X-Order", "accept", "Accept"]);
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
    /// Whoever added it says that it is secret, whatever its name is.
    is_marked: bool,
}

impl Line {
    fn value_start(self) -> usize {
        self.start + self.name + self.gap
    }

    fn end(self) -> usize {
        self.value_start() + self.value
    }

    /// Name and value.
    fn octets(self, bytes: &[u8]) -> (&[u8], &[u8]) {
        let name = bytes.get(self.start..self.start + self.name).unwrap_or_default();
        (name, bytes.get(self.value_start()..self.end()).unwrap_or_default())
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

    /// Returns all lines, in order.
    pub fn iter(&self) -> FieldLines<'_> {
        FieldLines { headers: self, lines: self.lines.iter() }
    }

    /// Returns all lines with their names as octets, which costs no check for UTF-8.
    pub(crate) fn raw(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        self.lines.iter().map(|line| line.octets(&self.bytes))
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

    /// Adds a line whose value is a secret, though its [name](is_secret_field) does not tell.
    ///
    /// ```
    /// let mut headers = wire::Headers::new();
    /// headers.append_secret("X-Member", "4711")?;
    /// assert_eq!(format!("{headers:?}"), r#"{"X-Member": "[redacted]"}"#);
    /// # Ok::<(), wire::RequestError>(())
    /// ```
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn append_secret(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), RequestError> {
        self.append(name, value)?;
        self.mark_last();
        Ok(())
    }

    /// Returns the names of the lines whose values are secrets, by their [name](is_secret_field) or because they were
    /// [added as such](Self::append_secret).
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let marked = self.lines.iter().map(|line| line.is_marked);
        self.iter()
            .zip(marked)
            .map(|((name, _), marked)| (name, marked))
            .filter_map(|(name, marked)| (marked || is_secret_field(name)).then_some(name))
    }

    /// Tells whether the values of a field are secrets.
    #[must_use]
    pub fn is_secret(&self, name: &str) -> bool {
        self.secrets().any(|secret| secret.eq_ignore_ascii_case(name))
    }

    pub(crate) fn mark_last(&mut self) {
        if let Some(line) = self.lines.last_mut() {
            line.is_marked = true;
        }
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
        self.lines.push(Line {
            start: self.bytes.len(),
            name: name.len(),
            gap: 0,
            value: value.len(),
            is_marked: false,
        });
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
            Line { start, name, gap, value: value.len(), is_marked: false }
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

impl<'h> IntoIterator for &'h Headers {
    type Item = (&'h str, &'h [u8]);
    type IntoIter = FieldLines<'h>;

    fn into_iter(self) -> FieldLines<'h> {
        self.iter()
    }
}

/// The lines of [`Headers`], each with its name and its value.
#[derive(Clone, Debug)]
pub struct FieldLines<'h> {
    headers: &'h Headers,
    lines: std::slice::Iter<'h, Line>,
}

impl<'h> Iterator for FieldLines<'h> {
    type Item = (&'h str, &'h [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value) = self.lines.next()?.octets(&self.headers.bytes);
        // Names are tokens, thus ASCII.
        Some((std::str::from_utf8(name).unwrap_or_default(), value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.lines.size_hint()
    }
}

impl ExactSizeIterator for FieldLines<'_> {}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Headers {}

/// Shows no credentials, see [`is_secret_field`], and of URLs neither user-info nor query.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.iter().map(|(name, value)| {
            let value = if self.is_secret(name) { REDACTED.into() } else { shown_value(name, value) };
            (name, value)
        });
        f.debug_map().entries(shown).finish()
    }
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
mod tests;
