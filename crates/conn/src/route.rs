//! The pool's key: everything that decides whether two requests may share a connection.

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crate::origin::Origin;
use crate::proxy::Proxy;

/// The way to an origin. Two requests may share a connection only if their routes are equal.
///
/// Hashed once, when it is made; cloning copies a pointer. What all connections of one connector have in common (its
/// address policy, resolver and socket options) is no part of it: one pool has one connector.
///
/// ```
/// use conn::{DialTo, Origin, Route};
///
/// let origin = Origin::https("api.example.com")?;
/// let direct = Route::new(origin.clone());
/// // Dials a canary, and still asks it to prove that it is api.example.com.
/// let canary = Route::new(origin).dialling(DialTo::host("canary-7.example.net", 8443)?);
/// assert_ne!(direct, canary);
/// assert_eq!(canary.origin().authority(), "api.example.com");
/// # Ok::<_, conn::OriginError>(())
/// ```
#[derive(Clone)]
pub struct Route(Arc<Hashed>);

struct Hashed {
    way: Way,
    hash: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Way {
    origin: Origin,
    via: Option<Proxy>,
    dial: Option<DialTo>,
    server_name: Option<Arc<str>>,
    mark: Option<Arc<str>>,
    #[cfg(feature = "tls-no-provider")]
    tls: Option<OwnTls>,
}

/// Where to dial in place of the origin.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DialTo {
    /// Another host and port: an [`Origin`] whose scheme means nothing.
    Host(Origin),
    /// A Unix domain socket. Where there is none, dialling fails.
    Unix(PathBuf),
}

impl DialTo {
    /// Names another host and port.
    ///
    /// # Errors
    /// The host is malformed, or the port is 0.
    pub fn host(host: &str, port: u16) -> Result<Self, crate::error::OriginError> {
        Origin::new(crate::origin::Scheme::Http, host, Some(port)).map(Self::Host)
    }
}

/// Equal only to itself: two configurations cannot be compared, and a connection made under one must not serve another.
#[cfg(feature = "tls-no-provider")]
#[derive(Clone, Debug)]
struct OwnTls(Arc<rustls::ClientConfig>);

#[cfg(feature = "tls-no-provider")]
impl PartialEq for OwnTls {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

#[cfg(feature = "tls-no-provider")]
impl Eq for OwnTls {}

#[cfg(feature = "tls-no-provider")]
impl Hash for OwnTls {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

impl Route {
    /// Makes the direct way to `origin`.
    #[must_use]
    pub fn new(origin: Origin) -> Self {
        Self::hashed(Way {
            origin,
            via: None,
            dial: None,
            server_name: None,
            mark: None,
            #[cfg(feature = "tls-no-provider")]
            tls: None,
        })
    }

    /// Leads through a SOCKS proxy.
    #[must_use]
    pub fn through(self, proxy: Proxy) -> Self {
        self.with(|way| way.via = Some(proxy))
    }

    /// Dials somewhere else in place of the origin; its name is still the one that a certificate has to prove. A proxy on
    /// the way is asked for that place.
    #[must_use]
    pub fn dialling(self, to: DialTo) -> Self {
        self.with(|way| way.dial = Some(to))
    }

    /// Names the server in the TLS handshake in place of the origin's host: in SNI, and as what its certificate has to prove.
    #[must_use]
    pub fn named(self, server_name: &str) -> Self {
        self.with(|way| way.server_name = Some(server_name.into()))
    }

    /// Shakes hands with the origin by a configuration of its own, in place of the connector's. Connections are shared only
    /// among routes with the very same `Arc`.
    #[cfg(feature = "tls-no-provider")]
    #[must_use]
    pub fn with_tls(self, config: Arc<rustls::ClientConfig>) -> Self {
        self.with(|way| way.tls = Some(OwnTls(config)))
    }

    /// Keeps this route apart from those with another mark or none, for a [`Connect`](crate::Connect) that tells them
    /// apart. The text is shown nowhere.
    #[must_use]
    pub fn marked(self, mark: &str) -> Self {
        self.with(|way| way.mark = Some(mark.into()))
    }

    /// Returns the origin at the end of the way.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.0.way.origin
    }

    /// Returns the proxy on the way.
    #[must_use]
    pub fn via(&self) -> Option<&Proxy> {
        self.0.way.via.as_ref()
    }

    /// Returns where to dial in place of the origin.
    #[must_use]
    pub fn dial_to(&self) -> Option<&DialTo> {
        self.0.way.dial.as_ref()
    }

    /// Returns the name of the server in the TLS handshake: the origin's host unless [another](Self::named) was given.
    #[must_use]
    pub fn server_name(&self) -> &str {
        self.0.way.server_name.as_deref().unwrap_or_else(|| self.origin().host_str())
    }

    /// Returns the TLS configuration that is this route's own.
    #[cfg(feature = "tls-no-provider")]
    #[must_use]
    pub fn tls(&self) -> Option<&Arc<rustls::ClientConfig>> {
        self.0.way.tls.as_ref().map(|OwnTls(config)| config)
    }

    /// Returns the mark.
    #[must_use]
    pub fn mark(&self) -> Option<&str> {
        self.0.way.mark.as_deref()
    }

    fn with(self, change: impl FnOnce(&mut Way)) -> Self {
        let mut way = self.0.way.clone();
        change(&mut way);
        Self::hashed(way)
    }

    fn hashed(way: Way) -> Self {
        // Host names come from peers (redirects), so the hash is keyed at random against chosen collisions.
        static KEYS: OnceLock<RandomState> = OnceLock::new();
        let hash = KEYS.get_or_init(RandomState::new).hash_one(&way);
        Self(Arc::new(Hashed { way, hash }))
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Way { origin, via, dial, server_name, mark, .. } = &self.0.way;
        let mut f = f.debug_struct("Route");
        f.field("origin", origin).field("via", via).field("dial", dial).field("server_name", server_name);
        f.field("is_marked", &mark.is_some()).finish_non_exhaustive()
    }
}

impl PartialEq for Route {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.0.hash == other.0.hash && self.0.way == other.0.way)
    }
}

impl Eq for Route {}

impl Hash for Route {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t31_everything_that_makes_another_connection_makes_another_route() {
        let origin = Origin::https("example.com").unwrap();
        let direct = || Route::new(origin.clone());
        let proxy = |text: &str| text.parse::<Proxy>().unwrap();
        let known = |password: &str| proxy("socks5://p").with_credentials("ann", password).unwrap();
        let routes = [
            direct(),
            Route::new(Origin::http("example.com").unwrap()),
            Route::new(Origin::https("example.com:444").unwrap()),
            direct().through(proxy("socks5://p")),
            direct().through(proxy("socks5h://p")),
            direct().through(known("one")),
            direct().through(known("two")),
            direct().dialling(DialTo::host("other.example", 443).unwrap()),
            direct().dialling(DialTo::Unix("/run/a.sock".into())),
            direct().named("other.example"),
            direct().marked("a"),
            direct().marked("b"),
        ];
        for (i, one) in routes.iter().enumerate() {
            for (j, other) in routes.iter().enumerate() {
                assert_eq!(one == other, i == j, "{one:?} {other:?}");
            }
        }
        assert_eq!(direct().through(known("one")), direct().through(known("one")));
        assert_eq!(direct().server_name(), "example.com");
        assert_eq!(direct().named("other.example").server_name(), "other.example");
    }

    #[cfg(any(feature = "tls-aws-lc", feature = "tls-ring"))]
    #[test]
    fn t35_a_tls_configuration_shares_only_with_itself() {
        let config = || crate::TlsConfig::default().build().unwrap();
        let direct = || Route::new(Origin::https("example.com").unwrap());
        let (one, other) = (config(), config());
        assert_eq!(direct().with_tls(Arc::clone(&one)), direct().with_tls(Arc::clone(&one)));
        assert_ne!(direct().with_tls(Arc::clone(&one)), direct().with_tls(other));
        assert_ne!(direct().with_tls(one), direct());
    }

    #[test]
    fn no_mark_and_no_credential_is_shown() {
        let proxy: Proxy = "socks5://p".parse().unwrap();
        let route = Route::new(Origin::https("example.com").unwrap())
            .through(proxy.with_credentials("annabel", "sesame").unwrap())
            .marked("tenant-7");
        let shown = format!("{route:?}");
        assert!(!["annabel", "sesame", "tenant-7"].iter().any(|secret| shown.contains(secret)), "{shown}");
    }
}
