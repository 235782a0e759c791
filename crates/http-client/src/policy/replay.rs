//! Whether a request that was lost with its connection is sent again at once, for free.

use wire::Method;

/// What is known of an attempt whose connection broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lost {
    /// The connection was idle before the request: the peer may have been closing it.
    pub reused: bool,
    /// Bytes of the request that were written.
    pub sent: u64,
    /// Bytes of the response that were read.
    pub received: u64,
}

impl Lost {
    /// States the facts.
    #[must_use]
    pub fn new(reused: bool, sent: u64, received: u64) -> Self {
        Self { reused, sent, received }
    }
}

/// Why a lost request is not sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoReplay {
    /// A connection made for this request broke: that is no race with an idle timeout.
    FreshConnection,
    /// The peer had begun to answer.
    ResponseBegan,
    /// Once is enough (RFC 9110 §9.2.2).
    Replayed,
    /// The peer may have acted on it, and acting twice may do harm.
    NotIdempotent,
    /// A part of its content is gone.
    ContentConsumed,
}

/// Decides: once, on a reused connection without a byte of response, if repeating is harmless or not
/// one byte was written.
pub(crate) fn replay(lost: Lost, idempotent: bool, replayable: bool, replayed: bool) -> Result<(), NoReplay> {
    if !lost.reused {
        return Err(NoReplay::FreshConnection);
    }
    if lost.received > 0 {
        return Err(NoReplay::ResponseBegan);
    }
    if replayed {
        return Err(NoReplay::Replayed);
    }
    if !idempotent && lost.sent > 0 {
        return Err(NoReplay::NotIdempotent);
    }
    if !replayable {
        return Err(NoReplay::ContentConsumed);
    }
    Ok(())
}

/// RFC 9110 §9.2.2, and those of IANA's registry of methods that clients send.
pub(crate) fn is_idempotent(method: &Method) -> bool {
    method.is_idempotent() || matches!(method.as_str(), "QUERY" | "PROPFIND" | "REPORT" | "SEARCH")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_harmless_loss_on_a_reused_connection_is_replayed() {
        let lost = Lost::new(true, 100, 0);
        for (lost, idempotent, replayable, replayed, expected) in [
            (lost, true, true, false, Ok(())),
            (Lost { sent: 0, ..lost }, false, true, false, Ok(())),
            (Lost { reused: false, ..lost }, true, true, false, Err(NoReplay::FreshConnection)),
            (Lost { received: 1, ..lost }, true, true, false, Err(NoReplay::ResponseBegan)),
            (lost, true, true, true, Err(NoReplay::Replayed)),
            (lost, false, true, false, Err(NoReplay::NotIdempotent)),
            (lost, true, false, false, Err(NoReplay::ContentConsumed)),
            (Lost { sent: 0, ..lost }, false, false, false, Err(NoReplay::ContentConsumed)),
        ] {
            let found = replay(lost, idempotent, replayable, replayed);
            assert_eq!(found, expected, "{lost:?} {idempotent} {replayable} {replayed}");
        }
    }

    #[test]
    fn idempotence_follows_the_method() {
        for method in
            ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "QUERY", "PROPFIND", "REPORT", "SEARCH"]
        {
            assert!(is_idempotent(&method.parse().unwrap()), "{method}");
        }
        for method in ["POST", "PATCH", "CONNECT", "get", "query", "WHATEVER"] {
            assert!(!is_idempotent(&method.parse().unwrap()), "{method}");
        }
    }
}
