//! gzip (RFC 1952) and deflate, which is zlib (RFC 1950) or, by an old mistake of servers, bare (RFC 1951).

use std::fmt::Display;

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::stages::Undo;
use crate::error::DecodeError;

/// A name and a comment that nobody reads need no more.
const MAX_GZIP_HEADER: usize = 4 << 10;
const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
/// Header fields by their flags (RFC 1952 §2.3.1).
const HEADER_CRC: u8 = 2;
const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;

/// Undoes gzip, however many members there are.
#[derive(Default)]
pub(super) struct Gzip {
    state: Member,
    inflate: Option<Decompress>,
    crc: Crc,
    /// Of the header or of the trailer, as far as it came.
    gathered: Vec<u8>,
    members: u64,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Member {
    #[default]
    Header,
    Content,
    Trailer,
    /// What follows is no member.
    Over,
}

impl Undo for Gzip {
    fn run(&mut self, input: &[u8], out: &mut [u8]) -> Result<(usize, usize), DecodeError> {
        let mut used = 0;
        loop {
            let rest = input.get(used..).unwrap_or_default();
            match self.state {
                Member::Over => return Ok((used, 0)),
                Member::Content => {
                    let inflate = self.inflate.get_or_insert_with(|| Decompress::new(false));
                    let (taken, made, is_end) = decompress(inflate, "gzip", rest, out)?;
                    used += taken;
                    self.crc.update(out.get(..made).unwrap_or_default());
                    if is_end {
                        self.state = Member::Trailer;
                    }
                    if made > 0 || !is_end {
                        return Ok((used, made));
                    }
                }
                Member::Header | Member::Trailer if rest.is_empty() => return Ok((used, 0)),
                Member::Header => used += self.header(rest)?,
                Member::Trailer => used += self.trailer(rest)?,
            }
        }
    }

    fn may_end(&self) -> bool {
        self.state == Member::Over
            || self.state == Member::Header && self.gathered.is_empty() && self.members > 0
    }
}

impl Gzip {
    fn header(&mut self, input: &[u8]) -> Result<usize, DecodeError> {
        // What follows the last member and begins no other one is padding.
        if self.members > 0 && self.gathered.is_empty() && input.first() != MAGIC.first() {
            self.state = Member::Over;
            return Ok(0);
        }
        let before = self.gathered.len();
        let room = MAX_GZIP_HEADER.saturating_sub(before);
        self.gathered.extend_from_slice(input.get(..room).unwrap_or(input));
        if !self.gathered.iter().zip(MAGIC).all(|(a, b)| *a == b) {
            return Err(corrupt("gzip", "it does not begin as gzip does"));
        }
        let Some(len) = header_len(&self.gathered) else {
            if self.gathered.len() >= MAX_GZIP_HEADER {
                return Err(corrupt("gzip", "its header is too long"));
            }
            return Ok(input.len());
        };
        self.gathered.clear();
        self.crc.reset();
        if let Some(inflate) = &mut self.inflate {
            inflate.reset(false);
        }
        self.state = Member::Content;
        Ok(len.saturating_sub(before))
    }

    fn trailer(&mut self, input: &[u8]) -> Result<usize, DecodeError> {
        let missing = 8_usize.saturating_sub(self.gathered.len());
        let part = input.get(..missing).unwrap_or(input);
        self.gathered.extend_from_slice(part);
        if let Ok([a, b, c, d, e, f, g, h]) = <[u8; 8]>::try_from(self.gathered.as_slice()) {
            let (sum, length) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
            if (sum, length) != (self.crc.sum(), self.crc.amount()) {
                return Err(corrupt("gzip", "its checksum does not match"));
            }
            self.gathered.clear();
            self.members += 1;
            self.state = Member::Header;
        }
        Ok(part.len())
    }
}

/// Returns the length of a member's header (RFC 1952 §2.3) if it is here whole.
fn header_len(bytes: &[u8]) -> Option<usize> {
    let flags = *bytes.get(3)?;
    let mut len = 10;
    if flags & EXTRA != 0 {
        len += 2 + usize::from(u16::from_le_bytes([*bytes.get(10)?, *bytes.get(11)?]));
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            len += bytes.get(len..)?.iter().position(|byte| *byte == 0)? + 1;
        }
    }
    if flags & HEADER_CRC != 0 {
        len += 2;
    }
    (bytes.len() >= len).then_some(len)
}

/// Undoes deflate, wrapped or bare.
#[derive(Default)]
pub(super) struct Deflate {
    /// Once the first byte has told which it is.
    inflate: Option<Decompress>,
    is_over: bool,
}

impl Undo for Deflate {
    fn run(&mut self, input: &[u8], out: &mut [u8]) -> Result<(usize, usize), DecodeError> {
        let inflate = match (&mut self.inflate, input.first()) {
            (Some(inflate), _) => inflate,
            // RFC 1950 §2.2: method 8 and a window of at most 32 KiB. Bare, these bits would begin a stored block with
            // padding that no encoder writes, or a block in the fixed code with an odd first symbol.
            (none, Some(first)) => none.insert(Decompress::new(first & 0x0f == 8 && first >> 4 <= 7)),
            (_, None) => return Ok((0, 0)),
        };
        if self.is_over {
            return Ok((0, 0));
        }
        let (used, made, is_end) = decompress(inflate, "deflate", input, out)?;
        self.is_over = is_end;
        Ok((used, made))
    }

    fn may_end(&self) -> bool {
        self.is_over
    }
}

/// Tells what was taken, what was put, and whether that was all.
fn decompress(
    inflate: &mut Decompress,
    coding: &'static str,
    input: &[u8],
    out: &mut [u8],
) -> Result<(usize, usize, bool), DecodeError> {
    let before = (inflate.total_in(), inflate.total_out());
    let status =
        inflate.decompress(input, out, FlushDecompress::None).map_err(|error| corrupt(coding, error))?;
    let moved = |total: u64, before| usize::try_from(total.wrapping_sub(before)).unwrap_or(usize::MAX);
    let (used, made) = (moved(inflate.total_in(), before.0), moved(inflate.total_out(), before.1));
    Ok((used, made, status == Status::StreamEnd))
}

fn corrupt(coding: &'static str, reason: impl Display) -> DecodeError {
    DecodeError::Corrupt { coding, reason: reason.to_string() }
}
