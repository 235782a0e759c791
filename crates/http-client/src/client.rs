//! A client: many calls, one pool.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use conn::{Connect, ConnectRequest, ConnectionPool, Origin, PoolSnapshot};
use resilience::{CircuitBreaker, SharedRng};
use wire::Method;

use crate::batch::Batch;
use crate::body::Body;
use crate::builder::RequestBuilder;
use crate::call::Call;
use crate::config::ClientConfig;
use crate::driver::{self, Shared};
use crate::error::{Error, ErrorKind};
use crate::hosts::{HostState, Hosts};
use crate::lease::Depot;
use crate::policy::deadlines::Deadlines;
use crate::policy::prepare;
use crate::request::{IntoUrl, Request};
use crate::response::Response;

/// Sends requests to any origin and keeps connections for the next ones. Cloning shares everything.
///
/// ```no_run
/// use http_client::Client;
///
/// let client = Client::new();
/// let page = client.get("https://example.com/").send()?.text()?;
/// let created = client.post("https://example.com/log").header("X-Keeper", "Ida").body("all is well").send()?;
/// println!("{} {}: {page}", created.status().as_u16(), created.reason());
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
        let config = Arc::new(config);
        let hosts = Arc::new(Hosts::new(Arc::clone(&config)));
        Self { shared: Arc::new(Shared { config, depot, hosts }) }
    }

    /// Begins a GET request.
    pub fn get(&self, url: impl IntoUrl) -> RequestBuilder {
        self.request(Method::GET, url)
    }

    /// Begins a POST request.
    pub fn post(&self, url: impl IntoUrl) -> RequestBuilder {
        self.request(Method::POST, url)
    }

    /// Begins a HEAD request: the response has no content.
    pub fn head(&self, url: impl IntoUrl) -> RequestBuilder {
        self.request(Method::HEAD, url)
    }

    /// Begins a PUT request.
    pub fn put(&self, url: impl IntoUrl) -> RequestBuilder {
        self.request(Method::PUT, url)
    }

    /// Begins a PATCH request.
    pub fn patch(&self, url: impl IntoUrl) -> RequestBuilder {
        self.request(Method::PATCH, url)
    }

    /// Begins a DELETE request.
    pub fn delete(&self, url: impl IntoUrl) -> RequestBuilder {
        self.request(Method::DELETE, url)
    }

    /// Begins an OPTIONS request.
    pub fn options(&self, url: impl IntoUrl) -> RequestBuilder {
        self.request(Method::OPTIONS, url)
    }

    /// Begins a request with any method, given as a [`Method`] or its name.
    pub fn request<M>(&self, method: M, url: impl IntoUrl) -> RequestBuilder
    where
        M: TryInto<Method>,
        M::Error: StdError + Send + Sync + 'static,
    {
        let request = Request::at(method, url, self.config().base_url.as_ref());
        RequestBuilder::new(self.clone(), request)
    }

    /// Sends a request of the `http` crate; a URI without scheme and authority is resolved against the
    /// [base URL](ClientConfig::base_url). Its version and its extensions are not looked at.
    ///
    /// ```no_run
    /// use http_client::{Client, http};
    ///
    /// let request = http::Request::put("https://example.com/log").header("X-Keeper", "Ida").body("all is well")?;
    /// let response = Client::new().execute(request)?;
    /// let response: http::Response<_> = response.try_into()?;
    /// println!("{:?}", response.headers());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`send`](Self::send); besides, the URI may lack what no base URL gives.
    pub fn execute<B: Into<Body>>(&self, request: http::Request<B>) -> Result<Response<'static>, Error> {
        self.send(Request::from_http(request, self.config().base_url.as_ref())?)
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

    /// Begins a batch: many requests at a time, on threads that end with the call.
    pub fn batch(&self) -> Batch<'_> {
        Batch::new(self)
    }

    pub(crate) fn config(&self) -> &ClientConfig {
        &self.shared.config
    }

    pub(crate) fn shared_config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.shared.config)
    }

    /// Connects to the origin of `url` ahead of time, until `connections` idle ones are there or the pool's limits allow no
    /// more, and returns how many it made. Waits for all of them, within [`Timeouts::connect`](crate::Timeouts::connect) together.
    ///
    /// # Errors
    /// The URL names no origin, or a connection could not be made; those before it stay.
    pub fn warm(&self, url: impl IntoUrl, connections: usize) -> Result<usize, Error> {
        let request = Request::at(Method::HEAD, url, self.config().base_url.as_ref())?;
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
        hosts.state(&config.route(origin.clone()), config.clock.now())
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
