//! What is known of the connection that carried a response, and how long its steps took.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use conn::{DialTimings, PeerFacts, TlsFacts};

/// What is known of the connection that carried a response. It stays known when the connection has gone on to others.
///
/// ```no_run
/// let response = http_client::Client::new().get("https://example.com/").send()?;
/// let info = response.info();
/// println!("{:?} -> {:?}, request {} on this connection", info.local(), info.peer(), info.requests());
/// if let Some(tls) = info.tls() {
///     println!("{} {}", tls.version, tls.cipher_suite);
/// }
/// # Ok::<(), http_client::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ConnectionInfo {
    pub(crate) facts: Option<Arc<PeerFacts>>,
    pub(crate) reused: bool,
    pub(crate) requests: u64,
}

impl ConnectionInfo {
    /// Returns our own address.
    #[must_use]
    pub fn local(&self) -> Option<SocketAddr> {
        self.facts.as_ref()?.local
    }

    /// Returns the address that was dialled: the first proxy's where there is one.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.facts.as_ref()?.peer
    }

    /// Returns the Unix domain socket that was dialled in place of an address.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.facts.as_ref()?.path.as_deref()
    }

    /// Returns what the TLS handshake agreed on.
    #[must_use]
    pub fn tls(&self) -> Option<&TlsFacts> {
        self.facts.as_ref()?.tls.as_ref()
    }

    /// Says whether the connection carried requests before this one.
    #[must_use]
    pub fn reused(&self) -> bool {
        self.reused
    }

    /// Counts the requests on this connection, with this one.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests
    }
}

/// How long the steps of an exchange took; zero for a step that was not taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timings {
    /// Waiting for a free connection, where the pool [limits](conn::PoolLimits) those in use.
    pub pool: Duration,
    /// Making the connection: all zero where one was reused.
    pub dial: DialTimings,
    /// From the first byte of the request to the last; waiting for 100 (Continue) counts in.
    pub send: Duration,
    /// From the last byte sent to the response head.
    pub wait: Duration,
    /// From the response head to the end of the content, with the time in which nobody read it; zero until then.
    pub receive: Duration,
}
