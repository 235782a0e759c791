//! Why a cookie was not taken, and why a file was not read or written.

use std::io;
use std::path::PathBuf;

/// Names a `Set-Cookie` line that was refused, and the reason; the value of the cookie stays out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// Which line it is, counted from zero.
    pub line: usize,
    /// The name of the cookie, when the line has a readable one.
    pub name: Option<String>,
    /// What is wrong with it.
    pub reason: Refusal,
}

/// Says why a cookie is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The line is not UTF-8.
    #[error("the line is not UTF-8")]
    NotUtf8,
    /// The line holds a control character other than a tab.
    #[error("the line holds a control character")]
    ControlCharacter,
    /// A name or value that was handed in holds a `;`, or a name a `=`: it would be sent as something else.
    #[error("the name or the value holds a character that separates cookies")]
    Separator,
    /// Name and value are both empty.
    #[error("name and value are both empty")]
    Empty,
    /// Name and value together are too long.
    #[error("name and value are longer than {limit} bytes")]
    TooLong {
        /// The most that is taken, in bytes.
        limit: usize,
    },
    /// The URL has no host, or is not one of HTTP.
    #[error("the URL is not one of HTTP")]
    NotHttp,
    /// The `Domain` attribute is no domain name.
    #[error("the Domain attribute is no domain name")]
    InvalidDomain,
    /// The `Domain` attribute is a public suffix, such as `com` or `co.uk`, and not the host itself.
    #[error("the Domain attribute is a public suffix")]
    PublicSuffix,
    /// The host does not lie in the domain of the `Domain` attribute.
    #[error("the host does not lie in the domain of the Domain attribute")]
    ForeignDomain,
    /// The cookie is `Secure`, but came over a connection that is not.
    #[error("a Secure cookie came over a connection that is not secure")]
    SecureFromInsecure,
    /// A `Secure` cookie of that name exists, and this one came over a connection that is not secure.
    #[error("it would hide a Secure cookie")]
    HidesSecure,
    /// The name begins with `__Secure-` or `__Host-`, and the attributes break what that promises.
    #[error("the attributes break what the prefix of the name promises")]
    BrokenPrefix,
    /// `SameSite` keeps the cookie from the site that the request was made for.
    #[error("it came across sites, and its SameSite attribute forbids that")]
    CrossSite,
    /// The domain has as many cookies as it may, all of them `Secure`, and this one is not.
    #[error("the domain is full of Secure cookies")]
    NoRoom,
}

/// Names a line of a file that no cookie could be read from; what stands in it stays out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damaged {
    /// Which line it is, counted from one.
    pub line: usize,
    /// What is wrong with it.
    pub reason: Damage,
}

/// Says what is wrong with a line of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// The line is not UTF-8.
    #[error("the line is not UTF-8")]
    NotUtf8,
    /// A line of `cookies.txt` has not its seven fields.
    #[error("a line has seven fields between tabs, this one has {found}")]
    Fields {
        /// How many it has.
        found: usize,
    },
    /// A field that says `TRUE` or `FALSE` says something else.
    #[error("neither TRUE nor FALSE")]
    Flag,
    /// The expiry is no time.
    #[error("the expiry is no time")]
    Expiry,
    /// The domain is no host.
    #[error("the domain is no host")]
    Host,
    /// The path does not begin with a slash.
    #[error("the path does not begin with a slash")]
    Path,
    /// The line is no JSON, or not that of a cookie.
    #[error("no cookie in JSON")]
    Json,
    /// The cookie is one that no server could have set.
    #[error("no server could have set it: {0}")]
    Refused(Refusal),
}

/// Says why a file of cookies could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The system refused.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was tried: `read`, `lock`, `write`, `replace`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has held the lock for the whole time that was waited.
    #[error("another process holds {}", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// The file holds neither JSON of ours nor a `cookies.txt`; it is left alone.
    #[error("{} holds no cookies", path.display())]
    NotCookies {
        /// The file.
        path: PathBuf,
    },
    /// The JSON is of a version that this crate does not know; it is left alone.
    #[error("{} has version {found}, at most {known} is known", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The version that it names.
        found: u64,
        /// The highest one that is known.
        known: u64,
    },
}

impl FileError {
    /// Says whether there is no such file: the first run of a program.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// Says why bytes hold no cookies at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// They are neither JSON of ours nor a `cookies.txt`.
    #[error("neither JSON of this crate nor a cookies.txt")]
    NotCookies,
    /// They are JSON of a version that this crate does not know.
    #[error("version {found}, at most {known} is known")]
    Version {
        /// The version that they name.
        found: u64,
        /// The highest one that is known.
        known: u64,
    },
}
