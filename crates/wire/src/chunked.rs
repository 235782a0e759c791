//! The chunked transfer coding (RFC 9112 §7.1), read and written.

use crate::error::ParseError;
use crate::head::parse_fields;
use crate::headers::Headers;
use crate::leniency::Rules;
use crate::limits::Limit;
use crate::section::SectionEnd;

/// Reads chunk framing; content passes by untouched.
#[derive(Clone, Debug)]
pub(crate) struct ChunkDecoder {
    state: State,
    extensions_total: usize,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// At or inside the digits of a chunk size.
    Size {
        digits: usize,
        size: u64,
    },
    /// White space after the size, which only an extension may follow.
    SizeSpace {
        size: u64,
        extension: usize,
    },
    Extension {
        size: u64,
        extension: usize,
        quoting: Quoting,
    },
    SizeLineFeed {
        size: u64,
    },
    Data {
        left: u64,
    },
    DataLineFeed,
    Trailers(SectionEnd),
    Done,
}

/// Where in the quoted strings of an extension a byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quoting {
    Outside,
    Inside,
    /// Behind a backslash.
    Escaped,
}

impl Quoting {
    fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Outside, b'"') | (Self::Escaped, _) => Self::Inside,
            (Self::Inside, b'"') | (Self::Outside, _) => Self::Outside,
            (Self::Inside, b'\\') => Self::Escaped,
            (Self::Inside, _) => Self::Inside,
        }
    }
}

/// What stands at `input[used..]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chunk {
    NeedInput,
    Content { len: usize },
    Complete,
}

impl ChunkDecoder {
    pub(crate) fn new() -> Self {
        Self { state: State::Size { digits: 0, size: 0 }, extensions_total: 0 }
    }

    /// Takes framing bytes from the front of `input` and tells how many and what stands behind them.
    pub(crate) fn decode(
        &mut self,
        input: &[u8],
        rules: &Rules,
        trailers: &mut Headers,
    ) -> Result<(usize, Chunk), ParseError> {
        // Most chunks come with the line before them, and without an extension.
        if let State::Data { left: 0 } = self.state
            && let Some((used, size)) = next_chunk(input)
            && used < input.len()
        {
            self.state = State::Data { left: size };
            let len = usize::try_from(size).unwrap_or(usize::MAX).min(input.len() - used);
            return Ok((used, Chunk::Content { len }));
        }
        self.decode_by_bytes(input, rules, trailers)
    }

    fn decode_by_bytes(
        &mut self,
        input: &[u8],
        rules: &Rules,
        trailers: &mut Headers,
    ) -> Result<(usize, Chunk), ParseError> {
        let mut used = 0;
        loop {
            let rest = input.get(used..).unwrap_or_default();
            match self.state {
                State::Data { left } if left > 0 => {
                    if rest.is_empty() {
                        return Ok((used, Chunk::NeedInput));
                    }
                    let len = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                    return Ok((used, Chunk::Content { len }));
                }
                State::Trailers(mut end) => {
                    let found = end.find(rest, (Limit::TrailerBytes, rules.limits.trailer_bytes), rules)?;
                    let Some(len) = found else {
                        self.state = State::Trailers(end);
                        return Ok((used, Chunk::NeedInput));
                    };
                    let section = rest.get(..len).unwrap_or_default();
                    trailers.clear();
                    parse_fields(section, rules, trailers)
                        .map_err(|error| end.first_fault(section, rules, error))?;
                    used += len;
                    self.state = State::Done;
                }
                State::Done => return Ok((used, Chunk::Complete)),
                _ => {
                    let Some(&byte) = rest.first() else { return Ok((used, Chunk::NeedInput)) };
                    self.step(byte, rules)?;
                    used += 1;
                }
            }
        }
    }

    /// Tells how much content of the current chunk is missing.
    pub(crate) fn left_in_chunk(&self) -> u64 {
        match self.state {
            State::Data { left } => left,
            _ => 0,
        }
    }

    /// Notes that `n` bytes of the current chunk were taken.
    pub(crate) fn consumed(&mut self, n: u64) {
        if let State::Data { left } = &mut self.state {
            *left = left.saturating_sub(n);
        }
    }

    /// chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF. httparse's chunk-size parser takes bare LF, NUL and
    /// empty sizes, so this one is ours.
    fn step(&mut self, byte: u8, rules: &Rules) -> Result<(), ParseError> {
        self.state = match (self.state, byte) {
            (State::Size { digits, size }, byte) if byte.is_ascii_hexdigit() => {
                let digit = match byte {
                    b'0'..=b'9' => byte - b'0',
                    _ => (byte | 0x20) - b'a' + 10,
                };
                let size = size
                    .checked_mul(16)
                    .map(|size| size | u64::from(digit))
                    .ok_or(ParseError::Chunk("its size is beyond 64 bits"))?;
                // Leading zeros are legal but carry nothing, so they share the bound of extensions.
                if digits >= rules.limits.chunk_extension_bytes.max(16) {
                    return Err(too_large(Limit::ChunkExtensionBytes, rules.limits.chunk_extension_bytes));
                }
                State::Size { digits: digits + 1, size }
            }
            (State::Size { digits: 0, .. }, _) => return Err(ParseError::Chunk("a size is missing")),
            (State::Size { size, .. } | State::Extension { size, quoting: Quoting::Outside, .. }, b'\r') => {
                State::SizeLineFeed { size }
            }
            // RFC 9112 §7.1.1: BWS may stand before the semicolon, and only there.
            (State::Size { size, .. }, b' ' | b'\t') => {
                self.count_extension(0, rules)?;
                State::SizeSpace { size, extension: 1 }
            }
            (State::SizeSpace { size, extension }, b' ' | b'\t') => {
                self.count_extension(extension, rules)?;
                State::SizeSpace { size, extension: extension + 1 }
            }
            (State::Size { size, .. }, b';') => {
                State::Extension { size, extension: 0, quoting: Quoting::Outside }
            }
            (State::SizeSpace { size, .. }, b'\r') if rules.leniency.padded_chunk_size => {
                State::SizeLineFeed { size }
            }
            (State::SizeSpace { size, extension }, b';') => {
                State::Extension { size, extension, quoting: Quoting::Outside }
            }
            (State::Extension { size, extension, quoting }, b'\t' | b' '..=b'~' | 0x80..) => {
                self.count_extension(extension, rules)?;
                State::Extension { size, extension: extension + 1, quoting: quoting.after(byte) }
            }
            (State::Size { .. } | State::SizeSpace { .. }, _) => {
                return Err(ParseError::Chunk("its size is not a hexadecimal number"));
            }
            (State::Extension { .. }, _) => {
                return Err(ParseError::Chunk("a control character in an extension"));
            }
            (State::SizeLineFeed { size: 0 }, b'\n') => State::Trailers(SectionEnd::of_trailers()),
            (State::SizeLineFeed { size }, b'\n') => State::Data { left: size },
            (State::SizeLineFeed { .. }, _) => return Err(ParseError::Chunk("CR without LF after its size")),
            // Only reached once all data was consumed.
            (State::Data { .. }, b'\r') => State::DataLineFeed,
            (State::DataLineFeed, b'\n') => State::Size { digits: 0, size: 0 },
            (State::Data { .. } | State::DataLineFeed, _) => {
                return Err(ParseError::Chunk("its data is not followed by CRLF"));
            }
            (done @ (State::Trailers(_) | State::Done), _) => done,
        };
        Ok(())
    }

    fn count_extension(&mut self, so_far: usize, rules: &Rules) -> Result<(), ParseError> {
        if so_far >= rules.limits.chunk_extension_bytes {
            return Err(too_large(Limit::ChunkExtensionBytes, rules.limits.chunk_extension_bytes));
        }
        self.extensions_total += 1;
        if self.extensions_total > rules.limits.chunk_extensions_total {
            return Err(too_large(Limit::ChunkExtensionsTotal, rules.limits.chunk_extensions_total));
        }
        Ok(())
    }
}

/// Reads the end of one chunk and the line of the next, if that has content and no extension and both are at hand.
fn next_chunk(input: &[u8]) -> Option<(usize, u64)> {
    let line = input.strip_prefix(b"\r\n")?;
    let (mut size, mut rest) = (0, line);
    while let [byte, tail @ ..] = rest {
        let digit = HEX.get(usize::from(*byte)).copied().unwrap_or(NO_DIGIT);
        if digit == NO_DIGIT {
            break;
        }
        size = size << 4 | u64::from(digit);
        rest = tail;
    }
    let digits = line.len() - rest.len();
    (size > 0 && digits <= 16 && rest.starts_with(b"\r\n")).then_some((digits + 4, size))
}

const NO_DIGIT: u8 = 0xff;

/// A table costs a third of comparing.
static HEX: [u8; 256] = {
    let mut table = [NO_DIGIT; 256];
    let mut byte = 0_u8;
    while byte < u8::MAX {
        #[expect(clippy::indexing_slicing, reason = "256 entries, and a constant fails at build time")]
        {
            table[byte as usize] = match byte {
                b'0'..=b'9' => byte - b'0',
                b'a'..=b'f' => byte - b'a' + 10,
                b'A'..=b'F' => byte - b'A' + 10,
                _ => NO_DIGIT,
            };
        }
        byte += 1;
    }
    table
};

fn too_large(limit: Limit, allowed: usize) -> ParseError {
    ParseError::TooLarge { limit, allowed }
}

/// What goes around one run of content on the wire; the content itself is never copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    prefix: [u8; Self::MAX_PREFIX],
    prefix_len: usize,
    suffix: &'static [u8],
}

impl Frame {
    /// Sixteen digits and CRLF.
    const MAX_PREFIX: usize = 18;

    /// The frame of content that is sent as it is.
    pub(crate) const BARE: Self = Self { prefix: [0; Self::MAX_PREFIX], prefix_len: 0, suffix: b"" };

    /// The frame of one chunk of `len` bytes; nothing for no bytes, because an empty chunk would end the message.
    pub(crate) fn chunk(len: usize) -> Self {
        if len == 0 {
            return Self::BARE;
        }
        let mut frame = Self { suffix: b"\r\n", ..Self::BARE };
        let mut out = &mut frame.prefix[..];
        // Sixteen digits and CRLF always fit.
        let _ = std::io::Write::write_fmt(&mut out, format_args!("{len:X}\r\n"));
        frame.prefix_len = Self::MAX_PREFIX - out.len();
        frame
    }

    /// Returns what is sent before the content.
    #[must_use]
    pub fn prefix(&self) -> &[u8] {
        self.prefix.get(..self.prefix_len).unwrap_or_default()
    }

    /// Returns what is sent after the content.
    #[must_use]
    pub fn suffix(&self) -> &'static [u8] {
        self.suffix
    }
}

/// RFC 9110 §6.5.1: fields for framing, routing, request modifiers, authentication and content do not go into trailers.
pub(crate) fn forbidden_trailer(trailers: &Headers) -> Option<String> {
    const NAMES: [&str; 14] = [
        "transfer-encoding",
        "content-length",
        "content-encoding",
        "content-type",
        "content-range",
        "trailer",
        "host",
        "connection",
        "te",
        "expect",
        "cache-control",
        "authorization",
        "proxy-authorization",
        "cookie",
    ];
    let forbidden = |name: &&str| NAMES.iter().any(|forbidden| name.eq_ignore_ascii_case(forbidden));
    trailers.iter().map(|(name, _)| name).find(forbidden).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes with the input cut at every position once, and gives content, trailers and what is left over.
    fn decode(input: &[u8]) -> Result<Option<(Vec<u8>, Headers, usize)>, ParseError> {
        let results: Vec<_> = (0..=input.len()).map(|split| decode_split(input, split)).collect();
        for result in &results {
            assert_eq!(result, &results[0], "{:?}", String::from_utf8_lossy(input));
        }
        results[0].clone()
    }

    fn decode_split(input: &[u8], split: usize) -> Result<Option<(Vec<u8>, Headers, usize)>, ParseError> {
        let (mut decoder, mut trailers, mut content) = (ChunkDecoder::new(), Headers::new(), Vec::new());
        let (mut at, mut end) = (0, split);
        loop {
            let (used, chunk) = decoder.decode(&input[at..end], &Rules::default(), &mut trailers)?;
            at += used;
            match chunk {
                Chunk::Content { len } => {
                    content.extend_from_slice(&input[at..at + len]);
                    decoder.consumed(len as u64);
                    at += len;
                }
                Chunk::Complete => return Ok(Some((content, trailers, input.len() - at))),
                Chunk::NeedInput if end == input.len() => return Ok(None),
                Chunk::NeedInput => end = input.len(),
            }
        }
    }

    #[track_caller]
    fn check(input: &str, expected: Result<Option<(&str, usize)>, ParseError>) {
        let decoded = decode(input.as_bytes());
        let found = decoded.map(|d| d.map(|(content, _, left)| (String::from_utf8(content).unwrap(), left)));
        assert_eq!(found, expected.map(|e| e.map(|(content, left)| (content.to_owned(), left))), "{input:?}");
    }

    #[test]
    fn chunks_are_read_by_the_letter() {
        let bad = |why| Err(ParseError::Chunk(why));
        check("0\r\n\r\n", Ok(Some(("", 0))));
        check("3\r\nabc\r\n0\r\n\r\nnext", Ok(Some(("abc", 4))));
        check("3\r\nabc\r\n00A\r\n0123456789\r\n000\r\n\r\n", Ok(Some(("abc0123456789", 0))));
        check("1;a=b\r\nx\r\n1 ; c=\"d\"\r\ny\r\n0;z\r\n\r\n", Ok(Some(("xy", 0))));
        check("3\r\nabc\r\n", Ok(None));
        check("3\r\nab", Ok(None));
        check("0\r\n\r", Ok(None));
        check("0\r\n", Ok(None));
        check("\r\n", bad("a size is missing"));
        check(";a\r\n", bad("a size is missing"));
        check("+1\r\n", bad("a size is missing"));
        check("0x1\r\n", bad("its size is not a hexadecimal number"));
        check("1 \r\nx\r\n", bad("its size is not a hexadecimal number"));
        check("1\nx", bad("its size is not a hexadecimal number"));
        check("1;a\nx", bad("a control character in an extension"));
        check("1;a=\"b\r\n", bad("a control character in an extension"));
        check("1;a=\"\\\"\";b\r\nx\r\n0\r\n\r\n", Ok(Some(("x", 0))));
        check("1;\0\r\nx", bad("a control character in an extension"));
        check("1\rx", bad("CR without LF after its size"));
        check("1\r\nxx", bad("its data is not followed by CRLF"));
        check("1\r\nx\rx", bad("its data is not followed by CRLF"));
        check("10000000000000000\r\n", bad("its size is beyond 64 bits"));
        check("0\r\n\n", Err(ParseError::BareLf));
        check("0\r\nX\r\n\r\n", Err(ParseError::Field("its name is not a token before a colon")));
    }

    #[test]
    fn trailers_are_given_apart() {
        let (content, trailers, left) =
            decode(b"1\r\nx\r\n0\r\nX-Sum: 1\r\nx-b: 2\r\n\r\n..").unwrap().unwrap();
        assert_eq!((content.as_slice(), left), (&b"x"[..], 2));
        let lines: Vec<_> = trailers.iter().collect();
        assert_eq!(lines, [("X-Sum", &b"1"[..]), ("x-b", b"2")]);
    }

    #[test]
    fn overhead_is_bounded() {
        let rules = Rules::default();
        let mut trailers = Headers::new();
        for (input, limit) in [
            (format!("1;{}", "x".repeat(5000)), Limit::ChunkExtensionBytes),
            (format!("1{}", " ".repeat(5000)), Limit::ChunkExtensionBytes),
            ("0".repeat(5000), Limit::ChunkExtensionBytes),
            (format!("0\r\nX: {}", "y".repeat(17 << 10)), Limit::TrailerBytes),
            (format!("0\r\nX: {}\n", "y".repeat(17 << 10)), Limit::TrailerBytes),
        ] {
            let error = ChunkDecoder::new().decode(input.as_bytes(), &rules, &mut trailers).unwrap_err();
            assert!(matches!(error, ParseError::TooLarge { limit: l, .. } if l == limit), "{error}");
        }
        let many = format!("1;{}\r\nx\r\n", "x".repeat(4000)).repeat(20);
        assert_eq!(
            decode_split(many.as_bytes(), 0),
            Err(ParseError::TooLarge { limit: Limit::ChunkExtensionsTotal, allowed: 64 << 10 })
        );
    }

    #[test]
    fn frames_hold_any_length_and_never_end_the_message() {
        for (len, prefix) in [(1, "1\r\n"), (255, "FF\r\n"), (usize::MAX, "FFFFFFFFFFFFFFFF\r\n")] {
            let frame = Frame::chunk(len);
            assert_eq!((frame.prefix(), frame.suffix()), (prefix.as_bytes(), &b"\r\n"[..]));
        }
        assert_eq!(Frame::chunk(0), Frame::BARE);
    }
}
