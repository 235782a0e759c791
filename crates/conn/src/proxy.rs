//! A proxy: what it speaks, where it stands, and who we are to it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::OriginError;
use crate::origin::{Host, Origin, Scheme};

/// What a proxy speaks: a dialect of SOCKS, which differ in who looks up names and in how the client names itself, or
/// HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProxyKind {
    /// SOCKS4: names are looked up here, and only IPv4 addresses can be reached.
    Socks4,
    /// SOCKS4a: SOCKS4 with names that the proxy looks up.
    Socks4a,
    /// SOCKS5 (RFC 1928): names are looked up here.
    Socks5,
    /// SOCKS5 (RFC 1928): the proxy looks names up.
    Socks5h,
    /// HTTP: the proxy is asked for a tunnel by CONNECT (RFC 9110 §9.3.6), and looks names up. This crate speaks no HTTP:
    /// a layer above does, as `http_client::Tunnel`.
    Http,
}

impl ProxyKind {
    /// Returns `socks4`, `socks4a`, `socks5`, `socks5h` or `http`, as a URL has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Socks4 => "socks4",
            Self::Socks4a => "socks4a",
            Self::Socks5 => "socks5",
            Self::Socks5h => "socks5h",
            Self::Http => "http",
        }
    }

    /// Says whether the proxy looks up names, so that no name of a target is looked up here.
    #[must_use]
    pub fn resolves_names(self) -> bool {
        matches!(self, Self::Socks4a | Self::Socks5h | Self::Http)
    }

    /// Says whether the protocol is SOCKS4, which has a user id and no password.
    #[must_use]
    pub fn is_version_4(self) -> bool {
        matches!(self, Self::Socks4 | Self::Socks4a)
    }
}

impl fmt::Display for ProxyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A proxy on the way to an origin: kind, host, port and credentials. Equal proxies are equal values; cloning copies
/// a pointer.
///
/// Neither `Debug` nor `Display` shows the credentials.
///
/// ```
/// use conn::{Proxy, ProxyKind};
///
/// let proxy = Proxy::new(ProxyKind::Socks5h, "proxy.example", 1080)?.with_credentials("ann", "secret")?;
/// assert_eq!(proxy.to_string(), "socks5h://proxy.example:1080");
///
/// let other: Proxy = "socks4a://[::1]".parse()?;
/// assert_eq!((other.kind(), other.host_str(), other.port()), (ProxyKind::Socks4a, "::1", 1080));
/// # Ok::<(), conn::ProxyError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Proxy(Arc<Inner>);

#[derive(Clone, PartialEq, Eq, Hash)]
struct Inner {
    kind: ProxyKind,
    /// Host and port, normalised as those of an origin; the scheme means nothing.
    place: Origin,
    credentials: Option<Credentials>,
}

/// The user, and the password that SOCKS4 does not have.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Credentials {
    user: Box<[u8]>,
    password: Box<[u8]>,
}

impl Proxy {
    /// The port of a SOCKS proxy that names none; one of HTTP has port 80 then.
    pub const DEFAULT_PORT: u16 = 1080;

    /// The most bytes that a user name or a password has (RFC 1929).
    pub const MAX_CREDENTIAL: usize = 255;

    /// Describes a proxy at `host`, a name or an IP address, brackets optional.
    ///
    /// # Errors
    /// The host is malformed, or the port is 0.
    pub fn new(kind: ProxyKind, host: &str, port: u16) -> Result<Self, ProxyError> {
        let place = Origin::new(Scheme::Http, host, Some(port))?;
        Ok(Self(Arc::new(Inner { kind, place, credentials: None })))
    }

    /// Sets who we are to the proxy.
    ///
    /// SOCKS5 sends user and password in the clear (RFC 1929), each of 1 to 255 bytes. SOCKS4 sends the user as its user
    /// id, 1 to 255 bytes without NUL, and has no password: give an empty one. HTTP sends both in the clear (RFC 7617); the
    /// user has no colon, and neither has control characters.
    ///
    /// # Errors
    /// The dialect cannot send them.
    pub fn with_credentials(
        self,
        user: impl AsRef<[u8]>,
        password: impl AsRef<[u8]>,
    ) -> Result<Self, ProxyError> {
        let (user, password) = (user.as_ref(), password.as_ref());
        let fits = |text: &[u8]| (1..=Self::MAX_CREDENTIAL).contains(&text.len());
        if !fits(user) {
            return Err(ProxyError::UserLength);
        }
        if self.0.kind == ProxyKind::Http {
            if user.contains(&b':') || user.iter().chain(password).any(u8::is_ascii_control) {
                return Err(ProxyError::HttpCredentials);
            }
        } else if self.0.kind.is_version_4() {
            if user.contains(&0) {
                return Err(ProxyError::NulInUser);
            }
            if !password.is_empty() {
                return Err(ProxyError::PasswordInSocks4);
            }
        } else if !fits(password) {
            return Err(ProxyError::PasswordLength);
        }
        let mut inner = Arc::unwrap_or_clone(self.0);
        inner.credentials = Some(Credentials { user: user.into(), password: password.into() });
        Ok(Self(Arc::new(inner)))
    }

    /// Returns the dialect.
    #[must_use]
    pub fn kind(&self) -> ProxyKind {
        self.0.kind
    }

    /// Returns the host.
    #[must_use]
    pub fn host(&self) -> Host<'_> {
        self.0.place.host()
    }

    /// Returns the host as text, an IPv6 address without its brackets.
    #[must_use]
    pub fn host_str(&self) -> &str {
        self.0.place.host_str()
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.place.port()
    }

    /// Says whether user and password are set.
    #[must_use]
    pub fn has_credentials(&self) -> bool {
        self.0.credentials.is_some()
    }

    /// Returns the user and the password, for who speaks to the proxy.
    #[must_use]
    pub fn credentials(&self) -> Option<(&[u8], &[u8])> {
        self.0.credentials.as_ref().map(|Credentials { user, password }| (&**user, &**password))
    }
}

/// Reads `KIND://HOST` or `KIND://HOST:PORT`. Without a port it is 1080, for HTTP 80.
impl FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let (kind, authority) = text.split_once("://").ok_or(ProxyError::Kind)?;
        let kinds =
            [ProxyKind::Socks4, ProxyKind::Socks4a, ProxyKind::Socks5, ProxyKind::Socks5h, ProxyKind::Http];
        let kind = kinds.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(kind));
        let kind = kind.ok_or(ProxyError::Kind)?;
        if authority.contains('@') {
            return Err(ProxyError::UserInfo);
        }
        // URLs of proxies often end in a slash.
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let has_port = authority.rsplit(']').next().is_some_and(|rest| rest.contains(':'));
        let place = if has_port {
            Origin::http(authority)?
        } else {
            let port = if kind == ProxyKind::Http { 80 } else { Self::DEFAULT_PORT };
            Origin::http(&format!("{authority}:{port}"))?
        };
        Ok(Self(Arc::new(Inner { kind, place, credentials: None })))
    }
}

/// `KIND://HOST:PORT`, without credentials.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host() {
            Host::V6(address) => write!(f, "{}://[{address}]:{}", self.kind(), self.port()),
            host => write!(f, "{}://{host}:{}", self.kind(), self.port()),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self}{})", if self.has_credentials() { ", with credentials" } else { "" })
    }
}

/// Why a proxy cannot be described so. No message repeats the text: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// The text does not begin with a dialect that is known.
    #[error("a proxy is written http://, socks4://, socks4a://, socks5:// or socks5h:// and a host")]
    Kind,
    /// Host or port are malformed.
    #[error(transparent)]
    Place(#[from] OriginError),
    /// User and password stand in front of the host.
    #[error("user and password of a proxy are set apart from its host")]
    UserInfo,
    /// The user name is empty or too long.
    #[error("a proxy's user name has 1 to 255 bytes")]
    UserLength,
    /// The password is empty or too long.
    #[error("a SOCKS5 password has 1 to 255 bytes")]
    PasswordLength,
    /// The user or the password cannot be sent to an HTTP proxy.
    #[error(
        "the user name for an HTTP proxy has no colon, and neither it nor the password has control characters"
    )]
    HttpCredentials,
    /// A SOCKS4 user id ends at its first NUL.
    #[error("a SOCKS4 user id cannot hold NUL")]
    NulInUser,
    /// SOCKS4 cannot send a password.
    #[error("SOCKS4 has no password")]
    PasswordInSocks4,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &Result<&str, ProxyError>) {
        let shown = text.parse::<Proxy>().map(|proxy| proxy.to_string());
        assert_eq!(shown.as_deref().map_err(Clone::clone), *expected, "{text:?}");
    }

    #[test]
    fn a_proxy_is_read_from_its_address() {
        check("socks5://127.0.0.1:9050", &Ok("socks5://127.0.0.1:9050"));
        check("SOCKS5H://Proxy.Example", &Ok("socks5h://proxy.example:1080"));
        check("socks4://proxy.example:80/", &Ok("socks4://proxy.example:80"));
        check("socks4a://[::1]", &Ok("socks4a://[::1]:1080"));
        check("socks4a://[::1]:80", &Ok("socks4a://[::1]:80"));
        check("http://proxy.example", &Ok("http://proxy.example:80"));
        check("HTTP://[::1]:3128/", &Ok("http://[::1]:3128"));
        check("https://proxy.example", &Err(ProxyError::Kind));
        check("proxy.example:1080", &Err(ProxyError::Kind));
        check("socks5://", &Err(ProxyError::Place(OriginError::Empty)));
        check("socks5://ann:secret@proxy.example", &Err(ProxyError::UserInfo));
        check("socks5://proxy.example:0", &Err(ProxyError::Place(OriginError::Port)));
        check("socks5://proxy.example/x", &Err(ProxyError::Place(OriginError::Character('/'))));
        check("socks5://[::1", &Err(ProxyError::Place(OriginError::NotIpv6)));
    }

    #[test]
    fn credentials_are_what_the_dialect_can_send() {
        let (longest, too_long) = ("u".repeat(255), "u".repeat(256));
        let rows = [
            (ProxyKind::Socks5, "ann", "secret", None),
            (ProxyKind::Socks5h, &longest, &longest, None),
            (ProxyKind::Socks5, "a\0n", "\0", None),
            (ProxyKind::Socks4, "ann", "", None),
            (ProxyKind::Socks4a, &longest, "", None),
            (ProxyKind::Socks5, "", "secret", Some(ProxyError::UserLength)),
            (ProxyKind::Socks5, &too_long, "secret", Some(ProxyError::UserLength)),
            (ProxyKind::Socks5h, "ann", "", Some(ProxyError::PasswordLength)),
            (ProxyKind::Socks5h, "ann", &too_long, Some(ProxyError::PasswordLength)),
            (ProxyKind::Socks4, "", "", Some(ProxyError::UserLength)),
            (ProxyKind::Socks4, &too_long, "", Some(ProxyError::UserLength)),
            (ProxyKind::Socks4, "a\0n", "", Some(ProxyError::NulInUser)),
            (ProxyKind::Socks4a, "ann", "secret", Some(ProxyError::PasswordInSocks4)),
        ];
        for (kind, user, password, error) in rows {
            let made = Proxy::new(kind, "proxy.example", 1).unwrap().with_credentials(user, password);
            assert_eq!(made.err(), error, "{kind} {user:?} {password:?}");
        }
    }

    #[test]
    fn everything_of_a_proxy_counts_when_proxies_are_compared() {
        let new = |kind, host, port| Proxy::new(kind, host, port).unwrap();
        let known = |user, password| {
            new(ProxyKind::Socks5, "proxy.example", 1).with_credentials(user, password).unwrap()
        };
        let one = new(ProxyKind::Socks5, "proxy.example", 1);
        assert_eq!(one, new(ProxyKind::Socks5, "PROXY.example", 1));
        assert_eq!(known("ann", "secret"), known("ann", "secret"));
        for other in [
            new(ProxyKind::Socks5h, "proxy.example", 1),
            new(ProxyKind::Socks5, "other.example", 1),
            new(ProxyKind::Socks5, "proxy.example", 2),
            known("ann", "secret"),
        ] {
            assert_ne!(one, other);
        }
        assert_ne!(known("ann", "secret"), known("ann", "other"));
        assert_ne!(known("ann", "secret"), known("bob", "secret"));
    }

    #[test]
    fn no_secret_is_shown() {
        let proxy: Proxy = "socks5://proxy.example".parse().unwrap();
        let proxy = proxy.with_credentials("annabel", "sesame").unwrap();
        let shown = format!("{proxy} {proxy:?}");
        assert!(shown.contains("with credentials"), "{shown}");
        assert!(!shown.contains("annabel") && !shown.contains("sesame"), "{shown}");
        let refused = proxy.with_credentials("annabel", "sesame".repeat(99)).unwrap_err();
        assert!(!format!("{refused} {refused:?}").contains("sesame"));
    }
}
