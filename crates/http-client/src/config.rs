//! What can be set, layer by layer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use conn::{
    AddressPolicy, CancelToken, Clock, Connect, Origin, PoolLimits, Resolve, Route, SystemClock,
    SystemResolver, TcpOptions, Timeouts,
};
use resilience::{BreakerConfig, BudgetConfig, RetryPolicy, SharedRng, Stack};
use url::Url;
use wire::{Headers, Leniency};

use crate::wiretap::Wiretap;

mod redirect;

pub use redirect::RedirectPolicy;

/// Settings of a [`Client`](crate::Client) or a [`Connection`](crate::Connection): public fields, each with its default.
///
/// [`RequestBuilder::configure`](crate::RequestBuilder::configure) changes them for one request, but for those that say that
/// they are fixed: they belong to all calls of the client.
///
/// ```
/// use http_client::{Client, ClientConfig};
/// use std::time::Duration;
///
/// let mut config = ClientConfig::default();
/// config.timeouts.total = Some(Duration::from_secs(30));
/// config.headers.set("User-Agent", "lighthouse/1.0")?;
/// let client = Client::with_config(config)?;
/// # drop(client);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct ClientConfig {
    /// How long each step may take. Defaults: connect 10 s, response 60 s, idle 60 s, no total.
    pub timeouts: Timeouts,
    /// What a peer may make us hold.
    pub limits: Limits,
    /// What of a server's mistakes is put up with. Default: nothing but folded lines.
    pub leniency: Leniency,
    /// What relative URLs given to a [`Client`](crate::Client) are resolved against (RFC 3986): `log` at
    /// `https://example.com/api/` is `https://example.com/api/log`; without the last slash, `api` would be replaced. One
    /// that begins with two slashes must not lead to another host. Fixed. Default none.
    pub base_url: Option<Url>,
    /// Fields added to every request that does not have them. Default: `User-Agent` and `Accept: */*`.
    pub headers: Headers,
    /// Fields sent to every HTTP proxy with CONNECT; none of them reaches an origin. Fixed. Default none.
    pub tunnel_headers: Headers,
    /// Above how many bytes of content a client asks with `Expect: 100-continue` whether the server wants them, and waits
    /// up to [`Timeouts::expect_continue`] for its word. Content of unknown length is sent unasked. None for never. Default
    /// 1 MiB.
    pub expect_above: Option<u64>,
    /// Whether content may come encoded (gzip, deflate; br and zstd by features) and is decoded then. Default true. Where
    /// `headers` has an `Accept-Encoding`, content is left as it comes.
    pub decode: bool,
    /// Who is shown what goes over the wire, line by line. Default nobody.
    pub wiretap: Option<Wiretap>,
    /// What a [`Connection`](crate::Connection) may send before earlier requests are answered. A client does not look at it.
    pub pipelining: Pipelining,
    /// How a client tries failed calls again. Default none: a request that was lost with a dead connection is replayed
    /// once, and that is all. [`standard`](Self::standard) turns it on. The policy's attempt timeout, 10 s unless it is set to
    /// none, ends with the response head; [`Timeouts::attempt`] bounds the content too.
    pub retry: Option<RetryPolicy>,
    /// How many retries all calls to a host may make together. Fixed. Default: a tenth of the load, and no
    /// more than 20 at once.
    pub retry_budget: Option<BudgetConfig>,
    /// How many retries all calls of a client may make together, besides: where a whole network fails, many hosts do. It
    /// counts for hosts that have a `retry_budget`. Fixed. Default: as for a host.
    pub client_retry_budget: Option<BudgetConfig>,
    /// Whether requests that are not idempotent are repeated too when a server sheds load (429, 503 with `Retry-After`).
    /// Default false: some servers say so after they have acted.
    pub retry_throttled: bool,
    /// When a host that fails is left alone. Fixed, but a request can be sent without it. Default none;
    /// [`standard`](Self::standard) turns it on.
    pub breaker: Option<BreakerConfig>,
    /// Makes all policies of a host, a rate limit and a bulkhead among them, in place of `retry`, `retry_budget` and
    /// `breaker`. Fixed. A place in the bulkhead is free again when the response head is there. Default none.
    ///
    /// ```
    /// use http_client::ClientConfig;
    /// use http_client::resilience::{RateLimiter, Stack};
    /// use std::num::NonZeroU32;
    /// use std::sync::Arc;
    ///
    /// let (ten, burst) = (NonZeroU32::new(10).ok_or("zero")?, NonZeroU32::MIN);
    /// let mut config = ClientConfig::default();
    /// config.policies = Some(Arc::new(move |_origin, rng| {
    ///     let mut stack = Stack::standard(rng);
    ///     stack.limiter = Some(RateLimiter::per_second(ten, burst));
    ///     stack
    /// }));
    /// # Ok::<(), &str>(())
    /// ```
    pub policies: Option<Arc<HostPolicies>>,
    /// Where the jitter of waits begins, for tests that must repeat. Fixed. Default none: nobody can foresee it.
    pub seed: Option<u64>,
    /// How many connections a client keeps and uses at once, and how long. Fixed. A [`Connection`](crate::Connection)
    /// has no pool.
    pub pool: PoolLimits,
    /// Which redirects a client follows. Default: 10 of them, never from `https` to `http`. A
    /// [`Connection`](crate::Connection) follows none.
    pub redirect: RedirectPolicy,
    /// Options of TCP sockets. Fixed.
    pub tcp: TcpOptions,
    /// Looks up names. Fixed. Default [`SystemResolver`]; [`conn::Overrides`] knows some names itself.
    pub resolver: Arc<dyn Resolve>,
    /// Which addresses may be dialled. Fixed. Default [`AddressPolicy::any`]; whoever fetches what a stranger names wants
    /// [`AddressPolicy::public_only`].
    pub address_policy: AddressPolicy,
    /// Roots, provider and protocols of TLS. Fixed, but a [`Route`] can have its own. Default: the roots of webpki-roots.
    #[cfg(feature = "tls-no-provider")]
    pub tls: conn::TlsConfig,
    /// The jar that cookies are kept in. Default none: cookies are neither stored nor sent.
    #[cfg(feature = "cookies")]
    pub cookies: Option<cookies::Jar>,
    /// Whether a [`Connection`](crate::Connection) that was closed dials again for the next request. A client does not look at
    /// it. Default true.
    pub auto_open: bool,
    /// Decides the way to an origin: through a proxy, to another place, over a Unix domain socket. Default none: straight
    /// there.
    ///
    /// ```
    /// use http_client::{ClientConfig, Proxy, Route};
    /// use std::sync::Arc;
    ///
    /// let proxy: Proxy = "http://proxy.example:3128".parse()?;
    /// let mut config = ClientConfig::default();
    /// config.routes = Some(Arc::new(move |origin| Route::new(origin).through(proxy.clone())));
    /// # Ok::<(), http_client::Error>(())
    /// ```
    pub routes: Option<Arc<Routes>>,
    /// Ends everything that waits, from any thread: the one call of a [`Connection`](crate::Connection), all calls of a
    /// client that have no token of their own. Default: cannot be cancelled.
    pub cancel: CancelToken,
    /// Makes connections in place of TCP and TLS; `tcp`, `tls`, `resolver` and `address_policy` are not looked at
    /// then. Fixed. Default none.
    pub connect: Option<Arc<dyn Connect>>,
    /// Tells the time. Fixed. Default the system's clock.
    pub clock: Arc<dyn Clock>,
}

/// Makes the policies of a host, given its origin and where their jitter comes from.
pub type HostPolicies = dyn Fn(&Origin, SharedRng) -> Stack + Send + Sync;

/// Decides the way to an origin.
pub type Routes = dyn Fn(Origin) -> Route + Send + Sync;

/// Bounds on what a peer may make us hold or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bounds on heads, chunks and trailers.
    pub message: wire::Limits,
    /// Bytes of an unread body that are read and dropped so that a connection can be used again. Default 64 KiB.
    pub drain: u64,
    /// How long such bytes are waited for. Default 50 ms; where a [`Connection`](crate::Connection) has sent requests behind
    /// them, [`Timeouts::idle`].
    pub drain_for: Duration,
    /// Bytes of content that [`Response::bytes`](crate::Response::bytes) and [`text`](crate::Response::text) hold in
    /// memory, after decoding. Default 64 MiB.
    pub buffered: u64,
    /// How many times its length on the wire content may grow by decoding, as soon as it makes more than 1 MiB. Default 100.
    pub expansion: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message: wire::Limits::default(),
            drain: 64 << 10,
            drain_for: Duration::from_millis(50),
            buffered: 64 << 20,
            expansion: 100,
        }
    }
}

/// What may be sent on a connection before earlier requests are answered (RFC 9112 §9.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pipelining {
    /// How many requests may wait for their answers; 1 for no pipelining. Default 4.
    pub depth: usize,
    /// Whether requests that are not idempotent may be among them. When the connection ends, nobody knows then which of
    /// them the server has acted on. Default false.
    pub any_method: bool,
}

impl Default for Pipelining {
    fn default() -> Self {
        Self { depth: 4, any_method: false }
    }
}

impl ClientConfig {
    /// Returns the settings for production; the rest by default:
    ///
    /// * Up to three attempts for requests that may be repeated. Waits between them are drawn at random from 0 to 100 ms, then
    ///   to 200 ms, and so on doubling up to 10 s; after 429, or 503 with `Retry-After`, from half of 1 s to 1 s, doubling up
    ///   to 20 s. A `Retry-After` of up to 30 s is kept; beyond it the call gives up at once. See [`RetryPolicy`].
    /// * A budget for each host, and one for all together: a bucket of 20 retries, to which each success adds a tenth of one. See
    ///   [`BudgetConfig`].
    /// * A circuit breaker for each host, which opens when of at least 10 calls in the last 10 s more than half failed, by more
    ///   than chance explains; or after 16 failures in a row, or 5 where there is less traffic, that lasted at least 1 s. It
    ///   stays open for 1 s at first and for 5 s at most, plus up to a quarter. See [`BreakerConfig`].
    /// * A total limit of 2 minutes for a call.
    ///
    /// ```
    /// use http_client::{Client, ClientConfig};
    ///
    /// let client = Client::with_config(ClientConfig::standard())?;
    /// # drop(client);
    /// # Ok::<(), http_client::Error>(())
    /// ```
    #[must_use]
    pub fn standard() -> Self {
        let mut retry = RetryPolicy::default();
        // `timeouts.response` is there already.
        retry.attempt_timeout = None;
        let mut config =
            Self { retry: Some(retry), breaker: Some(BreakerConfig::default()), ..Self::default() };
        config.timeouts.total = Some(Duration::from_secs(120));
        config
    }

    /// Changes some of the settings.
    ///
    /// ```
    /// use http_client::ClientConfig;
    /// use std::time::Duration;
    ///
    /// let config = ClientConfig::default().with(|config| config.timeouts.total = Some(Duration::from_secs(30)));
    /// # drop(config);
    /// ```
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Returns the way to an origin.
    pub(crate) fn route(&self, origin: Origin) -> Route {
        self.routes.as_ref().map_or_else(|| Route::new(origin.clone()), |routes| routes(origin.clone()))
    }

    /// Tells whether cookies are kept.
    pub(crate) fn keeps_cookies(&self) -> bool {
        #[cfg(feature = "cookies")]
        let keeps = self.cookies.is_some();
        #[cfg(not(feature = "cookies"))]
        let keeps = false;
        keeps
    }
}

impl Default for ClientConfig {
    fn default() -> Self {
        let mut headers = Headers::new();
        let agent = concat!("http-client/", env!("CARGO_PKG_VERSION"));
        for (name, value) in [("User-Agent", agent), ("Accept", "*/*")] {
            // Both are valid by their letters.
            let _ = headers.append(name, value);
        }
        Self {
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            leniency: Leniency::default(),
            base_url: None,
            headers,
            tunnel_headers: Headers::new(),
            expect_above: Some(1 << 20),
            decode: true,
            redirect: RedirectPolicy::default(),
            wiretap: None,
            pipelining: Pipelining::default(),
            retry: None,
            retry_budget: Some(BudgetConfig::default()),
            client_retry_budget: Some(BudgetConfig::default()),
            retry_throttled: false,
            breaker: None,
            policies: None,
            seed: None,
            pool: PoolLimits::default(),
            tcp: TcpOptions::default(),
            resolver: Arc::new(SystemResolver::default()),
            address_policy: AddressPolicy::any(),
            #[cfg(feature = "tls-no-provider")]
            tls: conn::TlsConfig::default(),
            #[cfg(feature = "cookies")]
            cookies: None,
            auto_open: true,
            routes: None,
            cancel: CancelToken::never().clone(),
            connect: None,
            clock: Arc::new(SystemClock),
        }
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig")
            .field("timeouts", &self.timeouts)
            .field("limits", &self.limits)
            .field("leniency", &self.leniency)
            .field("headers", &self.headers)
            .field("redirect", &self.redirect)
            .field("pool", &self.pool)
            .field("tcp", &self.tcp)
            .field("address_policy", &self.address_policy)
            .field("auto_open", &self.auto_open)
            .field("own_connect", &self.connect.is_some())
            .finish_non_exhaustive()
    }
}
