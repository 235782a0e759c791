//! Addresses that are known beforehand, as by curl's `--resolve`.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::{Resolve, SystemResolver};
use crate::cancel::CancelToken;
use crate::clock::{Clock, SystemClock};
use crate::deadline::{Deadline, Phase};
use crate::error::ConnectError;

/// A resolver that knows some hosts itself and asks another for the rest. Default: it knows none and asks
/// [`SystemResolver`].
///
/// What is known for a host and a port goes before what is known for the host. Letter case and the dot of the root do
/// not matter. A host with an empty list has no address: it is not looked up elsewhere.
///
/// ```
/// use conn::{CancelToken, Deadline, Overrides, Resolve};
///
/// let resolver = Overrides::default()
///     .host("api.example.com", ["192.0.2.7".parse()?])
///     .host_and_port("api.example.com", 8443, ["127.0.0.1".parse()?]);
/// let found = resolver.resolve("api.example.com", 8443, Deadline::NEVER, CancelToken::never())?;
/// assert_eq!(found, ["127.0.0.1:8443".parse()?]);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Overrides {
    known: HashMap<(String, Option<u16>), Vec<IpAddr>>,
    rest: Arc<dyn Resolve>,
}

impl Overrides {
    /// Makes a resolver that knows no host yet and asks `rest`.
    #[must_use]
    pub fn new(rest: Arc<dyn Resolve>) -> Self {
        Self { known: HashMap::new(), rest }
    }

    /// Sets the addresses of a host at every port that has none of its own, in the order of dialling.
    #[must_use]
    pub fn host(mut self, host: &str, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.known.insert((normal(host), None), addresses.into_iter().collect());
        self
    }

    /// Sets the addresses of a host at one port, in the order of dialling.
    #[must_use]
    pub fn host_and_port(
        mut self,
        host: &str,
        port: u16,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> Self {
        self.known.insert((normal(host), Some(port)), addresses.into_iter().collect());
        self
    }
}

impl Default for Overrides {
    fn default() -> Self {
        Self::new(Arc::new(SystemResolver::default()))
    }
}

impl fmt::Debug for Overrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overrides").field("known", &self.known).finish_non_exhaustive()
    }
}

impl Resolve for Overrides {
    fn resolve(
        &self,
        host: &str,
        port: u16,
        by: Deadline,
        cancel: &CancelToken,
    ) -> Result<Vec<SocketAddr>, ConnectError> {
        let mut key = (normal(host), Some(port));
        let known = self.known.get(&key).or_else(|| {
            key.1 = None;
            self.known.get(&key)
        });
        let Some(known) = known else { return self.rest.resolve(host, port, by, cancel) };
        by.during(Phase::Resolve).remaining(SystemClock.now())?;
        if known.is_empty() {
            return Err(ConnectError::NoAddress { host: host.to_owned() });
        }
        Ok(known.iter().map(|address| SocketAddr::new(*address, port)).collect())
    }
}

fn normal(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::deadline::Limit;

    /// Knows every host by one address.
    struct Everywhere;

    impl Resolve for Everywhere {
        fn resolve(
            &self,
            _: &str,
            port: u16,
            _: Deadline,
            _: &CancelToken,
        ) -> Result<Vec<SocketAddr>, ConnectError> {
            Ok(vec![([192, 0, 2, 99], port).into()])
        }
    }

    fn overrides() -> Overrides {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        Overrides::new(Arc::new(Everywhere))
            .host("Example.com", [ip("192.0.2.1"), ip("2001:db8::1")])
            .host_and_port("example.com.", 8443, [ip("192.0.2.2")])
            .host_and_port("other.example", 80, [ip("192.0.2.3")])
            .host("blocked.example", [])
    }

    #[test]
    fn what_is_known_is_not_asked_for() {
        for (host, port, expected) in [
            ("example.com", 443, &["192.0.2.1:443", "[2001:db8::1]:443"][..]),
            ("EXAMPLE.com.", 80, &["192.0.2.1:80", "[2001:db8::1]:80"]),
            ("example.com", 8443, &["192.0.2.2:8443"]),
            ("other.example", 80, &["192.0.2.3:80"]),
            ("other.example", 81, &["192.0.2.99:81"]),
            ("sub.example.com", 443, &["192.0.2.99:443"]),
        ] {
            let found = overrides().resolve(host, port, Deadline::NEVER, CancelToken::never()).unwrap();
            let expected: Vec<SocketAddr> = expected.iter().map(|text| text.parse().unwrap()).collect();
            assert_eq!(found, expected, "{host} {port}");
        }
    }

    #[test]
    fn a_host_without_addresses_is_not_looked_up() {
        let error =
            overrides().resolve("blocked.example", 80, Deadline::NEVER, CancelToken::never()).unwrap_err();
        assert!(matches!(error, ConnectError::NoAddress { host } if host == "blocked.example"));
    }

    #[test]
    fn the_addresses_of_one_host_are_set_once() {
        let again = overrides().host("example.com", ["192.0.2.4".parse().unwrap()]);
        let found = again.resolve("example.com", 80, Deadline::NEVER, CancelToken::never()).unwrap();
        assert_eq!(found, ["192.0.2.4:80".parse().unwrap()]);
    }

    #[test]
    fn a_passed_deadline_fails_here_too() {
        let passed = Deadline::after(SystemClock.now(), Some(Duration::ZERO), Limit::Total);
        let error = overrides().resolve("example.com", 80, passed, CancelToken::never()).unwrap_err();
        assert_eq!(error.is_timeout().unwrap().phase, Phase::Resolve);
    }
}
