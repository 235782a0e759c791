//! Responses made up from a seed: the grammar of a response, and faults put into it.

/// A response, and the method that it answers.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) number: usize,
    pub(crate) method: &'static str,
    pub(crate) input: Vec<u8>,
    pub(crate) faults: Vec<&'static str>,
}

/// A linear congruential generator: the same cases in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.below(among.len())]
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// One line or one run of content.
#[derive(Clone, Debug)]
struct Part {
    kind: Kind,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    StatusLine,
    Field,
    /// Content-Length or Transfer-Encoding.
    FramingField,
    EmptyLine,
    ChunkSize,
    /// The CRLF behind a chunk's data.
    ChunkEnd,
    Trailer,
    Content,
}

impl Kind {
    fn is_line(self) -> bool {
        self != Self::Content
    }
}

fn part(kind: Kind, bytes: impl AsRef<[u8]>) -> Part {
    Part { kind, bytes: bytes.as_ref().to_vec() }
}

pub(crate) fn cases(seed: u64, count: usize) -> Vec<Case> {
    let mut random = Random(seed);
    (0..count).map(|number| case(number, &mut random)).collect()
}

fn case(number: usize, random: &mut Random) -> Case {
    let method = if random.chance(8) { "HEAD" } else { "GET" };
    let mut parts = valid(method, random);
    let many = random.pick(&[0, 0, 1, 1, 1, 2]);
    let mut faults: Vec<_> =
        (0..many).filter_map(|_| (0..8).find_map(|_| spoil(&mut parts, random))).collect();
    let mut input: Vec<u8> = parts.into_iter().flat_map(|part| part.bytes).collect();
    if random.chance(8) {
        input.truncate(random.below(input.len().max(1)));
        faults.push("cut short");
    } else if random.chance(10) {
        input.extend_from_slice(random.pick(&[&b"x"[..], b"\r\n", b"HTTP/1.1 200 Next\r\n\r\n"]));
        faults.push("bytes behind");
    }
    Case { number, method, input, faults }
}

const FIELDS: &[&str] = &[
    "Server: a",
    "Set-Cookie: a=b; Path=/",
    "set-cookie: c=d",
    "X-Empty:",
    "X-Tight:v",
    "X-Padded: \t v \t",
    "X-Latin: \u{fc}",
    "Connection: keep-alive",
    "Connection: close",
    "Connection: , x,,",
    "Date: Sun, 06 Nov 1994 08:49:37 GMT",
    "X: a:b::c",
    "!#$%&'*+-.^_`|~: token",
];

fn field(random: &mut Random) -> Vec<u8> {
    // As ISO-8859-1, so that obs-text is there.
    let line = random.pick(FIELDS);
    line.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).chain(*b"\r\n").collect()
}

fn valid(method: &str, random: &mut Random) -> Vec<Part> {
    let mut parts = Vec::new();
    for _ in 0..random.pick(&[0, 0, 0, 0, 0, 1, 2]) {
        let status = random.pick(&["100 Continue", "100 Continue", "100 ", "103 Early Hints"]);
        parts.push(part(Kind::StatusLine, format!("HTTP/1.1 {status}\r\n")));
        if random.chance(40) {
            parts.push(part(Kind::Field, "Link: </a>\r\n"));
        }
        parts.push(part(Kind::EmptyLine, "\r\n"));
    }
    let status = random.pick(&[
        "200 OK",
        "200 OK",
        "200 OK",
        "404 Not Found",
        "500 ",
        "299 Odd",
        "204 None",
        "304 Same",
    ]);
    let version = if random.chance(10) { "1.0" } else { "1.1" };
    parts.push(part(Kind::StatusLine, format!("HTTP/{version} {status}\r\n")));
    for _ in 0..random.below(4) {
        parts.push(part(Kind::Field, field(random)));
    }
    let content: Vec<u8> = (0..random.below(30)).map(|_| random.pick(b"abc\r\n0;: \xff")).collect();
    let framing = random.below(if version == "1.0" { 2 } else { 3 });
    match framing {
        0 => parts.push(part(Kind::FramingField, format!("Content-Length: {}\r\n", content.len()))),
        2 => parts.push(part(Kind::FramingField, "Transfer-Encoding: chunked\r\n")),
        _ => {}
    }
    for _ in 0..random.below(3) {
        parts.push(part(Kind::Field, field(random)));
    }
    parts.push(part(Kind::EmptyLine, "\r\n"));
    if method == "HEAD" || status.starts_with("204") || status.starts_with("304") {
        return parts;
    }
    if framing == 2 {
        chunks(&content, &mut parts, random);
    } else {
        parts.push(part(Kind::Content, content));
    }
    parts
}

fn chunks(mut content: &[u8], parts: &mut Vec<Part>, random: &mut Random) {
    while !content.is_empty() {
        let (chunk, rest) = content.split_at(1 + random.below(content.len()));
        content = rest;
        let extension = random.pick(&["", "", "", ";a", ";a=b", ";a=\"b\""]);
        parts.push(part(Kind::ChunkSize, format!("{:x}{extension}\r\n", chunk.len())));
        parts.push(part(Kind::Content, chunk));
        parts.push(part(Kind::ChunkEnd, "\r\n"));
    }
    parts.push(part(Kind::ChunkSize, "0\r\n"));
    for _ in 0..random.pick(&[0, 0, 0, 1, 2]) {
        parts
            .push(part(Kind::Trailer, random.pick(&["X-Sum: 1\r\n", "x-b: c\r\n", "Content-Length: 3\r\n"])));
    }
    parts.push(part(Kind::EmptyLine, "\r\n"));
}

/// Puts one fault in and names it; not every fault fits every response.
fn spoil(parts: &mut Vec<Part>, random: &mut Random) -> Option<&'static str> {
    match random.below(15) {
        0 => spoil_line_end(parts, random),
        1 => {
            let line = any_of(parts, random, Kind::is_line)?;
            let at = random.below(parts[line].bytes.len());
            parts[line].bytes.insert(at, random.pick(b"\r\0\x0b\x7f\n"));
            Some("a control character")
        }
        2 | 3 => {
            let value = random.pick(&LENGTHS);
            let line = format!("{value}\r\n");
            place_framing(parts, random, &line);
            Some("Content-Length")
        }
        4 | 5 => {
            let value = random.pick(&CODINGS);
            place_framing(parts, random, &format!("{value}\r\n"));
            Some("Transfer-Encoding")
        }
        6 => {
            let line = any_of(parts, random, |kind| kind == Kind::StatusLine)?;
            let older = String::from_utf8_lossy(&parts[line].bytes).replace("HTTP/1.1", "HTTP/1.0");
            let other = format!("{}\r\n", random.pick(&STATUS_LINES));
            parts[line].bytes = if random.chance(25) { older } else { other }.into_bytes();
            Some("the status line")
        }
        7..=9 => {
            let line = any_of(parts, random, |kind| kind == Kind::ChunkSize)?;
            let size = String::from_utf8_lossy(&parts[line].bytes);
            let size = size.trim_end().split(';').next().unwrap();
            parts[line].bytes = random.pick(&CHUNK_SIZES).replace('N', size).into_bytes();
            Some("a chunk size")
        }
        10 => {
            let line = any_of(parts, random, |kind| kind == Kind::ChunkEnd)?;
            parts[line].bytes = random.pick(&["", "\n", "xx", "\r\r", " \r\n", "\n\r", "\r\n\r\n"]).into();
            Some("the end of a chunk")
        }
        11 => {
            let line = any_of(parts, random, |kind| {
                matches!(kind, Kind::Field | Kind::Trailer | Kind::FramingField)
            })?;
            let bytes = random.pick(&FIELD_FAULTS);
            parts.insert(line + random.below(2), part(Kind::Field, bytes));
            Some("a field line")
        }
        12 => {
            let content = any_of(parts, random, |kind| kind == Kind::Content)?;
            if random.chance(50) {
                parts[content].bytes.push(b'x');
            } else {
                parts[content].bytes.pop();
            }
            Some("the length of the content")
        }
        13 => {
            let at = random.below(parts.len());
            match random.below(3) {
                0 => drop(parts.remove(at)),
                1 => parts.insert(at, parts[at].clone()),
                _ => {
                    let other = random.below(parts.len());
                    parts.swap(at, other);
                }
            }
            Some("parts out of place")
        }
        _ => {
            let at = random.below(parts.len());
            let bytes = &mut parts[at].bytes;
            if bytes.is_empty() {
                return None;
            }
            let place = random.below(bytes.len());
            bytes[place] = random.pick(b" \t:;,0aAH/.\"\r\n\xff");
            Some("a byte")
        }
    }
}

fn spoil_line_end(parts: &mut Vec<Part>, random: &mut Random) -> Option<&'static str> {
    if random.chance(15) {
        parts.insert(0, part(Kind::EmptyLine, random.pick(&["\r\n", "\n", " ", "\r\n\r\n"])));
        return Some("bytes before");
    }
    let line = any_of(parts, random, Kind::is_line)?;
    let bytes = &mut parts[line].bytes;
    bytes.truncate(bytes.len().saturating_sub(2));
    bytes.extend_from_slice(random.pick(&["\n", "\n", "\r", "\r\r\n", "\n\r", ""]).as_bytes());
    Some("the end of a line")
}

fn any_of(parts: &[Part], random: &mut Random, fits: impl Fn(Kind) -> bool) -> Option<usize> {
    let fitting: Vec<_> =
        parts.iter().enumerate().filter(|(_, part)| fits(part.kind) && !part.bytes.is_empty()).collect();
    if fitting.is_empty() { None } else { Some(fitting[random.below(fitting.len())].0) }
}

/// Puts a framing field in place of the one that is there, beside it, or where none is.
fn place_framing(parts: &mut Vec<Part>, random: &mut Random, line: &str) {
    let fields = parts.iter().position(|part| part.kind == Kind::EmptyLine).unwrap_or(0);
    match parts.iter().position(|part| part.kind == Kind::FramingField) {
        Some(at) if random.chance(60) => parts[at].bytes = line.into(),
        Some(at) => parts.insert(at + random.below(2), part(Kind::FramingField, line)),
        None => parts.insert(fields, part(Kind::FramingField, line)),
    }
}

const LENGTHS: [&str; 19] = [
    "Content-Length: +5",
    "Content-Length: -5",
    "Content-Length: 5, 5",
    "Content-Length: 5,6",
    "Content-Length: 5, 05",
    "Content-Length: 5",
    "content-length: 05",
    "Content-Length: 0",
    "Content-Length: 0x5",
    "Content-Length: 5 5",
    "Content-Length:",
    "Content-Length: 5;",
    "Content-Length: 5_0",
    "Content-Length: 5.0",
    "Content-Length: 9223372036854775808",
    "Content-Length: 99999999999999999999",
    "Content-Length : 5",
    "Content-Length: ,5",
    "Content-Length: \"5\"",
];

const CODINGS: [&str; 14] = [
    "Transfer-Encoding: Chunked",
    "transfer-encoding: chunked",
    "Transfer-Encoding: gzip",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: chunked, gzip",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: identity",
    "Transfer-Encoding:",
    "Transfer-Encoding: , chunked",
    "Transfer-Encoding: chunked;q=1",
    "Transfer-Encoding: \"chunked\"",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding: \x0bchunked",
];

const STATUS_LINES: [&str; 28] = [
    "HTTP/1.0 200 OK",
    "HTTP/1.2 200 OK",
    "HTTP/1.10 200 OK",
    "HTTP/2.0 200 OK",
    "HTTP/0.9 200 OK",
    "http/1.1 200 OK",
    "HTTP/1 200 OK",
    "HTTP/11 200 OK",
    "ICY 200 OK",
    " HTTP/1.1 200 OK",
    "HTTP/1.1  200 OK",
    "HTTP/1.1\t200 OK",
    "HTTP/1.1 200\tOK",
    "HTTP/1.1 200",
    "HTTP/1.1 200 ",
    "HTTP/1.1 200  OK ",
    "HTTP/1.1 2000 OK",
    "HTTP/1.1 20 OK",
    "HTTP/1.1 +20 OK",
    "HTTP/1.1 2_0 OK",
    "HTTP/1.1 200OK",
    "HTTP/1.1 099 Low",
    "HTTP/1.1 600 High",
    "HTTP/1.1 999 High",
    "HTTP/1.1 101 Switching",
    "HTTP/1.1 199 Odd",
    "HTTP/1.1 304 Same",
    "HTTP/1.1",
];

/// `N` stands for the right size.
const CHUNK_SIZES: [&str; 24] = [
    "0xN\r\n",
    "+N\r\n",
    "-N\r\n",
    " N\r\n",
    "\tN\r\n",
    "N \r\n",
    "N\t\r\n",
    "N ;a\r\n",
    "N; a = b\r\n",
    "N;\r\n",
    "N;a;\r\n",
    "N;a\nb\r\n",
    "N;a\rb\r\n",
    "N;a=\"\n\"\r\n",
    "N;a=\"b\r\n",
    "N;\0\r\n",
    "N\n",
    "N\r",
    "\r\n",
    "g\r\n",
    "000000000000000000000N\r\n",
    "FFFFFFFFFFFFFFFFF\r\n",
    "N_0\r\n",
    "N,a\r\n",
];

const FIELD_FAULTS: [&[u8]; 14] = [
    b" folded\r\n",
    b"\tfolded\r\n",
    b" \r\n",
    b" Content-Length: 3\r\n",
    b"no colon\r\n",
    b": no name\r\n",
    b"X : v\r\n",
    b"X Y: v\r\n",
    b"X(: v\r\n",
    b"X\xff: v\r\n",
    b"X: a\rb\r\n",
    b"X: a\0b\r\n",
    b"X: a\x7fb\r\n",
    b"X: \r\n folded\r\n",
];
