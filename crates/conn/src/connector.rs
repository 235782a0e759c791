//! The connector that is ready to use: TLS over SOCKS over TCP.

use std::fmt;
use std::sync::Arc;

use crate::address_policy::AddressPolicy;
use crate::clock::{Clock, SystemClock};
use crate::connect::{Connect, ConnectRequest, Connected};
use crate::dialer::Dialer;
use crate::error::{ConnectError, TlsConfigError};
use crate::resolve::{Resolve, SystemResolver};
use crate::socks::SocksConnector;
use crate::tcp::TcpOptions;

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

#[cfg(feature = "tls-no-provider")]
type Layers = crate::tls::TlsConnector<Arc<dyn Connect>>;
#[cfg(not(feature = "tls-no-provider"))]
type Layers = Arc<dyn Connect>;

/// Connects by the system's sockets: looks up the name, dials its addresses, goes through the SOCKS proxy of the route if
/// there is one, and shakes hands where the scheme is `https`. Cloning shares everything. Whoever wants other layers puts
/// [`Dialer`] and those above it together.
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
pub struct Connector(Layers);

impl Connector {
    /// Makes a connector.
    ///
    /// # Errors
    /// The TLS configuration cannot be used; without a TLS feature this never fails.
    pub fn new(config: ConnectorConfig) -> Result<Self, TlsConfigError> {
        Self::with_layer(config, |socks, _| Arc::new(socks))
    }

    /// Makes a connector with another layer between TLS and SOCKS, as one that speaks to HTTP proxies; `layer` is handed what
    /// is below it, and what finds and judges addresses.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_layer(
        config: ConnectorConfig,
        layer: impl FnOnce(SocksConnector<Dialer>, Dialer) -> Arc<dyn Connect>,
    ) -> Result<Self, TlsConfigError> {
        let ConnectorConfig { tcp, resolver, policy, .. } = config;
        let dialer = Dialer { tcp, resolver, policy, clock: Arc::clone(&config.clock) };
        let below = layer(SocksConnector::new(dialer.clone(), dialer.clone()), dialer);
        #[cfg(feature = "tls-no-provider")]
        let layers = crate::tls::TlsConnector::new(below, config.tls.build()?, config.clock);
        #[cfg(not(feature = "tls-no-provider"))]
        let layers = below;
        Ok(Self(layers))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}

impl Connect for Connector {
    fn connect(&self, to: &ConnectRequest<'_>) -> Result<Connected, ConnectError> {
        if to.hop.tls && !cfg!(feature = "tls-no-provider") {
            return Err(ConnectError::TlsNotBuilt);
        }
        self.0.connect(to)
    }
}
