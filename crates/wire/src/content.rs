//! The content of one message as it is taken off the wire.

use crate::chunked::{Chunk, ChunkDecoder};
use crate::error::ParseError;
use crate::framing::Framing;
use crate::headers::Headers;
use crate::leniency::Rules;

/// Follows a body by its framing and counts what was taken.
#[derive(Clone, Debug)]
pub(crate) struct ContentDecoder {
    framing: Follow,
    received: u64,
}

#[derive(Clone, Debug)]
enum Follow {
    Length { left: u64 },
    Chunked(ChunkDecoder),
    UntilClose { closed: bool },
}

impl ContentDecoder {
    pub(crate) fn new(framing: Framing) -> Self {
        let framing = match framing {
            Framing::ContentLength(left) => Follow::Length { left },
            Framing::Chunked => Follow::Chunked(ChunkDecoder::new()),
            Framing::CloseDelimited => Follow::UntilClose { closed: false },
            Framing::Empty | Framing::Tunnel | Framing::Upgraded => Follow::Length { left: 0 },
        };
        Self { framing, received: 0 }
    }

    /// Takes framing bytes from the front of `input` and tells how many and what stands behind them.
    pub(crate) fn decode(
        &mut self,
        input: &[u8],
        rules: &Rules,
        trailers: &mut Headers,
    ) -> Result<(usize, Chunk), ParseError> {
        let len = match &mut self.framing {
            Follow::Chunked(chunks) => return chunks.decode(input, rules, trailers),
            Follow::Length { left: 0 } | Follow::UntilClose { closed: true } => {
                return Ok((0, Chunk::Complete));
            }
            Follow::Length { left } => usize::try_from(*left).unwrap_or(usize::MAX).min(input.len()),
            Follow::UntilClose { closed: false } => input.len(),
        };
        Ok((0, if len == 0 { Chunk::NeedInput } else { Chunk::Content { len } }))
    }

    /// Notes the end of the connection: legal only where it ends the body.
    pub(crate) fn eof(&mut self) -> Result<(), ParseError> {
        let expected = match &mut self.framing {
            Follow::UntilClose { closed } => {
                *closed = true;
                return Ok(());
            }
            Follow::Length { left: 0 } => return Ok(()),
            Follow::Length { left } => Some(self.received.saturating_add(*left)),
            Follow::Chunked(_) => None,
        };
        Err(ParseError::TruncatedBody { received: self.received, expected })
    }

    /// Tells how much content is sure to come next without framing in between.
    pub(crate) fn contiguous(&self) -> u64 {
        match &self.framing {
            Follow::Length { left } => *left,
            Follow::Chunked(chunks) => chunks.left_in_chunk(),
            Follow::UntilClose { closed } => {
                if *closed {
                    0
                } else {
                    u64::MAX
                }
            }
        }
    }

    /// Notes that `n` bytes of content were taken.
    pub(crate) fn consumed(&mut self, n: u64) {
        self.received = self.received.saturating_add(n);
        match &mut self.framing {
            Follow::Length { left } => *left = left.saturating_sub(n),
            Follow::Chunked(chunks) => chunks.consumed(n),
            Follow::UntilClose { .. } => {}
        }
    }
}
