//! An HTTP/1.1 client in layers that you can use separately.
//!
//! Two ways in, one core:
//!
//! * [`Client`] sends requests anywhere and keeps connections: `client.get(url).send()?.text()?`.
//! * [`Connection`] is one connection in your hands: send now, receive later, choose every field line.
//!
//! Both are blocking. Threads are started for two things only: look-ups of names, on up to four threads that end after 10 s
//! without work ([`conn::SystemResolver`]; a [resolver of your own](ClientConfig::resolver) needs none), and a [`Batch`] while it
//! runs. Timeouts are on by default and tell the phase in which they passed ([`Error::phase`]); any status is data, not an
//! error; a truncated body is always an error.
//!
//! ```no_run
//! use http_client::{Client, Connection, Error};
//!
//! // Any origin, kept connections, redirects.
//! let client = Client::new();
//! let response = client.get("https://example.com/").query([("page", "2")]).send()?;
//! println!("{} {}", response.status().as_u16(), response.reason());
//! println!("{}", response.error_for_status()?.text()?);
//!
//! // One connection, step by step.
//! let mut conn = Connection::https("example.com")?;
//! conn.request("GET", "/")?;
//! println!("{}", conn.response()?.text()?);
//! # Ok::<(), Error>(())
//! ```
//!
//! | layer | crate | what it is for |
//! |---|---|---|
//! | this facade | `http-client` | [`Client`], [`Connection`] |
//! | messages | [`wire`] | an HTTP/1.1 core without I/O |
//! | streams | [`conn`] | TCP, TLS, deadlines, a pool |
//! | cookies | `cookies` | a jar, with files |
//! | policies | [`resilience`] | retries, budgets, circuit breakers, rate limits, for any call |
//!
//! # Features
//!
//! * `gzip` (default): content in gzip and deflate is asked for and decoded; `brotli` and `zstd` do so for br and zstd.
//! * `charset` (default): [`Response::text`] reads other charsets than UTF-8.
//! * `cookies` (default): a jar on [`ClientConfig`].
//! * `json` (default): values of serde as content, `RequestBuilder::json` and `Response::json`.
//! * `tls` (default): HTTPS by rustls; it turns on `tls-aws-lc`, the provider aws-lc-rs. `tls-ring` is the provider ring: where
//!   both are on aws-lc-rs serves, so turn the defaults off. `tls-no-provider` takes the one that you hand in.
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
