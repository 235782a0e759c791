//! The lowest connector: looks up a name, asks the policy, and dials.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;

use crate::address_policy::AddressPolicy;
use crate::cancel::CancelToken;
use crate::clock::{Clock, SystemClock};
use crate::connect::{Connect, ConnectRequest, Connected, Hop};
use crate::deadline::{Deadline, Phase};
use crate::error::ConnectError;
use crate::origin::Host;
use crate::resolve::{Resolve, SystemResolver};
use crate::route::DialTo;
use crate::socket::SocketTransport;
use crate::tcp::TcpOptions;

/// Connects sockets in the clear, whatever is spoken on them: TCP to the [destination](ConnectRequest::destination) of
/// a request, or a Unix domain socket. It goes straight there: proxies and TLS are layers above it.
///
/// ```
/// use conn::{Connect, ConnectRequest, Deadline, Dialer, Origin, Route};
/// use std::io::Read;
///
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let authority = listener.local_addr()?.to_string();
/// # let server = std::thread::spawn(move || std::io::Write::write_all(&mut listener.accept()?.0, b"hello"));
/// let route = Route::new(Origin::http(&authority)?);
/// let mut stream = Dialer::default().connect(&ConnectRequest::new(&route, Deadline::NEVER))?.transport;
/// let mut text = String::new();
/// stream.read_to_string(&mut text)?;
/// assert_eq!(text, "hello");
/// # server.join().unwrap()?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Dialer {
    /// Socket options.
    pub tcp: TcpOptions,
    /// Who looks up names. Default [`SystemResolver`]. IP addresses are not asked for.
    pub resolver: Arc<dyn Resolve>,
    /// Which addresses may be dialled, whether looked up or named. Default [`AddressPolicy::any`]. Unix domain sockets
    /// have no address: whoever names one in a route means it.
    pub policy: AddressPolicy,
    /// Who tells the time. Default [`SystemClock`].
    pub clock: Arc<dyn Clock>,
}

impl Default for Dialer {
    fn default() -> Self {
        Self {
            tcp: TcpOptions::default(),
            resolver: Arc::new(SystemResolver::default()),
            policy: AddressPolicy::any(),
            clock: Arc::new(SystemClock),
        }
    }
}

impl Dialer {
    /// Finds the addresses of a hop that may be dialled, in order.
    ///
    /// # Errors
    /// The look-up failed, or the policy denies every address.
    pub fn addresses(
        &self,
        hop: &Hop<'_>,
        by: Deadline,
        cancel: &CancelToken,
    ) -> Result<Vec<SocketAddr>, ConnectError> {
        let found = match hop.host {
            Host::Name(name) => self.resolver.resolve(name, hop.port, by.during(Phase::Resolve), cancel)?,
            Host::V4(address) => vec![(address, hop.port).into()],
            Host::V6(_) if hop.zone.is_some() => in_zone(hop)?,
            Host::V6(address) => vec![(address, hop.port).into()],
        };
        tracing::debug!(target: "conn", { server.address = %hop.host, server.port = hop.port, ?found }, "resolved");
        self.permitted(&hop.host.to_string(), found)
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

    fn dial(&self, hop: &Hop<'_>, to: &ConnectRequest<'_>) -> Result<Connected, ConnectError> {
        let started = self.clock.now();
        let addresses = self.addresses(hop, to.deadline, to.cancel)?;
        let resolved = self.clock.now();
        let ConnectRequest { deadline, cancel, .. } = *to;
        let socket = SocketTransport::dial_tcp(
            &hop.to_string(),
            &addresses,
            &self.tcp,
            &self.clock,
            deadline,
            cancel,
        )?;
        let mut connected = Connected::new(Box::new(socket));
        connected.timings.resolve = resolved.saturating_duration_since(started);
        connected.timings.connect = self.clock.now().saturating_duration_since(resolved);
        Ok(connected)
    }

    #[cfg(unix)]
    fn dial_unix(&self, path: &Path, to: &ConnectRequest<'_>) -> Result<Connected, ConnectError> {
        let started = self.clock.now();
        let socket = SocketTransport::dial_unix(path, &self.clock, to.deadline, to.cancel)?;
        let mut connected = Connected::new(Box::new(socket));
        connected.timings.connect = self.clock.now().saturating_duration_since(started);
        Ok(connected)
    }

    #[cfg(not(unix))]
    fn dial_unix(&self, path: &Path, _: &ConnectRequest<'_>) -> Result<Connected, ConnectError> {
        let source = std::io::ErrorKind::Unsupported.into();
        Err(ConnectError::Unix { path: path.to_owned(), source })
    }
}

impl Connect for Dialer {
    fn connect(&self, to: &ConnectRequest<'_>) -> Result<Connected, ConnectError> {
        let connected = match (to.destination(), to.route.dial_to()) {
            (None, Some(DialTo::Unix(path))) => self.dial_unix(path, to),
            (destination, _) => self.dial(&destination.unwrap_or(to.hop), to),
        }?;
        tracing::debug!(target: "conn", { hop = %to.hop, ?connected }, "dialled");
        Ok(connected)
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer").field("tcp", &self.tcp).field("policy", &self.policy).finish_non_exhaustive()
    }
}

/// Turns an address with a zone into one with the number of its interface. getaddrinfo knows the names of interfaces,
/// and asks nobody about an address.
fn in_zone(hop: &Hop<'_>) -> Result<Vec<SocketAddr>, ConnectError> {
    let host = format!("{}%{}", hop.host, hop.zone.unwrap_or_default());
    match (host.as_str(), hop.port).to_socket_addrs() {
        Ok(found) => Ok(found.collect()),
        Err(source) => Err(ConnectError::Resolve { host, source }),
    }
}
