//! Whatever bytes a server sends, in whatever pieces, and however it ends.
#![cfg(all(feature = "gzip", feature = "json"))]

use std::io::Write as _;
use std::time::Duration;

use http_client::{Client, Error, ErrorKind, Jar, Response};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use testkit::peer::Script;

use crate::common::stage;

const TOTAL: Duration = Duration::from_secs(10);
/// More than any of these may make a client hold: its own buffers and those of a decoder.
const HELD: u64 = 1 << 20;

/// What servers say when all is well.
fn well_formed() -> impl Strategy<Value = Vec<u8>> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&b"\"the keeper writes by night\"\n".repeat(20)).unwrap();
    let gzip = gzip.finish().unwrap();
    let coded =
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", gzip.len());
    select(vec![
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n\"light\"".to_vec(),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b;c\"\r\none\r\n\r\n2\r\nxy\r\n0\r\nX-Sum: 7\r\n\r\n"
            .to_vec(),
        b"HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\nHTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nto the end".to_vec(),
        b"HTTP/1.1 302 Found\r\nSet-Cookie: id=7; Path=/; Max-Age=60\r\nLocation: /b?c#d\r\nContent-Length: 5\r\n\r\nmoved"
            .to_vec(),
        b"HTTP/1.1 204 No Content\r\nKeep-Alive: timeout=5, max=3\r\n\r\n".to_vec(),
        b"HTTP/1.1 503 Busy\r\nRetry-After: Mon, 01 Jan 2024 00:00:05 GMT\r\nX: a\r\n b\r\nContent-Length: 4\r\n\r\nbusy".to_vec(),
        [coded.as_bytes(), &gzip].concat(),
    ])
}

/// One thing that goes wrong.
#[derive(Clone, Debug)]
enum Harm {
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize, usize),
    Cut(Index),
}

fn harm() -> impl Strategy<Value = Harm> {
    let telling = || prop_oneof![select(b"\r\n\0 :;,=0123456789abcf\xff".to_vec()), any::<u8>()];
    let words: [&str; 11] = [
        "\r\n",
        "\r\n\r\n",
        "0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
        "Content-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Content-Encoding: gzip\r\n",
        "Location: http://a/\r\n",
        "ffffffffffffffff",
        "99999999999999999999",
        "gzip, ",
    ];
    let piece =
        prop_oneof![vec(telling(), 1..8), select(words.to_vec()).prop_map(|word| word.as_bytes().to_vec())];
    prop_oneof![
        (any::<Index>(), telling()).prop_map(|(at, byte)| Harm::Set(at, byte)),
        (any::<Index>(), piece).prop_map(|(at, piece)| Harm::Insert(at, piece)),
        (any::<Index>(), 1..20_usize).prop_map(|(at, len)| Harm::Remove(at, len)),
        (any::<Index>(), 1..40_usize, 1..300_usize).prop_map(|(at, len, times)| Harm::Repeat(at, len, times)),
        any::<Index>().prop_map(Harm::Cut),
    ]
}

fn harmed(mut bytes: Vec<u8>, harms: Vec<Harm>) -> Vec<u8> {
    for harm in harms {
        let len = bytes.len();
        match harm {
            Harm::Set(at, byte) if len > 0 => bytes[at.index(len)] = byte,
            Harm::Insert(at, piece) => {
                let at = at.index(len + 1);
                bytes.splice(at..at, piece);
            }
            Harm::Remove(at, count) => {
                let at = at.index(len + 1);
                bytes.drain(at..len.min(at + count));
            }
            Harm::Repeat(at, count, times) => {
                let at = at.index(len + 1);
                let end = len.min(at + count);
                let piece = bytes[at..end].repeat(times);
                bytes.splice(end..end, piece);
            }
            Harm::Cut(at) => bytes.truncate(at.index(len + 1)),
            Harm::Set(..) => {}
        }
    }
    bytes
}

fn said() -> impl Strategy<Value = Vec<u8>> {
    let begun = vec(any::<u8>(), 0..300).prop_map(|rest| [b"HTTP/1.1 200 OK\r\n", &rest[..]].concat());
    prop_oneof![
        1 => vec(any::<u8>(), 0..300),
        1 => begun,
        1 => vec(well_formed(), 1..3).prop_map(|parts| parts.concat()),
        5 => (well_formed(), vec(harm(), 1..5)).prop_map(|(bytes, harms)| harmed(bytes, harms)),
    ]
}

type Reads = fn(Response<'static>) -> Result<Vec<u8>, Error>;

/// How it is read to its end.
const READERS: [Reads; 5] = [
    Response::bytes,
    |response| response.text().map(String::into_bytes),
    |response| {
        response
            .lines()
            .map(|line| line.map(String::into_bytes))
            .collect::<Result<Vec<_>, _>>()
            .map(|it| it.concat())
    },
    |response| response.json::<String>().map(String::into_bytes),
    |response| response.error_for_status()?.bytes(),
];

type Outcome = Result<Vec<u8>, ErrorKind>;

/// Plays one script, and tells what came of it and how much memory it took.
fn play(script: Script, reader: usize) -> (Outcome, u64, Duration) {
    let mut stage = stage([script]);
    (stage.config.decode, stage.config.cookies) = (true, Some(Jar::new()));
    stage.config.timeouts.total = Some(TOTAL);
    let client: Client = stage.client();
    let mut outcome = Ok(Vec::new());
    let info = allocation_counter::measure(|| {
        outcome = client.get("http://a/").send().and_then(READERS[reader]).map_err(|error| error.kind());
    });
    drop(client);
    // What the peer makes of a second request does not matter.
    let _ = stage.peer.finish();
    (outcome, info.bytes_max, stage.clock.elapsed())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn t48_no_bytes_make_a_client_panic_wait_or_hold_too_much(
        said in said(),
        reader in 0..READERS.len(),
        closes in any::<bool>(),
        pause in 0..50_u64,
    ) {
        let begin = || Script::new().expect_head();
        let end = |script: Script| if closes { script.close() } else { script.stall(TOTAL * 2) };
        let (whole, held, elapsed) = play(end(begin().reply(&said)), reader);
        prop_assert!(held < HELD, "{held} bytes");
        prop_assert!(elapsed <= TOTAL, "{elapsed:?}");
        let (bytewise, held, elapsed) = play(end(begin().reply_bytewise(&said)), reader);
        prop_assert!(held < HELD, "{held} bytes");
        prop_assert!(elapsed <= TOTAL, "{elapsed:?}");
        prop_assert_eq!(whole, bytewise, "it depends on the pieces");
        let slow = said.iter().fold(begin(), |script, byte| {
            script.stall(Duration::from_millis(pause)).reply([*byte])
        });
        let (_, held, elapsed) = play(end(slow), reader);
        prop_assert!(held < HELD, "{held} bytes");
        prop_assert!(elapsed <= TOTAL, "{elapsed:?}");
    }
}
