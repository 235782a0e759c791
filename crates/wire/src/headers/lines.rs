//! A list of field lines, walked through and made.

use std::iter::FusedIterator;
use std::slice;

use super::{Headers, Line};
use crate::error::RequestError;

/// All lines of [`Headers`] in order, each as its name and its value.
#[derive(Clone, Debug)]
pub struct FieldLines<'a> {
    bytes: &'a [u8],
    lines: slice::Iter<'a, Line>,
}

impl<'a> FieldLines<'a> {
    fn name_and_value(bytes: &'a [u8], line: &Line) -> (&'a str, &'a [u8]) {
        let name = bytes.get(line.start..line.start + line.name).unwrap_or_default();
        let value = bytes.get(line.value_start()..line.end()).unwrap_or_default();
        // Names are tokens, thus ASCII.
        (std::str::from_utf8(name).unwrap_or_default(), value)
    }
}

impl<'a> Iterator for FieldLines<'a> {
    type Item = (&'a str, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.lines.next().map(|line| Self::name_and_value(self.bytes, line))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.lines.size_hint()
    }
}

impl DoubleEndedIterator for FieldLines<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.lines.next_back().map(|line| Self::name_and_value(self.bytes, line))
    }
}

impl ExactSizeIterator for FieldLines<'_> {}

impl FusedIterator for FieldLines<'_> {}

impl<'a> IntoIterator for &'a Headers {
    type Item = (&'a str, &'a [u8]);
    type IntoIter = FieldLines<'a>;

    fn into_iter(self) -> FieldLines<'a> {
        self.iter()
    }
}

impl Headers {
    /// Makes a list of names and values, in their order.
    ///
    /// ```
    /// use wire::Headers;
    ///
    /// let headers = Headers::try_from_iter([("Accept", "text/html"), ("X-Order", "kept")])?;
    /// for (name, value) in &headers {
    ///     println!("{name}: {}", String::from_utf8_lossy(value));
    /// }
    /// # assert_eq!(headers.len(), 2);
    /// # Ok::<(), wire::RequestError>(())
    /// ```
    ///
    /// # Errors
    /// As [`append`](Self::append), for the first pair that is invalid.
    pub fn try_from_iter<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<Self, RequestError>
    where
        N: AsRef<str>,
        V: AsRef<[u8]>,
    {
        let mut headers = Self::new();
        for (name, value) in pairs {
            headers.append(name.as_ref(), value)?;
        }
        Ok(headers)
    }

    /// Returns all lines, in order.
    #[must_use]
    pub fn iter(&self) -> FieldLines<'_> {
        FieldLines { bytes: &self.bytes, lines: self.lines.iter() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_walked_through_from_both_ends() {
        let headers = Headers::try_from_iter([("b", "1"), ("A", " 2"), ("B", "")]).unwrap();
        let lines: Vec<_> = (&headers).into_iter().collect();
        assert_eq!(lines, [("b", &b"1"[..]), ("A", b"2"), ("B", b"")]);
        let mut both = headers.iter();
        assert_eq!(
            (both.len(), both.next_back(), both.next()),
            (3, Some(("B", &b""[..])), Some(("b", &b"1"[..])))
        );
        assert_eq!(
            (both.len(), both.next(), both.next(), both.next_back()),
            (1, Some(("A", &b"2"[..])), None, None)
        );
    }

    #[test]
    fn a_list_with_an_invalid_line_is_none() {
        let error = Headers::try_from_iter([("a", "1"), ("b", "2\r\nX: y")]).unwrap_err();
        assert_eq!(error, RequestError::FieldValue { name: "b".into() });
    }
}
