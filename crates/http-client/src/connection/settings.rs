//! What can be changed of a connection between its requests.

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
        self.link.tap = tap.into();
    }

    /// Changes the settings for the requests that follow: limits, timeouts, default fields, the jar, what is decoded. What makes
    /// connections (TLS, the resolver, the route, options of sockets) stays as it was, when the connection dials again too;
    /// the tap is changed by [`debug_to`](Self::debug_to).
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// let mut conn = http_client::Connection::https("example.com")?;
    /// conn.configure(|config| config.timeouts.response = Some(Duration::from_secs(300)));
    /// conn.request("GET", "/report")?;
    /// # Ok::<(), http_client::Error>(())
    /// ```
    pub fn configure(&mut self, change: impl FnOnce(&mut ClientConfig)) {
        change(Arc::make_mut(&mut self.config));
    }

    /// Has a function told of every informational (1xx) response to the requests that follow.
    pub fn on_informational(&mut self, tell: impl Fn(&ResponseHead) + Send + Sync + 'static) {
        self.on_informational = Some(OnInformational::new(tell));
    }
}
