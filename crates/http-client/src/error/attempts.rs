//! What a call tried on its way to a response or an error.

use std::time::Duration;

use wire::StatusCode;

use super::ErrorKind;
use crate::info::Timings;

/// One attempt of a call: why it was made, and how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttemptInfo {
    /// Why it was made.
    pub why: Why,
    /// How long was waited before it.
    pub waited: Duration,
    /// How long its steps took, as far as it came; all zero where it had no connection. For a delivered response
    /// [`Response::timings`](crate::Response::timings) knows besides how long its content took.
    pub timings: Timings,
    /// The status that answered, or the kind of error that ended it.
    pub outcome: Result<StatusCode, ErrorKind>,
}

/// Why an attempt was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Why {
    /// The call began.
    First,
    /// A redirect led there.
    Redirect,
    /// The connection of the one before turned out to be dead.
    Replay,
    /// The response before said that the request was not applied.
    Reask,
    /// The retry policy wanted it.
    Retry,
}

/// The attempts of a call in order. One alone, as nearly always, needs no room of its own.
#[derive(Clone, Debug, Default)]
pub(crate) enum Attempts {
    #[default]
    None,
    One(AttemptInfo),
    Many(Vec<AttemptInfo>),
}

impl Attempts {
    pub(crate) fn push(&mut self, attempt: AttemptInfo) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(attempt),
            Self::One(first) => Self::Many(vec![first, attempt]),
            Self::Many(mut all) => {
                all.push(attempt);
                Self::Many(all)
            }
        };
    }

    pub(crate) fn as_slice(&self) -> &[AttemptInfo] {
        match self {
            Self::None => &[],
            Self::One(first) => std::slice::from_ref(first),
            Self::Many(all) => all,
        }
    }
}
