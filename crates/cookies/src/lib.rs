//! A cookie jar that any HTTP client can use: it takes `Set-Cookie` lines and gives back the `Cookie` field.
//!
//! The rules are those of RFC 6265bis. The crate opens no socket and reads no clock: the time is an argument, so that
//! expiry can be tested and replayed.
//!
//! ```
//! use std::time::SystemTime;
//! use cookies::Jar;
//! use url::Url;
//!
//! let jar = Jar::new();
//! let url = Url::parse("https://example.com/login")?;
//! let now = SystemTime::now();
//! let stored = jar.store(&url, [&b"id=7; Path=/; Secure; HttpOnly"[..]], now);
//! assert!(stored.refused.is_empty());
//! assert_eq!(jar.cookie_header(&url, now).as_deref(), Some("id=7"));
//! # Ok::<(), url::ParseError>(())
//! ```
//!
//! # In scope
//!
//! * [`Jar`]: domain, path, `Secure` and expiry; the prefixes `__Secure-` and `__Host-`; the order in which cookies
//!   are sent; sizes. Every line that is refused comes back with its reason, a [`Refusal`].
//! * Secrets: neither `Debug` nor an error ever shows the value of a cookie.
//!
//! # Choices
//!
//! * `Secure` cookies also travel to and from loopback over plain HTTP, as in browsers.
//! * A cookie without a name is kept and sent as its bare value, as RFC 6265bis has it.
//! * Values are kept as they came; nothing is decoded. A line that is not UTF-8 is refused.
//!
//! # Not yet
//!
//! * The public suffix list: a `Domain` of one label is refused, one such as `co.uk` is not.
//! * Persistence in files.
//! * Limits on the number of cookies, with eviction.
//!
//! # Out of scope
//!
//! `SameSite` and partitions: they need a browser's notion of a site that the user looks at.

mod date;
mod error;
mod jar;
mod line;

pub use error::{Refusal, Refused};
pub use jar::{CookieName, Jar, Stored};
