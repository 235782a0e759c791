//! The content of a request.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use wire::BodyLength;

use pieces::Pieces;
use source::Content;
pub(crate) use source::Source;

/// The content of a request: nothing, bytes, a file, or what a reader gives.
///
/// | made by | length | can be sent again |
/// |---|---|---|
/// | [`bytes`](Self::bytes), [`text`](Self::text), [`form`](Self::form), `json`, `From` bytes and text | known | yes |
/// | [`file`](Self::file), `From<File>` | known, of a regular file | yes: it is read from the same place |
/// | [`factory`](Self::factory) | as told | yes: it is made anew |
/// | [`sized`](Self::sized) | as told | until it was begun |
/// | [`iterator`](Self::iterator), [`reader`](Self::reader) | unknown: sent in chunks | until it was begun |
///
/// What can be sent again survives a dead connection, a retry, and a redirect that keeps the content.
///
/// ```
/// use http_client::Body;
///
/// let text = Body::text("hello");
/// let known = Body::sized(&b"12345"[..], 5);
/// let chunked = Body::reader(std::io::stdin());
/// let anew = Body::factory(Some(5), || Ok(&b"12345"[..]));
/// # let _ = (text, known, chunked, anew, Body::empty());
/// ```
#[derive(Default)]
pub struct Body {
    kind: Kind,
    /// What is said in `Content-Type` unless something else is.
    media_type: Option<&'static str>,
    watch: Option<Box<Watch>>,
}

/// Is told the bytes of content that were handed to the connection so far, and how many there are if that is known.
type Watch = dyn FnMut(u64, Option<u64>) + Send;
type Factory = dyn FnMut() -> io::Result<Box<dyn Read + Send>> + Send;

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    Bytes(Vec<u8>),
    File {
        file: File,
        at: u64,
        length: u64,
    },
    Factory {
        make: Box<Factory>,
        length: BodyLength,
    },
    Reader {
        reader: Box<dyn Read + Send>,
        length: BodyLength,
        begun: bool,
    },
    #[cfg(feature = "multipart")]
    Joined(Vec<Body>),
}

#[cfg(feature = "multipart")]
mod joined;
mod pieces;
mod source;

impl Body {
    /// Makes a body without content.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Takes bytes.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Kind::Bytes(bytes.into()).into()
    }

    /// Takes text, sent as UTF-8.
    pub fn text(text: impl Into<String>) -> Self {
        Self::bytes(text.into())
    }

    /// Makes a form of names and values, `application/x-www-form-urlencoded`, sent as such unless the request has a
    /// `Content-Type`.
    ///
    /// ```no_run
    /// use http_client::{Body, Connection};
    ///
    /// let mut conn = Connection::https("example.com")?;
    /// conn.request_with("POST", "/login", &[], Body::form([("user", "Ida"), ("password", "lantern")]))?;
    /// # Ok::<(), http_client::Error>(())
    /// ```
    pub fn form<K: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        Self { media_type: Some("application/x-www-form-urlencoded"), ..Self::text(form) }
    }

    /// Makes JSON of a value, `application/json`, sent as such unless the request has a `Content-Type`.
    ///
    /// # Errors
    /// The value cannot be JSON: a map whose keys are no strings, for one.
    #[cfg(feature = "json")]
    pub fn json<T: serde::Serialize + ?Sized>(value: &T) -> io::Result<Self> {
        Ok(Self { media_type: Some("application/json"), ..Self::bytes(serde_json::to_vec(value)?) })
    }

    /// Opens a file, to be sent from its beginning with the length that it has at this time.
    ///
    /// ```no_run
    /// use http_client::Body;
    ///
    /// let body = Body::file("photo.jpg")?;
    /// http_client::put("https://example.com/photo.jpg").body(body).send()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn file(path: impl AsRef<Path>) -> io::Result<Self> {
        Ok(File::open(path)?.into())
    }

    /// Takes content from a reader until it ends; the length need not be known: it is sent in chunks.
    pub fn reader(reader: impl Read + Send + 'static) -> Self {
        Self::from_reader(reader, BodyLength::Unknown)
    }

    /// Takes `length` bytes from a reader, and leaves there what follows them; one that gives fewer fails the request.
    pub fn sized(reader: impl Read + Send + 'static, length: u64) -> Self {
        Self::from_reader(reader, BodyLength::Known(length))
    }

    /// Takes pieces of content from an iterator, each sent in a chunk of its own as far as its size allows; empty ones are
    /// left out.
    ///
    /// ```
    /// use http_client::Body;
    ///
    /// let lines = (1..=3).map(|line| format!("line {line}\n"));
    /// let body = Body::iterator(lines);
    /// # drop(body);
    /// ```
    pub fn iterator<I>(pieces: I) -> Self
    where
        I: IntoIterator,
        I::IntoIter: Send + 'static,
        I::Item: AsRef<[u8]> + Send + 'static,
    {
        Self::reader(Pieces { pieces: pieces.into_iter(), current: None, taken: 0 })
    }

    /// Takes content from a reader that is made anew for every attempt. With a length that many bytes are taken each time;
    /// without one all, in chunks. An error of `make`, or of a reader that gives fewer, fails the call.
    ///
    /// ```
    /// use http_client::Body;
    /// use std::io::Read;
    ///
    /// let body = Body::factory(Some(1 << 20), || Ok(std::io::repeat(b'x').take(1 << 20)));
    /// assert!(body.is_replayable());
    /// ```
    pub fn factory<R: Read + Send + 'static>(
        length: Option<u64>,
        mut make: impl FnMut() -> io::Result<R> + Send + 'static,
    ) -> Self {
        let make = Box::new(move || Ok(Box::new(make()?) as Box<dyn Read + Send>));
        Kind::Factory { make, length: length.map_or(BodyLength::Unknown, BodyLength::Known) }.into()
    }

    fn from_reader(reader: impl Read + Send + 'static, length: BodyLength) -> Self {
        Kind::Reader { reader: Box::new(reader), length, begun: false }.into()
    }

    /// Calls `watch` while the content is sent, with the bytes that were handed to the connection so far, and their total
    /// if it is known. Content that is sent again begins at 0 again.
    ///
    /// ```
    /// use http_client::Body;
    ///
    /// let body = Body::text("hello").watched(|sent, total| eprintln!("{sent} of {total:?} bytes"));
    /// # drop(body);
    /// ```
    #[must_use]
    pub fn watched(mut self, watch: impl FnMut(u64, Option<u64>) + Send + 'static) -> Self {
        self.watch = Some(Box::new(watch));
        self
    }

    /// Returns what is known of the length.
    #[must_use]
    pub fn length(&self) -> BodyLength {
        match &self.kind {
            Kind::Empty => BodyLength::Empty,
            Kind::Bytes(bytes) => BodyLength::Known(bytes.len() as u64),
            Kind::File { length, .. } => BodyLength::Known(*length),
            Kind::Factory { length, .. } | Kind::Reader { length, .. } => *length,
            #[cfg(feature = "multipart")]
            Kind::Joined(parts) => joined::length(parts),
        }
    }

    /// Tells whether the content can be sent from its beginning.
    #[must_use]
    pub fn is_replayable(&self) -> bool {
        match &self.kind {
            Kind::Reader { begun, .. } => !begun,
            #[cfg(feature = "multipart")]
            Kind::Joined(parts) => parts.iter().all(Self::is_replayable),
            _ => true,
        }
    }

    /// Returns what the content is, if that is known.
    pub(crate) fn media_type(&self) -> Option<&'static str> {
        self.media_type
    }

    /// Returns the content if it is in memory.
    pub(crate) fn at_hand(&self) -> Option<&[u8]> {
        match &self.kind {
            Kind::Empty => Some(&[]),
            Kind::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Lends the content to be sent once, from its beginning.
    pub(crate) fn source(&mut self) -> io::Result<Source<'_>> {
        let total = match self.length() {
            BodyLength::Known(total) => Some(total),
            _ => None,
        };
        let from = match &mut self.kind {
            Kind::Empty => Content::Bytes(&[]),
            Kind::Bytes(bytes) => Content::Bytes(bytes),
            Kind::File { file, at, length } => {
                file.seek(SeekFrom::Start(*at))?;
                Content::File { file: &*file, at: *at, length: *length }
            }
            Kind::Factory { make, .. } => Content::Made(make()?),
            Kind::Reader { reader, begun, .. } => Content::Reader { reader: &mut **reader, begun },
            #[cfg(feature = "multipart")]
            Kind::Joined(parts) => Content::Made(joined::reader(parts)?),
        };
        Ok(Source { from, watch: self.watch.as_deref_mut(), total, passed: 0 })
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Empty => "Empty",
            Kind::Bytes(_) => "Bytes",
            Kind::File { .. } => "File",
            Kind::Factory { .. } => "Factory",
            Kind::Reader { .. } => "Reader",
            #[cfg(feature = "multipart")]
            Kind::Joined(_) => "Joined",
        };
        write!(f, "Body::{kind}({:?})", self.length())
    }
}

impl From<Kind> for Body {
    fn from(kind: Kind) -> Self {
        Self { kind, media_type: None, watch: None }
    }
}

impl From<()> for Body {
    fn from((): ()) -> Self {
        Self::empty()
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::bytes(bytes)
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

/// A regular file is sent from its current position on, with the length that it has at this time, and can be sent again;
/// anything else is sent in chunks.
impl From<File> for Body {
    fn from(mut file: File) -> Self {
        let length = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
        match length.and_then(|length| Some((file.stream_position().ok()?, length))) {
            Some((at, length)) => Kind::File { file, at, length: length.saturating_sub(at) }.into(),
            None => Self::reader(file),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

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

    /// Takes all content, as it would be sent.
    fn all(body: &mut Body) -> Vec<u8> {
        let mut all = Vec::new();
        let mut take = |run: &[u8]| {
            all.extend_from_slice(run);
            Ok::<_, std::convert::Infallible>(true)
        };
        body.source().unwrap().each(3, &mut take).unwrap().unwrap();
        all
    }

    #[test]
    fn only_a_reader_that_was_begun_cannot_be_sent_again() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"__abcd").unwrap();
        file.seek(SeekFrom::Start(2)).unwrap();
        for mut body in [
            Body::from("abcd"),
            Body::from(file),
            Body::factory(None, || Ok(&b"abcd"[..])),
            Body::factory(Some(4), || Ok(&b"abcd"[..])),
        ] {
            for _ in 0..2 {
                assert!(body.is_replayable(), "{body:?}");
                assert_eq!(all(&mut body), b"abcd", "{body:?}");
            }
        }
        let mut reader = Body::reader(&b"abcd"[..]);
        assert!(reader.is_replayable());
        assert_eq!(all(&mut reader), b"abcd");
        assert!(!reader.is_replayable());
    }

    #[test]
    fn a_file_that_grows_is_sent_as_it_was() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"abc").unwrap();
        let mut body = Body::file(file.path()).unwrap();
        file.write_all(b"def").unwrap();
        assert_eq!(all(&mut body), b"abc");
    }

    #[test]
    fn a_watch_hears_of_every_run() {
        let (tell, told) = std::sync::mpsc::channel();
        let mut body = Body::bytes(*b"abcdefg").watched(move |sent, total| tell.send((sent, total)).unwrap());
        for _ in 0..2 {
            all(&mut body);
            let told: Vec<_> = told.try_iter().collect();
            assert_eq!(told, [(3, Some(7)), (6, Some(7)), (7, Some(7))]);
        }
        let (tell, told) = std::sync::mpsc::channel();
        all(&mut Body::reader(&b"abcd"[..]).watched(move |sent, total| tell.send((sent, total)).unwrap()));
        assert_eq!(told.try_iter().collect::<Vec<_>>(), [(3, None), (4, None)]);
    }

    #[test]
    fn no_content_is_shown() {
        let secret = || &b"s3cret"[..];
        for body in
            [Body::from("s3cret"), Body::reader(secret()), Body::factory(Some(6), move || Ok(secret()))]
        {
            assert!(!format!("{body:?}").contains("s3cret"), "{body:?}");
        }
    }
}
