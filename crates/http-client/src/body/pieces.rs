//! Content from an iterator.

use std::io::{self, Read};

/// Reads what an iterator gives, no further than to the end of a piece at a time.
pub(super) struct Pieces<I: Iterator> {
    pub(super) pieces: I,
    pub(super) current: Option<I::Item>,
    /// Bytes of the current piece that were read.
    pub(super) taken: usize,
}

impl<I: Iterator<Item: AsRef<[u8]>>> Read for Pieces<I> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let rest = self.current.as_ref().and_then(|piece| piece.as_ref().get(self.taken..));
            match rest {
                Some(mut rest) if !rest.is_empty() => {
                    let n = rest.read(buf)?;
                    self.taken += n;
                    return Ok(n);
                }
                _ => {
                    (self.current, self.taken) = (self.pieces.next(), 0);
                    if self.current.is_none() {
                        return Ok(0);
                    }
                }
            }
        }
    }
}
