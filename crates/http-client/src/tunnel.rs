//! A tunnel through an HTTP proxy (RFC 9110 §9.3.6).

mod early;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use conn::{
    Connect, ConnectError, ConnectRequest, Connected, Deadline, Dialer, Hop, Host, Limit, Phase, Proxy,
    ProxyKind, Transport,
};
use tracing::debug;
use wire::{BodyLength, Event, Exchange, Headers, Limits, MessageBuf, Method, RequestHead};

use crate::error::{StatusError, TunnelError};
use crate::policy::auth;
use crate::wiretap::{Watch, Wiretap};
use early::Early;

/// How long a proxy may take to say why it refuses.
const EXPLAINING: Duration = Duration::from_secs(1);

/// Room for one read of the proxy's answer.
const READ_SIZE: usize = 4 << 10;

/// Connects through the HTTP proxy of the [route](conn::Route::through), where it has one, by asking it for a tunnel with
/// CONNECT; else it only passes on. TLS and requests run inside the tunnel, those to `http` origins too, and the proxy sees
/// none of them.
///
/// What [`ClientConfig::connector`](crate::ClientConfig::connector) makes has this layer built in. The proxy's credentials go
/// into a `Proxy-Authorization` field of CONNECT and nowhere else. The proxy looks up names: the [address
/// policy](conn::AddressPolicy) refuses them unless it [permits names behind
/// proxies](conn::AddressPolicy::allow_names_behind_proxy), and judges addresses as if they were dialled here.
///
/// ```no_run
/// use http_client::conn::{Origin, Proxy};
/// use http_client::{ClientConfig, Connection};
///
/// let proxy: Proxy = "http://proxy.example:3128".parse()?;
/// let proxy = proxy.with_credentials("ann", "secret")?;
/// let mut conn = Connection::through(&proxy, &Origin::https("example.com")?, ClientConfig::default())?;
/// conn.request("GET", "/")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Tunnel<C> {
    inner: C,
    names: Dialer,
    headers: Headers,
    limits: Limits,
    tap: Option<Wiretap>,
}

impl<C> Tunnel<C> {
    /// Makes a layer over `inner`, which connects to the proxy. `names` judges the addresses that a proxy is asked for, and
    /// dials nothing.
    #[must_use]
    pub fn new(inner: C, names: Dialer) -> Self {
        Self { inner, names, headers: Headers::new(), limits: Limits::default(), tap: None }
    }

    /// Sends these fields with every CONNECT, to whatever proxy.
    #[must_use]
    pub fn with_headers(self, headers: Headers) -> Self {
        Self { headers, ..self }
    }

    /// Bounds what the proxy may answer.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Shows the exchange with the proxy to a tap.
    #[must_use]
    pub fn with_wiretap(self, tap: impl Into<Option<Wiretap>>) -> Self {
        Self { tap: tap.into(), ..self }
    }

    /// Begins the exchange, with its head in `out`.
    fn ask(&self, proxy: &Proxy, target: &str, out: &mut Vec<u8>) -> Result<Exchange, TunnelError> {
        let mut headers = self.headers.clone();
        if let Some((user, password)) = proxy.credentials() {
            headers.set("Proxy-Authorization", auth::encoded(user, password))?;
        }
        let head = RequestHead::new(&Method::CONNECT, target, &headers).with_host(target);
        let mut exchange = Exchange::begin(&head, BodyLength::Empty, self.limits, out)?;
        exchange.finish(None, out)?;
        Ok(exchange)
    }

    /// Asks for the tunnel, and returns the bytes that came through it already.
    fn establish(
        &self,
        transport: &mut dyn Transport,
        proxy: &Proxy,
        target: &str,
        by: Deadline,
    ) -> Result<Vec<u8>, TunnelError> {
        transport.set_deadline(by);
        let mut output = Vec::new();
        let exchange = self.ask(proxy, target, &mut output)?;
        let facts = Arc::clone(transport.facts());
        let watch = Watch::new(self.tap.as_ref(), Some(&facts));
        if let Some(watch) = &watch {
            watch.request(&output, &self.headers);
        }
        transport.write_all(&output).and_then(|()| transport.flush())?;
        let (message, input) = (MessageBuf::default(), Vec::new());
        let mut asked = Asked { transport, exchange, message, input };
        loop {
            let event = asked.next()?;
            if matches!(event, Event::Informational | Event::Head)
                && let Some(watch) = &watch
            {
                watch.response(&asked.message.head);
            }
            match event {
                Event::Upgraded => return Ok(asked.input),
                Event::Head if !asked.message.head.status.is_success() => {
                    // The refusal is known; what else the proxy says is worth no long wait.
                    let briefly = Deadline::after(self.names.clock.now(), Some(EXPLAINING), Limit::Connect);
                    asked.transport.set_deadline(by.min(briefly));
                    return Err(asked.refusal());
                }
                Event::Complete => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                _ => {}
            }
        }
    }

    /// Refuses what a proxy cannot or must not be asked for.
    fn judge(&self, proxy: &Proxy, to: &ConnectRequest<'_>, hop: &Hop<'_>) -> Result<(), ConnectError> {
        match hop.host {
            Host::Name(_) if self.names.policy.permits_names_behind_proxy() => Ok(()),
            Host::Name(name) => Err(ConnectError::DeniedName { host: name.to_owned() }),
            _ if hop.zone.is_some() => Err(failure(proxy, hop, TunnelError::Zone)),
            _ => self.names.addresses(hop, to.deadline, to.cancel).map(drop),
        }
    }
}

impl<C: Connect> Connect for Tunnel<C> {
    fn connect(&self, to: &ConnectRequest<'_>) -> Result<Connected, ConnectError> {
        let Some(proxy) = to.route.via().filter(|proxy| proxy.kind() == ProxyKind::Http) else {
            return self.inner.connect(to);
        };
        let Some(hop) = to.destination() else {
            return Err(failure(proxy, &to.hop, TunnelError::UnixSocket));
        };
        self.judge(proxy, to, &hop)?;
        let mut connected = self.inner.connect(&to.to(Hop::proxy(proxy)))?;
        let started = self.names.clock.now();
        let transport = &mut connected.transport;
        let guard = to.guard(transport);
        let (target, by) = (hop.to_string(), to.deadline.during(Phase::Proxy));
        let early = self.establish(&mut **transport, proxy, &target, by).map_err(|error| match &error {
            TunnelError::Io(source) => {
                ConnectError::ended(source).unwrap_or_else(|| failure(proxy, &hop, error))
            }
            _ => failure(proxy, &hop, error),
        })?;
        drop(guard);
        connected.timings.proxy += self.names.clock.now().saturating_duration_since(started);
        debug!({ %proxy, %target }, "connected through a proxy");
        if early.is_empty() {
            return Ok(connected);
        }
        let tunnel = Early { inner: connected.transport, bytes: early, taken: 0 };
        connected.transport = Box::new(tunnel);
        Ok(connected)
    }
}

/// A proxy that was asked.
struct Asked<'t> {
    transport: &'t mut dyn Transport,
    exchange: Exchange,
    message: MessageBuf,
    /// What was received and not looked at.
    input: Vec<u8>,
}

impl Asked<'_> {
    fn next(&mut self) -> Result<Event, TunnelError> {
        loop {
            let received = self.exchange.receive(&self.input, &mut self.message)?;
            self.input.drain(..received.used);
            if received.event != Event::NeedInput {
                return Ok(received.event);
            }
            if self.fill()? == 0 {
                return Ok(self.exchange.receive_eof(&mut self.message)?.event);
            }
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let filled = self.input.len();
        self.input.resize(filled + READ_SIZE, 0);
        loop {
            let read = self.transport.read(self.input.get_mut(filled..).unwrap_or_default());
            match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => {
                    self.input.truncate(filled + *read.as_ref().unwrap_or(&0));
                    return read;
                }
            }
        }
    }

    /// Takes what the proxy says besides the head; that it breaks off makes it no less of a refusal.
    fn refusal(mut self) -> TunnelError {
        let (mut content, mut is_cut) = (Vec::new(), true);
        while content.len() < StatusError::MAX_CONTENT {
            match self.next() {
                Ok(Event::Content { len }) => {
                    let room = StatusError::MAX_CONTENT - content.len();
                    content.extend(self.input.drain(..len).take(room));
                    self.exchange.content_consumed(len);
                }
                Ok(Event::Complete) => {
                    is_cut = false;
                    break;
                }
                Ok(Event::Upgraded) | Err(_) => break,
                Ok(_) => {}
            }
        }
        TunnelError::Refused(Box::new(StatusError { head: self.message.head, content, is_cut }))
    }
}

impl<C: fmt::Debug> fmt::Debug for Tunnel<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inner, headers, .. } = self;
        f.debug_struct("Tunnel").field("inner", inner).field("headers", headers).finish_non_exhaustive()
    }
}

fn failure(proxy: &Proxy, hop: &Hop<'_>, error: TunnelError) -> ConnectError {
    ConnectError::Tunnel { proxy: proxy.to_string(), target: hop.to_string(), source: Box::new(error) }
}
