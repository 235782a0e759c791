//! Where this parser and the suite that a case comes from disagree, and why.

/// Accepted here, refused by its origin.
pub(crate) const STRICT_ORIGIN: &[(&str, &[&str])] = &[
    (
        "a folded line is joined by a space, as RFC 9112 §5.2 asks of a user agent",
        &[
            "httparse/lib.rs:1879",
            "httparse/lib.rs:1908",
            "httparse/lib.rs:1937",
            "httparse/lib.rs:1966",
            "llhttp-derived/invalid:650",
            "llhttp-derived/sample:333",
        ],
    ),
    ("http.client stops at 100 field lines, the limit here is 256", &["httplib/test_httplib.py:926"]),
    (
        "nothing after a semicolon is an extension without effect; it cannot be read in two ways",
        &["llhttp/response/transfer-encoding:248", "llhttp-derived/transfer-encoding:328"],
    ),
    (
        "many small chunks are legal; each costs a bounded number of instructions and no memory",
        &["picohttpparser/test.c:512"],
    ),
];

/// Refused here, accepted by its origin.
pub(crate) const LENIENT_ORIGIN: &[(&str, &[&str])] = &[
    (
        "LF alone ends no line here; RFC 9112 §2.2 allows either",
        &[
            "h11/test_io.py:230",
            "h11/test_io.py:242",
            "h11/test_io.py:254",
            "httparse/lib.rs:1672",
            "httparse/lib.rs:1774",
            "picohttpparser/test.c:447",
            "picohttpparser/test.c:448",
        ],
    ),
    ("a control character in a field value is refused, not passed on", &["h11/test_io.py:565"]),
    ("white space after a chunk size that no extension follows", &["h11/test_io.py:458"]),
    (
        "nothing may stand before a status line",
        &["httparse/lib.rs:1768", "llhttp/response/connection:586", "llhttp/response/sample:695"],
    ),
    (
        "the suite looks at the chunk size alone; as a message the body is cut short",
        &["httparse/lib.rs:1996", "httparse/lib.rs:1997", "httparse/lib.rs:2003"],
    ),
    ("a line without a colon is an error, not skipped", &["httplib/test_httplib.py:304"]),
    (
        "the suite looks at a part alone; as a message the head is cut short",
        &["httplib/test_httplib.py:374", "httplib/test_httplib.py:1172", "httplib/test_httplib.py:1228"],
    ),
    ("Content-Length is digits (RFC 9110 §8.6); a sign is an error", &["httplib/test_httplib.py:1148"]),
    (
        "the CRLF after the last chunk and the trailers is part of the message",
        &[
            "httplib/test_httplib.py:1266",
            "picohttpparser/test.c:410",
            "picohttpparser/test.c:411",
            "picohttpparser/test.c:412",
            "picohttpparser/test.c:413",
            "picohttpparser/test.c:416",
        ],
    ),
    (
        "another protocol, or an HTTP that is older than heads",
        &["llhttp/response/sample:40", "llhttp/response/sample:60", "llhttp/response/sample:645"],
    ),
    (
        "a transfer coding other than chunked alone is not understood, and guessing its end is a risk",
        &[
            "llhttp/response/transfer-encoding:43",
            "llhttp/response/transfer-encoding:74",
            "llhttp/response/transfer-encoding:110",
            "llhttp-derived/transfer-encoding:751",
            "llhttp-derived/transfer-encoding:793",
        ],
    ),
    (
        "one space, and nothing else, stands between the parts of a status line",
        &["picohttpparser/test.c:260"],
    ),
    ("chunk extensions are bounded by 64 KiB a message", &["picohttpparser/test.c:514"]),
];

/// Cases that prefer the other verdict, where this parser has chosen; the choice and its reason.
pub(crate) const CHOSEN: &[(&str, &[&str])] =
    &[("chunk extensions are bounded by 64 KiB a message", &["picohttpparser/test.c:514"])];
