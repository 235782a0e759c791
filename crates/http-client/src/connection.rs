//! A connection in the caller's hands: send when you want, receive when you want.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use conn::{Connect, ConnectRequest, Origin, PeerFacts, Route};
use tracing::debug;
use url::Url;
use wire::{BodyLength, Exchange, Headers, Method, RequestHead, ResponseHead};

use crate::body::Body;
use crate::config::ClientConfig;
use crate::error::{Error, ErrorKind, Misuse};
use crate::lease::Lease;
use crate::link::{Link, Provenance};
use crate::policy::deadlines::Deadlines;
use crate::policy::{decode, prepare};
use crate::request::OnInformational;
use crate::response::Response;

/// One connection to one origin, driven by hand: a request is sent when you say so, its response is read when you ask
/// for it. It never follows, replays or retries.
///
/// ```no_run
/// use http_client::Connection;
///
/// let mut conn = Connection::https("example.com")?;
/// conn.request("GET", "/")?;
/// let mut response = conn.response()?;
/// println!("{} {}", response.status(), response.reason());
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
/// | `request`, `request_with`, `put_request` | nothing, a response (read or not), `close` |
/// | `put_header`, `end_headers` | `put_request` |
/// | `send`, `finish` | `end_headers` |
/// | `response` | `request`, `request_with`, or a request that is complete |
///
/// Any other order is an error of kind [`ErrorKind::Misuse`] that says what is missing; nothing is sent then.
pub struct Connection {
    link: Link,
    route: Route,
    config: Arc<ClientConfig>,
    connect: Arc<dyn Connect>,
    deadlines: Deadlines,
    on_informational: Option<OnInformational>,
    /// The response to the current request is decoded.
    decodes: bool,
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
        Self::open(&origin(Origin::https(host))?, ClientConfig::default())
    }

    /// Connects without encryption to `host` or `host:port`, port 80 unless given.
    ///
    /// # Errors
    /// As [`https`](Self::https).
    pub fn http(host: &str) -> Result<Self, Error> {
        Self::open(&origin(Origin::http(host))?, ClientConfig::default())
    }

    /// Connects to an origin with settings.
    ///
    /// # Errors
    /// The TLS settings cannot be used, or no connection can be made.
    pub fn open(origin: &Origin, config: ClientConfig) -> Result<Self, Error> {
        let route = config.route(origin.clone());
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
            state: State::Idle,
        };
        connection.dial()?;
        Ok(connection)
    }

    /// Has a function told of every informational (1xx) response to the requests that follow.
    pub fn on_informational(&mut self, tell: impl Fn(&ResponseHead) + Send + Sync + 'static) {
        self.on_informational = Some(OnInformational::new(tell));
    }

    /// Sends a request without content and does not wait for the response. Default fields, cookies and `Accept-Encoding` are
    /// added.
    ///
    /// # Errors
    /// The response to the last request was never asked for, the request is invalid, or sending fails.
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
        let (method, mut body) = (parse_method(method)?, body.into());
        self.start(&method, target)?;
        let mut own = Headers::new();
        for (name, value) in headers {
            own.append(name, value).map_err(|error| self.link.named(error.into()))?;
        }
        let url = self.cookie_url(target);
        let cookies = url.and_then(|url| prepare::cookies(&self.config, &url, self.config.clock.wall()));
        prepare::fields(&self.config.headers, &own, &[], cookies.as_deref(), &mut self.link.fields);
        self.decodes = self.config.decode && decode::offer(&mut self.link.fields);
        self.begin(&method, target, body.length())?;
        self.state = State::Sending;
        self.sent(|link, deadlines, clock| link.send(body.source(), deadlines, clock))?;
        self.state = State::Awaiting;
        Ok(())
    }

    /// Begins a request whose fields are given one by one. Only `Host` and what frames the content are added to them.
    ///
    /// # Errors
    /// As [`request`](Self::request); nothing is sent yet.
    pub fn put_request<M>(&mut self, method: M, target: &str) -> Result<&mut Self, Error>
    where
        M: TryInto<Method>,
        M::Error: StdError + Send + Sync + 'static,
    {
        let method = parse_method(method)?;
        self.start(&method, target)?;
        self.link.fields.clear();
        self.decodes = false;
        self.state = State::Building { method, target: target.to_owned() };
        Ok(self)
    }

    /// Adds a field line, in exactly this case and order.
    ///
    /// # Errors
    /// No request is being built, or the field is invalid.
    pub fn put_header(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<&mut Self, Error> {
        if !matches!(self.state, State::Building { .. }) {
            return Err(Misuse::NotBuilding.into());
        }
        self.link.fields.append(name, value).map_err(|error| self.link.named(error.into()))?;
        Ok(self)
    }

    /// Sends the head. Content may follow if a `Content-Length` or `Transfer-Encoding: chunked` was put.
    ///
    /// # Errors
    /// No request is being built, the request is invalid, or sending fails.
    pub fn end_headers(&mut self) -> Result<&mut Self, Error> {
        let State::Building { method, target } = std::mem::replace(&mut self.state, State::Idle) else {
            return Err(Misuse::NotBuilding.into());
        };
        // The length is what the fields say.
        let framed =
            ["content-length", "transfer-encoding"].iter().any(|name| self.link.fields.contains(name));
        let no_content = self.link.fields.get("content-length").is_some_and(|length| length == b"0");
        let length = if framed && !no_content { BodyLength::Unknown } else { BodyLength::Empty };
        self.begin(&method, &target, length)?;
        self.state = State::Sending;
        self.sent(Link::flush)?;
        Ok(self)
    }

    /// Sends content as it is given: in a chunk, or as a part of the announced length.
    ///
    /// # Errors
    /// The headers are not ended, there is more content than announced, or sending fails.
    pub fn send(&mut self, content: &[u8]) -> Result<&mut Self, Error> {
        if !matches!(self.state, State::Sending) {
            return Err(Misuse::NotSending.into());
        }
        self.sent(|link, deadlines, clock| {
            link.send_content(content, deadlines, clock)?;
            link.flush(deadlines, clock)
        })?;
        Ok(self)
    }

    /// Ends the content of a request; [`response`](Self::response) does it where it was not done.
    ///
    /// # Errors
    /// The headers are not ended, there is less content than announced, or sending fails.
    pub fn finish(&mut self) -> Result<(), Error> {
        if !matches!(self.state, State::Sending) {
            return Err(Misuse::NotSending.into());
        }
        self.sent(Link::finish)?;
        self.state = State::Awaiting;
        Ok(())
    }

    /// Waits for the response to the request that was sent.
    ///
    /// # Errors
    /// No request was sent, the peer breaks the protocol, the connection breaks, or a deadline passes.
    pub fn response(&mut self) -> Result<Response<'_>, Error> {
        self.await_response(self.deadlines)
    }

    /// As [`response`](Self::response), but waits for the head no longer than `timeout`, in place of
    /// [`Timeouts::response`](crate::Timeouts::response). Whoever sets a total keeps it.
    ///
    /// # Errors
    /// As [`response`](Self::response).
    pub fn response_within(&mut self, timeout: Duration) -> Result<Response<'_>, Error> {
        self.await_response(self.deadlines.with_response(timeout))
    }

    fn await_response(&mut self, deadlines: Deadlines) -> Result<Response<'_>, Error> {
        match self.state {
            State::Sending => self.finish()?,
            State::Awaiting => {}
            State::Building { .. } => return Err(Misuse::RequestUnfinished.into()),
            State::Idle | State::Answered => return Err(Misuse::NoRequest.into()),
        }
        let clock = Arc::clone(&self.config.clock);
        self.state = State::Idle;
        self.link.receive_head(&deadlines, &*clock)?;
        self.state = State::Answered;
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
        self.state = State::Idle;
        let now = self.config.clock.now();
        let deadline = Deadlines::new(self.config.timeouts, now, now).close(now);
        let Some(mut transport) = self.link.detach() else { return Ok(()) };
        transport.set_deadline(deadline);
        transport.close().map_err(Error::transport)
    }

    /// Makes the connection ready for a request: in order, rid of an unread response, and open.
    fn start(&mut self, method: &Method, target: &str) -> Result<(), Error> {
        match self.state {
            State::Building { .. } | State::Sending => return Err(Misuse::RequestUnfinished.into()),
            State::Awaiting => return Err(Misuse::ResponsePending.into()),
            State::Idle => {}
            State::Answered => {
                let limit = self.config.limits.drain;
                if self.link.is_handed_over() {
                    drop(self.link.detach());
                } else if !self.link.is_complete()
                    && !self.link.drain(limit, &self.deadlines, &*self.config.clock)
                {
                    debug!("too much of the last response is unread");
                    drop(self.link.detach());
                }
                self.state = State::Idle;
            }
        }
        let now = self.config.clock.now();
        self.deadlines = Deadlines::new(self.config.timeouts, now, now);
        if !self.link.is_open() {
            if !self.config.auto_open {
                return Err(Misuse::Closed.into());
            }
            self.dial()?;
        }
        self.link.prepare(method, &self.route, target);
        self.link.on_informational.clone_from(&self.on_informational);
        Ok(())
    }

    fn dial(&mut self) -> Result<(), Error> {
        let by = self.deadlines.connect(self.config.clock.now());
        let request = ConnectRequest::new(&self.route, by).cancelled_by(&self.config.cancel);
        let connected = self.connect.connect(&request).map_err(|error| {
            Error::from(error).for_request(format!("connection to {}", self.route.origin()))
        })?;
        let made = Provenance { dial: connected.timings, ..Provenance::default() };
        self.link.attach(connected.transport, made, &self.config.cancel);
        Ok(())
    }

    /// Writes the head of the lines in `link.fields` and begins the exchange.
    fn begin(&mut self, method: &Method, target: &str, length: BodyLength) -> Result<(), Error> {
        let link = &mut self.link;
        // RFC 9110 §7.2: `Host` names the target, which for CONNECT is not the proxy that is asked.
        let host = if *method == Method::CONNECT { target } else { self.route.origin().authority() };
        let head = RequestHead::new(method, target, &link.fields).with_host(host);
        let exchange = Exchange::begin(&head, length, self.config.limits.message, &mut link.output)
            .map_err(|error| link.named(error.into()))?;
        link.begin(exchange.with_leniency(self.config.leniency));
        debug!(
            { http.request.method = %method, server.address = self.route.origin().host_str(),
              server.port = self.route.origin().port() },
            "request"
        );
        Ok(())
    }

    /// Returns the URL that cookies go by, if they are kept.
    fn cookie_url(&self, target: &str) -> Option<Url> {
        if self.config.keeps_cookies() { prepare::url(self.route.origin(), target) } else { None }
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

fn origin(parsed: Result<Origin, conn::OriginError>) -> Result<Origin, Error> {
    parsed.map_err(|error| Error::new(ErrorKind::InvalidRequest, error))
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
