//! A connection in the caller's hands: send when you want, receive when you want.

mod pipelining;
mod preparing;
mod settings;
mod stepwise;

use std::collections::VecDeque;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use conn::{Connect, Origin, PeerFacts, Proxy, Route};
use wire::{Headers, Method, Version};

use crate::body::Body;
use crate::config::ClientConfig;
use crate::error::{Error, ErrorKind, Misuse};
use crate::lease::Lease;
use crate::link::Link;
use crate::policy::deadlines::Deadlines;
use crate::policy::prepare;
use crate::request::OnInformational;
use crate::response::Response;

use pipelining::{Ahead, Kept};
pub use pipelining::{NotAnswered, Unanswered};

/// One connection to one origin, driven by hand: a request is sent when you say so, its response is read when you ask
/// for it. It never follows, replays or retries.
///
/// ```no_run
/// use http_client::Connection;
///
/// let mut conn = Connection::https("example.com")?;
/// conn.request("GET", "/")?;
/// let mut response = conn.response()?;
/// println!("{} {}", response.status().as_u16(), response.reason());
/// println!("{}", response.text()?);
///
/// conn.put_request("PUT", "/log")?.put_header("X-Order", "kept")?.put_header("Content-Length", "5")?.end_headers()?;
/// conn.send(b"hello")?;
/// println!("{}", conn.response()?.status());
/// conn.close()?;
/// # Ok::<(), http_client::Error>(())
/// ```
///
/// | call | may follow |
/// |---|---|
/// | `request`, `request_with` | nothing, `request`, `request_with`, a response (read or not), `close` |
/// | `put_request` | nothing, a response (read or not), `close` |
/// | `put_header`, `end_headers` | `put_request`, `put_header` |
/// | `send`, `finish`, `finish_with` | `end_headers`, `send` |
/// | `response` | `request`, `request_with`, `end_headers`, `send`, `finish`, `finish_with` |
///
/// Any other order is an error of kind [`ErrorKind::Misuse`] that says what is missing; nothing is sent then.
///
/// # Several requests first, responses later
///
/// A request may follow others that have no answer yet (RFC 9112 §9.3.2); responses come in their order. By default up
/// to four wait at a time, all idempotent, with content that is in memory or none: [`Pipelining`](crate::Pipelining) sets it.
/// When the connection ends before all are answered, [`unanswered`](Self::unanswered) gives the others back.
///
/// ```no_run
/// use http_client::Connection;
///
/// let mut conn = Connection::https("example.com")?;
/// for path in ["/a", "/b", "/c"] {
///     conn.request("GET", path)?;
/// }
/// for _ in 0..3 {
///     println!("{}", conn.response()?.text()?);
/// }
/// # Ok::<(), http_client::Error>(())
/// ```
pub struct Connection {
    link: Link,
    route: Route,
    config: Arc<ClientConfig>,
    connect: Arc<dyn Connect>,
    deadlines: Deadlines,
    on_informational: Option<OnInformational>,
    /// The response to the current request is decoded.
    decodes: bool,
    /// What would send the current request again; none where it was put together by hand.
    current: Option<Kept>,
    /// Requests behind the current one.
    ahead: VecDeque<Ahead>,
    unanswered: Vec<Unanswered>,
    /// The version of the last response.
    spoke: Option<Version>,
    /// Since when nothing is to come: what comes all the same answers no request.
    quiet_since: Instant,
    state: State,
}

#[derive(Debug)]
enum State {
    Idle,
    /// Between `put_request` and `end_headers`: the lines gather in `link.fields`.
    Building {
        method: Method,
        target: String,
    },
    Sending,
    /// The request is sent; its response was not asked for.
    Awaiting,
    /// The response was given out; its content may be unread.
    Answered,
}

impl Connection {
    /// Connects over TLS to `host` or `host:port`, port 443 unless given.
    ///
    /// # Errors
    /// The host is malformed, or no connection can be made within the connect timeout (10 s).
    pub fn https(host: &str) -> Result<Self, Error> {
        Self::open(&Origin::https(host)?, ClientConfig::default())
    }

    /// Connects without encryption to `host` or `host:port`, port 80 unless given.
    ///
    /// # Errors
    /// As [`https`](Self::https).
    pub fn http(host: &str) -> Result<Self, Error> {
        Self::open(&Origin::http(host)?, ClientConfig::default())
    }

    /// Connects to an origin with settings.
    ///
    /// # Errors
    /// The TLS settings cannot be used, or no connection can be made.
    pub fn open(origin: &Origin, config: ClientConfig) -> Result<Self, Error> {
        let route = config.route(origin.clone());
        Self::along(route, config)
    }

    /// Connects through a proxy: to an HTTP proxy by CONNECT, see [`Tunnel`](crate::Tunnel), or by SOCKS. What
    /// [`routes`](ClientConfig::routes) says of the origin holds besides.
    ///
    /// ```no_run
    /// use http_client::conn::Origin;
    /// use http_client::{ClientConfig, Connection};
    ///
    /// let proxy = "http://proxy.example:3128".parse()?;
    /// let mut conn = Connection::through(&proxy, &Origin::https("example.com")?, ClientConfig::default())?;
    /// conn.request("GET", "/")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`open`](Self::open); besides, [`Error::tunnel`] tells why a proxy refused.
    pub fn through(proxy: &Proxy, origin: &Origin, config: ClientConfig) -> Result<Self, Error> {
        let route = config.route(origin.clone()).through(proxy.clone());
        Self::along(route, config)
    }

    /// Connects along a route: through a proxy, to another place than the origin's, or over a Unix domain socket.
    ///
    /// ```no_run
    /// use http_client::conn::{DialTo, Origin, Route};
    /// use http_client::{ClientConfig, Connection};
    ///
    /// let socket = DialTo::Unix("/run/service.sock".into());
    /// let route = Route::new(Origin::http("localhost")?).dialling(socket);
    /// let mut connection = Connection::along(route, ClientConfig::default())?;
    /// connection.request("GET", "/status")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn along(route: Route, config: ClientConfig) -> Result<Self, Error> {
        let now = config.clock.now();
        let mut connection = Self {
            link: Link::default(),
            route,
            connect: config.connector()?,
            deadlines: Deadlines::new(config.timeouts, now, now),
            config: Arc::new(config),
            on_informational: None,
            decodes: false,
            current: None,
            ahead: VecDeque::new(),
            unanswered: Vec::new(),
            spoke: None,
            quiet_since: now,
            state: State::Idle,
        };
        connection.link.tap.clone_from(&connection.config.wiretap);
        connection.dial()?;
        Ok(connection)
    }

    /// Sends a request without content and does not wait for the response. Default fields, cookies and `Accept-Encoding` are
    /// added.
    ///
    /// # Errors
    /// The request is invalid, may not follow those without an answer, or sending fails.
    pub fn request<M>(&mut self, method: M, target: &str) -> Result<(), Error>
    where
        M: TryInto<Method>,
        M::Error: StdError + Send + Sync + 'static,
    {
        self.request_with(method, target, &[], Body::empty())
    }

    /// Sends a request with fields and content and does not wait for the response.
    ///
    /// ```no_run
    /// # let mut conn = http_client::Connection::http("example.com")?;
    /// conn.request_with("POST", "/log", &[("Content-Type", "text/plain")], "all is well")?;
    /// # Ok::<(), http_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn request_with<M>(
        &mut self,
        method: M,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Result<(), Error>
    where
        M: TryInto<Method>,
        M::Error: StdError + Send + Sync + 'static,
    {
        let method = parse_method(method)?;
        let mut own = Headers::new();
        for (name, value) in headers {
            own.append(name, value).map_err(|error| self.named(&method, target, error.into()))?;
        }
        self.dispatch(method, target, Kept { headers: own, body: body.into() })
    }

    fn dispatch(&mut self, method: Method, target: &str, mut kept: Kept) -> Result<(), Error> {
        if self.is_pipelining() {
            return self.push(method, target, kept);
        }
        self.start(&method, target)?;
        self.decodes = self.fill_in(&method, target, &kept)?;
        prepare::may_send_chunks(self.spoke, kept.body.length())
            .map_err(|error| self.named(&method, target, error))?;
        self.begin(&method, target, kept.body.length())?;
        self.state = State::Sending;
        self.sent(|link, deadlines, clock| link.send(kept.body.source(), deadlines, clock))?;
        self.current = Some(kept);
        self.state = State::Awaiting;
        Ok(())
    }

    /// Waits for the response to the request that was sent, the first of those without an answer.
    ///
    /// # Errors
    /// No request was sent: nothing changes. The peer breaks the protocol, the connection breaks, or a deadline passes: the
    /// connection is closed, the next request dials again, and [`unanswered`](Self::unanswered) has the requests without a
    /// response.
    pub fn response(&mut self) -> Result<Response<'_>, Error> {
        self.await_response(None)
    }

    /// As [`response`](Self::response), but waits for the head no longer than `timeout`, in place of
    /// [`Timeouts::response`](crate::Timeouts::response). [`Timeouts::total`](crate::Timeouts::total) still applies.
    ///
    /// # Errors
    /// As [`response`](Self::response).
    pub fn response_within(&mut self, timeout: Duration) -> Result<Response<'_>, Error> {
        self.await_response(Some(timeout))
    }

    fn await_response(&mut self, within: Option<Duration>) -> Result<Response<'_>, Error> {
        let deadlines = match self.state {
            State::Sending => {
                self.finish()?;
                self.deadlines
            }
            State::Awaiting => self.deadlines,
            State::Answered if !self.ahead.is_empty() => self.advance()?,
            State::Building { .. } => return Err(Misuse::RequestUnfinished.into()),
            State::Idle | State::Answered => return Err(Misuse::NoRequest.into()),
        };
        let deadlines = within.map_or(deadlines, |timeout| deadlines.with_response(timeout));
        let clock = Arc::clone(&self.config.clock);
        self.state = State::Idle;
        if let Err(error) = self.link.receive_head(&deadlines, &*clock) {
            self.give_up(true);
            return Err(error);
        }
        self.state = State::Answered;
        // An answer is there: nothing sends this request again.
        self.current = None;
        self.quiet_since = clock.now();
        self.spoke = Some(self.link.message.head.version);
        if let Some(url) = self.cookie_url(self.link.target()) {
            prepare::store_cookies(&self.config, &url, &self.link.message.head.headers, clock.wall());
        }
        let lease = Lease::Borrowed(&mut self.link);
        Ok(Response::new(lease, self.deadlines, clock, &self.config.limits, self.decodes))
    }

    /// Tells whether the connection is open as far as is known; nothing is asked of the peer.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.link.is_open()
    }

    /// Returns what is known of the connection's ends while it is open.
    #[must_use]
    pub fn peer(&self) -> Option<&PeerFacts> {
        self.link.facts()
    }

    /// Returns the origin.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        self.route.origin()
    }

    /// Closes the connection, saying goodbye where TLS has one. A later request dials again, unless
    /// [`auto_open`](ClientConfig::auto_open) is off. Dropping the connection closes it too, without waiting.
    ///
    /// # Errors
    /// The goodbye could not be sent; the connection is closed all the same.
    pub fn close(&mut self) -> Result<(), Error> {
        self.give_up(matches!(self.state, State::Awaiting));
        self.state = State::Idle;
        let now = self.config.clock.now();
        let deadline = Deadlines::new(self.config.timeouts, now, now).close(now);
        self.link.remark_closed(&"by hand");
        let Some(mut transport) = self.link.detach() else { return Ok(()) };
        transport.set_deadline(deadline);
        transport.close().map_err(Error::transport)
    }

    /// Runs a step of sending; after a failure the next request starts anew.
    fn sent(
        &mut self,
        step: impl FnOnce(&mut Link, &Deadlines, &dyn conn::Clock) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let result = step(&mut self.link, &self.deadlines, &*self.config.clock);
        if result.is_err() {
            drop(self.link.detach());
            self.state = State::Idle;
        }
        result
    }
}

fn parse_method<M>(method: M) -> Result<Method, Error>
where
    M: TryInto<Method>,
    M::Error: StdError + Send + Sync + 'static,
{
    method.try_into().map_err(|error| Error::new(ErrorKind::InvalidRequest, error))
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("origin", &format_args!("{}", self.route.origin()))
            .field("is_open", &self.is_open())
            .finish_non_exhaustive()
    }
}
