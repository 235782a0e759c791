//! What the scripts ask for.

use wire::{Headers, Method, Version};

/// The parts of a request head.
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) target: &'static str,
    pub(super) version: Version,
    pub(super) fields: &'static [(&'static str, &'static str)],
    pub(super) close: bool,
    pub(super) add_length: bool,
}

impl Asked {
    /// The head that a choice stands for.
    pub(super) fn by(choice: u8) -> Self {
        let (method, fields): (_, &[_]) = match choice {
            b'H' => (Method::HEAD, &[]),
            b'C' => (Method::CONNECT, &[]),
            b'T' => (Method::TRACE, &[]),
            b'W' => (Method::GET, &[("Connection", "upgrade"), ("Upgrade", "b")]),
            b'P' | b'1' | b'N' => (Method::POST, &[]),
            b'E' | b'X' => (Method::PUT, &[("Expect", "100-continue")]),
            b'L' => (Method::PUT, &[("Content-Length", "5")]),
            b'K' => (Method::PUT, &[("transfer-encoding", "gzip"), ("Transfer-Encoding", "x, Chunked")]),
            b'Z' => (Method::PUT, &[("Transfer-Encoding", "chunked, gzip")]),
            b'B' => (Method::PUT, &[("Transfer-Encoding", "chunked"), ("Content-Length", "5")]),
            _ => (Method::GET, &[]),
        };
        Self {
            target: if choice == b'C' { "a:443" } else { "/" },
            version: if matches!(choice, b'0' | b'1') { Version::HTTP_10 } else { Version::HTTP_11 },
            close: choice == b'X',
            add_length: choice != b'N',
            method,
            fields,
        }
    }
}

/// The trailers of a number: none, an empty list, or lines that may or may not be sent.
pub(super) fn trailers(number: usize) -> Option<Headers> {
    let lines: &[_] = match number {
        0 => return None,
        1 => &[],
        2 => &[("X-Sum", "5")],
        3 => &[("X-Sum", "5"), ("x-sum", "6"), ("Server-Timing", "")],
        4 => &[("X-Sum", "5"), ("content-length", "5")],
        5 => &[("Transfer-Encoding", "chunked")],
        6 => &[("Host", "b")],
        _ => &[("Trailer", "x")],
    };
    let mut headers = Headers::new();
    for (name, value) in lines {
        headers.append(name, value).expect("a valid field");
    }
    Some(headers)
}
