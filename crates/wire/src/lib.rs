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
//! # A complete client
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//! use wire::{BodyLength, Event, Exchange, Headers, Limits, MessageBuf, Method, RequestHead};
//!
//! fn get(host: &str, target: &str) -> Result<(u16, Vec<u8>), Box<dyn std::error::Error>> {
//!     let mut stream = TcpStream::connect(host)?;
//!     let (headers, mut out) = (Headers::new(), Vec::new());
//!     let head = RequestHead::new(&Method::GET, target, &headers).with_host(host);
//!     let mut exchange = Exchange::begin(&head, BodyLength::Empty, Limits::default(), &mut out)?;
//!     exchange.finish(None, &mut out)?;
//!     stream.write_all(&out)?;
//!
//!     let (mut input, mut content, mut message) = (Vec::new(), Vec::new(), MessageBuf::default());
//!     loop {
//!         let mut received = exchange.receive(&input, &mut message)?;
//!         input.drain(..received.used);
//!         if received.event == Event::NeedInput {
//!             let mut buf = [0; 4096];
//!             match stream.read(&mut buf)? {
//!                 0 => received = exchange.receive_eof(&mut message)?,
//!                 n => input.extend_from_slice(&buf[..n]),
//!             }
//!         }
//!         match received.event {
//!             Event::Content { len } => {
//!                 content.extend(input.drain(..len));
//!                 exchange.content_consumed(len);
//!             }
//!             Event::Complete => return Ok((message.head.status.as_u16(), content)),
//!             _ => {}
//!         }
//!     }
//! }
//! # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
//! # let host = listener.local_addr()?.to_string();
//! # let server = std::thread::spawn(move || {
//! #     let (mut stream, _) = listener.accept().unwrap();
//! #     stream.read(&mut [0; 1024]).unwrap();
//! #     stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n").unwrap();
//! # });
//! assert_eq!(get(&host, "/")?, (200, b"hello".to_vec()));
//! # server.join().unwrap();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Several requests at once on one connection: [`Pipeline`]. Servers that get it wrong: [`Leniency`]. What the RFCs ask of
//! a client, and which test holds it, stands in `crates/wire/docs/checklist.md`.
//!
//! Errors say whose fault it was: [`ParseError`] is the peer's, [`RequestError`] the caller's.

mod chunked;
mod content;
mod convert;
mod error;
mod event;
mod exchange;
mod framing;
mod head;
mod headers;
mod leniency;
mod limits;
mod persistence;
mod pipeline;
mod section;

pub use chunked::Frame;
pub use error::{ParseError, RequestError};
pub use event::{Event, MessageBuf, Received};
pub use exchange::Exchange;
pub use framing::{BodyLength, Framing, RequestFacts, response_framing};
pub use head::{RequestHead, ResponseHead};
pub use headers::{FieldLines, Headers, is_secret_field, shown_value};
pub use http::{Method, StatusCode, Version};
pub use leniency::Leniency;
pub use limits::{Limit, Limits};
pub use persistence::{CloseReason, Persistence};
pub use pipeline::{Fate, Pipeline, PipelineError};
