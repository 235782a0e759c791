//! A request in the making.

use std::sync::Arc;
use std::time::Duration;

use conn::{CancelToken, Timeouts};
use resilience::RetryPolicy;
use wire::ResponseHead;

use crate::body::Body;
use crate::client::Client;
use crate::config::{ClientConfig, RedirectPolicy};
use crate::error::Error;
#[cfg(feature = "json")]
use crate::error::ErrorKind;
use crate::policy::auth;
use crate::request::{OnInformational, Request};
use crate::response::Response;

/// Builds a request step by step; what goes wrong on the way waits for [`send`](Self::send).
#[must_use = "nothing is sent before send()"]
#[derive(Debug)]
pub struct RequestBuilder {
    client: Client,
    request: Result<Request, Error>,
}

impl RequestBuilder {
    pub(crate) fn new(client: Client, request: Result<Request, Error>) -> Self {
        Self { client, request }
    }

    /// Adds a field line.
    pub fn header(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.with(|request| Ok(request.headers.append(name, value)?))
    }

    /// Adds a field line whose value is a secret, though its [name](wire::is_secret_field) does not tell: it is shown in no log and
    /// follows no redirect to another origin.
    pub fn secret_header(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.with(|request| Ok(request.headers.append_secret(name, value)?))
    }

    /// Adds field lines in their order.
    ///
    /// ```no_run
    /// let client = http_client::Client::new();
    /// client.get("https://example.com/").headers([("Accept", "text/html"), ("X-Keeper", "Ida")]).send()?;
    /// # Ok::<(), http_client::Error>(())
    /// ```
    pub fn headers<N: AsRef<str>, V: AsRef<[u8]>>(self, lines: impl IntoIterator<Item = (N, V)>) -> Self {
        lines.into_iter().fold(self, |request, (name, value)| request.header(name.as_ref(), value))
    }

    /// Leaves out a [default field](crate::ClientConfig::headers) of the client's, or the `Expect` that it adds by itself.
    ///
    /// ```no_run
    /// let client = http_client::Client::new();
    /// client.get("https://example.com/").without_header("User-Agent").send()?;
    /// # Ok::<(), http_client::Error>(())
    /// ```
    pub fn without_header(self, name: &str) -> Self {
        self.with(|request| {
            request.without.push(name.to_owned());
            Ok(())
        })
    }

    /// Says whether the client's jar takes part: whether cookies are sent, and those of the response kept. Default true.
    pub fn cookies(self, cookies: bool) -> Self {
        self.with(|request| {
            request.cookies = cookies;
            Ok(())
        })
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
            let mut pairs = pairs.into_iter().peekable();
            // None leaves no lonely question mark.
            if pairs.peek().is_some() {
                request.url.query_pairs_mut().extend_pairs(pairs);
            }
            Ok(())
        })
    }

    /// Sets the content to a form, as [`Body::form`] does.
    ///
    /// ```no_run
    /// let client = http_client::Client::new();
    /// client.post("https://example.com/login").form([("user", "Ida"), ("password", "lantern")]).send()?;
    /// # Ok::<(), http_client::Error>(())
    /// ```
    pub fn form<K: AsRef<str>, V: AsRef<str>>(self, pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        self.with(|request| {
            request.body = Body::form(pairs);
            Ok(())
        })
    }

    /// Sets the content to JSON, as [`Body::json`] does.
    ///
    /// ```no_run
    /// let client = http_client::Client::new();
    /// client.post("https://example.com/log").json(&["all", "is", "well"]).send()?;
    /// # Ok::<(), http_client::Error>(())
    /// ```
    ///
    /// A value that cannot be JSON, a map whose keys are no strings for one, is an error that waits for
    /// [`send`](Self::send).
    #[cfg(feature = "json")]
    pub fn json<T: serde::Serialize + ?Sized>(self, value: &T) -> Self {
        self.with(|request| {
            request.body = Body::json(value).map_err(|error| Error::new(ErrorKind::Content, error))?;
            Ok(())
        })
    }

    /// Sets the content to a form of several parts, `multipart/form-data`, in place of any `Content-Type`, which could not
    /// know the boundary.
    #[cfg(feature = "multipart")]
    pub fn multipart(self, form: crate::multipart::Multipart) -> Self {
        self.with(|request| {
            request.headers.set("Content-Type", form.content_type())?;
            request.body = form.into_body()?;
            Ok(())
        })
    }

    /// Sets `Authorization` to a user and a password (RFC 7617), which are only encoded, not encrypted: use it over `https`.
    /// It stays at the origin of the request when a redirect leaves it.
    pub fn basic_auth(self, user: &str, password: &str) -> Self {
        self.with(|request| {
            Ok(request.headers.set("Authorization", auth::basic(user.as_bytes(), password.as_bytes())?)?)
        })
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
        self.with(|request| {
            request.total = Some(total);
            Ok(())
        })
    }

    /// Replaces all of the client's timeouts for this call, but for a [`timeout`](Self::timeout) that is set; to change one of
    /// them, use [`configure`](Self::configure).
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

    /// Changes the client's settings for this call alone: limits, timeouts, default fields, routes, decoding, who is shown
    /// the wire, and the rest of [`ClientConfig`].
    ///
    /// ```no_run
    /// use http_client::Jar;
    ///
    /// let client = http_client::Client::new();
    /// let response = client.get("https://example.com/large").configure(|config| {
    ///     config.limits.buffered = 1 << 30;
    ///     config.cookies = Some(Jar::new());
    /// });
    /// println!("{}", response.send()?.text()?.len());
    /// # Ok::<(), http_client::Error>(())
    /// ```
    ///
    /// What all calls of the client share stays as it is: `pool`, `tcp`, `tls`, `resolver`, `address_policy`, `connect` and
    /// `tunnel_headers`, which make its connections ([`routes`](ClientConfig::routes) can lead a call elsewhere, by other TLS
    /// settings too), `clock` and `seed`, and what is remembered of hosts: `policies`, both budgets of retries, `breaker`, though the
    /// client's `breaker` does not stand in the way of a call that has none. A `base_url` comes too late, and what a call sets by itself, as
    /// [`timeout`](Self::timeout) does, goes first, whatever the order.
    pub fn configure(self, change: impl FnOnce(&mut ClientConfig)) -> Self {
        self.with_client(|request, client| {
            change(Arc::make_mut(request.config.get_or_insert_with(|| client.shared_config())));
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

    fn with(self, change: impl FnOnce(&mut Request) -> Result<(), Error>) -> Self {
        self.with_client(|request, _| change(request))
    }

    fn with_client(mut self, change: impl FnOnce(&mut Request, &Client) -> Result<(), Error>) -> Self {
        if let Ok(request) = &mut self.request
            && let Err(error) = change(request, &self.client)
        {
            self.request = Err(error);
        }
        self
    }
}
