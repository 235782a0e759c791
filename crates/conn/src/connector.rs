//! From a route to a connected stream: the seam, and the connector that dials TCP and TLS.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::address_policy::AddressPolicy;
use crate::clock::{Clock, SystemClock};
use crate::deadline::{Deadline, Phase};
use crate::error::{ConnectError, TlsConfigError};
use crate::origin::{Host, Origin, Scheme};
use crate::resolve::{Resolve, SystemResolver};
use crate::route::Route;
use crate::tcp::{TcpOptions, TcpTransport};
use crate::transport::Transport;

/// Makes connections. Implement it to bring a stream of your own.
pub trait Connect: Send + Sync {
    /// Connects to the route's origin within the deadline.
    ///
    /// # Errors
    /// [`ConnectError`] says which step failed and why.
    fn connect(&self, to: &ConnectRequest<'_>) -> Result<Connected, ConnectError>;
}

/// What a [`Connect`] is asked for.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ConnectRequest<'a> {
    /// Where to.
    pub route: &'a Route,
    /// Until when, over all steps.
    pub deadline: Deadline,
}

impl<'a> ConnectRequest<'a> {
    /// Asks for a connection along `route` before `deadline`.
    #[must_use]
    pub fn new(route: &'a Route, deadline: Deadline) -> Self {
        Self { route, deadline }
    }
}

/// A connection that was made, and how long its steps took.
#[non_exhaustive]
pub struct Connected {
    /// The stream.
    pub transport: Box<dyn Transport>,
    /// How long each step took.
    pub timings: DialTimings,
}

impl Connected {
    /// Wraps a stream whose steps were not timed.
    #[must_use]
    pub fn new(transport: Box<dyn Transport>) -> Self {
        Self { transport, timings: DialTimings::default() }
    }
}

impl fmt::Debug for Connected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connected")
            .field("facts", self.transport.facts())
            .field("timings", &self.timings)
            .finish_non_exhaustive()
    }
}

/// How long the steps of making a connection took; zero for a step that was not taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DialTimings {
    /// Looking up the name.
    pub resolve: Duration,
    /// Dialling until an address accepted.
    pub connect: Duration,
    /// The TLS handshake.
    pub tls: Duration,
}

impl<C: Connect + ?Sized> Connect for Arc<C> {
    fn connect(&self, to: &ConnectRequest<'_>) -> Result<Connected, ConnectError> {
        (**self).connect(to)
    }
}

impl<C: Connect + ?Sized> Connect for Box<C> {
    fn connect(&self, to: &ConnectRequest<'_>) -> Result<Connected, ConnectError> {
        (**self).connect(to)
    }
}

/// What a [`Connector`] is made of.
#[derive(Clone)]
#[non_exhaustive]
pub struct ConnectorConfig {
    /// Socket options.
    pub tcp: TcpOptions,
    /// How TLS connections are made.
    #[cfg(feature = "tls-no-provider")]
    pub tls: crate::tls::TlsConfig,
    /// Who looks up names. Default [`SystemResolver`]. IP addresses are not asked for.
    pub resolver: Arc<dyn Resolve>,
    /// Which addresses may be dialled, whether looked up or named in the route. Default [`AddressPolicy::any`].
    pub policy: AddressPolicy,
    /// Who tells the time. Default [`SystemClock`].
    pub clock: Arc<dyn Clock>,
}

impl Default for ConnectorConfig {
    fn default() -> Self {
        Self {
            tcp: TcpOptions::default(),
            #[cfg(feature = "tls-no-provider")]
            tls: crate::tls::TlsConfig::default(),
            resolver: Arc::new(SystemResolver::default()),
            policy: AddressPolicy::any(),
            clock: Arc::new(SystemClock),
        }
    }
}

impl fmt::Debug for ConnectorConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("ConnectorConfig");
        f.field("tcp", &self.tcp);
        #[cfg(feature = "tls-no-provider")]
        f.field("tls", &self.tls);
        f.field("policy", &self.policy);
        f.finish_non_exhaustive()
    }
}

/// Connects by the system's sockets: looks up the name, dials its addresses, and shakes hands where the scheme is
/// `https`. Cloning shares everything.
///
/// ```
/// use conn::{Connect, ConnectRequest, Connector, ConnectorConfig, Deadline, Origin, Route};
/// use std::io::{Read, Write};
///
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let authority = listener.local_addr()?.to_string();
/// # let server = std::thread::spawn(move || listener.accept()?.0.write_all(b"hello"));
/// let connector = Connector::new(ConnectorConfig::default())?;
/// let route = Route::new(Origin::http(&authority)?);
/// let mut stream = connector.connect(&ConnectRequest::new(&route, Deadline::NEVER))?.transport;
/// let mut text = String::new();
/// stream.read_to_string(&mut text)?;
/// assert_eq!(text, "hello");
/// # server.join().unwrap()?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Connector {
    tcp: TcpOptions,
    resolver: Arc<dyn Resolve>,
    policy: AddressPolicy,
    clock: Arc<dyn Clock>,
    #[cfg(feature = "tls-no-provider")]
    tls: Arc<rustls::ClientConfig>,
}

impl Connector {
    /// Makes a connector.
    ///
    /// # Errors
    /// The TLS configuration cannot be used; without a TLS feature this never fails.
    pub fn new(config: ConnectorConfig) -> Result<Self, TlsConfigError> {
        Ok(Self {
            tcp: config.tcp,
            #[cfg(feature = "tls-no-provider")]
            tls: config.tls.build()?,
            resolver: config.resolver,
            policy: config.policy,
            clock: config.clock,
        })
    }

    fn addresses(&self, origin: &Origin, by: Deadline) -> Result<Vec<SocketAddr>, ConnectError> {
        match origin.host() {
            Host::Name(name) => self.resolver.resolve(name, origin.port(), by.during(Phase::Resolve)),
            Host::V4(address) => Ok(vec![(address, origin.port()).into()]),
            Host::V6(address) => Ok(vec![(address, origin.port()).into()]),
        }
    }

    /// Leaves what may be dialled, in order.
    fn permitted(&self, host: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, ConnectError> {
        let mut denied = Vec::new();
        let mut permitted = found;
        permitted.retain(|address| match self.policy.check(address.ip()) {
            Ok(()) => true,
            Err(refusal) => {
                tracing::debug!(target: "conn", { server.address = host, %refusal }, "address denied");
                denied.push(refusal);
                false
            }
        });
        if permitted.is_empty() && !denied.is_empty() {
            return Err(ConnectError::Denied { host: host.to_owned(), denied });
        }
        Ok(permitted)
    }

    #[cfg(feature = "tls-no-provider")]
    fn secure(
        &self,
        tcp: TcpTransport,
        host: &str,
        by: Deadline,
    ) -> Result<Box<dyn Transport>, ConnectError> {
        let tls = crate::tls::TlsTransport::handshake(tcp, Arc::clone(&self.tls), host, by)?;
        tracing::debug!(target: "conn", { server.address = host, facts = ?tls.facts().tls }, "TLS established");
        Ok(Box::new(tls))
    }
}

impl Connect for Connector {
    fn connect(&self, to: &ConnectRequest<'_>) -> Result<Connected, ConnectError> {
        let (origin, by) = (to.route.origin(), to.deadline);
        if origin.scheme() == Scheme::Https && !cfg!(feature = "tls-no-provider") {
            return Err(ConnectError::TlsNotBuilt);
        }
        let started = self.clock.now();
        let addresses = self.addresses(origin, by)?;
        let resolved = self.clock.now();
        tracing::debug!(
            target: "conn",
            { server.address = origin.host_str(), server.port = origin.port(), ?addresses },
            "resolved"
        );
        let addresses = self.permitted(origin.host_str(), addresses)?;
        let tcp = TcpTransport::dial(origin, &addresses, self.tcp, &self.clock, by)?;
        let dialled = self.clock.now();
        tracing::debug!(target: "conn", { server.address = origin.host_str(), stream = ?tcp }, "dialled");
        let transport = match origin.scheme() {
            Scheme::Http => Box::new(tcp) as Box<dyn Transport>,
            #[cfg(feature = "tls-no-provider")]
            Scheme::Https => self.secure(tcp, origin.host_str(), by)?,
            #[cfg(not(feature = "tls-no-provider"))]
            Scheme::Https => return Err(ConnectError::TlsNotBuilt),
        };
        let secured = self.clock.now();
        Ok(Connected {
            timings: DialTimings {
                resolve: resolved.saturating_duration_since(started),
                connect: dialled.saturating_duration_since(resolved),
                tls: if origin.scheme() == Scheme::Https {
                    secured.saturating_duration_since(dialled)
                } else {
                    Duration::ZERO
                },
            },
            transport,
        })
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("tcp", &self.tcp)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
