//! TLS as a layer of connectors.

use std::fmt;
use std::sync::Arc;

use rustls::ClientConfig;

use super::TlsTransport;
use crate::clock::Clock;
use crate::connect::{Connect, ConnectRequest, Connected};
use crate::error::ConnectError;
use crate::transport::Transport;

/// Shakes hands over what another connector connects, where the hop wants TLS; else it only passes on.
///
/// Layers compose: an origin behind a proxy that itself speaks TLS is TLS over a tunnel over TLS over TCP. The route's
/// [server name](crate::Route::named) and [own configuration](crate::Route::with_tls) hold for its origin alone.
#[derive(Clone)]
pub struct TlsConnector<C> {
    inner: C,
    config: Arc<ClientConfig>,
    clock: Arc<dyn Clock>,
}

impl<C> TlsConnector<C> {
    /// Makes a layer over `inner`. Sessions are resumed across all its connections, as far as `config` keeps them.
    #[must_use]
    pub fn new(inner: C, config: Arc<ClientConfig>, clock: Arc<dyn Clock>) -> Self {
        Self { inner, config, clock }
    }
}

impl<C: Connect> Connect for TlsConnector<C> {
    fn connect(&self, to: &ConnectRequest<'_>) -> Result<Connected, ConnectError> {
        let Connected { transport, mut timings } = self.inner.connect(&to.plain())?;
        if !to.hop.tls {
            let mut connected = Connected::new(transport);
            connected.timings = timings;
            return Ok(connected);
        }
        let started = self.clock.now();
        let hop_name;
        let (name, own) = if to.is_to_origin() {
            (to.route.server_name(), to.route.tls())
        } else {
            hop_name = to.hop.host.to_string();
            (hop_name.as_str(), None)
        };
        let config = Arc::clone(own.unwrap_or(&self.config));
        let _guard = to.guard(&transport);
        let tls = TlsTransport::handshake(transport, config, name, to.deadline)?;
        tracing::debug!(target: "conn", { server.address = name, facts = ?tls.facts().tls }, "TLS established");
        timings.tls += self.clock.now().saturating_duration_since(started);
        let mut connected = Connected::new(Box::new(tls));
        connected.timings = timings;
        Ok(connected)
    }
}

impl<C: fmt::Debug> fmt::Debug for TlsConnector<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnector").field("inner", &self.inner).finish_non_exhaustive()
    }
}
