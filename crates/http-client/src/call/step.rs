//! What a call tells its driver.

use std::time::Instant;

use conn::Route;

use crate::error::Error;
use crate::policy::deadlines::Deadlines;

/// What a driver does with a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// Give it to the user: the call is over.
    Deliver,
    /// Drop its content, and step again.
    Discard,
}

/// What a driver does next.
#[derive(Debug)]
#[non_exhaustive]
pub enum Step {
    /// Send the request.
    Attempt(Attempt),
    /// Wait until then, and step again.
    Wait {
        /// Until when.
        until: Instant,
    },
    /// Give this error to the user.
    Fail(Error),
    /// Nothing: the response was delivered.
    Done,
}

/// One try.
#[derive(Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// Where to.
    pub route: Route,
    /// Whether the connection must be a new one, never one from the pool.
    pub fresh: bool,
    /// The number of this attempt within its call, from 1.
    pub number: u32,
    /// Until when.
    pub deadlines: Deadlines,
}
