//! br, the brotli format (RFC 7932).

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::stages::Undo;
use crate::error::DecodeError;

type State = BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>;

/// Undoes br.
pub(super) struct Brotli {
    state: Box<State>,
    is_over: bool,
}

impl Brotli {
    pub(super) fn new() -> Self {
        let alloc = StandardAlloc::default;
        // Strict: RFC 7932 knows windows of up to 16 MiB, no larger ones.
        Self { state: Box::new(State::new_strict(alloc(), alloc(), alloc())), is_over: false }
    }
}

impl Undo for Brotli {
    fn run(&mut self, input: &[u8], out: &mut [u8]) -> Result<(usize, usize), DecodeError> {
        if self.is_over {
            return Ok((0, 0));
        }
        let (mut unread, mut used) = (input.len(), 0);
        let (mut room, mut made, mut total) = (out.len(), 0, 0);
        let result = BrotliDecompressStream(
            &mut unread,
            &mut used,
            input,
            &mut room,
            &mut made,
            out,
            &mut total,
            &mut self.state,
        );
        match result {
            BrotliResult::ResultFailure => {
                Err(DecodeError::Corrupt { coding: "br", reason: "it cannot be read on".into() })
            }
            result => {
                self.is_over = matches!(result, BrotliResult::ResultSuccess);
                Ok((used, made))
            }
        }
    }

    fn may_end(&self) -> bool {
        self.is_over
    }
}
