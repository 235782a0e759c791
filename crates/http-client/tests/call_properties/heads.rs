//! What an attempt meets: heads that no server should send, and losses of every kind.

use std::time::{Duration, Instant};

use http_client::call::{Answered, Lost};
use http_client::conn::{ConnectError, Deadline, Limit};
use http_client::wire::{ParseError, ResponseHead};
use http_client::{Error, ErrorKind, Misuse, StatusCode};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// What an attempt meets, and how many seconds it takes.
#[derive(Clone, Debug)]
pub(crate) enum Meets {
    Answer { status: u16, fields: Vec<(&'static str, Vec<u8>)>, answered: (bool, bool), seconds: u64 },
    Failure { kind: ErrorKind, lost: Option<(bool, u64, u64)>, seconds: u64 },
}

pub(crate) fn meets() -> impl Strategy<Value = Meets> {
    let known = &[
        101, 200, 204, 206, 300, 301, 302, 303, 304, 305, 307, 308, 400, 401, 407, 408, 413, 417, 421, 425,
        429, 500, 503, 599,
    ][..];
    // Everything but what is informational.
    let status = prop_oneof![2 => select(known), 1 => 200..=599_u16];
    let redirect = select(&[301_u16, 302, 303, 307, 308][..]);
    prop_oneof![
        2 => answer(status.boxed(), 0.3),
        4 => answer(redirect.boxed(), 0.95),
        3 => failure(),
    ]
}

fn answer(status: BoxedStrategy<u16>, located: f64) -> impl Strategy<Value = Meets> {
    let location = option::weighted(located, location().prop_map(|to| ("Location", to)));
    let facts = (any::<(bool, bool)>(), 0..20_u64);
    (status, location, vec(field(), 0..3), facts).prop_map(
        |(status, location, mut fields, (answered, seconds))| {
            fields.extend(location);
            Meets::Answer { status, fields, answered, seconds }
        },
    )
}

fn failure() -> impl Strategy<Value = Meets> {
    let kinds = [
        ErrorKind::Disconnected,
        ErrorKind::Disconnected,
        ErrorKind::Timeout,
        ErrorKind::Protocol,
        ErrorKind::Truncated,
        ErrorKind::Connect,
        ErrorKind::Misuse,
    ];
    let sent = prop_oneof![select(&[0_u64, 1, 900][..]), any::<u64>()];
    let received = prop_oneof![4 => select(&[0_u64, 0, 1, 50][..]), 1 => any::<u64>()];
    let lost = option::weighted(0.8, (any::<bool>(), sent, received));
    (select(kinds.to_vec()), lost, 0..20_u64).prop_map(|(kind, lost, seconds)| Meets::Failure {
        kind,
        lost,
        seconds,
    })
}

fn location() -> impl Strategy<Value = Vec<u8>> {
    let known = &[
        "/2",
        "3?code=s3cret",
        "?q",
        "#there",
        "",
        "http://a/4",
        "https://a/5",
        "http://b/6",
        "//b/7",
        "http://A:80/8",
        "http://u:s3cret@b/9",
        "https://b:8443/10",
        // The port stays, and the scheme does not.
        "https://a:80/11",
        "http://a:443/12",
        "http://a:81/13",
        "https://a:81/14",
        "http://b:8443/15",
        "\\\\b\\16",
        "http:/\\b/17",
        "ftp://b/",
        "http://[bad",
        "http://[::1]/",
        "http://a_b/",
        "http://",
        "javascript:s3cret",
        "\u{fc}",
    ][..];
    let likely = r"(https?:)?[/\\]{0,3}[ab@:.%\[\]_]{0,5}(:[0-9]{1,5})?[a-z/?#.%\u{fc}]{0,8}";
    prop_oneof![
        6 => select(known).prop_map(|known| known.as_bytes().to_vec()),
        2 => likely.prop_map(String::into_bytes),
        1 => value(),
    ]
}

fn field() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    let known = [
        ("Retry-After", "1"),
        ("Retry-After", "99999999999999999999"),
        ("Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT"),
        ("Date", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("Set-Cookie", "own=set"),
        ("Set-Cookie", "own=set; Domain=b"),
        ("Connection", "close"),
        ("Keep-Alive", "timeout=0, max=0"),
        ("Content-Encoding", "gzip, br, gzip, gzip, gzip, gzip, gzip"),
    ];
    let known = select(known.to_vec()).prop_map(|(name, value)| (name, value.as_bytes().to_vec()));
    let names = ["Retry-After", "Date", "Set-Cookie", "Content-Encoding", "Keep-Alive", "Connection"];
    prop_oneof![known, (select(names.to_vec()), value())]
}

/// Any value that a head can hold.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let is_allowed = |byte: &u8| *byte == b'\t' || *byte >= b' ' && *byte != 0x7f;
    vec(any::<u8>(), 0..24).prop_map(move |bytes| bytes.into_iter().filter(is_allowed).collect())
}

pub(crate) fn head(status: u16, fields: &[(&'static str, Vec<u8>)]) -> ResponseHead {
    let mut head = ResponseHead::default();
    head.status = StatusCode::from_u16(status).unwrap();
    for (name, value) in fields {
        head.headers.append(name, value).unwrap();
    }
    head
}

pub(crate) fn answered((is_reused, is_sent): (bool, bool)) -> Answered {
    Answered::new(is_reused, is_sent)
}

pub(crate) fn lost((reused, sent, received): (bool, u64, u64)) -> Lost {
    Lost::new(reused, sent, received)
}

pub(crate) fn error(kind: ErrorKind) -> Error {
    let host = "a".to_owned();
    let now = Instant::now();
    let late = Deadline::after(now, Some(Duration::ZERO), Limit::Connect).remaining(now).unwrap_err();
    let error = match kind {
        ErrorKind::Disconnected => Error::from(ParseError::NoResponse),
        ErrorKind::Timeout => Error::from(ConnectError::from(late)),
        ErrorKind::Protocol => Error::from(ParseError::BareLf),
        ErrorKind::Truncated => Error::from(ParseError::TruncatedHead { received: 1 }),
        ErrorKind::Connect => Error::from(ConnectError::NoAddress { host }),
        _ => Error::from(Misuse::Closed),
    };
    assert_eq!(error.kind(), kind);
    error
}
