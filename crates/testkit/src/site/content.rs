//! The bytes that downloads are made of, and the digest that proves them.

use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::{self, Read};

/// The first `len` bytes of the pattern, one by one.
///
/// The pattern never repeats and any part of it can be computed alone, so that a lost, doubled or misplaced block
/// always shows.
pub fn pattern(len: u64) -> impl Iterator<Item = u8> {
    (0..len.div_ceil(8)).flat_map(word).zip(0..len).map(|(byte, _)| byte)
}

/// Fills `into` with the pattern from byte `at` on.
pub fn fill_pattern(at: u64, into: &mut [u8]) {
    let inside = (at % 8) as usize;
    let (head, rest) = into.split_at_mut(((8 - inside) % 8).min(into.len()));
    for (to, byte) in head.iter_mut().zip(word(at / 8).into_iter().skip(inside)) {
        *to = byte;
    }
    let mut next = at.div_ceil(8);
    let (words, tail) = rest.as_chunks_mut::<8>();
    for to in words {
        *to = word(next);
        next += 1;
    }
    for (to, byte) in tail.iter_mut().zip(word(next)) {
        *to = byte;
    }
}

/// The first `len` bytes of the pattern as a reader.
pub fn pattern_reader(len: u64) -> PatternReader {
    PatternReader { at: 0, end: len }
}

/// See [`pattern_reader`].
#[derive(Debug, Clone)]
pub struct PatternReader {
    at: u64,
    end: u64,
}

impl Read for PatternReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let len = left.min(buf.len());
        if let Some(part) = buf.get_mut(..len) {
            fill_pattern(self.at, part);
        }
        self.at += len as u64;
        Ok(len)
    }
}

/// Reads to the end and returns the SHA-256 of everything, in lower-case hexadecimal digits.
///
/// # Errors
///
/// Whatever the reader fails with.
pub fn sha256_hex(mut from: impl Read) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let len = match from.read(&mut buffer) {
            Ok(0) => return Ok(hex(&hash.finalize())),
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hash.update(buffer.get(..len).unwrap_or_default());
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// One output of the splitmix64 generator: its counter may start anywhere.
fn word(index: u64) -> [u8; 8] {
    let mut x = index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x ^ (x >> 31)).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_part_of_the_pattern_equals_that_part_of_the_whole() {
        let whole: Vec<u8> = pattern(100).collect();
        assert_eq!(whole.len(), 100);
        for at in 0..=whole.len() {
            for end in at..=whole.len() {
                let mut part = vec![0; end - at];
                fill_pattern(at as u64, &mut part);
                assert_eq!(part, whole[at..end], "bytes {at}..{end}");
            }
        }
        let mut read = Vec::new();
        pattern_reader(100).read_to_end(&mut read).unwrap();
        assert_eq!(read, whole);
    }

    #[test]
    fn the_digest_is_the_known_one() {
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_hex(&b"abc"[..]).unwrap(), known);
    }
}
