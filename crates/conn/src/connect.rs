//! The seam between those who need a connection and those who make one.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::cancel::{CancelToken, Registration};
use crate::deadline::Deadline;
use crate::error::ConnectError;
use crate::origin::{Host, Origin, Scheme};
use crate::proxy::Proxy;
use crate::route::{DialTo, Route};
use crate::transport::Transport;

/// Makes connections. Implement it to bring a stream of your own, or to wrap what another one connects.
///
/// A stream in memory, without any socket:
///
/// ```
/// use conn::{
///     Connect, ConnectError, ConnectRequest, Connected, Deadline, Interest, Liveness, Origin, PeerFacts, Route, Transport,
/// };
/// use std::collections::VecDeque;
/// use std::io::{self, Read, Write};
/// use std::sync::Arc;
///
/// /// Gives back what is written to it.
/// #[derive(Default)]
/// struct Echo {
///     waiting: VecDeque<u8>,
///     facts: Arc<PeerFacts>,
/// }
///
/// impl Read for Echo {
///     fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
///         self.waiting.read(buf)
///     }
/// }
///
/// impl Write for Echo {
///     fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
///         self.waiting.write(buf)
///     }
///     fn flush(&mut self) -> io::Result<()> {
///         Ok(())
///     }
/// }
///
/// impl Transport for Echo {
///     fn set_deadline(&mut self, _: Deadline) {} // It never waits.
///     fn probe(&mut self) -> Liveness {
///         if self.waiting.is_empty() { Liveness::Idle } else { Liveness::Readable }
///     }
///     fn ready(&mut self, want: Interest, _: Deadline) -> io::Result<Interest> {
///         Ok(want)
///     }
///     fn facts(&self) -> &Arc<PeerFacts> {
///         &self.facts
///     }
///     fn close(&mut self) -> io::Result<()> {
///         Ok(())
///     }
/// }
///
/// struct Memory;
///
/// impl Connect for Memory {
///     fn connect(&self, _: &ConnectRequest<'_>) -> Result<Connected, ConnectError> {
///         Ok(Connected::new(Box::new(Echo::default())))
///     }
/// }
///
/// let route = Route::new(Origin::http("echo.example")?);
/// let mut stream = Memory.connect(&ConnectRequest::new(&route, Deadline::NEVER))?.transport;
/// stream.write_all(b"hello")?;
/// let mut text = [0; 5];
/// stream.read_exact(&mut text)?;
/// assert_eq!(&text, b"hello");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub trait Connect: Send + Sync {
    /// Connects to the request's hop within the deadline.
    ///
    /// # Errors
    /// [`ConnectError`] says which step failed and why.
    fn connect(&self, to: &ConnectRequest<'_>) -> Result<Connected, ConnectError>;
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

/// What a [`Connect`] is asked for.
///
/// Connectors are layers: each asks the one below for its own [`Hop`] and adds what it knows. TLS asks for the same
/// hop [in the clear](Self::plain), a tunnel asks for [its proxy](Self::to).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ConnectRequest<'a> {
    /// The whole way.
    pub route: &'a Route,
    /// What this layer has to reach: the route's origin, or a proxy on the way.
    pub hop: Hop<'a>,
    /// Until when, over all steps.
    pub deadline: Deadline,
    /// What ends it early.
    pub cancel: &'a CancelToken,
}

impl<'a> ConnectRequest<'a> {
    /// Asks for a connection to the origin of `route` before `deadline`.
    #[must_use]
    pub fn new(route: &'a Route, deadline: Deadline) -> Self {
        Self { route, hop: Hop::origin(route.origin()), deadline, cancel: CancelToken::never() }
    }

    /// Ends early when the token is cancelled.
    #[must_use]
    pub fn cancelled_by(self, cancel: &'a CancelToken) -> Self {
        Self { cancel, ..self }
    }

    /// Asks for another hop of the same way.
    #[must_use]
    pub fn to(self, hop: Hop<'a>) -> Self {
        Self { hop, ..self }
    }

    /// Asks for the same hop without TLS.
    #[must_use]
    pub fn plain(self) -> Self {
        Self { hop: Hop { tls: false, ..self.hop }, ..self }
    }

    /// Says whether the hop is the route's origin, and no proxy on the way.
    #[must_use]
    pub fn is_to_origin(&self) -> bool {
        Hop { tls: self.hop.tls, ..Hop::origin(self.route.origin()) } == self.hop
    }

    /// Returns where to go to reach the hop: the hop itself, unless the route [leads the origin
    /// elsewhere](Route::dialling); none for a Unix domain socket.
    #[must_use]
    pub fn destination(&self) -> Option<Hop<'a>> {
        match self.route.dial_to().filter(|_| self.is_to_origin()) {
            Some(DialTo::Host(place)) => Some(Hop { tls: self.hop.tls, ..Hop::origin(place) }),
            Some(DialTo::Unix(_)) => None,
            None => Some(self.hop),
        }
    }

    /// Has the token end what `transport` waits for, until what is returned is dropped.
    pub fn guard(&self, transport: &(impl Transport + ?Sized)) -> Option<Registration> {
        if !self.cancel.can_be_cancelled() {
            return None;
        }
        Some(self.cancel.on_cancel(transport.interrupter()?))
    }
}

/// A place on the way: host and port, and whether TLS is spoken there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hop<'a> {
    /// The host.
    pub host: Host<'a>,
    /// The zone of an IPv6 address.
    pub zone: Option<&'a str>,
    /// The port.
    pub port: u16,
    /// Whether TLS is spoken.
    pub tls: bool,
}

impl<'a> Hop<'a> {
    /// Names an origin: TLS is spoken where the scheme is `https`.
    #[must_use]
    pub fn origin(origin: &'a Origin) -> Self {
        let tls = origin.scheme() == Scheme::Https;
        Self { host: origin.host(), zone: origin.zone(), port: origin.port(), tls }
    }

    /// Names a proxy.
    #[must_use]
    pub fn proxy(proxy: &'a Proxy) -> Self {
        Self { host: proxy.host(), zone: None, port: proxy.port(), tls: false }
    }
}

/// `host:port`, with an IPv6 address in brackets.
impl fmt::Display for Hop<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.host, self.zone) {
            (Host::V6(address), Some(zone)) => write!(f, "[{address}%{zone}]:{}", self.port),
            (Host::V6(address), None) => write!(f, "[{address}]:{}", self.port),
            (host, _) => write!(f, "{host}:{}", self.port),
        }
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
    /// Looking up names.
    pub resolve: Duration,
    /// Dialling until an address accepted.
    pub connect: Duration,
    /// Asking a proxy for the way on.
    pub proxy: Duration,
    /// TLS handshakes.
    pub tls: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_asks_for_its_own_hop() {
        let proxy: Proxy = "socks5://[::1]".parse().unwrap();
        let route = Route::new(Origin::https("example.com").unwrap()).through(proxy);
        let whole = ConnectRequest::new(&route, Deadline::NEVER);
        assert_eq!((whole.hop.to_string(), whole.hop.tls), ("example.com:443".into(), true));
        assert!(whole.is_to_origin());

        let plain = whole.plain();
        assert_eq!((plain.hop.to_string(), plain.hop.tls), ("example.com:443".into(), false));
        assert!(plain.is_to_origin());

        let below = plain.to(Hop::proxy(route.via().unwrap()));
        assert_eq!((below.hop.to_string(), below.hop.tls), ("[::1]:1080".into(), false));
        assert!(!below.is_to_origin());
    }

    #[test]
    fn only_the_origin_is_led_elsewhere() {
        let origin = Origin::https("example.com").unwrap();
        let elsewhere = Route::new(origin.clone()).dialling(DialTo::host("fe80::1%7", 1).unwrap());
        let request = ConnectRequest::new(&elsewhere, Deadline::NEVER);
        let found = request.destination().unwrap();
        assert_eq!((found.to_string(), found.tls), ("[fe80::1%7]:1".into(), true));
        let proxy = Proxy::new(crate::proxy::ProxyKind::Socks5, "proxy.example", 2).unwrap();
        let found = request.to(Hop::proxy(&proxy)).destination().unwrap();
        assert_eq!(found.to_string(), "proxy.example:2");

        let local = Route::new(origin).dialling(DialTo::Unix("/run/x".into()));
        assert_eq!(ConnectRequest::new(&local, Deadline::NEVER).destination(), None);
    }
}
