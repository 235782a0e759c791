//! What can be changed while a connection is there.

use std::sync::Arc;

use wire::ResponseHead;

use super::Connection;
use crate::config::ClientConfig;
use crate::request::OnInformational;
use crate::wiretap::Wiretap;

impl Connection {
    /// Shows what goes over the wire on standard error: 0 nothing, 1 the heads, from 2 on content too; as
    /// [`ClientConfig::wiretap`] does from the beginning.
    ///
    /// ```no_run
    /// let mut conn = http_client::Connection::https("example.com")?;
    /// conn.debug_level(1);
    /// conn.request("GET", "/")?;
    /// # Ok::<(), http_client::Error>(())
    /// ```
    pub fn debug_level(&mut self, level: u8) {
        self.debug_to(match level {
            0 => None,
            1 => Some(Wiretap::stderr()),
            _ => Some(Wiretap::stderr().with_content()),
        });
    }

    /// Shows what goes over the wire to a tap from here on, or to none.
    pub fn debug_to(&mut self, tap: impl Into<Option<Wiretap>>) {
        self.configure(|config| config.wiretap = tap.into());
    }

    /// Changes the settings for the requests that follow: timeouts, limits, default fields, decoding, pipelining, cookies and
    /// the rest of [`ClientConfig`].
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// let mut conn = http_client::Connection::https("example.com")?;
    /// conn.configure(|config| {
    ///     config.timeouts.response = Some(Duration::from_secs(300));
    ///     config.headers.remove("User-Agent");
    /// });
    /// conn.request("GET", "/slow")?;
    /// # Ok::<(), http_client::Error>(())
    /// ```
    ///
    /// What made the connection stays as it is, also when it is dialled again: `routes`, `tcp`, `tls`, `resolver`,
    /// `address_policy`, `connect`, `tunnel_headers`. A `cancel` counts from the next dialling on, and requests that were sent
    /// keep their timeouts. What only a [`Client`](crate::Client) looks at, such as `redirect` and `retry`, changes nothing.
    pub fn configure(&mut self, change: impl FnOnce(&mut ClientConfig)) {
        let config = Arc::make_mut(&mut self.config);
        change(config);
        self.link.tap.clone_from(&config.wiretap);
    }

    /// Has a function told of every informational (1xx) response to the requests that follow.
    pub fn on_informational(&mut self, tell: impl Fn(&ResponseHead) + Send + Sync + 'static) {
        self.on_informational = Some(OnInformational::new(tell));
    }
}
