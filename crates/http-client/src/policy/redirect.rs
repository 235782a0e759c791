//! Where a redirect leads, and what of the request goes along.

use std::fmt;

use percent_encoding::AsciiSet;
use url::Url;
use wire::{Headers, Method, StatusCode};

use crate::config::RedirectPolicy;
use crate::error::RefusedRedirect;
use crate::request::redacted;

/// What a response means for where the request goes next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Redirect {
    /// The response is the answer.
    Deliver(NotFollowed),
    /// The request goes on.
    Follow(Hop),
    /// It leads where it must not.
    Refuse(RefusedRedirect),
}

/// Why a response is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotFollowed {
    /// Its status redirects nobody.
    NoRedirect,
    /// It says nowhere to go.
    NoLocation,
    /// Redirects are not followed.
    Off,
    /// The content would have to be sent again, and a part of it is gone.
    ContentConsumed,
}

/// The next request of a call.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hop {
    /// Where it goes, with the fragment of the one before unless it has its own, and without user-info.
    pub url: Url,
    /// Its method.
    pub method: Method,
    /// Whether the content goes along.
    pub keeps_content: bool,
    /// Whether secret fields go along.
    pub keeps_secrets: bool,
    /// Whether it stays at the origin of the one before.
    pub same_origin: bool,
}

impl Hop {
    /// Returns the request target: path and query.
    #[must_use]
    pub fn target(&self) -> &str {
        super::prepare::target(&self.url)
    }
}

/// Shows no secret: of the URL neither user-info nor query.
impl fmt::Debug for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hop")
            .field("url", &format_args!("{}", redacted(&self.url)))
            .field("method", &self.method)
            .field("keeps_content", &self.keeps_content)
            .field("keeps_secrets", &self.keeps_secrets)
            .field("same_origin", &self.same_origin)
            .finish()
    }
}

/// What a redirect has to know of the request that was answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    pub(crate) url: &'a Url,
    /// Whether its content, if it has any, can be sent once more.
    pub(crate) is_replayable: bool,
    /// Redirects that led to it.
    pub(crate) followed: u32,
}

/// Decides by the table of RFC 9110 §15.4.
pub(crate) fn redirect(
    asked: Asked<'_>,
    status: StatusCode,
    location: Option<&[u8]>,
    policy: &RedirectPolicy,
) -> Redirect {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Redirect::Deliver(NotFollowed::NoRedirect);
    }
    let Some(location) = location else { return Redirect::Deliver(NotFollowed::NoLocation) };
    if policy.limit == 0 {
        return Redirect::Deliver(NotFollowed::Off);
    }
    let (method, keeps_content) = next_method(asked.method, status);
    if keeps_content && !asked.is_replayable {
        return Redirect::Deliver(NotFollowed::ContentConsumed);
    }
    if asked.followed >= policy.limit {
        return Redirect::Refuse(RefusedRedirect::TooMany { limit: policy.limit });
    }
    let Some(url) = target(asked.url, location) else {
        return Redirect::Refuse(RefusedRedirect::InvalidLocation);
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Redirect::Refuse(RefusedRedirect::Scheme);
    }
    // Some hosts and ports are good enough for a URL, and none that can be connected to.
    let Ok(origin) = super::prepare::origin(&url) else {
        return Redirect::Refuse(RefusedRedirect::InvalidLocation);
    };
    if asked.url.scheme() == "https" && url.scheme() == "http" && !policy.allow_downgrade {
        return Redirect::Refuse(RefusedRedirect::Downgrade);
    }
    if !policy.permits(asked.url, &url) {
        return Redirect::Refuse(RefusedRedirect::NotAllowed);
    }
    let same_origin = asked.url.origin() == url.origin();
    let keeps_secrets = same_origin || policy.keep_headers_for.contains(&origin);
    Redirect::Follow(Hop { keeps_secrets, url, method, keeps_content, same_origin })
}

/// 301 and 302 turn POST into GET, as every browser does; 303 turns all but HEAD, and leaves all content behind; 307 and 308
/// keep everything.
fn next_method(method: &Method, status: StatusCode) -> (Method, bool) {
    match status.as_u16() {
        301 | 302 if *method == Method::POST => (Method::GET, false),
        // RFC 9110 §15.4.4: what the other URL tells is asked for, and nothing is sent there.
        303 if *method == Method::HEAD => (Method::HEAD, false),
        303 => (Method::GET, false),
        _ => (method.clone(), true),
    }
}

/// Resolves a `Location` (RFC 9110 §10.2.2, RFC 3986 §5.2).
fn target(base: &Url, location: &[u8]) -> Option<Url> {
    // What is not ASCII goes back byte by byte as it came, whatever charset it is in.
    let location = percent_encoding::percent_encode(location, &AsciiSet::EMPTY).to_string();
    let mut url = base.join(&location).ok()?;
    if url.fragment().is_none() {
        url.set_fragment(base.fragment());
    }
    // Credentials that a server makes up are not the caller's. This fails only where there can be none.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(url)
}

/// Leaves of the request's own fields what goes along.
pub(crate) fn carry_over(headers: &mut Headers, hop: &Hop) {
    let secrets: Vec<String> = if hop.keeps_secrets { Vec::new() } else { names(headers.secrets()) };
    headers.retain(|name, _| {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        // RFC 9110 §15.4: what describes the content goes with it.
        let describes_content = || {
            ["content-", "digest", "last-modified", "transfer-encoding", "expect", "trailer", "repr-digest"]
                .iter()
                .any(|start| name.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start)))
        };
        // A Host of the caller's own names the origin that was left, and a Referer may tell what was asked for there.
        (hop.same_origin || !is("host") && !is("referer"))
            && !secrets.iter().any(|secret| is(secret))
            && (hop.keeps_content || !describes_content())
    });
}

/// Names the default fields that do not go along a redirect, and none after it either: secrets where it leads to an origin
/// that must not see them, a `Host` where it leads to another.
pub(crate) fn defaults_left_behind(defaults: &Headers, hop: &Hop) -> Vec<String> {
    let mut left = if hop.keeps_secrets { Vec::new() } else { names(defaults.secrets()) };
    if !hop.same_origin {
        left.push("host".to_owned());
    }
    left
}

fn names<'n>(names: impl Iterator<Item = &'n str>) -> Vec<String> {
    names.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
