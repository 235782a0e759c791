//! Whether a connection may carry another request (RFC 9112 §9.3, §9.6).

use std::fmt;

use http::Version;

use crate::framing::Framing;
use crate::head::ResponseHead;
use crate::headers::Headers;

/// Whether the connection may carry another request after this exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// It may.
    KeepAlive,
    /// It may not, because of this.
    Close(CloseReason),
}

/// Why a connection cannot carry another request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The request said `Connection: close`.
    RequestSaidClose,
    /// The response said `Connection: close`.
    ResponseSaidClose,
    /// One side speaks HTTP/1.0 and did not ask to keep the connection.
    Http10,
    /// The body ended with the connection.
    CloseDelimited,
    /// The connection carries another protocol or a tunnel.
    HandedOver,
    /// The response had both Content-Length and Transfer-Encoding (RFC 9112 §6.3).
    TwoLengths,
    /// Bytes came that nobody asked for.
    Surplus,
    /// The response was complete before the request.
    RequestUnfinished,
    /// The peer closed the connection while no response was outstanding.
    PeerClosed,
    /// The exchange failed.
    Failed,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RequestSaidClose => "the request said close",
            Self::ResponseSaidClose => "the response said close",
            Self::Http10 => "HTTP/1.0 without keep-alive",
            Self::CloseDelimited => "the body ended with the connection",
            Self::HandedOver => "the connection was handed over",
            Self::TwoLengths => "the response had both length fields",
            Self::Surplus => "bytes came that nobody asked for",
            Self::RequestUnfinished => "the response came before the request was complete",
            Self::PeerClosed => "the peer closed the connection",
            Self::Failed => "the exchange failed",
        })
    }
}

/// Decides what one message's version and `Connection` options say.
///
/// RFC 9112 §9.3: close wins; HTTP/1.1 persists; HTTP/1.0 persists only with keep-alive.
pub(crate) fn asks_to_close(version: Version, headers: &Headers) -> Option<Asked> {
    if headers.has_token("connection", "close") {
        return Some(Asked::Close);
    }
    (version == Version::HTTP_10 && !headers.has_token("connection", "keep-alive")).then_some(Asked::Http10)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Close,
    Http10,
}

/// Decides what the two heads allow; a request that stays unfinished or an error closes besides.
pub(crate) fn persistence(request: Option<Asked>, response: &ResponseHead, framing: Framing) -> Persistence {
    let reason = match (framing, request, asks_to_close(response.version, &response.headers)) {
        (Framing::Tunnel | Framing::Upgraded, ..) => CloseReason::HandedOver,
        (Framing::CloseDelimited, ..) => CloseReason::CloseDelimited,
        (_, Some(Asked::Close), _) => CloseReason::RequestSaidClose,
        (_, _, Some(Asked::Close)) => CloseReason::ResponseSaidClose,
        (_, Some(Asked::Http10), _) | (_, _, Some(Asked::Http10)) => CloseReason::Http10,
        // Where no body can be, the fields count for nothing.
        (Framing::Chunked, ..) if response.headers.contains("content-length") => CloseReason::TwoLengths,
        _ => return Persistence::KeepAlive,
    };
    Persistence::Close(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(version: Version, lines: &[(&str, &str)], framing: Framing, expected: Persistence) {
        let mut head = ResponseHead { version, ..ResponseHead::default() };
        for (name, value) in lines {
            head.headers.append(name, value).unwrap();
        }
        assert_eq!(persistence(None, &head, framing), expected, "{version:?} {lines:?} {framing:?}");
    }

    #[test]
    fn the_response_decides_by_version_options_and_framing() {
        use Persistence::{Close, KeepAlive};
        let (v10, v11) = (Version::HTTP_10, Version::HTTP_11);
        let length = Framing::ContentLength(1);
        check(v11, &[], length, KeepAlive);
        check(v11, &[], Framing::Empty, KeepAlive);
        check(v11, &[("Connection", "keep-alive")], length, KeepAlive);
        check(v11, &[("Connection", "not-close, closed")], length, KeepAlive);
        check(v11, &[("Connection", "Close")], length, Close(CloseReason::ResponseSaidClose));
        check(
            v11,
            &[("Connection", "a"), ("connection", "b,CLOSE")],
            length,
            Close(CloseReason::ResponseSaidClose),
        );
        check(v11, &[("Connection", "keep-alive, close")], length, Close(CloseReason::ResponseSaidClose));
        check(v10, &[], length, Close(CloseReason::Http10));
        check(v10, &[("Connection", "Keep-Alive")], length, KeepAlive);
        check(v11, &[], Framing::CloseDelimited, Close(CloseReason::CloseDelimited));
        check(v11, &[], Framing::Tunnel, Close(CloseReason::HandedOver));
        check(v11, &[], Framing::Upgraded, Close(CloseReason::HandedOver));
        let both = [("Content-Length", "1"), ("Transfer-Encoding", "chunked")];
        check(v11, &both, Framing::Chunked, Close(CloseReason::TwoLengths));
        check(v11, &[], Framing::Chunked, KeepAlive);
        check(v11, &both, Framing::Empty, KeepAlive);
    }

    #[test]
    fn the_request_may_close_too() {
        let head = ResponseHead::default();
        for (asked, reason) in
            [(Asked::Close, CloseReason::RequestSaidClose), (Asked::Http10, CloseReason::Http10)]
        {
            let found = persistence(Some(asked), &head, Framing::Empty);
            assert_eq!(found, Persistence::Close(reason));
        }
    }
}
