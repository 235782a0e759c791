//! Public suffixes: under which names anybody may register one of their own.

use psl::Psl as _;
use url::{Host, Url};

/// Says where the domains that somebody owns begin: `co.uk` is a public suffix, `example.co.uk` is owned.
///
/// A function from host to suffix is one too. The host is in lower case and in ASCII (`xn--`), and never an address.
///
/// ```
/// use cookies::{Jar, JarConfig};
/// use std::sync::Arc;
/// use url::Url;
///
/// // In this network everything below `intern` belongs to somebody else.
/// fn ours(host: &str) -> &str {
///     host.rsplit('.').next().unwrap_or(host)
/// }
/// let mut config = JarConfig::default();
/// config.suffixes = Arc::new(ours);
/// let jar = Jar::with_config(config);
/// let url = Url::parse("http://a.printers.intern/")?;
/// let stored = jar.store(&url, [&b"a=1; Domain=printers.intern"[..]], std::time::SystemTime::UNIX_EPOCH);
/// assert_eq!(stored.refused().count(), 0);
/// # Ok::<(), url::ParseError>(())
/// ```
pub trait PublicSuffixes: Send + Sync {
    /// Returns the public suffix that `host` ends with, or `host` itself when it is one.
    fn public_suffix<'a>(&self, host: &'a str) -> &'a str;
}

impl<F: Fn(&str) -> &str + Send + Sync> PublicSuffixes for F {
    fn public_suffix<'a>(&self, host: &'a str) -> &'a str {
        self(host)
    }
}

/// Mozilla's list as of the day on which the crate `psl` was released, with its private part: `github.io` is in it.
///
/// A name that the list does not know has its last label as its suffix.
#[derive(Clone, Copy, Debug, Default)]
pub struct MozillaSuffixes;

impl PublicSuffixes for MozillaSuffixes {
    fn public_suffix<'a>(&self, host: &'a str) -> &'a str {
        // The list knows no root: `co.uk.` is as public as `co.uk`.
        let name = host.strip_suffix('.').unwrap_or(host);
        let length = psl::List.suffix(name.as_bytes()).map_or(name.len(), |suffix| suffix.as_bytes().len());
        name.len().checked_sub(length).and_then(|at| host.get(at..)).unwrap_or(host)
    }
}

/// Whether a cookie for all of `domain` would reach hosts of different owners.
pub(crate) fn is_public(domain: &str, suffixes: &dyn PublicSuffixes) -> bool {
    suffixes.public_suffix(domain) == domain
}

/// The part of a host that one owner has registered; the host itself if it is a public suffix, a label or an address.
pub(crate) fn registrable<'a>(host: &'a str, suffixes: &dyn PublicSuffixes) -> &'a str {
    if is_address(host) {
        return host;
    }
    let above = || {
        let rest = host.strip_suffix(suffixes.public_suffix(host))?.strip_suffix('.')?;
        host.get(rest.rfind('.').map_or(0, |dot| dot + 1)..)
    };
    above().unwrap_or(host)
}

/// Whether two URLs have one owner and one scheme (RFC 6265bis §5.2).
pub(crate) fn same_site(one: &Url, other: &Url, suffixes: &dyn PublicSuffixes) -> bool {
    let (Some(here), Some(there)) = (one.host_str(), other.host_str()) else { return false };
    one.scheme() == other.scheme() && registrable(here, suffixes) == registrable(there, suffixes)
}

/// Whether a host as [`Url::host_str`] writes it is an address.
pub(crate) fn is_address(host: &str) -> bool {
    host.starts_with('[')
        || (host.ends_with(|c: char| c.is_ascii_digit()) && matches!(Host::parse(host), Ok(Host::Ipv4(_))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: &str, suffix: &str, owned: &str) {
        assert_eq!(MozillaSuffixes.public_suffix(host), suffix, "{host}");
        assert_eq!(registrable(host, &MozillaSuffixes), owned, "{host}");
    }

    #[test]
    fn owners_begin_one_label_above_the_suffix() {
        check("a.b.example.co.uk", "co.uk", "example.co.uk");
        check("example.co.uk.", "co.uk.", "example.co.uk.");
        check("co.uk", "co.uk", "co.uk");
        check("someone.github.io", "github.io", "someone.github.io");
        check("github.io", "github.io", "github.io");
        check("www.city.kawasaki.jp", "kawasaki.jp", "city.kawasaki.jp");
        check("a.b.c.kawasaki.jp", "c.kawasaki.jp", "b.c.kawasaki.jp");
        check("a.b.unheard-of", "unheard-of", "b.unheard-of");
        check("localhost", "localhost", "localhost");
        check("www.xn--85x722f.xn--55qx5d.cn", "xn--55qx5d.cn", "xn--85x722f.xn--55qx5d.cn");
    }

    #[test]
    fn an_address_is_its_own_owner() {
        for host in ["192.0.2.1", "[::1]"] {
            assert!(is_address(host));
            assert_eq!(registrable(host, &MozillaSuffixes), host);
        }
        assert!(!is_address("a1"));
    }

    #[test]
    fn a_list_that_makes_no_sense_leaves_the_host_alone() {
        fn nonsense(_: &str) -> &str {
            "elsewhere"
        }
        assert_eq!(registrable("a.example.com", &nonsense), "a.example.com");
        assert_eq!(registrable("a..com", &MozillaSuffixes), ".com");
    }
}
