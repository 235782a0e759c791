//! What the receiving side reports, and where it puts what it read.

use crate::head::ResponseHead;
use crate::headers::Headers;

/// Where heads and trailers are put, for the connection to reuse.
#[derive(Clone, Debug, Default)]
pub struct MessageBuf {
    /// The head received last: an informational one or the final one.
    pub head: ResponseHead,
    /// The trailers, complete with [`Event::Complete`].
    pub trailers: Headers,
}

/// What [`Exchange::receive`](crate::Exchange::receive) found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Bytes to drop from the front of the input before the next call.
    pub used: usize,
    /// What happened.
    pub event: Event,
}

/// What happened on the receiving side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Nothing further without more bytes, or the end of the connection.
    NeedInput,
    /// An informational (1xx) head stands in the [`MessageBuf`]; the final one is still to come.
    Informational,
    /// The final head stands in the [`MessageBuf`].
    Head,
    /// Content stands at `input[used..used + len]`.
    Content {
        /// Its length, never zero.
        len: usize,
    },
    /// The response is complete; what follows in the input is not part of it.
    Complete,
    /// From `input[used..]` on the connection is a tunnel or speaks the new protocol.
    Upgraded,
}
