//! The content of a request.

use std::fmt;
use std::fs::File;
use std::io::Read;

use wire::BodyLength;

/// The content of a request: nothing, bytes, or a reader.
///
/// Bytes can be sent again if a connection turns out to be dead; a reader only as long as nothing was read.
///
/// ```
/// use http_client::Body;
///
/// let bytes = Body::from("hello");
/// let known = Body::sized(&b"12345"[..], 5);
/// let chunked = Body::reader(std::io::stdin());
/// # let _ = (bytes, known, chunked, Body::empty());
/// ```
#[derive(Default)]
pub struct Body(Kind);

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    Bytes(Vec<u8>),
    Reader {
        reader: Box<dyn Read + Send>,
        length: BodyLength,
        begun: bool,
    },
}

impl Body {
    /// Makes a body without content.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Takes content from a reader to its end, whenever that comes; it is sent in chunks.
    pub fn reader(reader: impl Read + Send + 'static) -> Self {
        Self::from_reader(reader, BodyLength::Unknown)
    }

    /// Takes exactly `length` bytes from a reader; one that gives fewer or more fails the request.
    pub fn sized(reader: impl Read + Send + 'static, length: u64) -> Self {
        Self::from_reader(reader, BodyLength::Known(length))
    }

    fn from_reader(reader: impl Read + Send + 'static, length: BodyLength) -> Self {
        Self(Kind::Reader { reader: Box::new(reader), length, begun: false })
    }

    /// Returns what is known of the length.
    #[must_use]
    pub fn length(&self) -> BodyLength {
        match &self.0 {
            Kind::Empty => BodyLength::Empty,
            Kind::Bytes(bytes) => BodyLength::Known(bytes.len() as u64),
            Kind::Reader { length, .. } => *length,
        }
    }

    /// Tells whether the content can be sent from its beginning.
    #[must_use]
    pub fn is_replayable(&self) -> bool {
        !matches!(self.0, Kind::Reader { begun: true, .. })
    }

    /// Lends the content to be sent once.
    pub(crate) fn source(&mut self) -> Source<'_> {
        match &mut self.0 {
            Kind::Empty => Source::Bytes(&[]),
            Kind::Bytes(bytes) => Source::Bytes(bytes),
            Kind::Reader { reader, begun, .. } => {
                *begun = true;
                Source::Reader(&mut **reader)
            }
        }
    }
}

/// Where the driver takes content from.
pub(crate) enum Source<'a> {
    Bytes(&'a [u8]),
    Reader(&'a mut dyn Read),
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.0 {
            Kind::Empty => "Empty",
            Kind::Bytes(_) => "Bytes",
            Kind::Reader { .. } => "Reader",
        };
        write!(f, "Body::{kind}({:?})", self.length())
    }
}

impl From<()> for Body {
    fn from((): ()) -> Self {
        Self::empty()
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Kind::Bytes(bytes))
    }
}

impl From<&[u8]> for Body {
    fn from(bytes: &[u8]) -> Self {
        bytes.to_vec().into()
    }
}

impl<const N: usize> From<&[u8; N]> for Body {
    fn from(bytes: &[u8; N]) -> Self {
        bytes.to_vec().into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<&str> for Body {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

/// A regular file is sent with the length it has from its current position on; anything else in chunks.
impl From<File> for Body {
    fn from(mut file: File) -> Self {
        use std::io::Seek;
        let rest = file.metadata().ok().filter(std::fs::Metadata::is_file).and_then(|metadata| {
            let at = file.stream_position().ok()?;
            Some(metadata.len().saturating_sub(at))
        });
        match rest {
            Some(length) => Self::sized(file, length),
            None => Self::reader(file),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom, Write};

    use super::*;

    #[test]
    fn lengths_are_known_where_they_can_be() {
        assert_eq!(Body::empty().length(), BodyLength::Empty);
        assert_eq!(Body::from("abc").length(), BodyLength::Known(3));
        assert_eq!(Body::sized(&b"abc"[..], 3).length(), BodyLength::Known(3));
        assert_eq!(Body::reader(&b"abc"[..]).length(), BodyLength::Unknown);
    }

    #[test]
    fn a_file_is_sent_from_its_position() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        file.seek(SeekFrom::Start(4)).unwrap();
        assert_eq!(Body::from(file).length(), BodyLength::Known(6));
    }

    #[test]
    fn only_a_reader_that_was_begun_cannot_be_sent_again() {
        let mut bytes = Body::from("abc");
        let mut reader = Body::reader(&b"abc"[..]);
        assert!(bytes.is_replayable() && reader.is_replayable());
        let _ = (bytes.source(), reader.source());
        assert!(bytes.is_replayable() && !reader.is_replayable());
    }
}
