//! An HTTP/1.1 client in layers that you can use separately.
//!
//! Two ways in, one core:
//!
//! * [`Client`] sends requests anywhere and keeps connections: `client.get(url).send()?.text()?`.
//! * [`Connection`] is one connection in your hands: send now, receive later, choose every field line.
//!
//! Both are blocking; threads there are only in a [`Batch`] while it runs, and up to four that look names up, which the system
//! does in no other way. Time-outs are on by default and tell the phase
//! in which they passed ([`Error::phase`]); any status is data, not an error; a truncated body is always an error.
//!
//! | layer | crate | what it is for |
//! |---|---|---|
//! | this facade | `http-client` | [`Client`], [`Connection`] |
//! | messages | [`wire`] | an HTTP/1.1 core without I/O |
//! | streams | [`conn`] | TCP, TLS, deadlines, a pool |
//! | cookies | `cookies` | a jar |
//! | patience | [`resilience`] | retries, budgets, circuit breakers, for any call |
//!
//! ```no_run
//! use http_client::{Client, ErrorKind};
//!
//! let client = Client::new();
//! match client.get("https://example.com/log").query([("page", "2")]).send() {
//!     // Any status is a response, until it is asked to be none.
//!     Ok(response) => println!("{}", response.error_for_status()?.text()?),
//!     Err(error) if error.kind() == ErrorKind::Timeout => println!("too slow while in {:?}", error.phase()),
//!     Err(error) => println!("{error}"),
//! }
//! # Ok::<(), http_client::Error>(())
//! ```
//!
//! # Features
//!
//! * `gzip` (default): content in gzip and deflate is asked for and decoded; `brotli` and `zstd` do so for br and zstd.
//! * `charset` (default): [`Response::text`] reads other charsets than UTF-8.
//! * `cookies` (default): a jar on [`ClientConfig`].
//! * `json` (default): values of serde as content, `RequestBuilder::json` and `Response::json`.
//! * `tls` (default), which is `tls-aws-lc`: HTTPS by rustls with aws-lc-rs. `tls-ring` is HTTPS with ring, in a build without the
//!   default features: with both, aws-lc-rs serves. `tls-no-provider` takes the provider that you hand in.
//! * `multipart`: forms with files, `Multipart`.
//! * `tls-platform-verifier`: certificates are verified as the operating system does, where `conn::Roots::platform` is set.

pub mod call;

mod batch;
mod body;
mod builder;
mod client;
mod config;
mod connection;
mod convert;
mod driver;
mod error;
mod hosts;
mod info;
mod lease;
mod link;
#[cfg(feature = "multipart")]
mod multipart;
mod oneshot;
mod policy;
mod request;
mod response;
mod text;
mod tunnel;
mod wiretap;

pub use batch::{Batch, IntoRequest};
pub use body::Body;
pub use builder::RequestBuilder;
pub use call::Passed;
pub use client::Client;
pub use config::{ClientConfig, HostPolicies, Limits, Pipelining, RedirectPolicy, Routes};
pub use connection::{Connection, NotAnswered, Unanswered};
#[cfg(feature = "json")]
pub use error::JsonError;
pub use error::{
    AttemptInfo, DecodeError, Error, ErrorKind, Misuse, Progress, RedirectError, RefusedRedirect,
    StatusError, TunnelError, Why,
};
pub use hosts::HostState;
pub use info::{ConnectionInfo, Timings};
#[cfg(feature = "multipart")]
pub use multipart::{Multipart, Part};
pub use oneshot::{delete, get, head, options, patch, post, put, request};
pub use policy::redirect::{Hop, NotFollowed, Redirect};
pub use request::{IntoUrl, OnInformational, Request};
pub use response::{Lines, Response, Upgraded};
pub use tunnel::Tunnel;
pub use wiretap::Wiretap;

#[cfg(feature = "cookies")]
pub use cookies;
pub use {conn, http, resilience, url, wire};

pub use conn::{CancelToken, Limit, Origin, Phase, Proxy, Route, Timeouts};
#[cfg(feature = "cookies")]
pub use cookies::Jar;
pub use resilience::{BreakerConfig, RetryPolicy};
pub use url::Url;
pub use wire::{Headers, Method, StatusCode, Version};

/// Keeps the examples of the README compiling.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
