//! Content that cannot be decoded.

/// Content that cannot be decoded, or may not be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The content is not what `Content-Encoding` says, or was damaged on the way.
    #[error("the content is no valid {coding}: {reason}")]
    Corrupt {
        /// The name of the coding.
        coding: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The message is complete, but what was encoded in it is not.
    #[error("the content ends in the middle of its {coding}")]
    Truncated {
        /// The name of the coding.
        coding: &'static str,
    },
    /// The content grows too much by decoding: [`Limits::expansion`](crate::Limits::expansion).
    #[error(
        "{received} bytes of content became more than {ratio} times as many by decoding; raise limits.expansion to allow it"
    )]
    Expansion {
        /// Bytes of content received so far.
        received: u64,
        /// How many times as many they may become.
        ratio: u64,
    },
    /// More codings than are undone.
    #[error("the content is encoded more than {limit} times")]
    TooMany {
        /// How many are undone.
        limit: usize,
    },
}
