//! The blocking driver: does what a [`Call`] says, and reports.

use std::sync::Arc;

use conn::{Connect, ConnectRequest, Connector, ConnectorConfig};
use tracing::debug;

use crate::call::{Attempt, Call, Lost, Step, Verdict};
use crate::config::ClientConfig;
use crate::error::{Error, ErrorKind, Misuse};
use crate::hosts::Hosts;
use crate::lease::{Depot, Lease};
use crate::response::Response;
use crate::tunnel::Tunnel;

/// What all calls of a client share.
pub(crate) struct Shared {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) depot: Arc<Depot>,
    pub(crate) hosts: Arc<Hosts>,
}

/// An attempt that failed, and how far it came on its connection, if it had one.
struct Failure {
    error: Error,
    lost: Option<Lost>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, lost: None }
    }
}

/// Runs a call to its response.
pub(crate) fn run(mut call: Call, shared: &Shared) -> Result<Response<'static>, Error> {
    loop {
        match call.step(shared.config.clock.now()) {
            Step::Attempt(attempt) => match try_once(&mut call, &attempt, shared) {
                Ok(Some(response)) => {
                    let trail = call.into_trail();
                    if let Some(reason) = trail.gave_up {
                        debug!(%reason, "the response is not tried again");
                    }
                    return Ok(response.with_trail(trail));
                }
                Ok(None) => {}
                Err(Failure { error, lost }) => {
                    debug!(%error, ?lost, "an attempt failed");
                    call.on_failure(error, lost, shared.config.clock.now());
                }
            },
            Step::Wait { until } => {
                let clock = &shared.config.clock;
                let time = until.saturating_duration_since(clock.now());
                debug!(?time, "waiting before the next attempt");
                if clock.sleep(time, call.cancel()).is_err() {
                    return Err(call.cancelled());
                }
            }
            Step::Fail(error) => return Err(error),
            // A call is done only after its response left this function.
            Step::Done => return Err(Misuse::NoRequest.into()),
        }
    }
}

fn try_once(
    call: &mut Call,
    attempt: &Attempt,
    shared: &Shared,
) -> Result<Option<Response<'static>>, Failure> {
    let clock = &*shared.config.clock;
    let Attempt { route, fresh, deadlines, number } = attempt;
    let mut lease = shared.depot.shell();
    let link = lease.link();
    link.prepare(call.method(), route, call.target());
    link.tap.clone_from(&call.config().wiretap);
    let exchange = call.begin(clock.wall(), &mut link.fields, &mut link.output)?;

    let by = deadlines.connect(clock.now());
    lease.connect(&ConnectRequest::new(route, by).cancelled_by(call.cancel()), *fresh)?;
    let link = lease.link();
    link.begin(exchange);
    link.on_informational = call.on_informational();
    debug!(
        { http.request.method = %call.method(), server.address = route.origin().host_str(),
          server.port = route.origin().port(), attempt = number },
        "request"
    );
    let sent = link.send(call.content(), deadlines, clock);
    if let Err(error) = sent.and_then(|()| link.receive_head(deadlines, clock)) {
        let (timings, lost) = (link.timings, Some(link.lost()));
        call.took(timings);
        return Err(Failure { error, lost });
    }
    let limits = call.config().limits;
    call.took(link.timings);
    if call.on_response(&link.message.head, link.answered(), clock.now(), clock.wall()) == Verdict::Discard {
        debug!({ http.response.status_code = link.message.head.status.as_u16() }, "the call goes on");
        // What is left decides whether the connection can be used again.
        let briefly = deadlines.briefly(clock.now(), limits.drain_for);
        link.drain(limits.drain, &briefly, clock);
        return Ok(None);
    }
    let clock = Arc::clone(&shared.config.clock);
    Ok(Some(Response::new(Lease::Pooled(lease), *deadlines, clock, &limits, call.decodes())))
}

impl ClientConfig {
    /// Makes what connects by these settings: [`connect`](Self::connect) if it is set, else TCP and TLS. To wrap it, make
    /// it, wrap it, and set the wrapper as `connect`.
    ///
    /// # Errors
    /// The TLS settings cannot be used.
    pub fn connector(&self) -> Result<Arc<dyn Connect>, Error> {
        if let Some(own) = &self.connect {
            return Ok(Arc::clone(own));
        }
        let mut settings = ConnectorConfig::default();
        settings.tcp = self.tcp.clone();
        settings.resolver = Arc::clone(&self.resolver);
        settings.policy = self.address_policy.clone();
        settings.clock = Arc::clone(&self.clock);
        #[cfg(feature = "tls-no-provider")]
        {
            settings.tls = self.tls.clone();
        }
        let connector = Connector::with_layer(settings, |below, names| {
            let tunnel = Tunnel::new(below, names).with_limits(self.limits.message);
            Arc::new(tunnel.with_headers(self.tunnel_headers.clone()).with_wiretap(self.wiretap.clone()))
        });
        let connector = connector.map_err(|error| Error::new(ErrorKind::Config, error))?;
        Ok(Arc::new(connector))
    }
}

#[cfg(test)]
mod tests {
    use conn::{AddressPolicy, ConnectError, Deadline, DenyReason, Origin, Overrides, Route};

    use super::*;

    #[test]
    fn the_resolver_and_the_address_policy_reach_the_connector() {
        let config = ClientConfig {
            resolver: Arc::new(Overrides::default().host("inside.example", [[127, 0, 0, 1].into()])),
            address_policy: AddressPolicy::public_only(),
            ..ClientConfig::default()
        };
        let route = Route::new(Origin::http("inside.example").unwrap());
        let connector = config.connector().unwrap();
        let error = connector.connect(&ConnectRequest::new(&route, Deadline::NEVER)).unwrap_err();
        let ConnectError::Denied { denied, .. } = &error else { panic!("{error}") };
        assert_eq!(denied[0].reason, DenyReason::Loopback);
        assert_eq!(Error::from(error).kind(), ErrorKind::Connect);
    }
}
