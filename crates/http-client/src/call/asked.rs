//! What the user asked for, with the defaults of the settings.

use std::io;
use std::sync::Arc;

use conn::{CancelToken, Timeouts};
use resilience::ReplaySafety;
use wire::Method;

use super::Call;
use crate::body::Source;
use crate::config::ClientConfig;
use crate::policy::{decode, prepare, retry};
use crate::request::{OnInformational, Request};

impl Call {
    /// Tells whether the request says `Expect: 100-continue`, of the caller's or of its own accord.
    pub(super) fn expects(&self) -> bool {
        let Request { headers, body, .. } = &self.request;
        let own_accord = prepare::expects(self.config.expect_above, body.length());
        let by_default = own_accord || self.config.headers.contains("expect");
        !self.without_expect
            && (headers.contains("expect") || (by_default && !self.request.leaves_out("expect")))
    }

    pub(super) fn timeouts(&self) -> Timeouts {
        self.request.timeouts(&self.config)
    }

    pub(super) fn safety(&self) -> ReplaySafety {
        retry::safety(&self.request.method, &self.request.headers, self.request.idempotent)
    }

    pub(super) fn label(&self) -> String {
        prepare::label(self.request.method.as_str(), self.route.origin(), self.target())
    }

    /// Returns the request's method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.request.method
    }

    /// Returns the request target.
    #[must_use]
    pub fn target(&self) -> &str {
        prepare::target(&self.request.url)
    }

    /// Returns the settings that the call goes by.
    pub(crate) fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }

    /// Returns what ends the call early.
    #[must_use]
    pub fn cancel(&self) -> &CancelToken {
        self.request.cancel.as_ref().unwrap_or(&self.config.cancel)
    }

    /// Tells whether the response is decoded.
    pub(crate) fn decodes(&self) -> bool {
        let (own, defaults) = (&self.request.headers, &self.config.headers);
        let leaves_out = self.request.leaves_out("accept-encoding");
        !leaves_out && self.request.decode && self.config.decode && decode::may_offer([own, defaults])
    }

    /// Returns who is told of informational responses.
    pub(crate) fn on_informational(&self) -> Option<OnInformational> {
        self.request.on_informational.clone()
    }

    /// Lends the content to send.
    pub(crate) fn content(&mut self) -> io::Result<Source<'_>> {
        self.request.body.source()
    }
}
