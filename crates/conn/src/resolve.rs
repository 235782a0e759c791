//! From a name to its addresses.

use std::net::{SocketAddr, ToSocketAddrs};

use crate::clock::{Clock, SystemClock};
use crate::deadline::{Deadline, Phase};
use crate::error::ConnectError;

/// Looks up the addresses of a name. Implement it to bring names of your own.
pub trait Resolve: Send + Sync {
    /// Returns the addresses in the order in which they are to be dialled, each with `port`.
    ///
    /// # Errors
    /// The look-up failed, found nothing, or took too long.
    fn resolve(&self, host: &str, port: u16, by: Deadline) -> Result<Vec<SocketAddr>, ConnectError>;
}

/// The operating system's resolver (getaddrinfo). It cannot be interrupted: the deadline is looked at before and
/// after, so a slow look-up can outlast it. IP addresses are never looked up.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: &str, port: u16, by: Deadline) -> Result<Vec<SocketAddr>, ConnectError> {
        let by = by.during(Phase::Resolve);
        by.remaining(SystemClock.now())?;
        let found = (host, port).to_socket_addrs();
        by.remaining(SystemClock.now())?;
        match found {
            Ok(addresses) => {
                let addresses: Vec<_> = addresses.collect();
                if addresses.is_empty() {
                    return Err(ConnectError::NoAddress { host: host.to_owned() });
                }
                Ok(addresses)
            }
            Err(source) => Err(ConnectError::Resolve { host: host.to_owned(), source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::deadline::Limit;

    #[test]
    fn addresses_stand_for_themselves() {
        for (host, address) in [("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80")] {
            let found = SystemResolver.resolve(host, 80, Deadline::NEVER).unwrap();
            assert_eq!(found, [address.parse().unwrap()]);
        }
    }

    #[test]
    fn a_passed_deadline_fails_before_the_look_up() {
        let passed = Deadline::after(SystemClock.now(), Some(Duration::ZERO), Limit::Connect);
        let error = SystemResolver.resolve("127.0.0.1", 80, passed).unwrap_err();
        assert_eq!(error.is_timeout().unwrap().phase, Phase::Resolve);
    }

    #[test]
    fn a_name_that_does_not_exist_says_so() {
        // A name with a NUL never reaches a server.
        let error = SystemResolver.resolve("no\0name", 80, Deadline::NEVER).unwrap_err();
        assert_eq!(error.to_string(), "cannot resolve no\0name");
    }
}
