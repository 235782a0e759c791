//! One request without a client of one's own.

use std::error::Error as StdError;

use wire::Method;

use crate::builder::RequestBuilder;
use crate::client::Client;
use crate::request::IntoUrl;

macro_rules! verbs {
    ($($(#[$doc:meta])* $verb:ident)*) => {$(
        $(#[$doc])*
        ///
        /// The connection serves this call alone, redirects included. Whoever sends more than one request wants a
        /// [`Client`], which keeps connections.
        pub fn $verb(url: impl IntoUrl) -> RequestBuilder {
            Client::new().$verb(url)
        }
    )*};
}

verbs! {
    /// Begins a GET request with default settings.
    ///
    /// ```no_run
    /// println!("{}", http_client::get("https://example.com/").send()?.text()?);
    /// # Ok::<(), http_client::Error>(())
    /// ```
    get
    /// Begins a HEAD request with default settings.
    head
    /// Begins a POST request with default settings.
    ///
    /// ```no_run
    /// http_client::post("https://example.com/log").body("all is well").send()?;
    /// # Ok::<(), http_client::Error>(())
    /// ```
    post
    /// Begins a PUT request with default settings.
    put
    /// Begins a PATCH request with default settings.
    patch
    /// Begins a DELETE request with default settings.
    delete
    /// Begins an OPTIONS request with default settings.
    options
}

/// Begins a request with any method, given as a [`Method`] or its name, with default settings.
///
/// The connection serves this call alone, redirects included. Whoever sends more than one request wants a [`Client`], which
/// keeps connections.
///
/// ```no_run
/// http_client::request("PROPFIND", "https://example.com/log").header("Depth", "1").send()?;
/// # Ok::<(), http_client::Error>(())
/// ```
pub fn request<M>(method: M, url: impl IntoUrl) -> RequestBuilder
where
    M: TryInto<Method>,
    M::Error: StdError + Send + Sync + 'static,
{
    Client::new().request(method, url)
}
