//! Content codings: which ones a response has, and what undoes them. Moves no bytes by itself and waits for none.

#[cfg(feature = "brotli")]
mod brotli;
#[cfg(feature = "gzip")]
mod inflate;
mod stages;
#[cfg(feature = "zstd")]
mod zstd;

use wire::{Headers, StatusCode};

use crate::error::DecodeError;

pub(crate) use stages::{Decoder, Step};

/// How many codings of one response are undone.
const MAX_CODINGS: usize = 5;

/// A content coding that this build can undo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(all(feature = "gzip", feature = "brotli", feature = "zstd")),
    allow(dead_code, reason = "some codings are not built in")
)]
pub(crate) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

impl Coding {
    /// RFC 9110 §8.4.1: names ignore case; `x-gzip` is the same as `gzip`.
    fn named(name: &[u8]) -> Option<Self> {
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        match () {
            () if cfg!(feature = "gzip") && (is("gzip") || is("x-gzip")) => Some(Self::Gzip),
            () if cfg!(feature = "gzip") && is("deflate") => Some(Self::Deflate),
            () if cfg!(feature = "brotli") && is("br") => Some(Self::Brotli),
            () if cfg!(feature = "zstd") && is("zstd") => Some(Self::Zstd),
            () => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }
}

/// The codings of a response in the order in which they were applied. Made without allocating.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Codings {
    list: [Option<Coding>; MAX_CODINGS],
}

impl Codings {
    /// Finds what is to be undone: nothing where one coding is unknown, since the field must stay true.
    ///
    /// # Errors
    /// There are more than 5.
    pub(crate) fn of(status: StatusCode, headers: &Headers) -> Result<Self, DecodeError> {
        let mut codings = Self::default();
        // RFC 9110 §15.3.7: a part of encoded content cannot be decoded by itself.
        if status == StatusCode::PARTIAL_CONTENT {
            return Ok(codings);
        }
        let mut free = codings.list.iter_mut();
        // RFC 9110 §5.3: several lines are one list.
        let names = headers.get_all("content-encoding").flat_map(|line| line.split(|byte| *byte == b','));
        for name in names.map(<[u8]>::trim_ascii) {
            if name.is_empty() || name.eq_ignore_ascii_case(b"identity") {
                continue;
            }
            let Some(coding) = Coding::named(name) else { return Ok(Self::default()) };
            *free.next().ok_or(DecodeError::TooMany { limit: MAX_CODINGS })? = Some(coding);
        }
        Ok(codings)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.first().is_none_or(Option::is_none)
    }

    /// RFC 9110 §8.4: the coding that was applied last is undone first.
    fn undone(self) -> impl Iterator<Item = Coding> {
        self.list.into_iter().rev().flatten()
    }
}

/// What `Accept-Encoding` offers: no more than can be decoded.
const OFFER: Option<&str> = match (cfg!(feature = "gzip"), cfg!(feature = "brotli"), cfg!(feature = "zstd")) {
    (false, false, false) => None,
    (true, false, false) => Some("gzip, deflate"),
    (true, true, false) => Some("gzip, deflate, br"),
    (true, false, true) => Some("gzip, deflate, zstd"),
    (true, true, true) => Some("gzip, deflate, br, zstd"),
    (false, true, false) => Some("br"),
    (false, false, true) => Some("zstd"),
    (false, true, true) => Some("br, zstd"),
};

/// Adds `Accept-Encoding` to the fields of a request, and says whether its response is decoded: not where the caller offers
/// codings, who then gets what was asked for, and not for ranges, which count bytes of the encoded content.
pub(crate) fn offer(fields: &mut Headers) -> bool {
    let Some(offer) = OFFER.filter(|_| is_open(fields)) else { return false };
    fields.append("Accept-Encoding", offer).is_ok()
}

/// Says whether [`offer`] would add to any of these.
pub(crate) fn may_offer(fields: [&Headers; 2]) -> bool {
    OFFER.is_some() && fields.into_iter().all(is_open)
}

fn is_open(fields: &Headers) -> bool {
    !fields.contains("accept-encoding") && !fields.contains("range")
}

#[cfg(test)]
mod tests;
