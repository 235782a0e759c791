//! Content on its way through the decoder.

use wire::ResponseHead;

use crate::error::DecodeError;
use crate::policy::decode::{Codings, Decoder, Step};

/// Room for decoded content that waits for its reader.
const READY: usize = 16 << 10;

/// How content is decoded.
pub(super) enum Coded {
    /// Not at all.
    Plain,
    /// By these codings; room is made when it is read.
    Unread {
        codings: Codings,
        ratio: u64,
    },
    Decoding(Box<Decoding>),
    Refused(DecodeError),
}

pub(super) struct Decoding {
    decoder: Decoder,
    /// Decoded content, up to `end`; what lies before `taken` was given out.
    ready: Vec<u8>,
    taken: usize,
    end: usize,
}

impl Coded {
    /// Finds out from the head, without allocating.
    pub(super) fn of(head: &ResponseHead, ratio: u64) -> Self {
        match Codings::of(head.status, &head.headers) {
            Ok(codings) if codings.is_empty() => Self::Plain,
            Ok(codings) => Self::Unread { codings, ratio },
            Err(error) => Self::Refused(error),
        }
    }

    /// Tells whether a read of this size need not go through the room for what waits.
    pub(super) fn takes_directly(&self, len: usize) -> bool {
        len >= READY
            && match self {
                Self::Decoding(decoding) => decoding.taken == decoding.end,
                _ => true,
            }
    }

    /// Decodes into `buf`, or else into the room for what waits unless something waits there.
    pub(super) fn step(&mut self, buf: Option<&mut [u8]>) -> Result<Step, DecodeError> {
        if let &mut Self::Unread { codings, ratio } = self {
            let decoder = Decoder::new(codings, ratio);
            *self = Self::Decoding(Box::new(Decoding { decoder, ready: Vec::new(), taken: 0, end: 0 }));
        }
        let decoding = match self {
            Self::Decoding(decoding) => decoding,
            Self::Refused(error) => return Err(error.clone()),
            Self::Plain | Self::Unread { .. } => return Ok(Step::End),
        };
        if let Some(buf) = buf {
            return decoding.decoder.step(buf);
        }
        if decoding.taken == decoding.end {
            decoding.ready.resize(READY, 0);
            (decoding.taken, decoding.end) = (0, 0);
            match decoding.decoder.step(&mut decoding.ready)? {
                Step::Made(n) => decoding.end = n,
                step => return Ok(step),
            }
        }
        Ok(Step::Made(decoding.end - decoding.taken))
    }

    /// Takes content from the wire; none means its end.
    pub(super) fn feed(&mut self, content: &[u8]) {
        let Self::Decoding(decoding) = self else { return };
        if content.is_empty() {
            decoding.decoder.end();
        } else {
            decoding.decoder.feed(content);
        }
    }

    /// Returns the first `len` bytes that wait; none where content is not decoded.
    pub(super) fn waiting(&self, len: usize) -> Option<&[u8]> {
        match self {
            Self::Plain => None,
            Self::Decoding(decoding) => {
                let waits = decoding.ready.get(decoding.taken..decoding.end).unwrap_or_default();
                Some(waits.get(..len).unwrap_or_default())
            }
            Self::Unread { .. } | Self::Refused(_) => Some(&[]),
        }
    }

    pub(super) fn consume(&mut self, n: usize) {
        if let Self::Decoding(decoding) = self {
            decoding.taken = decoding.end.min(decoding.taken + n);
        }
    }
}
