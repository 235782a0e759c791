//! From a name to its addresses.

mod cache;
mod lookups;
mod overrides;

use std::fmt;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::cancel::CancelToken;
use crate::clock::{Clock, SystemClock};
use crate::deadline::{Deadline, Phase};
use crate::error::ConnectError;
use lookups::Lookups;

pub use cache::{CacheLimits, CachingResolver};
pub use overrides::Overrides;

/// Looks up the addresses of a name. Implement it to bring names of your own.
pub trait Resolve: Send + Sync {
    /// Returns the addresses in the order in which they are to be dialled, each with `port`.
    ///
    /// # Errors
    /// The look-up failed, found nothing, took too long, or was cancelled.
    fn resolve(
        &self,
        host: &str,
        port: u16,
        by: Deadline,
        cancel: &CancelToken,
    ) -> Result<Vec<SocketAddr>, ConnectError>;
}

/// The operating system's resolver (getaddrinfo). Cloning shares its threads.
///
/// getaddrinfo cannot be interrupted, so it runs on a few threads of its own: whoever asks returns at the deadline, and
/// an answer that comes later is dropped. Those who ask for one name at the same time share one look-up. IP addresses
/// are never looked up.
///
/// ```
/// use conn::{CancelToken, Deadline, Resolve, SystemResolver};
///
/// let addresses = SystemResolver::default().resolve("localhost", 80, Deadline::NEVER, CancelToken::never())?;
/// assert!(addresses.iter().all(|address| address.ip().is_loopback() && address.port() == 80));
/// # Ok::<_, conn::ConnectError>(())
/// ```
#[derive(Clone)]
pub struct SystemResolver(Arc<Lookups>);

/// How much a [`SystemResolver`] may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResolverLimits {
    /// How many look-ups run at once, each on its thread. Default 4, at least 1.
    pub threads: usize,
    /// How many names may wait for a thread; one more fails with
    /// [`ResourceBusy`](std::io::ErrorKind::ResourceBusy). Default 256.
    pub queued: usize,
    /// How long a thread without work stays. Default 10 s.
    pub idle: Duration,
}

impl Default for ResolverLimits {
    fn default() -> Self {
        Self { threads: 4, queued: 256, idle: Duration::from_secs(10) }
    }
}

impl SystemResolver {
    /// Makes a resolver with threads of its own. They are started when there is work, and end when they have none.
    #[must_use]
    pub fn new(limits: ResolverLimits) -> Self {
        Self(Arc::new(Lookups::new(limits, Box::new(getaddrinfo))))
    }
}

impl Default for SystemResolver {
    /// Returns the resolver that the whole process shares, with the default limits: however many clients there are, it
    /// has no more than these threads.
    fn default() -> Self {
        static SHARED: OnceLock<SystemResolver> = OnceLock::new();
        SHARED.get_or_init(|| Self::new(ResolverLimits::default())).clone()
    }
}

impl fmt::Debug for SystemResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemResolver").field("limits", self.0.limits()).finish_non_exhaustive()
    }
}

impl Resolve for SystemResolver {
    fn resolve(
        &self,
        host: &str,
        port: u16,
        by: Deadline,
        cancel: &CancelToken,
    ) -> Result<Vec<SocketAddr>, ConnectError> {
        let by = by.during(Phase::Resolve);
        by.remaining(SystemClock.now())?;
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let mut addresses = self.0.look_up(host, by, cancel)?;
        for address in &mut addresses {
            address.set_port(port);
        }
        Ok(addresses)
    }
}

fn getaddrinfo(host: &str) -> std::io::Result<Vec<SocketAddr>> {
    (host, 0).to_socket_addrs().map(Iterator::collect)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deadline::Limit;

    #[test]
    fn addresses_stand_for_themselves() {
        for (host, address) in [("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80")] {
            let found =
                SystemResolver::default().resolve(host, 80, Deadline::NEVER, CancelToken::never()).unwrap();
            assert_eq!(found, [address.parse().unwrap()]);
        }
    }

    #[test]
    fn a_passed_deadline_fails_before_the_look_up() {
        let passed = Deadline::after(SystemClock.now(), Some(Duration::ZERO), Limit::Connect);
        let error =
            SystemResolver::default().resolve("127.0.0.1", 80, passed, CancelToken::never()).unwrap_err();
        assert_eq!(error.is_timeout().unwrap().phase, Phase::Resolve);
    }

    #[test]
    fn a_name_that_does_not_exist_says_so() {
        // A name with a NUL never reaches a server.
        let error = SystemResolver::default()
            .resolve("no\0name", 80, Deadline::NEVER, CancelToken::never())
            .unwrap_err();
        assert_eq!(error.to_string(), "cannot resolve no\0name");
    }

    #[test]
    fn a_name_is_found_with_the_port_that_was_asked_for() {
        let own = SystemResolver::new(ResolverLimits::default());
        for resolver in [own, SystemResolver::default()] {
            let found = resolver.resolve("localhost", 8080, Deadline::NEVER, CancelToken::never()).unwrap();
            assert!(!found.is_empty());
            assert!(found.iter().all(|address| address.ip().is_loopback() && address.port() == 8080));
        }
    }
}
