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
//! assert_eq!(stored.refused().count(), 0);
//! assert_eq!(jar.cookie_header(&url, now).as_deref(), Some("id=7"));
//! # Ok::<(), url::ParseError>(())
//! ```
//!
//! # In scope
//!
//! * [`Jar`]: domain, path, `Secure` and expiry; the prefixes `__Secure-` and `__Host-`; the order in which cookies
//!   are sent; sizes; limits with eviction. What became of each line comes back, a refusal with its [`Refusal`].
//! * Public suffixes: no cookie for all of `co.uk` or `github.io`. [`MozillaSuffixes`] is built in, and any other
//!   [`PublicSuffixes`] can take its place.
//! * `SameSite`, for a caller that knows for which site it asks: [`SiteContext`].
//! * Files: [`Jar::load`] and [`Jar::save`], as `cookies.txt` for curl, wget and Python, or as JSON that loses nothing;
//!   atomic, for the owner alone, and joined with what other processes have saved. [`Jar::import`] and
//!   [`Jar::export`] do the same without a file.
//! * [`CookieStore`]: to and from the crate `cookie_store`, whose cookies are the ones inside.
//! * Secrets: neither `Debug` nor an error ever shows the value of a cookie, and nothing is logged.
//!
//! # Choices
//!
//! * A line that is not UTF-8 is refused. Values are kept as they came; nothing is decoded.
//! * Loopback is no more secure than any other host unless [`JarConfig::secure_loopback`] says so.
//! * A cookie without a name is kept and sent as its bare value, as RFC 6265bis has it.
//! * No cookie that a server sets lives for more than 400 days; one from a file may.
//! * `example.com.` and `example.com` are two hosts, as in browsers.
//! * A cookie with `Partitioned` is kept with the others: there is one partition, the jar. [`Jar::scope`] makes another.
//! * A look-up takes a lock that readers share; what has expired stays in memory until something is stored for its domain
//!   or [`Jar::expire`] is called.
//!
//! # Out of scope
//!
//! Which site a request is made for, and what a script may see: a browser knows.

mod config;
mod convert;
mod date;
mod entry;
mod error;
mod file;
mod jar;
mod json;
mod line;
mod merge;
mod netscape;
mod record;
mod site;
mod store;
mod suffix;
mod text;

pub use config::{JarConfig, JarLimits};
pub use cookie::SameSite;
pub use cookie_store::{CookieStore, RawCookie};
pub use date::parse_date;
pub use entry::{CookieName, Entry};
pub use error::{Damage, Damaged, FileError, FormatError, Refusal, Refused};
pub use file::{Loaded, Saved};
pub use jar::{Jar, Outcome, Stored, StoredLine};
pub use site::SiteContext;
pub use suffix::{MozillaSuffixes, PublicSuffixes};
pub use text::{Exported, Format, Imported};
