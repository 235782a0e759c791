//! Content that grows beyond all bounds when it is decoded.
#![cfg(all(feature = "gzip", feature = "json"))]

use std::io::Write as _;

use allocation_counter::measure;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use http_client::{Error, ErrorKind, Response};
use testkit::peer::Script;

use crate::common::{ok, stage};

const GROWN: usize = 16 << 20;
/// What decoders need besides what they have made: windows, tables, and a buffer that doubles.
const HELD: u64 = 6 << 20;

/// Every coding that is built in, with so many zeros in it.
fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let zeros = vec![0; GROWN];
    let best = Compression::best();
    let mut gzip = GzEncoder::new(Vec::new(), best);
    gzip.write_all(&zeros).unwrap();
    let gzip = gzip.finish().unwrap();
    let mut zlib = ZlibEncoder::new(Vec::new(), best);
    zlib.write_all(&zeros).unwrap();
    let mut raw = DeflateEncoder::new(Vec::new(), best);
    raw.write_all(&zeros).unwrap();
    let mut twice = GzEncoder::new(Vec::new(), best);
    twice.write_all(&gzip).unwrap();
    let mut bombs = vec![
        ("gzip, gzip", twice.finish().unwrap()),
        ("gzip", gzip),
        ("deflate", zlib.finish().unwrap()),
        ("deflate", raw.finish().unwrap()),
    ];
    if cfg!(feature = "brotli") {
        let mut encoded = Vec::new();
        brotli::CompressorWriter::new(&mut encoded, 4096, 5, 20).write_all(&zeros).unwrap();
        bombs.push(("br", encoded));
    }
    if cfg!(feature = "zstd") {
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        bombs.push(("zstd", ruzstd::encoding::compress_to_vec(&zeros[..], level)));
    }
    bombs
}

fn coded(status: u16, coding: &str, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head =
        format!("HTTP/1.1 {status} \r\nContent-Encoding: {coding}\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), content].concat()
}

type Reads = fn(Response<'static>) -> Result<(), Error>;

const READERS: [(&str, Reads); 4] = [
    ("bytes", |response| response.bytes().map(drop)),
    ("text", |response| response.text().map(drop)),
    ("lines", |response| response.lines().try_for_each(|line| line.map(drop))),
    ("json", |response| response.json::<String>().map(drop)),
];

#[test]
fn t21_a_bomb_in_any_coding_is_refused_however_it_is_read() {
    for (coding, bomb) in bombs() {
        assert!(bomb.len() < GROWN / 1000, "{coding}: {} bytes", bomb.len());
        for (reader, read) in READERS {
            for (expansion, buffered) in [(100, 64 << 20), (u64::MAX, 1 << 20)] {
                let name = format!("{coding} by {reader}, {expansion}, {buffered}");
                let mut stage = stage([Script::new().expect_head().reply(coded(200, coding, &bomb))]);
                (stage.config.decode, stage.config.limits.expansion) = (true, expansion);
                stage.config.limits.buffered = buffered;
                let client = stage.client();
                let info = measure(|| {
                    let error = read(client.get("http://a/").send().unwrap()).expect_err(&name);
                    assert_eq!(error.kind(), ErrorKind::TooLarge, "{name}: {error}");
                });
                assert!(info.bytes_max < HELD, "{name}: {info:?}");
            }
        }
    }
}

#[test]
fn t21_a_bomb_in_a_failure_is_kept_no_further_than_its_beginning() {
    for (coding, bomb) in bombs() {
        let mut stage = stage([Script::new().expect_head().reply(coded(500, coding, &bomb))]);
        stage.config.decode = true;
        let client = stage.client();
        let info = measure(|| {
            let error = client.get("http://a/").send().unwrap().error_for_status().unwrap_err();
            let said = error.response().unwrap();
            assert_eq!((error.kind(), said.is_cut), (ErrorKind::Status, true), "{coding}: {error}");
            assert!(said.content.len() <= 64 << 10, "{coding}: {} bytes", said.content.len());
        });
        assert!(info.bytes_max < HELD, "{coding}: {info:?}");
    }
}

#[test]
fn t21_a_bomb_in_a_response_that_is_retried_is_drained_as_it_stands() {
    for (coding, bomb) in bombs() {
        assert!(bomb.len() < 64 << 10, "{coding}: {} bytes", bomb.len());
        let mut stage = stage([Script::new()
            .expect_head()
            // Asked again where it came from.
            .reply(coded(429, coding, &bomb))
            .expect_head()
            .reply(ok("there"))]);
        stage.config.decode = true;
        stage.config.retry = Some(http_client::RetryPolicy::default());
        let client = stage.client();
        let info = measure(|| {
            let response = client.get("http://a/").send().unwrap();
            assert_eq!(response.attempts().len(), 2, "{coding}");
            assert_eq!(response.text().unwrap(), "there", "{coding}");
        });
        // Decoded, it would have been too much to drain, and the connection lost.
        assert_eq!(stage.peer.connects(), 1, "{coding}");
        assert!(info.bytes_max < 1 << 20, "{coding}: {info:?}");
        stage.finish();
    }
}
