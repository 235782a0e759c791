//! A request as plain data.

mod url_of;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use conn::{CancelToken, Timeouts};
use resilience::RetryPolicy;
use url::Url;
use wire::{Headers, Method, ResponseHead};

use crate::body::Body;
use crate::config::{ClientConfig, RedirectPolicy};
use crate::error::{Error, ErrorKind};

pub use url_of::IntoUrl;
pub(crate) use url_of::redacted;

/// A request as plain data: what is sent where, with which content.
///
/// ```
/// use http_client::{Body, Request};
///
/// let mut request = Request::new("PUT", "https://example.com/log")?;
/// request.headers.append("Content-Type", "text/plain")?;
/// request.body = Body::from("all is well");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[non_exhaustive]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The URL; its fragment is not sent. A user name and a password in it become an `Authorization` field, unless the
    /// request has one.
    pub url: Url,
    /// The request's own field lines, sent in this order.
    pub headers: Headers,
    /// Names of fields that the client would add by itself, its default fields and `Expect`, and must not. Default none.
    pub without: Vec<String>,
    /// The content. Default none.
    pub body: Body,
    /// Whether the client's jar takes part. Default true.
    pub cookies: bool,
    /// Settings in place of the client's, as [`RequestBuilder::configure`](crate::RequestBuilder::configure) makes them. What
    /// follows here goes before them. Default none.
    pub config: Option<Arc<ClientConfig>>,
    /// Timeouts in place of the client's. Default none.
    pub timeouts: Option<Timeouts>,
    /// How long the whole call may take, to the end of the response's content, in place of what the timeouts say. Default
    /// none.
    pub total: Option<Duration>,
    /// Which redirects are followed, in place of the client's policy. Default none.
    pub redirect: Option<RedirectPolicy>,
    /// How a failed call is tried again, in place of the client's policy; [`RetryPolicy::never`] for not at all. Default
    /// none.
    pub retry: Option<RetryPolicy>,
    /// Whether sending the request twice is harmless. Default none: its method says so, or an `Idempotency-Key`.
    pub idempotent: Option<bool>,
    /// Whether content may come encoded and is decoded then. Default true; it is left as it comes too where the request or
    /// the client has an `Accept-Encoding` of its own, or the request a `Range`.
    pub decode: bool,
    /// Is told of every informational (1xx) response before the final one. Default none.
    pub on_informational: Option<OnInformational>,
    /// Ends the call early, from any thread, up to the last byte of the response. Default none.
    pub cancel: Option<CancelToken>,
}

impl Request {
    /// Makes a request without own fields and content.
    ///
    /// # Errors
    /// The method is not a token, or the URL cannot be parsed.
    pub fn new<M>(method: M, url: impl IntoUrl) -> Result<Self, Error>
    where
        M: TryInto<Method>,
        M::Error: StdError + Send + Sync + 'static,
    {
        Self::at(method, url, None)
    }

    /// As [`new`](Self::new), with a URL that may be relative to `base`.
    pub(crate) fn at<M>(method: M, url: impl IntoUrl, base: Option<&Url>) -> Result<Self, Error>
    where
        M: TryInto<Method>,
        M::Error: StdError + Send + Sync + 'static,
    {
        let method = method.try_into().map_err(|error| Error::new(ErrorKind::InvalidRequest, error))?;
        let url = url.into_url(base)?;
        Ok(Self {
            method,
            url,
            headers: Headers::new(),
            without: Vec::new(),
            body: Body::empty(),
            cookies: true,
            config: None,
            timeouts: None,
            total: None,
            redirect: None,
            retry: None,
            idempotent: None,
            decode: true,
            on_informational: None,
            cancel: None,
        })
    }

    /// Takes over a request of the `http` crate whose URI may be relative to `base`.
    pub(crate) fn from_http<B: Into<Body>>(
        request: http::Request<B>,
        base: Option<&Url>,
    ) -> Result<Self, Error> {
        let (parts, body) = request.into_parts();
        let mut request = Self::at(parts.method, parts.uri, base)?;
        request.headers = Headers::from(&parts.headers);
        request.body = body.into();
        Ok(request)
    }

    /// Returns the timeouts that hold where the client's settings are these.
    pub(crate) fn timeouts(&self, clients: &ClientConfig) -> Timeouts {
        let inherited = self.config.as_deref().unwrap_or(clients).timeouts;
        let mut timeouts = self.timeouts.unwrap_or(inherited);
        timeouts.total = self.total.or(timeouts.total);
        timeouts
    }

    /// Tells whether a field that would be added must not be.
    pub(crate) fn leaves_out(&self, name: &str) -> bool {
        self.without.iter().any(|out| out.eq_ignore_ascii_case(name))
    }
}

/// A function that is told of informational responses, such as 103 (Early Hints), as they come. Cloning shares it.
#[derive(Clone)]
pub struct OnInformational(Arc<dyn Fn(&ResponseHead) + Send + Sync>);

impl OnInformational {
    /// Wraps the function.
    pub fn new(tell: impl Fn(&ResponseHead) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    pub(crate) fn tell(&self, head: &ResponseHead) {
        (self.0)(head);
    }
}

impl fmt::Debug for OnInformational {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnInformational")
    }
}

/// Takes over the method, the URI, which must be absolute, the fields and the content. Names come in lower case, as
/// `http` has them; the version and the extensions are not looked at.
impl<B: Into<Body>> TryFrom<http::Request<B>> for Request {
    type Error = Error;

    fn try_from(request: http::Request<B>) -> Result<Self, Error> {
        Self::from_http(request, None)
    }
}

/// Gives the method, the URL without its fragment, the fields and the content; what `http` has no place for is lost:
/// timeouts, policies, the order and the case of names.
impl TryFrom<Request> for http::Request<Body> {
    type Error = Error;

    fn try_from(mut request: Request) -> Result<Self, Error> {
        let invalid = |error: http::Error| Error::new(ErrorKind::InvalidRequest, error);
        let uri = request.url.as_str().parse::<http::Uri>().map_err(|error| invalid(error.into()))?;
        let mut made = Self::new(request.body);
        if let Some(media_type) =
            made.body().media_type().filter(|_| !request.headers.contains("content-type"))
        {
            request.headers.append("Content-Type", media_type)?;
        }
        *made.headers_mut() = (&request.headers).try_into().map_err(invalid)?;
        (*made.method_mut(), *made.uri_mut()) = (request.method, uri);
        Ok(made)
    }
}

/// Shows the URL without user-info and query.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &format_args!("{}", redacted(&self.url)))
            .field("headers", &self.headers)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}
