//! Whose fault it was: the peer's ([`ParseError`]) or the caller's ([`RequestError`]).

use crate::limits::Limit;

/// The peer broke the protocol, or a limit on what it may send.
///
/// Every variant ends the exchange and the connection; see [`Exchange`](crate::Exchange).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The connection ended before the first byte of a response.
    #[error("the connection was closed before a response came")]
    NoResponse,
    /// The connection ended inside a response head.
    #[error("the connection was closed inside the response head, after {received} bytes")]
    TruncatedHead {
        /// Bytes of the head that came.
        received: usize,
    },
    /// The connection ended inside a message body.
    #[error("the connection was closed inside the message body, after {received} bytes{}", expected_bytes(*.expected))]
    TruncatedBody {
        /// Bytes of content that came.
        received: u64,
        /// Bytes of content that Content-Length announced; chunked content announces none.
        expected: Option<u64>,
    },
    /// The bytes do not begin with `HTTP/`.
    #[error("the response does not begin with HTTP/: the peer speaks another protocol")]
    NotHttp,
    /// The protocol version is not HTTP/1.x.
    #[error("the response is not HTTP/1.0 or HTTP/1.1")]
    Version,
    /// The status line does not follow RFC 9112 §4.
    #[error("the status line is malformed")]
    StatusLine,
    /// The status code lies outside 100 to 599.
    #[error("the status code {0} is outside 100 to 599")]
    StatusCode(u16),
    /// A line ends with LF alone.
    #[error("a line of the head or of the trailers ends with LF without CR")]
    BareLf,
    /// A field line does not follow RFC 9112 §5.
    #[error("a field line is malformed: {0}")]
    Field(&'static str),
    /// Content-Length is not one number.
    #[error("Content-Length is not a single decimal number")]
    ContentLength,
    /// Transfer-Encoding is not exactly `chunked`.
    #[error("Transfer-Encoding is not exactly chunked")]
    TransferEncoding,
    /// Transfer-Encoding in an HTTP/1.0 message.
    #[error("Transfer-Encoding in an HTTP/1.0 response")]
    TransferEncodingInHttp10,
    /// 101 although the request asked for no upgrade.
    #[error("101 Switching Protocols to a request that asked for no upgrade")]
    UnaskedUpgrade,
    /// A chunk-size line does not follow RFC 9112 §7.1.
    #[error("the chunk framing is malformed: {0}")]
    Chunk(&'static str),
    /// Bytes came although no response is outstanding (RFC 9112 §9.2).
    #[error("bytes came although no response is outstanding")]
    Unasked,
    /// A limit was reached.
    #[error("the response goes beyond the limit of {allowed} {limit}")]
    TooLarge {
        /// The limit.
        limit: Limit,
        /// Its value.
        allowed: usize,
    },
}

fn expected_bytes(expected: Option<u64>) -> String {
    expected.map_or_else(String::new, |expected| format!(" of {expected}"))
}

/// The caller asked for something that cannot be sent, or broke a promise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The request target contains a byte that may not stand in a request line, or has a form that the method
    /// does not allow.
    #[error("the request target cannot be sent: {0}")]
    Target(&'static str),
    /// The Host field would be invalid.
    #[error("the host cannot be sent as a Host field")]
    Host,
    /// More than one Host field.
    #[error("more than one Host field")]
    SeveralHosts,
    /// A field name is not a token.
    #[error("{name:?} is not a field name")]
    FieldName {
        /// The name up to the first character that it must not have, at most 64 of them.
        name: String,
    },
    /// A field value contains CR, LF, NUL or another control character.
    #[error("the value of the field {name} contains a control character")]
    FieldValue {
        /// The field's name; its value is not repeated.
        name: String,
    },
    /// Only HTTP/1.0 and HTTP/1.1 can be sent.
    #[error("only HTTP/1.0 and HTTP/1.1 can be sent")]
    Version,
    /// The length fields that were given contradict each other or the content.
    #[error("the framing is contradictory: {0}")]
    Framing(&'static str),
    /// More content than was announced.
    #[error("the content is longer than the {announced} bytes that were announced")]
    ContentTooLong {
        /// Bytes announced.
        announced: u64,
    },
    /// Less content than was announced.
    #[error("the content ended {missing} bytes short of the {announced} that were announced")]
    ContentTooShort {
        /// Bytes announced.
        announced: u64,
        /// Bytes missing.
        missing: u64,
    },
    /// Content after the request was finished, or the request was finished twice.
    #[error("the request is finished already")]
    Finished,
    /// Trailers need chunked framing.
    #[error("trailers can only follow chunked content")]
    TrailersNotChunked,
    /// A field that must not stand in a trailer section (RFC 9110 §6.5.1).
    #[error("the field {name} may not stand in the trailers")]
    Trailer {
        /// The field's name.
        name: String,
    },
}
