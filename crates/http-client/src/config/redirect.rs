//! Which redirects are followed.

use std::fmt;
use std::sync::Arc;

use url::Url;

/// Which redirects a [`Client`](crate::Client) follows.
///
/// On another origin (scheme, host or port) every field that carries a secret stays behind, and what stayed behind does
/// not come back, even if a later redirect returns; the cookie jar attaches what belongs to each URL anew. The name of a field
/// says whether it carries a secret ([`wire::is_secret_field`]): one under another name, such as `X-Session`, goes along.
///
/// ```
/// use http_client::{ClientConfig, RedirectPolicy};
///
/// let mut config = ClientConfig::default();
/// config.redirect = RedirectPolicy::none();
/// config.redirect = RedirectPolicy::limited(3);
/// // Only within one site.
/// config.redirect = RedirectPolicy::default().allowed_by(|from, to| from.host() == to.host());
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct RedirectPolicy {
    /// How many redirects are followed; one more is an error that carries the last response head. 0 delivers every
    /// redirect as a response. Default 10.
    pub limit: u32,
    /// Whether `https` may lead to `http`. Default false: it is an error.
    pub allow_downgrade: bool,
    /// Origins, as in `https://example.com:8443`, to which secret fields of the caller go along from any other. Default
    /// none.
    pub keep_headers_for: Vec<conn::Origin>,
    /// Asked before each redirect, with the URL it comes from and the one it leads to. Default none: all may be followed.
    allowed: Option<Arc<Allowed>>,
}

type Allowed = dyn Fn(&Url, &Url) -> bool + Send + Sync;

impl RedirectPolicy {
    /// Follows none: a redirect is delivered as any other response.
    #[must_use]
    pub fn none() -> Self {
        Self::limited(0)
    }

    /// Follows so many.
    #[must_use]
    pub fn limited(limit: u32) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Asks before each redirect whether it may be followed, with the URL it comes from and the one it leads to.
    #[must_use]
    pub fn allowed_by(self, allowed: impl Fn(&Url, &Url) -> bool + Send + Sync + 'static) -> Self {
        Self { allowed: Some(Arc::new(allowed)), ..self }
    }

    /// Says whether the caller's own rule lets a redirect pass.
    pub(crate) fn permits(&self, from: &Url, to: &Url) -> bool {
        self.allowed.as_ref().is_none_or(|allowed| allowed(from, to))
    }
}

impl Default for RedirectPolicy {
    fn default() -> Self {
        Self { limit: 10, allow_downgrade: false, keep_headers_for: Vec::new(), allowed: None }
    }
}

impl fmt::Debug for RedirectPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedirectPolicy")
            .field("limit", &self.limit)
            .field("allow_downgrade", &self.allow_downgrade)
            .field("keep_headers_for", &self.keep_headers_for)
            .field("asks", &self.allowed.is_some())
            .finish()
    }
}
