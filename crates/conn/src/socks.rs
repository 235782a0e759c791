//! SOCKS: a layer that reaches a hop through a proxy that passes bytes on.

mod handshake;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::clock::Clock;
use crate::connect::{Connect, ConnectRequest, Connected, Hop};
use crate::deadline::{Deadline, Limit, Phase};
use crate::dialer::Dialer;
use crate::error::{ConnectError, SocksError};
use crate::origin::Host;
use crate::proxy::{Proxy, ProxyKind};
use crate::transport::{Interest, Transport};

pub use handshake::{SocksHandshake, SocksStep};

/// How many addresses of one name a proxy is asked for, one after the other, each over a connection of its own.
const MAX_ADDRESSES: usize = 4;

/// Connects through the SOCKS proxy of the [route](crate::Route::through), where it has one; else it only passes on.
///
/// For `socks4` and `socks5` the target's name is looked up here; if the proxy cannot reach one of its addresses it is asked
/// for the next, four at most. For `socks4a` and `socks5h` the proxy looks the name up, and nobody here does, whatever
/// happens.
///
/// The [address policy](Dialer::policy) judges the proxy's own address when that is dialled, and besides every address
/// that the proxy is asked for. What a name means to the proxy cannot be seen from here: names are refused unless the
/// policy [permits them](crate::AddressPolicy::allow_names_behind_proxy).
///
/// ```no_run
/// use conn::{Connect, ConnectRequest, Connector, ConnectorConfig, Deadline, Origin, Route};
///
/// // A Connector has this layer built in.
/// let connector = Connector::new(ConnectorConfig::default())?;
/// let route = Route::new(Origin::https("example.com")?).through("socks5h://127.0.0.1:9050".parse()?);
/// let connected = connector.connect(&ConnectRequest::new(&route, Deadline::NEVER))?;
/// println!("the proxy took {:?}", connected.timings.proxy);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SocksConnector<C> {
    inner: C,
    names: Dialer,
}

impl<C> SocksConnector<C> {
    /// Makes a layer over `inner`, which connects to the proxy. `names` finds and judges the addresses that a proxy is asked
    /// for, and dials nothing.
    #[must_use]
    pub fn new(inner: C, names: Dialer) -> Self {
        Self { inner, names }
    }
}

impl<C: Connect> SocksConnector<C> {
    /// Finds what the proxy may be asked for, in order.
    fn targets<'a>(
        &self,
        proxy: &Proxy,
        to: &ConnectRequest<'_>,
        hop: &Hop<'a>,
    ) -> Result<Vec<Host<'a>>, ConnectError> {
        match hop.host {
            Host::Name(name) if proxy.kind().resolves_names() => {
                if !self.names.policy.permits_names_behind_proxy() {
                    return Err(ConnectError::DeniedName { host: name.to_owned() });
                }
                Ok(vec![hop.host])
            }
            // An interface of ours is none of the proxy's.
            Host::V6(_) if hop.zone.is_some() => Err(failure(proxy, hop, SocksError::Zone)),
            _ => {
                let found = self.names.addresses(hop, to.deadline, to.cancel)?;
                if found.is_empty() {
                    return Err(ConnectError::NoAddress { host: hop.host.to_string() });
                }
                let v4_only = proxy.kind().is_version_4();
                let usable = found.into_iter().filter(|address| address.is_ipv4() || !v4_only);
                let targets: Vec<_> = usable.map(host).take(MAX_ADDRESSES).collect();
                if targets.is_empty() { Err(failure(proxy, hop, SocksError::NotIpv4)) } else { Ok(targets) }
            }
        }
    }

    /// Asks the proxy for one target over a connection of its own.
    fn ask(
        &self,
        proxy: &Proxy,
        to: &ConnectRequest<'_>,
        target: &Hop<'_>,
    ) -> Result<Connected, ConnectError> {
        let failed = |source| failure(proxy, target, source);
        let mut handshake = SocksHandshake::new(proxy, target.host, target.port).map_err(failed)?;
        let mut connected = self.inner.connect(&to.to(Hop::proxy(proxy)))?;
        let started = self.names.clock.now();
        let transport = &mut connected.transport;
        let guard = to.guard(transport);
        transport.set_deadline(to.deadline.during(Phase::Proxy));
        if let Err(error) = shake_hands(transport, &mut handshake, &*self.names.clock) {
            return Err(match &error {
                SocksError::Io { source } => ConnectError::ended(source).unwrap_or_else(|| failed(error)),
                _ => failed(error),
            });
        }
        drop(guard);
        // The handshake's limit says nothing about what comes.
        transport.set_deadline(Deadline::NEVER);
        connected.timings.proxy += self.names.clock.now().saturating_duration_since(started);
        tracing::debug!(target: "conn", { %proxy, %target }, "connected through a proxy");
        Ok(connected)
    }
}

impl<C: Connect> Connect for SocksConnector<C> {
    fn connect(&self, to: &ConnectRequest<'_>) -> Result<Connected, ConnectError> {
        let Some(proxy) = to.route.via() else { return self.inner.connect(to) };
        if proxy.kind() == ProxyKind::Http {
            // A layer above asks for the proxy alone. To go on to the target would pass the proxy by.
            let is_asked_for = to.hop == Hop::proxy(proxy);
            return if is_asked_for {
                self.inner.connect(to)
            } else {
                Err(failure(proxy, &to.hop, SocksError::Http))
            };
        }
        let Some(hop) = to.destination() else {
            return Err(failure(proxy, &to.hop, SocksError::UnixSocket));
        };
        let started = self.names.clock.now();
        let targets = self.targets(proxy, to, &hop)?;
        let resolved = self.names.clock.now().saturating_duration_since(started);
        let mut last = None;
        for host in targets {
            match self.ask(proxy, to, &Hop { host, tls: false, ..hop }) {
                Ok(mut connected) => {
                    connected.timings.resolve += resolved;
                    return Ok(connected);
                }
                Err(error) if concerns_the_address(&error) => {
                    tracing::debug!(target: "conn", { %proxy, target = %host, %error }, "refused by a proxy");
                    last = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or_else(|| ConnectError::NoAddress { host: hop.host.to_string() }))
    }
}

impl<C: fmt::Debug> fmt::Debug for SocksConnector<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocksConnector").field("inner", &self.inner).finish_non_exhaustive()
    }
}

fn host(address: SocketAddr) -> Host<'static> {
    match address {
        SocketAddr::V4(address) => Host::V4(*address.ip()),
        SocketAddr::V6(address) => Host::V6(*address.ip()),
    }
}

fn failure(proxy: &Proxy, target: &Hop<'_>, source: SocksError) -> ConnectError {
    ConnectError::Proxy { proxy: proxy.to_string(), target: target.to_string(), source }
}

/// Whether another address of the same name may fare better.
fn concerns_the_address(error: &ConnectError) -> bool {
    matches!(error, ConnectError::Proxy { source: SocksError::Refused { refusal, .. }, .. } if refusal.concerns_the_address())
}

/// Moves the bytes of a handshake.
fn shake_hands(
    transport: &mut dyn Transport,
    handshake: &mut SocksHandshake,
    clock: &dyn Clock,
) -> Result<(), SocksError> {
    let broken = |source| SocksError::Io { source };
    let mut buf = [0; 512];
    loop {
        match handshake.step() {
            SocksStep::Send(bytes) => {
                transport.write_all(&bytes).and_then(|()| transport.flush()).map_err(broken)?;
            }
            SocksStep::Receive(most) => {
                let most = most.min(buf.len());
                let room = buf.get_mut(..most).unwrap_or_default();
                let n = match transport.read(room) {
                    Ok(0) => return Err(handshake.closed()),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    read => read.map_err(broken)?,
                };
                let came = room.get(..n).unwrap_or_default();
                handshake.receive(came).map_err(|error| with_the_rest(error, transport, clock))?;
            }
            SocksStep::Done => return Ok(()),
        }
    }
}

/// Adds what waits behind an answer that is not SOCKS: its first bytes tell little of what answers there.
fn with_the_rest(mut error: SocksError, transport: &mut dyn Transport, clock: &dyn Clock) -> SocksError {
    let SocksError::NotSocks { answer, .. } = &mut error else { return error };
    let now = Deadline::after(clock.now(), Some(Duration::ZERO), Limit::Connect);
    if transport.ready(Interest::READ, now).is_ok_and(|found| found.read) {
        let mut rest = [0; SocksError::MAX_ANSWER];
        let n = transport.read(&mut rest).unwrap_or_default();
        answer.extend(rest.iter().take(n));
        answer.truncate(SocksError::MAX_ANSWER);
    }
    error
}
