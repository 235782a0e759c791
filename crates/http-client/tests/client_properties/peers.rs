//! Servers that do as they like, and who remembers which connection led where.

use std::io::Write as _;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use http_client::conn::{Connect, ConnectError, ConnectRequest, Connected};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use testkit::peer::{Script, ScriptedConnect};

use super::common::ok;

/// More than any limit lets a client drain, and than it reads at once.
const LONG: usize = 50_000;
/// What a server says unasked.
pub(crate) const EVIL: &str = "evil";

/// What a server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Does {
    Answer(u16, &'static str),
    Redirect {
        status: u16,
        location: &'static str,
        is_long: bool,
    },
    Content {
        framing: Framing,
        length: usize,
        /// After so many bytes of the response the connection ends.
        cut: Option<usize>,
    },
    /// So many layers of gzip around nothing but zeros.
    Bomb(usize),
    /// A response that nobody asked for, in the same piece or in its own.
    Surplus {
        is_apart: bool,
    },
    Informational(u16, usize),
    /// So many fields, each with so long a value.
    Fields(usize, usize),
    Bytes(Vec<u8>),
    Reset,
    Close,
    CutShort,
    Garble,
    Stall(u64),
    /// Half of a response, and the rest after so many seconds.
    Drip(u16, u64),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Framing {
    Sized,
    Chunked,
    ToClose,
}

/// Where a call goes next for a connection.
#[derive(Clone, Debug)]
pub(crate) enum Meets {
    Server(Vec<Does>),
    NoAddress,
}

pub(crate) fn meets() -> impl Strategy<Value = Meets> {
    prop_oneof![8 => vec(does(), 1..5).prop_map(Meets::Server), 1 => Just(Meets::NoAddress)]
}

fn does() -> impl Strategy<Value = Does> {
    let statuses = &[200, 200, 200, 404, 429, 500, 502, 503, 503][..];
    let fields = &["", "", "Connection: close\r\n", "Retry-After: 2\r\n", "Retry-After: 100000\r\n"][..];
    let redirect = (select(&[301_u16, 302, 303, 307, 308][..]), location(), proptest::bool::weighted(0.2));
    let framing = select(&[Framing::Sized, Framing::Chunked, Framing::ToClose][..]);
    let length = prop_oneof![0..40_usize, 0..7000_usize];
    let cut = option::weighted(0.4, prop_oneof![0..120_usize, 0..7000_usize]);
    let likely =
        vec(any::<u8>(), 0..20).prop_map(|bytes| [b"HTTP/1.1 200 OK\r\n", &bytes[..], b"\r\n\r\n"].concat());
    prop_oneof![
        6 => (select(statuses), select(fields)).prop_map(|(status, fields)| Does::Answer(status, fields)),
        6 => redirect.prop_map(|(status, location, is_long)| Does::Redirect { status, location, is_long }),
        3 => (framing, length, cut).prop_map(|(framing, length, cut)| Does::Content { framing, length, cut }),
        2 => select(&[408_u16, 417, 421, 425][..]).prop_map(|status| Does::Answer(status, "")),
        1 => (1..3_usize).prop_map(Does::Bomb),
        1 => any::<bool>().prop_map(|is_apart| Does::Surplus { is_apart }),
        1 => (select(&[100_u16, 102, 103][..]), 0..30_usize).prop_map(|(code, n)| Does::Informational(code, n)),
        1 => (0..20_usize, 0..80_usize).prop_map(|(fields, length)| Does::Fields(fields, length)),
        1 => prop_oneof![vec(any::<u8>(), 0..40), likely].prop_map(Does::Bytes),
        1 => Just(Does::Reset),
        1 => Just(Does::Close),
        1 => Just(Does::CutShort),
        1 => Just(Does::Garble),
        1 => (1..100_u64).prop_map(Does::Stall),
        1 => (select(&[200_u16, 302, 503][..]), 1..100_u64).prop_map(|(status, seconds)| Does::Drip(status, seconds)),
    ]
}

fn location() -> impl Strategy<Value = &'static str> {
    select(
        &[
            "/hop?s3cret",
            "hop",
            "http://a/hop",
            "https://a/hop",
            "https://a:80/hop",
            "http://a:81/hop",
            "http://b/hop",
            "//b/hop",
            "http://u:s3cret@b/hop",
            "ftp://a/",
        ][..],
    )
}

impl Does {
    fn play(&self, script: Script) -> Script {
        match self {
            Self::Answer(status, fields) => {
                script.reply(format!("HTTP/1.1 {status} \r\n{fields}Content-Length: 0\r\n\r\n"))
            }
            Self::Redirect { status, location, is_long } => {
                let length = if *is_long { LONG } else { 7 };
                let content = "x".repeat(length);
                script.reply(format!(
                    "HTTP/1.1 {status} \r\nLocation: {location}\r\nContent-Length: {length}\r\n\r\n{content}"
                ))
            }
            Self::Content { framing, length, cut } => {
                let response = framing.response(*length);
                match cut {
                    Some(cut) => script.reply(&response[..response.len().min(*cut)]).close(),
                    None if matches!(framing, Framing::ToClose) => script.reply(response).close(),
                    None => script.reply(response),
                }
            }
            Self::Bomb(layers) => script.reply(&BOMBS[layers - 1]),
            Self::Surplus { is_apart: false } => script.reply(ok("") + &ok(EVIL)),
            Self::Surplus { is_apart: true } => script.reply(ok("")).reply(ok(EVIL)),
            Self::Informational(code, n) => {
                let informational = format!("HTTP/1.1 {code} \r\nLink: </s>\r\n\r\n").repeat(*n);
                script.reply(informational).reply(ok(""))
            }
            Self::Fields(fields, length) => {
                let fields = format!("X: {}\r\n", "x".repeat(*length)).repeat(*fields);
                script.reply(format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{fields}\r\n"))
            }
            Self::Bytes(bytes) => script.reply(bytes).close(),
            Self::Reset => script.reset(),
            Self::Close => script.close(),
            Self::CutShort => script.reply("HTTP/1.1 200 \r\nConte").close(),
            Self::Garble => script.reply("HTTP/1.1 2x0 \r\n\r\n"),
            Self::Drip(status, seconds) => script
                .reply(format!(
                    "HTTP/1.1 {status} \r\nLocation: /hop\r\nX-Length: 4\r\nContent-Length: 4\r\n\r\nxx"
                ))
                .stall(Duration::from_secs(*seconds))
                .reply("xx"),
            Self::Stall(seconds) => script.stall(Duration::from_secs(*seconds)).reply(ok("")),
        }
    }

    /// Tells whether no request may follow on the same connection, whatever the client makes of this.
    fn is_the_last(&self) -> bool {
        match self {
            Self::Answer(_, fields) => fields.starts_with("Connection"),
            Self::Redirect { is_long, .. } => *is_long,
            Self::Content { framing, cut, .. } => cut.is_some() || matches!(framing, Framing::ToClose),
            Self::Bomb(_) | Self::Informational(..) | Self::Fields(..) | Self::Stall(_) | Self::Drip(..) => {
                false
            }
            _ => true,
        }
    }
}

impl Framing {
    fn response(self, length: usize) -> Vec<u8> {
        let content = "x".repeat(length);
        let head = "HTTP/1.1 200 OK\r\n";
        match self {
            Self::Sized => {
                format!("{head}X-Length: {length}\r\nContent-Length: {length}\r\n\r\n{content}")
            }
            Self::Chunked => {
                let chunks = content.as_bytes().chunks(1000);
                let chunks: String = chunks
                    .map(|chunk| format!("{:x}\r\n{}\r\n", chunk.len(), str::from_utf8(chunk).unwrap()))
                    .collect();
                format!("{head}X-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n")
            }
            Self::ToClose => format!("{head}\r\n{content}"),
        }
        .into()
    }
}

/// Two megabytes of zeros in one layer of gzip, and in two.
static BOMBS: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    let packed = |content: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    };
    let response = |codings: &str, content: &[u8]| {
        let length = content.len();
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Encoding: {codings}\r\nContent-Length: {length}\r\n\r\n");
        [head.as_bytes(), content].concat()
    };
    let once = packed(&vec![0; 2 << 20]);
    [response("gzip", &once), response("gzip, gzip", &packed(&once))]
});

/// After all it does, a server closes over the next request.
fn script(does: &[Does]) -> Script {
    let all = does.iter().chain([&Does::Close]);
    all.fold(Script::new(), |script, does| does.play(script.expect_head()))
}

/// Connects to the servers in turn.
pub(crate) struct Servers {
    peer: ScriptedConnect,
    made: Mutex<Vec<Made>>,
    meets: Vec<Meets>,
}

/// A connection that was made.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) origin: String,
    /// How many requests it may carry.
    pub(crate) carries: usize,
}

impl Servers {
    pub(crate) fn new(peer: &ScriptedConnect, meets: &[Meets]) -> Arc<Self> {
        for meets in meets {
            match meets {
                Meets::Server(does) => peer.push(script(does)),
                Meets::NoAddress => peer.push_error(ConnectError::NoAddress { host: "a".into() }),
            }
        }
        let servers = meets.iter().filter(|meets| matches!(meets, Meets::Server(_))).cloned().collect();
        Arc::new(Self { peer: peer.clone(), made: Mutex::default(), meets: servers })
    }

    pub(crate) fn made(&self) -> Vec<Made> {
        self.made.lock().unwrap().clone()
    }
}

impl Connect for Servers {
    fn connect(&self, to: &ConnectRequest<'_>) -> Result<Connected, ConnectError> {
        let connected = self.peer.connect(to)?;
        let mut made = self.made.lock().unwrap();
        let Meets::Server(does) = &self.meets[made.len()] else { panic!("a server") };
        let last = does.iter().position(Does::is_the_last);
        made.push(Made {
            origin: to.route.origin().to_string(),
            carries: last.map_or(does.len(), |last| last) + 1,
        });
        Ok(connected)
    }
}
