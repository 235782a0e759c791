//! zstd (RFC 8878), a block at a time, so that no input makes more than one block of output at once.

use std::fmt::Display;
use std::io::Read;

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::stages::Undo;
use crate::error::DecodeError;

/// RFC 9659: what a content coding may ask a receiver to hold.
const MAX_WINDOW: u64 = 8 << 20;
/// RFC 8878 §3.1.1.2.4.
const MAX_BLOCK: usize = 128 << 10;
const CHECKSUM: usize = 4;

/// Undoes zstd, however many frames there are.
pub(super) struct Zstd {
    decoder: FrameDecoder,
    state: Frame,
    /// A header or a block, as far as it came.
    gathered: Vec<u8>,
    has_checksum: bool,
    frames: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Frame {
    Header,
    Blocks,
    /// A frame that holds none of the content.
    Skip(usize),
    /// All blocks were read; what they made may not be handed out yet.
    Last,
}

impl Zstd {
    pub(super) fn new() -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(MAX_WINDOW);
        Self { decoder, state: Frame::Header, gathered: Vec::new(), has_checksum: false, frames: 0 }
    }

    /// Gathers until `len` bytes are there. Tells whether they are.
    fn gather(&mut self, len: usize, input: &[u8], used: &mut usize) -> bool {
        let rest = input.get(*used..).unwrap_or_default();
        let part = rest.get(..len.saturating_sub(self.gathered.len())).unwrap_or(rest);
        self.gathered.extend_from_slice(part);
        *used += part.len();
        self.gathered.len() >= len
    }

    /// Reads a frame's header. Tells whether it was there whole.
    fn header(&mut self, input: &[u8], used: &mut usize) -> Result<bool, DecodeError> {
        if !self.gather(5, input, used) {
            return Ok(false);
        }
        let &[a, b, c, d, descriptor, ..] = self.gathered.as_slice() else { return Ok(false) };
        // RFC 8878 §3.1.2: skippable frames.
        if u32::from_le_bytes([a, b, c, d]) & 0xffff_fff0 == 0x184d_2a50 {
            if !self.gather(8, input, used) {
                return Ok(false);
            }
            let size = self.gathered.get(4..8).and_then(|size| size.try_into().ok()).unwrap_or_default();
            self.state = Frame::Skip(usize::try_from(u32::from_le_bytes(size)).unwrap_or(usize::MAX));
            self.gathered.clear();
            return Ok(true);
        }
        // RFC 8878 §3.1.1.1: the descriptor tells how long the header is.
        let is_single = descriptor & 0x20 != 0;
        let dictionary = [0, 1, 2, 4].get(usize::from(descriptor & 3)).copied().unwrap_or_default();
        let size = match descriptor >> 6 {
            0 => usize::from(is_single),
            power => 1 << power,
        };
        if !self.gather(5 + usize::from(!is_single) + dictionary + size, input, used) {
            return Ok(false);
        }
        self.decoder.reset(self.gathered.as_slice()).map_err(corrupt)?;
        self.has_checksum = descriptor & 4 != 0;
        self.gathered.clear();
        self.state = Frame::Blocks;
        Ok(true)
    }

    /// Reads a block. Tells whether it was there whole.
    fn block(&mut self, input: &[u8], used: &mut usize) -> Result<bool, DecodeError> {
        if !self.gather(3, input, used) {
            return Ok(false);
        }
        let &[a, b, c, ..] = self.gathered.as_slice() else { return Ok(false) };
        // RFC 8878 §3.1.1.2: last block, type, size. A run (type 1) stands there as one byte.
        let header = usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16;
        let size = header >> 3;
        if size > MAX_BLOCK {
            return Err(corrupt("a block is too large"));
        }
        let stands = if header >> 1 & 3 == 1 { 1 } else { size };
        let checksum = if header & 1 == 1 && self.has_checksum { CHECKSUM } else { 0 };
        if !self.gather(3 + stands + checksum, input, used) {
            return Ok(false);
        }
        let strategy = BlockDecodingStrategy::UptoBlocks(1);
        let is_last = self.decoder.decode_blocks(self.gathered.as_slice(), strategy).map_err(corrupt)?;
        self.gathered.clear();
        if is_last {
            self.state = Frame::Last;
        }
        Ok(true)
    }
}

impl Undo for Zstd {
    fn run(&mut self, input: &[u8], out: &mut [u8]) -> Result<(usize, usize), DecodeError> {
        let mut used = 0;
        loop {
            let is_whole = match self.state {
                Frame::Header => self.header(input, &mut used)?,
                Frame::Skip(left) => {
                    let skipped = left.min(input.len() - used);
                    used += skipped;
                    self.state = if left == skipped { Frame::Header } else { Frame::Skip(left - skipped) };
                    self.frames += u64::from(left == skipped);
                    left == skipped
                }
                Frame::Blocks | Frame::Last => {
                    let made = self.decoder.read(out).map_err(corrupt)?;
                    if made > 0 {
                        return Ok((used, made));
                    }
                    if self.state == Frame::Blocks {
                        self.block(input, &mut used)?
                    } else {
                        let told = self.decoder.get_checksum_from_data();
                        if told.is_some() && told != self.decoder.get_calculated_checksum() {
                            return Err(corrupt("its checksum does not match"));
                        }
                        (self.state, self.frames) = (Frame::Header, self.frames + 1);
                        true
                    }
                }
            };
            if !is_whole {
                return Ok((used, 0));
            }
        }
    }

    fn may_end(&self) -> bool {
        self.state == Frame::Header && self.gathered.is_empty() && self.frames > 0
    }
}

fn corrupt(reason: impl Display) -> DecodeError {
    DecodeError::Corrupt { coding: "zstd", reason: reason.to_string() }
}
