//! A request as plain data.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use conn::{CancelToken, Timeouts};
use resilience::RetryPolicy;
use url::Url;
use wire::{Headers, Method, ResponseHead};

use crate::body::Body;
use crate::config::RedirectPolicy;
use crate::error::{Error, ErrorKind};

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
#[derive(Debug)]
#[non_exhaustive]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The URL; its fragment is not sent.
    pub url: Url,
    /// The request's own field lines, sent in this order.
    pub headers: Headers,
    /// The content. Default none.
    pub body: Body,
    /// Timeouts in place of the client's. Default none.
    pub timeouts: Option<Timeouts>,
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
        let method = method.try_into().map_err(|error| Error::new(ErrorKind::InvalidRequest, error))?;
        let url = url.into_url().map_err(|error| Error::new(ErrorKind::InvalidRequest, error))?;
        Ok(Self {
            method,
            url,
            headers: Headers::new(),
            body: Body::empty(),
            timeouts: None,
            redirect: None,
            retry: None,
            idempotent: None,
            decode: true,
            on_informational: None,
            cancel: None,
        })
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

/// What a URL can be given as: `&str`, `String`, or a [`Url`].
pub trait IntoUrl: sealed::Sealed {
    /// Parses the URL.
    ///
    /// # Errors
    /// It is not an absolute URL.
    fn into_url(self) -> Result<Url, url::ParseError>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for &str {}
    impl Sealed for String {}
    impl Sealed for &String {}
    impl Sealed for url::Url {}
    impl Sealed for &url::Url {}
}

impl IntoUrl for &str {
    fn into_url(self) -> Result<Url, url::ParseError> {
        Url::parse(self)
    }
}

impl IntoUrl for String {
    fn into_url(self) -> Result<Url, url::ParseError> {
        Url::parse(&self)
    }
}

impl IntoUrl for &String {
    fn into_url(self) -> Result<Url, url::ParseError> {
        Url::parse(self)
    }
}

impl IntoUrl for Url {
    fn into_url(self) -> Result<Url, url::ParseError> {
        Ok(self)
    }
}

impl IntoUrl for &Url {
    fn into_url(self) -> Result<Url, url::ParseError> {
        Ok(self.clone())
    }
}
