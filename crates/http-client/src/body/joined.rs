//! Several bodies one after another, as one.

use std::io::{self, Read};

use wire::BodyLength;

use super::source::{Content, Noted};
use super::{Body, Kind};

impl Body {
    /// Joins bodies, to be sent one after another. Nobody is told of the progress of one alone.
    pub(crate) fn joined(parts: Vec<Self>) -> Self {
        Kind::Joined(parts).into()
    }
}

/// The sum of all lengths, if each is known.
pub(super) fn length(parts: &[Body]) -> BodyLength {
    let sum = parts.iter().try_fold(0_u64, |sum, part| match part.length() {
        BodyLength::Empty => Some(sum),
        BodyLength::Known(length) => sum.checked_add(length),
        BodyLength::Unknown => None,
    });
    sum.map_or(BodyLength::Unknown, BodyLength::Known)
}

pub(super) fn reader<'a>(parts: &'a mut [Body]) -> io::Result<Box<dyn Read + 'a>> {
    let mut readers = Vec::with_capacity(parts.len());
    for part in parts {
        let (length, is_promised) = match part.length() {
            BodyLength::Known(length) => (length, true),
            BodyLength::Empty => (0, true),
            BodyLength::Unknown => (u64::MAX, false),
        };
        let reader: Box<dyn Read + 'a> = match part.source()?.from {
            Content::Bytes(bytes) => Box::new(bytes),
            Content::Reader { reader, begun } => Box::new(Noted { reader, begun }),
            Content::File { file, .. } => Box::new(file),
            Content::Made(reader) => reader,
        };
        readers.push(Exact { reader: reader.take(length), is_promised });
    }
    Ok(Box::new(Chain { readers: readers.into_iter(), current: None }))
}

/// Gives what one reader after another gives.
struct Chain<'a> {
    readers: std::vec::IntoIter<Exact<'a>>,
    current: Option<Exact<'a>>,
}

impl Read for Chain<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(reader) = &mut self.current {
                match reader.read(buf)? {
                    0 => {}
                    n => return Ok(n),
                }
            }
            self.current = self.readers.next();
            if self.current.is_none() {
                return Ok(0);
            }
        }
    }
}

/// Holds a reader to its promised length: one part too long and another too short would add up, with the boundary
/// between them in the wrong place.
struct Exact<'a> {
    reader: io::Take<Box<dyn Read + 'a>>,
    is_promised: bool,
}

impl Read for Exact<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buf)?;
        let missing = self.reader.limit();
        if n == 0 && self.is_promised && missing > 0 {
            let text = format!("a part gave {missing} bytes less than announced");
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_in_order_and_keep_their_promises() {
        #[track_caller]
        fn check(parts: Vec<Body>, length: BodyLength, expected: Result<&str, io::ErrorKind>) {
            let mut body = Body::joined(parts);
            assert_eq!(body.length(), length);
            let Kind::Joined(parts) = &mut body.kind else { panic!("{body:?}") };
            let mut text = String::new();
            let result = reader(parts).unwrap().read_to_string(&mut text);
            assert_eq!(result.map(|_| text.as_str()).map_err(|error| error.kind()), expected);
        }
        let sized = |length| Body::sized(&b"bc"[..], length);
        check(vec![], BodyLength::Known(0), Ok(""));
        check(vec!["a".into(), Body::empty(), sized(2), "d".into()], BodyLength::Known(4), Ok("abcd"));
        check(vec!["a".into(), Body::reader(&b"bc"[..]), "d".into()], BodyLength::Unknown, Ok("abcd"));
        check(vec![sized(1), "d".into()], BodyLength::Known(2), Ok("bd"));
        check(vec![sized(3), sized(1)], BodyLength::Known(4), Err(io::ErrorKind::UnexpectedEof));
        let huge = || Body::sized(io::empty(), u64::MAX);
        check(vec![huge(), huge()], BodyLength::Unknown, Err(io::ErrorKind::UnexpectedEof));
    }

    #[test]
    fn joined_parts_can_be_sent_again_if_each_can() {
        let mut body = Body::joined(vec!["a".into(), Body::factory(None, || Ok(&b"b"[..]))]);
        drop(body.source().unwrap());
        assert!(body.is_replayable());
        let mut body = Body::joined(vec!["a".into(), Body::reader(&b"b"[..])]);
        drop(body.source().unwrap());
        assert!(body.is_replayable(), "nobody has read from it");
        body.source().unwrap().each(8, |_| Ok::<_, std::convert::Infallible>(true)).unwrap().unwrap();
        assert!(!body.is_replayable());
    }
}
