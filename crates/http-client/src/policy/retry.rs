//! What the outcome of an attempt means: for another attempt, and for the circuit breaker of its host.

use std::io;
use std::time::{Duration, SystemTime};

use conn::{ConnectError, Limit, Phase, SocksError, TlsError};
use resilience::{Failure, FailureClass, Outcome, ReplaySafety, Verdict};
use wire::{Headers, Method, ParseError, StatusCode};

use super::replay::{Lost, is_idempotent};
use crate::error::{Error, ErrorKind, TunnelError};

/// What has to be known of a request to judge its outcome.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Of {
    /// Its content, if it has any, can be sent once more.
    pub(crate) is_replayable: bool,
    /// The caller lets requests that are not idempotent be repeated when the server sheds load.
    pub(crate) repeats_throttled: bool,
    /// The response came before it was complete, or on a connection that had been idle.
    pub(crate) unapplied: bool,
    /// A response was malformed before.
    pub(crate) was_malformed: bool,
}

impl Of {
    fn failure(self, class: FailureClass) -> Failure {
        let failure = Failure::new(class);
        if self.is_replayable { failure } else { failure.consumed() }
    }
}

/// Says whether sending a request twice is harmless: by its method (RFC 9110 §9.2.2), by a key that tells the server
/// that it is the same request, or because the caller says so.
pub(crate) fn safety(method: &Method, headers: &Headers, said: Option<bool>) -> ReplaySafety {
    let has_key = || ["idempotency-key", "x-idempotency-key"].iter().any(|name| headers.contains(name));
    if said.unwrap_or_else(|| is_idempotent(method) || has_key()) {
        ReplaySafety::Idempotent
    } else {
        ReplaySafety::OnlyIfNotApplied
    }
}

/// Judges a response by its status. What cannot fare better is final.
pub(crate) fn of_response(status: StatusCode, headers: &Headers, of: Of, now: SystemTime) -> Verdict {
    use FailureClass::{NotApplied, Throttled, Transient};

    let asked = retry_after(headers, now);
    let retry = |failure: Failure, outcome| {
        Verdict::Failed(asked.map_or(failure, |asked| failure.after(asked)), outcome)
    };
    let failed = |class, outcome| retry(of.failure(class), outcome);
    let throttled = |believed: bool, outcome| {
        let failure = of.failure(Throttled);
        retry(if believed { failure.not_applied() } else { failure }, outcome)
    };
    // Who sheds load has not acted on it, or says so at least: believed only where the caller wants it.
    let believed = of.repeats_throttled;
    let (alive, broken) = (Outcome::Success, Outcome::FAILURE);
    match status.as_u16() {
        // RFC 9110 §15.5.9: the server gave up waiting for it. That says nothing of its health.
        408 => failed(if of.unapplied { NotApplied } else { Transient }, Outcome::Ignored),
        // RFC 9110 §15.5.14: refused before it was acted on, and only for a while.
        413 if asked.is_some() => throttled(true, alive),
        // RFC 9110 §15.5.20, RFC 8470 §5.2: asked again at once they were already, and are no word on its health.
        421 | 425 => Verdict::Done(Outcome::Ignored),
        429 => throttled(believed, alive),
        503 if asked.is_some() => throttled(believed, Outcome::Failure { open_for: asked }),
        529 => throttled(believed, broken),
        501 | 505 | 506 | 507 | 508 | 510 => Verdict::Done(alive),
        // RFC 6585 §6: it comes from something on the way.
        511 => Verdict::Done(Outcome::Ignored),
        // A gateway that cannot speak TLS with the server behind it will not learn it in a second.
        525 | 526 | 530 => Verdict::Done(broken),
        500..=599 => failed(Transient, broken),
        _ => Verdict::Done(alive),
    }
}

/// Says whether a retry must not go where the response came from: what is behind that connection failed, unless it only
/// asked for patience.
pub(crate) fn needs_another_connection(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Failed(failure, _) if failure.class != FailureClass::Throttled)
}

/// Judges an attempt without a response; `lost` tells how far it came on its connection, if it had one.
pub(crate) fn of_error(error: &Error, lost: Option<Lost>, of: Of) -> Verdict {
    use FailureClass::{NotApplied, Permanent, Timeout, Transient};

    let failed = |class, outcome| Verdict::Failed(of.failure(class), outcome);
    // The fault is ours, or beyond repair.
    let permanent = failed(Permanent, Outcome::Ignored);
    match error.kind() {
        ErrorKind::Cancelled => Verdict::Cancelled,
        ErrorKind::Connect => error.connect_error().map_or(permanent, |cause| {
            let (class, outcome) = of_connect(cause);
            failed(class, outcome)
        }),
        ErrorKind::Timeout => match error.timed_out().map(|timed_out| (timed_out.phase, timed_out.limit)) {
            // Impatience over the whole call is no failure of the server, and waiting for our own pool neither.
            Some((_, Limit::Total) | (Phase::Pool, _)) | None => permanent,
            Some((Phase::Resolve | Phase::Connect | Phase::Proxy | Phase::Tls, _)) => {
                failed(NotApplied, Outcome::FAILURE)
            }
            Some(_) => failed(Timeout, Outcome::FAILURE),
        },
        ErrorKind::Disconnected => match lost {
            Some(Lost { reused, sent, received: 0 }) => {
                // RFC 9112 §9.5: a server may close what it thinks idle.
                let outcome = if reused { Outcome::Ignored } else { Outcome::FAILURE };
                failed(if sent == 0 { NotApplied } else { Transient }, outcome)
            }
            _ => failed(Transient, Outcome::FAILURE),
        },
        // A limit of our own: the server is well, and will say the same again.
        ErrorKind::Protocol if matches!(error.find(), Some(ParseError::TooLarge { .. })) => permanent,
        ErrorKind::Protocol if of.was_malformed => failed(Permanent, Outcome::FAILURE),
        ErrorKind::Protocol | ErrorKind::Truncated => failed(Transient, Outcome::FAILURE),
        _ => permanent,
    }
}

fn of_connect(error: &ConnectError) -> (FailureClass, Outcome) {
    use FailureClass::{NotApplied, Permanent};
    use ParseError::{NoResponse, TruncatedHead};

    match error {
        // A resolver that knows says so; getaddrinfo's reasons are text only, and a name that does not exist looks like a
        // server that is down.
        ConnectError::Resolve { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            (Permanent, Outcome::Ignored)
        }
        ConnectError::Resolve { .. } => (NotApplied, Outcome::FAILURE),
        // Too many open files, no free port: that should not open the breakers of all hosts.
        ConnectError::Dial { attempts, .. }
            if attempts.iter().all(|attempt| is_exhaustion(&attempt.error)) =>
        {
            (NotApplied, Outcome::Ignored)
        }
        ConnectError::Dial { .. } | ConnectError::Unix { .. } | ConnectError::Timeout(_) => {
            (NotApplied, Outcome::FAILURE)
        }
        ConnectError::Tls { source: TlsError::PeerClosed { .. } | TlsError::Io { .. }, .. } => {
            (NotApplied, Outcome::FAILURE)
        }
        ConnectError::Proxy { source: SocksError::Refused { .. } | SocksError::Closed { .. }, .. }
        | ConnectError::Proxy { source: SocksError::Io { .. }, .. } => (NotApplied, Outcome::FAILURE),
        // The proxy did not reach the target, or is overloaded itself.
        ConnectError::Tunnel { source, .. } => match source.downcast_ref() {
            Some(TunnelError::Io(_) | TunnelError::Invalid(NoResponse | TruncatedHead { .. })) => {
                (NotApplied, Outcome::FAILURE)
            }
            Some(TunnelError::Refused(refused)) if refused.head.status.is_server_error() => {
                (NotApplied, Outcome::FAILURE)
            }
            _ => (Permanent, Outcome::Ignored),
        },
        _ => (Permanent, Outcome::Ignored),
    }
}

/// Whether this machine has run out of something.
fn is_exhaustion(error: &io::Error) -> bool {
    // EMFILE, ENFILE and ENOBUFS have no kind of their own: 24, 23 and 105 on Linux.
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::OutOfMemory)
        || cfg!(target_os = "linux") && matches!(error.raw_os_error(), Some(23 | 24 | 105))
}

/// Reads `Retry-After` (RFC 9110 §10.2.3): seconds, or a date by the server's own clock if the response tells it. Of
/// several the longest counts; what cannot be read is ignored.
pub(crate) fn retry_after(headers: &Headers, now: SystemTime) -> Option<Duration> {
    let date = headers.get_str("date").and_then(|date| httpdate::parse_http_date(date).ok());
    // A clock that is off by more than a day tells nothing.
    let skew = |date: &SystemTime| date.duration_since(now).or_else(|_| now.duration_since(*date));
    let from = date.filter(|date| skew(date).is_ok_and(|skew| skew < DAY)).unwrap_or(now);
    headers
        .get_all("retry-after")
        .filter_map(|value| {
            let text = std::str::from_utf8(value).ok()?.trim_matches([' ', '\t']);
            if let Some(seconds) = seconds(text) {
                return Some(Duration::from_secs(seconds));
            }
            let until = httpdate::parse_http_date(text).ok()?;
            // What has passed asks for no wait.
            Some(until.duration_since(from).unwrap_or_default())
        })
        .max()
}

/// Reads seconds; some servers tell them with a fraction, which is rounded up.
fn seconds(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // More digits than fit are as good as for ever.
    let started = u64::from(fraction.bytes().any(|byte| byte != b'0'));
    (is_number(whole) && is_number(fraction))
        .then(|| whole.parse().unwrap_or(u64::MAX).saturating_add(started))
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests;
