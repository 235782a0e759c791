//! A client: many calls, one pool.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use conn::{CancelToken, Connect, ConnectRequest, ConnectionPool, Origin, PoolSnapshot, Timeouts};
use resilience::{CircuitBreaker, RetryPolicy, SharedRng};
use wire::{Method, ResponseHead};

use crate::body::Body;
use crate::call::Call;
use crate::config::{ClientConfig, RedirectPolicy};
use crate::driver::{self, Shared};
use crate::error::{Error, ErrorKind};
use crate::hosts::{HostState, Hosts};
use crate::lease::Depot;
use crate::policy::auth;
use crate::policy::deadlines::Deadlines;
use crate::policy::prepare;
use crate::request::{IntoUrl, OnInformational, Request};
use crate::response::Response;

/// Sends requests to any origin and keeps connections for the next ones. Cloning shares everything.
///
/// ```no_run
/// use http_client::Client;
///
/// let client = Client::new();
/// let page = client.get("https://example.com/").send()?.text()?;
/// let created = client.post("https://example.com/log").header("X-Keeper", "Ida").body("all is well").send()?;
/// println!("{} {}: {page}", created.status(), created.reason());
/// # Ok::<(), http_client::Error>(())
/// ```
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

impl Client {
    /// Makes a client with default settings.
    ///
    /// In a build with TLS but without any provider every request fails with an error that says so.
    #[must_use]
    pub fn new() -> Self {
        let config = ClientConfig::default();
        let connect = config.connector();
        Self::assemble(config, connect)
    }

    /// Makes a client.
    ///
    /// # Errors
    /// The TLS settings or those of the circuit breaker cannot be used.
    pub fn with_config(config: ClientConfig) -> Result<Self, Error> {
        let connect = config.connector()?;
        if let Some(breaker) = config.breaker {
            CircuitBreaker::new(breaker, &SharedRng::seeded(0))
                .map_err(|error| Error::new(ErrorKind::Config, error))?;
        }
        Ok(Self::assemble(config, Ok(connect)))
    }

    fn assemble(config: ClientConfig, connect: Result<Arc<dyn Connect>, Error>) -> Self {
        let pool =
            connect.map(|connect| ConnectionPool::new(connect, config.pool, Arc::clone(&config.clock)));
        let depot = Arc::new(Depot::new(pool));
        let rng = config.seed.map_or_else(SharedRng::from_os, SharedRng::seeded);
        let hosts = Arc::new(Hosts::new(rng));
        Self { shared: Arc::new(Shared { config: Arc::new(config), depot, hosts }) }
    }

    /// Begins a GET request.
    pub fn get(&self, url: impl IntoUrl) -> RequestBuilder<'_> {
        self.request(Method::GET, url)
    }

    /// Begins a POST request.
    pub fn post(&self, url: impl IntoUrl) -> RequestBuilder<'_> {
        self.request(Method::POST, url)
    }

    /// Begins a HEAD request: the response has no content.
    pub fn head(&self, url: impl IntoUrl) -> RequestBuilder<'_> {
        self.request(Method::HEAD, url)
    }

    /// Begins a PUT request.
    pub fn put(&self, url: impl IntoUrl) -> RequestBuilder<'_> {
        self.request(Method::PUT, url)
    }

    /// Begins a PATCH request.
    pub fn patch(&self, url: impl IntoUrl) -> RequestBuilder<'_> {
        self.request(Method::PATCH, url)
    }

    /// Begins a DELETE request.
    pub fn delete(&self, url: impl IntoUrl) -> RequestBuilder<'_> {
        self.request(Method::DELETE, url)
    }

    /// Begins a request with any method, given as a [`Method`] or its name.
    pub fn request<M>(&self, method: M, url: impl IntoUrl) -> RequestBuilder<'_>
    where
        M: TryInto<Method>,
        M::Error: StdError + Send + Sync + 'static,
    {
        RequestBuilder { client: self, request: Request::new(method, url) }
    }

    /// Sends a request.
    ///
    /// # Errors
    /// See [`ErrorKind`](crate::ErrorKind). Any complete response is `Ok`, whatever its status.
    pub fn send(&self, request: Request) -> Result<Response<'static>, Error> {
        let config = Arc::clone(&self.shared.config);
        let now = config.clock.now();
        let call = Call::new(request, config, now)?.among(Arc::clone(&self.shared.hosts));
        driver::run(call, &self.shared)
    }

    /// Connects to the origin of `url` ahead of time, until `connections` idle ones are there or the pool's limits allow no
    /// more, and returns how many it made. Waits for all of them, within [`Timeouts::connect`] together.
    ///
    /// # Errors
    /// The URL names no origin, or a connection could not be made; those before it stay.
    pub fn warm(&self, url: impl IntoUrl, connections: usize) -> Result<usize, Error> {
        let request = Request::new(Method::HEAD, url)?;
        let Shared { config, depot, .. } = &*self.shared;
        let route = config.route(prepare::origin(&request.url)?);
        let now = config.clock.now();
        let deadline = Deadlines::new(config.timeouts, now, now).connect(now);
        depot
            .warm(&ConnectRequest::new(&route, deadline).cancelled_by(&config.cancel), connections)
            .map_err(|error| error.for_request(format!("connection to {}", route.origin())))
    }

    /// Returns the pool in numbers: what is idle, active and waiting, and what has happened so far.
    #[must_use]
    pub fn pool(&self) -> PoolSnapshot {
        self.shared.depot.snapshot()
    }

    /// Returns what is known of a host: its circuit breaker and its retry budget, to read and to control. None where no
    /// policy is set.
    #[must_use]
    pub fn host(&self, origin: &Origin) -> Option<HostState> {
        let Shared { config, hosts, .. } = &*self.shared;
        hosts.state(&config.route(origin.clone()), config, config.clock.now())
    }

    /// Closes every idle connection. Those in use come back.
    pub fn close_idle(&self) {
        self.shared.depot.close_idle();
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

/// Builds a request step by step; what goes wrong on the way waits for [`send`](Self::send).
#[must_use = "nothing is sent before send()"]
#[derive(Debug)]
pub struct RequestBuilder<'c> {
    client: &'c Client,
    request: Result<Request, Error>,
}

impl RequestBuilder<'_> {
    /// Adds a field line.
    pub fn header(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.with(|request| Ok(request.headers.append(name, value)?))
    }

    /// Appends names and values to the query of the URL, percent-encoded as forms are.
    ///
    /// ```
    /// let client = http_client::Client::new();
    /// let request = client.get("http://example.com/?a=1").query([("q", "salt & pepper"), ("page", "2")]).build()?;
    /// assert_eq!(request.url.query(), Some("a=1&q=salt+%26+pepper&page=2"));
    /// # Ok::<(), http_client::Error>(())
    /// ```
    pub fn query<K: AsRef<str>, V: AsRef<str>>(self, pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        self.with(|request| {
            request.url.query_pairs_mut().extend_pairs(pairs);
            Ok(())
        })
    }

    /// Sets the content to a form, `application/x-www-form-urlencoded`, and says so unless a `Content-Type` is there.
    ///
    /// ```no_run
    /// let client = http_client::Client::new();
    /// client.post("https://example.com/login").form([("user", "Ida"), ("password", "lantern")]).send()?;
    /// # Ok::<(), http_client::Error>(())
    /// ```
    pub fn form<K: AsRef<str>, V: AsRef<str>>(self, pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        self.with(|request| {
            let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            request.body = form.into();
            if !request.headers.contains("content-type") {
                request.headers.append("Content-Type", "application/x-www-form-urlencoded")?;
            }
            Ok(())
        })
    }

    /// Sets `Authorization` to a user and a password in the clear (RFC 7617): for `https` only, unless the way is trusted.
    /// It stays at the origin of the request when a redirect leaves it.
    pub fn basic_auth(self, user: &str, password: &str) -> Self {
        self.with(|request| Ok(request.headers.set("Authorization", auth::basic(user, password)?)?))
    }

    /// Sets `Authorization` to a bearer token (RFC 6750). It stays at the origin of the request when a redirect leaves it.
    pub fn bearer_auth(self, token: &str) -> Self {
        self.with(|request| Ok(request.headers.set("Authorization", format!("Bearer {token}"))?))
    }

    /// Sets the content: bytes, text, a [`File`](std::fs::File), or a [`Body`] made of a reader.
    pub fn body(self, body: impl Into<Body>) -> Self {
        self.with(|request| {
            request.body = body.into();
            Ok(())
        })
    }

    /// Bounds the whole call, to the end of the response's content.
    pub fn timeout(self, total: Duration) -> Self {
        let timeouts = self.client.shared.config.timeouts;
        self.with(|request| {
            request.timeouts.get_or_insert(timeouts).total = Some(total);
            Ok(())
        })
    }

    /// Replaces the client's timeouts for this call.
    pub fn timeouts(self, timeouts: Timeouts) -> Self {
        self.with(|request| {
            request.timeouts = Some(timeouts);
            Ok(())
        })
    }

    /// Says whether sending the request twice is harmless, in place of what its method says.
    pub fn idempotent(self, idempotent: bool) -> Self {
        self.with(|request| {
            request.idempotent = Some(idempotent);
            Ok(())
        })
    }

    /// Asks for content as it stands, and leaves alone what comes encoded all the same.
    pub fn without_decoding(self) -> Self {
        self.with(|request| {
            request.decode = false;
            Ok(())
        })
    }

    /// Has a function told of every informational (1xx) response before the final one.
    ///
    /// ```no_run
    /// let client = http_client::Client::new();
    /// let hints = |head: &http_client::wire::ResponseHead| println!("{} {:?}", head.status, head.headers.get_str("link"));
    /// client.get("https://example.com/").on_informational(hints).send()?;
    /// # Ok::<(), http_client::Error>(())
    /// ```
    pub fn on_informational(self, tell: impl Fn(&ResponseHead) + Send + Sync + 'static) -> Self {
        self.with(|request| {
            request.on_informational = Some(OnInformational::new(tell));
            Ok(())
        })
    }

    /// Replaces the client's policy of retries for this call.
    pub fn retry(self, policy: RetryPolicy) -> Self {
        self.with(|request| {
            request.retry = Some(policy);
            Ok(())
        })
    }

    /// Replaces the client's policy of redirects for this call.
    pub fn redirect(self, policy: RedirectPolicy) -> Self {
        self.with(|request| {
            request.redirect = Some(policy);
            Ok(())
        })
    }

    /// Ends the call early when the token is cancelled, from any thread, up to the last byte of the response.
    pub fn cancelled_by(self, token: &CancelToken) -> Self {
        self.with(|request| {
            request.cancel = Some(token.clone());
            Ok(())
        })
    }

    /// Sends the request and waits for the response head.
    ///
    /// # Errors
    /// As [`Client::send`]; besides, whatever went wrong while building.
    pub fn send(self) -> Result<Response<'static>, Error> {
        self.client.send(self.request?)
    }

    /// Returns the request as it was built, without sending it.
    ///
    /// # Errors
    /// Whatever went wrong while building.
    pub fn build(self) -> Result<Request, Error> {
        self.request
    }

    fn with(mut self, change: impl FnOnce(&mut Request) -> Result<(), Error>) -> Self {
        if let Ok(request) = &mut self.request
            && let Err(error) = change(request)
        {
            self.request = Err(error);
        }
        self
    }
}
