//! Who is spoken to: scheme, host and port, normalised once.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::error::OriginError;

/// The longest name of an interface that is taken; systems have far shorter ones.
const ZONE_LIMIT: usize = 64;

/// The two schemes that are spoken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `http`: in the clear.
    Http,
    /// `https`: inside TLS.
    Https,
}

impl Scheme {
    /// Returns the port that an authority need not name: 80 or 443.
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// Returns `http` or `https`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A host as a resolver or a certificate sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Host<'a> {
    /// A name in lower case.
    Name(&'a str),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address.
    V6(Ipv6Addr),
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => address.fmt(f),
        }
    }
}

/// Scheme, host and port, normalised: equal origins are equal values. Cloning copies a pointer.
///
/// ```
/// use conn::{Origin, Scheme};
///
/// let origin = Origin::https("Example.COM:443")?;
/// assert_eq!(origin, Origin::new(Scheme::Https, "example.com", None)?);
/// assert_eq!((origin.authority(), origin.port()), ("example.com", 443));
/// assert_eq!(Origin::http("[::1]:8080")?.to_string(), "http://[::1]:8080");
/// # Ok::<_, conn::OriginError>(())
/// ```
#[derive(Clone)]
pub struct Origin {
    scheme: Scheme,
    port: u16,
    address: Option<IpAddr>,
    authority: Arc<str>,
    zone: Option<Arc<str>>,
}

impl Origin {
    /// Makes the origin of a host (a name or an IP address, brackets optional) and a port; `None` is the scheme's own.
    ///
    /// An IPv6 address may have a zone, the interface on which it is valid: `fe80::1%eth0`, or `%25` as in a URL
    /// (RFC 6874).
    ///
    /// # Errors
    /// The host or the port is malformed.
    pub fn new(scheme: Scheme, host: &str, port: Option<u16>) -> Result<Self, OriginError> {
        let port = match port {
            Some(0) => return Err(OriginError::Port),
            Some(port) => port,
            None => scheme.default_port(),
        };
        let (host, zone) = split_zone(host)?;
        let address = parse_address(&host)?;
        if zone.is_some() && !matches!(address, Some(IpAddr::V6(_))) {
            return Err(OriginError::Zone);
        }
        // Origins are made for every request: one buffer with room for brackets and a port.
        let mut authority = String::with_capacity(host.len() + "[]:65535".len());
        // Writing to a String cannot fail.
        let _ = match address {
            Some(IpAddr::V6(address)) => write!(authority, "[{address}]"),
            Some(IpAddr::V4(address)) => write!(authority, "{address}"),
            None => {
                check_name(&host)?;
                authority.push_str(&host);
                authority.make_ascii_lowercase();
                Ok(())
            }
        };
        if port != scheme.default_port() {
            let _ = write!(authority, ":{port}");
        }
        Ok(Self { scheme, port, address, authority: authority.into(), zone })
    }

    /// Reads `host`, `host:port` or `[v6]:port` as an `http` origin.
    ///
    /// # Errors
    /// The text is no authority.
    pub fn http(authority: &str) -> Result<Self, OriginError> {
        Self::from_authority(Scheme::Http, authority)
    }

    /// Reads `host`, `host:port` or `[v6]:port` as an `https` origin.
    ///
    /// # Errors
    /// The text is no authority.
    pub fn https(authority: &str) -> Result<Self, OriginError> {
        Self::from_authority(Scheme::Https, authority)
    }

    fn from_authority(scheme: Scheme, authority: &str) -> Result<Self, OriginError> {
        if authority.contains('@') {
            return Err(OriginError::UserInfo);
        }
        let (host, port) = if authority.starts_with('[') {
            let end = authority.find(']').ok_or(OriginError::NotIpv6)? + 1;
            let (host, rest) = authority.split_at(end);
            match rest.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if rest.is_empty() => (host, None),
                None => return Err(OriginError::Port),
            }
        } else {
            match authority.split_once(':') {
                // An address without brackets: where its port would begin is a guess.
                Some((_, rest)) if rest.contains(':') => return Err(OriginError::NotIpv6),
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            }
        };
        Self::new(scheme, host, port.map(parse_port).transpose()?)
    }

    /// Returns the scheme.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Returns the host.
    #[must_use]
    pub fn host(&self) -> Host<'_> {
        match self.address {
            Some(IpAddr::V4(address)) => Host::V4(address),
            Some(IpAddr::V6(address)) => Host::V6(address),
            None => Host::Name(self.host_str()),
        }
    }

    /// Returns the host as text, an IPv6 address without its brackets.
    #[must_use]
    pub fn host_str(&self) -> &str {
        if let Some(rest) = self.authority.strip_prefix('[') {
            return rest.split_once(']').map_or(rest, |(host, _)| host);
        }
        self.authority.split_once(':').map_or(&self.authority, |(host, _)| host)
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the zone of an IPv6 address: the name or number of the interface on which it is valid. It means
    /// something on this machine only and is no part of the [authority](Self::authority) (RFC 6874 section 1).
    #[must_use]
    pub fn zone(&self) -> Option<&str> {
        self.zone.as_deref()
    }

    /// Returns `host` or `host:port` as a `Host` field has it: the scheme's own port is left out.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

fn parse_port(text: &str) -> Result<u16, OriginError> {
    // `parse` alone would take a sign.
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(OriginError::Port);
    }
    text.parse().ok().filter(|port| *port != 0).ok_or(OriginError::Port)
}

/// Takes the zone out of a host.
fn split_zone(host: &str) -> Result<(Cow<'_, str>, Option<Arc<str>>), OriginError> {
    let Some((address, zone)) = host.split_once('%').filter(|(address, _)| address.contains(':')) else {
        return Ok((host.into(), None));
    };
    let (zone, close) = zone.strip_suffix(']').map_or((zone, ""), |zone| (zone, "]"));
    let zone = zone.strip_prefix("25").filter(|rest| !rest.is_empty()).unwrap_or(zone);
    let is_named = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    if zone.is_empty() || zone.len() > ZONE_LIMIT || !zone.bytes().all(is_named) {
        return Err(OriginError::Zone);
    }
    Ok((format!("{address}{close}").into(), Some(zone.into())))
}

fn parse_address(host: &str) -> Result<Option<IpAddr>, OriginError> {
    if let Some(inner) = host.strip_prefix('[') {
        let inner = inner.strip_suffix(']').ok_or(OriginError::NotIpv6)?;
        let address: Ipv6Addr = inner.parse().map_err(|_| OriginError::NotIpv6)?;
        return Ok(Some(address.into()));
    }
    Ok(host.parse().ok())
}

fn check_name(host: &str) -> Result<(), OriginError> {
    if host.is_empty() {
        return Err(OriginError::Empty);
    }
    for c in host.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' => {}
            '@' => return Err(OriginError::UserInfo),
            c if !c.is_ascii() => return Err(OriginError::NotAscii(c)),
            c => return Err(OriginError::Character(c)),
        }
    }
    // A name may end in the root's dot.
    let name = host.strip_suffix('.').unwrap_or(host);
    if name.len() > 253 || name.split('.').any(|label| label.is_empty() || label.len() > 63) {
        return Err(OriginError::Length);
    }
    // getaddrinfo reads `127.1` and `0x7f.1` as addresses, so that one host would have many names.
    let last = name.rsplit('.').next().unwrap_or(name);
    let hex = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    if last.bytes().all(|b| b.is_ascii_digit())
        || hex.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
    {
        return Err(OriginError::NotIpv4);
    }
    Ok(())
}

impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        // The authority tells host and port once the scheme is known.
        self.scheme == other.scheme && self.authority == other.authority && self.zone == other.zone
    }
}

impl Eq for Origin {}

impl Hash for Origin {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.scheme.hash(state);
        self.authority.hash(state);
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.zone, self.authority.split_once(']')) {
            (Some(zone), Some((host, port))) => write!(f, "{}://{host}%{zone}]{port}", self.scheme),
            _ => write!(f, "{}://{}", self.scheme, self.authority),
        }
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(authority: &str, expected: &Result<(&str, &str, u16), OriginError>) {
        let origin = Origin::https(authority);
        let seen = origin.as_ref().map(|o| (o.authority(), o.host_str(), o.port())).map_err(Clone::clone);
        assert_eq!(&seen, expected, "{authority:?}");
    }

    #[test]
    fn an_authority_is_normalised() {
        check("example.com", &Ok(("example.com", "example.com", 443)));
        check("EXAMPLE.com:443", &Ok(("example.com", "example.com", 443)));
        check("example.com:80", &Ok(("example.com:80", "example.com", 80)));
        check("example.com:08080", &Ok(("example.com:8080", "example.com", 8080)));
        check("example.com.", &Ok(("example.com.", "example.com.", 443)));
        check("xn--bcher-kva.example", &Ok(("xn--bcher-kva.example", "xn--bcher-kva.example", 443)));
        check("my_host-1:65535", &Ok(("my_host-1:65535", "my_host-1", 65535)));
        check("127.0.0.1:8443", &Ok(("127.0.0.1:8443", "127.0.0.1", 8443)));
        check("[::1]:8443", &Ok(("[::1]:8443", "::1", 8443)));
        check("[0:0:0:0:0:0:0:1]", &Ok(("[::1]", "::1", 443)));
        check("[2001:DB8::A]:443", &Ok(("[2001:db8::a]", "2001:db8::a", 443)));
    }

    #[test]
    fn what_is_no_authority_is_refused() {
        for (authority, error) in [
            ("", OriginError::Empty),
            (":80", OriginError::Empty),
            ("user@example.com", OriginError::UserInfo),
            ("user:pass@example.com", OriginError::UserInfo),
            ("exam ple.com", OriginError::Character(' ')),
            ("example.com\r\nX", OriginError::Character('\r')),
            ("example.com/path", OriginError::Character('/')),
            ("example.com?q", OriginError::Character('?')),
            ("exam%70le.com", OriginError::Character('%')),
            ("bücher.example", OriginError::NotAscii('ü')),
            ("a..b", OriginError::Length),
            (".", OriginError::Length),
            (".example.com", OriginError::Length),
            ("127.1", OriginError::NotIpv4),
            ("256.0.0.1", OriginError::NotIpv4),
            ("0x7f000001", OriginError::NotIpv4),
            ("example.com:", OriginError::Port),
            ("example.com:0", OriginError::Port),
            ("example.com:65536", OriginError::Port),
            ("example.com:+80", OriginError::Port),
            ("example.com:http", OriginError::Port),
            ("[::1", OriginError::NotIpv6),
            ("[::1]80", OriginError::Port),
            ("[fe80::1%]", OriginError::Zone),
            ("[fe80::1%eth 0]", OriginError::Zone),
            ("[fe80::1%25]%25", OriginError::Port),
            ("[fe80::1%eth0", OriginError::NotIpv6),
            ("[fe80:%eth0]", OriginError::NotIpv6),
            ("127.0.0.1%eth0", OriginError::Character('%')),
            ("[127.0.0.1]", OriginError::NotIpv6),
            ("::1", OriginError::NotIpv6),
        ] {
            check(authority, &Err(error));
        }
    }

    #[test]
    fn a_zone_belongs_to_the_origin_and_not_to_its_authority() {
        let plain = Origin::http("[fe80::1]:8080").unwrap();
        for (host, zone) in [
            ("[fe80::1%eth0]", "eth0"),
            ("fe80::1%25eth0", "eth0"),
            ("[FE80::1%252]", "2"),
            ("fe80::1%25", "25"),
        ] {
            let origin = Origin::new(Scheme::Http, host, Some(8080)).unwrap();
            assert_eq!((origin.zone(), origin.authority()), (Some(zone), "[fe80::1]:8080"), "{host}");
            assert_eq!((origin.host(), origin.host_str()), (plain.host(), "fe80::1"), "{host}");
            assert_eq!(origin.to_string(), format!("http://[fe80::1%{zone}]:8080"));
            assert_ne!(origin, plain);
        }
    }

    #[test]
    fn the_length_limits_are_those_of_dns() {
        let label = "a".repeat(63);
        let long = format!("{label}.{label}.{label}.{}", "a".repeat(61));
        assert!(Origin::http(&long).is_ok());
        for name in [format!("{long}a"), "a".repeat(64)] {
            check(&name, &Err(OriginError::Length));
        }
    }

    #[test]
    fn scheme_host_and_port_make_the_origin() {
        let new = |scheme, host, port| Origin::new(scheme, host, port).unwrap();
        let a = new(Scheme::Http, "Example.com", Some(80));
        assert_eq!(a, new(Scheme::Http, "example.com", None));
        assert_ne!(a, new(Scheme::Https, "example.com", Some(80)));
        assert_eq!(new(Scheme::Http, "::1", Some(81)), new(Scheme::Http, "[::1]", Some(81)));
        assert_eq!(a.host(), Host::Name("example.com"));
        assert_eq!(new(Scheme::Http, "::1", None).host(), Host::V6(Ipv6Addr::LOCALHOST));
        assert_eq!(new(Scheme::Http, "127.0.0.1", None).host(), Host::V4(Ipv4Addr::LOCALHOST));
        assert_eq!(
            format!("{a:?} {}", new(Scheme::Https, "h", Some(1))),
            "Origin(http://example.com) https://h:1"
        );
        assert_eq!(Origin::new(Scheme::Http, "h", Some(0)), Err(OriginError::Port));
    }
}
