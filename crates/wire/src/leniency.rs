//! What of a server's mistakes is put up with.

use crate::limits::Limits;

/// What of a server's mistakes is put up with; strict by default. Each switch opens only what it says, because what
/// one reader takes and another does not is what request smuggling is made of.
///
/// ```
/// let mut leniency = wire::Leniency::default();
/// leniency.bare_lf = true;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leniency {
    /// Takes LF alone as the end of a line in heads and trailers (RFC 9112 §2.2), never in chunk framing. For CGI scripts
    /// and small devices. Default false.
    pub bare_lf: bool,
    /// Skips up to 8 empty lines before a status line. For servers that send a CRLF too many behind a body or an
    /// informational response. Default false.
    pub leading_empty_lines: bool,
    /// Takes white space between a chunk size and its CRLF. For old servers that pad the size to a fixed width. Default
    /// false.
    pub padded_chunk_size: bool,
    /// Joins a folded field line by one space, as RFC 9112 §5.2 asks of a client; if false, it is an error. Default true.
    pub obs_fold: bool,
}

impl Default for Leniency {
    fn default() -> Self {
        Self { bare_lf: false, leading_empty_lines: false, padded_chunk_size: false, obs_fold: true }
    }
}

/// What a response is read by.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules {
    pub(crate) limits: Limits,
    pub(crate) leniency: Leniency,
}
