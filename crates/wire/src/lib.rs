//! HTTP/1.1 messages without I/O: the protocol core of a client.
//!
//! **In scope**: request heads written and response heads read with order, letter case and duplicates kept; framing and
//! persistence by RFC 9112; the chunked coding both ways with extensions and trailers; informational responses;
//! `Expect: 100-continue`; one exchange as a state machine; limits on everything a peer can make us hold.
//!
//! **Out of scope**: sockets, TLS, time, redirects, cookies, content codings, and HTTP/2.
//!
//! Start at [`Exchange`]: it says how it is driven.
//!
//! | direction | state | leaves it by |
//! |---|---|---|
//! | sending | content of known length, or chunks | `finish` → finished |
//! | receiving | head | a 1xx head → head · 101 or 2xx to CONNECT → handed over · any other head → content |
//! | receiving | content | its end by the framing → complete |
//! | receiving | any | an error → failed, for good |
//!
//! Errors say whose fault it was: [`ParseError`] is the peer's, [`RequestError`] the caller's.

mod chunked;
mod content;
mod convert;
mod error;
mod exchange;
mod framing;
mod head;
mod headers;
mod limits;
mod persistence;
mod section;

pub use chunked::Frame;
pub use error::{ParseError, RequestError};
pub use exchange::{Event, Exchange, MessageBuf, Received};
pub use framing::{BodyLength, Framing, RequestFacts, response_framing};
pub use head::{RequestHead, ResponseHead};
pub use headers::{Headers, is_secret_field};
pub use http::{Method, StatusCode, Version};
pub use limits::{Limit, Limits};
pub use persistence::{CloseReason, Persistence};
