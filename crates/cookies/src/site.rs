//! `SameSite`: for which site a request is made.

use std::fmt;

use cookie::SameSite;
use url::Url;

use crate::suffix::{PublicSuffixes, same_site};

/// Describes a request as far as `SameSite` asks (RFC 6265bis §5.2).
///
/// A client that is no browser has no site in mind and says nothing of this; one that plays a browser does.
///
/// ```
/// use cookies::{Jar, SiteContext};
/// use std::time::SystemTime;
/// use url::Url;
///
/// let (jar, now) = (Jar::new(), SystemTime::UNIX_EPOCH);
/// let (shop, blog) = (Url::parse("https://shop.example/")?, Url::parse("https://blog.example.net/")?);
/// jar.store(&shop, [&b"a=1; SameSite=Strict"[..], b"b=2; SameSite=Lax"], now);
/// let sent = |site: &Url, method| jar.cookie_header_for(&shop, &SiteContext::new(site, method), now);
/// assert_eq!(sent(&shop, "POST").as_deref(), Some("a=1; b=2"));
/// assert_eq!(sent(&blog, "GET").as_deref(), Some("b=2"));
/// assert_eq!(sent(&blog, "POST"), None);
/// # Ok::<(), url::ParseError>(())
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct SiteContext<'a> {
    /// The page that the request is made for. One without a host is of no site.
    pub site_for_cookies: &'a Url,
    /// The method of the request, in capitals.
    pub method: &'a str,
    /// Whether the request leads to another page, as following a link does, rather than to a part of this one. Default
    /// true.
    pub top_level: bool,
}

impl<'a> SiteContext<'a> {
    /// Describes a request that leads from a page to another.
    #[must_use]
    pub fn new(site_for_cookies: &'a Url, method: &'a str) -> Self {
        Self { site_for_cookies, method, top_level: true }
    }

    /// Describes a request for a part of the page, such as an image.
    #[must_use]
    pub fn embedded(self) -> Self {
        Self { top_level: false, ..self }
    }

    /// Whether a request to `url` crosses from one site to another.
    pub(crate) fn crosses(&self, url: &Url, suffixes: &dyn PublicSuffixes) -> bool {
        !same_site(self.site_for_cookies, url, suffixes)
    }

    /// Whether a cookie goes with a request that crosses (RFC 6265bis §5.8.3).
    pub(crate) fn sends_across(&self, attribute: Option<SameSite>) -> bool {
        match attribute {
            Some(SameSite::None) => true,
            Some(SameSite::Strict) => false,
            // No attribute counts as `Lax` (RFC 6265bis §5.6.7).
            Some(SameSite::Lax) | None => {
                self.top_level && matches!(self.method, "GET" | "HEAD" | "OPTIONS" | "TRACE")
            }
        }
    }

    /// Whether a cookie from the response to such a request is taken (RFC 6265bis §5.7).
    pub(crate) fn takes_across(&self, attribute: Option<SameSite>) -> bool {
        attribute == Some(SameSite::None) || self.top_level
    }
}

impl fmt::Debug for SiteContext<'_> {
    /// Shows the host alone: user-info and query of a URL are nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SiteContext")
            .field("site", &self.site_for_cookies.host_str())
            .field("method", &self.method)
            .field("top_level", &self.top_level)
            .finish()
    }
}
