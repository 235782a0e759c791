//! Redirects that were refused.

use wire::ResponseHead;

/// A redirect that was refused, with the response that it came in.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{reason} ({})", head.status.as_u16())]
#[non_exhaustive]
pub struct RedirectError {
    /// Why it was refused.
    pub reason: RefusedRedirect,
    /// The head of the response.
    pub head: ResponseHead,
}

/// Why a redirect ends the call with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum RefusedRedirect {
    /// There were too many.
    #[error("more than {limit} redirects")]
    TooMany {
        /// How many are followed.
        limit: u32,
    },
    /// Its `Location` is no URL.
    #[error("a redirect leads to what is no URL")]
    InvalidLocation,
    /// It leads out of HTTP.
    #[error("a redirect leads to a URL that is neither http nor https")]
    Scheme,
    /// It leads from `https` to `http`.
    #[error("a redirect leads from https to http")]
    Downgrade,
    /// The caller's own rule refused it.
    #[error("the redirect policy refused a redirect")]
    NotAllowed,
}
