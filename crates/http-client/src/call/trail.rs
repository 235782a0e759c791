//! What a call passed on its way, and what it learns of a response.

use std::fmt;

use resilience::GiveUp;
use url::Url;
use wire::ResponseHead;

use crate::error::{Attempts, Error};
use crate::policy::redirect::NotFollowed;
use crate::request::redacted;

/// What is known of a response besides its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answered {
    /// The connection was idle before the request.
    pub is_reused: bool,
    /// The request was sent to its end.
    pub is_sent: bool,
}

impl Answered {
    /// States the facts.
    #[must_use]
    pub fn new(is_reused: bool, is_sent: bool) -> Self {
        Self { is_reused, is_sent }
    }
}

/// The way of a call to its response.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    /// The URL that answered; none where no URL was asked for.
    pub(crate) url: Option<Url>,
    pub(crate) history: Vec<Passed>,
    pub(crate) attempts: Attempts,
    /// Why the policies did not have the call tried again.
    pub(crate) gave_up: Option<GiveUp>,
    /// Why the response was delivered, and no redirect followed.
    pub(crate) not_followed: Option<NotFollowed>,
}

impl Trail {
    /// Adds to an error how it came to it.
    pub(crate) fn complete(&self, error: Error) -> Error {
        error.after(self.attempts.clone(), self.gave_up)
    }
}

/// A response on the way: a redirect that was followed.
#[derive(Clone)]
#[non_exhaustive]
pub struct Passed {
    /// The URL that answered so.
    pub url: Url,
    /// Its head.
    pub head: ResponseHead,
}

/// Shows no secret: of the URL neither user-info nor query.
impl fmt::Debug for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passed")
            .field("url", &format_args!("{}", redacted(&self.url)))
            .field("head", &self.head)
            .finish()
    }
}
