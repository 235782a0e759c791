//! The jar: what is stored, what is replaced, what is sent and in which order.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use cookie_store::{Cookie, CookieDomain};
use url::Url;

use crate::error::{Refusal, Refused};
use crate::line::{self, Parsed};

/// Stores cookies and hands them out again, from any thread; clones share the same cookies.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use cookies::{Jar, Refusal};
/// use url::Url;
///
/// let jar = Jar::new();
/// let now = SystemTime::now();
/// let url = Url::parse("https://www.example.com/shop/cart")?;
/// let lines: [&[u8]; 3] = [b"a=1; Max-Age=60", b"b=2; Path=/; Domain=example.com", b"c=3; Domain=com"];
/// let stored = jar.store(&url, lines, now);
/// assert_eq!((stored.added, stored.refused[0].reason), (2, Refusal::DomainTooWide));
///
/// // The longer path comes first.
/// assert_eq!(jar.cookie_header(&url, now).as_deref(), Some("a=1; b=2"));
/// assert_eq!(jar.cookie_header(&url, now + Duration::from_secs(60)).as_deref(), Some("b=2"));
/// # Ok::<(), url::ParseError>(())
/// ```
#[derive(Clone, Default)]
pub struct Jar {
    shared: Arc<Mutex<Store>>,
}

/// Counts what became of `Set-Cookie` lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stored {
    /// Cookies that were not there before.
    pub added: usize,
    /// Cookies that took the place of one with the same name, domain and path.
    pub replaced: usize,
    /// Cookies that went because the line's expiry has passed.
    pub removed: usize,
    /// Lines that were not taken, each with its reason.
    pub refused: Vec<Refused>,
}

/// Names one cookie, without its value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CookieName {
    /// The name before the `=`; a cookie may have none.
    pub name: String,
    /// The domain whose hosts get it.
    pub domain: String,
    /// Whether only the host of that very name gets it.
    pub host_only: bool,
    /// The path under which it is sent.
    pub path: String,
}

impl Jar {
    /// Makes an empty jar.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stores what a response from `url` set, one `Set-Cookie` field value a line, in their order.
    ///
    /// `now` is the time at which the response came: `Max-Age` counts from it. A line whose expiry has passed removes
    /// the cookie that it names. A line that is refused changes nothing and does not stop the others.
    pub fn store<'a>(
        &self,
        url: &Url,
        set_cookie: impl IntoIterator<Item = &'a [u8]>,
        now: SystemTime,
    ) -> Stored {
        let mut stored = Stored::default();
        for (index, line) in set_cookie.into_iter().enumerate() {
            // The lock is not held while the caller's iterator runs.
            let verdict = line::parse(line, url, now).and_then(|parsed| self.lock().insert(parsed, url, now));
            match verdict {
                Ok(Change::Added) => stored.added += 1,
                Ok(Change::Replaced) => stored.replaced += 1,
                Ok(Change::Removed) => stored.removed += 1,
                Ok(Change::Nothing) => {}
                Err(reason) => {
                    stored.refused.push(Refused { line: index, name: line::name(line), reason });
                }
            }
        }
        stored
    }

    /// Builds the value of the `Cookie` field of a request to `url`, `None` when no cookie belongs there.
    ///
    /// Longer paths come first, then older cookies. Cookies that have expired at `now` are dropped.
    #[must_use]
    pub fn cookie_header(&self, url: &Url, now: SystemTime) -> Option<String> {
        self.lock().header(url, now)
    }

    /// Counts the cookies, with those that have expired since they were last looked for.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().entries().count()
    }

    /// Says whether there is no cookie.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().entries().next().is_none()
    }

    /// Removes all cookies.
    pub fn clear(&self) {
        self.lock().domains.clear();
    }

    /// Lists the names of the cookies as they are at this moment, sorted by domain; values stay inside.
    pub fn names(&self) -> impl Iterator<Item = CookieName> + use<> {
        let names: Vec<CookieName> = self.lock().entries().map(Entry::public_name).collect();
        names.into_iter()
    }

    /// A panic elsewhere cannot leave an entry half written, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, Store> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Jar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Jar ")?;
        f.debug_list().entries(self.names()).finish()
    }
}

/// Cookies by the domain that they belong to, so that a look-up meets only the host and its parents.
#[derive(Default)]
struct Store {
    domains: BTreeMap<String, Vec<Entry>>,
    /// How many cookies were ever created: tells the older of two within one tick of the clock.
    created: u64,
}

struct Entry {
    cookie: Cookie<'static>,
    /// Kept when the cookie is replaced, so that its place in the field stays.
    created: u64,
    expires: Option<SystemTime>,
}

enum Change {
    Added,
    Replaced,
    Removed,
    Nothing,
}

impl Store {
    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.domains.values().flatten()
    }

    fn insert(&mut self, parsed: Parsed, url: &Url, now: SystemTime) -> Result<Change, Refusal> {
        let Parsed { cookie, expires } = parsed;
        let hidden = |entry: &Entry| entry.is_live(now) && hides(&cookie, &entry.cookie);
        if !line::is_secure(url) && self.entries().any(hidden) {
            return Err(Refusal::HidesSecure);
        }
        let domain = domain_of(&cookie).to_owned();
        let entries = self.domains.entry(domain.clone()).or_default();
        entries.retain(|entry| entry.is_live(now));
        let place = entries.iter().position(|entry| same(&entry.cookie, &cookie));
        let expired = expires.is_some_and(|expires| expires <= now);
        let change = match (place, expired) {
            (Some(place), true) => {
                entries.remove(place);
                Change::Removed
            }
            (None, true) => Change::Nothing,
            (Some(place), false) => {
                if let Some(entry) = entries.get_mut(place) {
                    (entry.cookie, entry.expires) = (cookie, expires);
                }
                Change::Replaced
            }
            (None, false) => {
                entries.push(Entry { cookie, created: self.created, expires });
                self.created += 1;
                Change::Added
            }
        };
        if entries.is_empty() {
            self.domains.remove(&domain);
        }
        Ok(change)
    }

    fn header(&mut self, url: &Url, now: SystemTime) -> Option<String> {
        let secure = line::is_secure(url);
        for domain in domains_over(url) {
            let Some(entries) = self.domains.get_mut(domain) else { continue };
            entries.retain(|entry| entry.is_live(now));
            if entries.is_empty() {
                self.domains.remove(domain);
            }
        }
        let mut chosen: Vec<&Entry> = domains_over(url)
            .filter_map(|domain| self.domains.get(domain))
            .flatten()
            .filter(|entry| entry.cookie.matches(url) && (secure || entry.cookie.secure() != Some(true)))
            .collect();
        chosen.sort_by_key(|entry| (std::cmp::Reverse(entry.cookie.path.len()), entry.created));
        let mut field = String::new();
        for Entry { cookie, .. } in chosen {
            if !field.is_empty() {
                field.push_str("; ");
            }
            if !cookie.name().is_empty() {
                field.push_str(cookie.name());
                field.push('=');
            }
            field.push_str(cookie.value());
        }
        (!field.is_empty()).then_some(field)
    }
}

impl Entry {
    fn is_live(&self, now: SystemTime) -> bool {
        self.expires.is_none_or(|expires| expires > now)
    }

    fn public_name(&self) -> CookieName {
        CookieName {
            name: self.cookie.name().to_owned(),
            domain: domain_of(&self.cookie).to_owned(),
            host_only: matches!(self.cookie.domain, CookieDomain::HostOnly(_)),
            path: self.cookie.path.to_string(),
        }
    }
}

/// The host and every domain it lies in: `a.b.c`, `b.c`, `c`.
fn domains_over(url: &Url) -> impl Iterator<Item = &str> {
    std::iter::successors(url.host_str(), |domain| domain.split_once('.').map(|(_, parent)| parent))
}

fn domain_of<'a>(cookie: &'a Cookie<'_>) -> &'a str {
    match &cookie.domain {
        CookieDomain::HostOnly(name) | CookieDomain::Suffix(name) => name,
        CookieDomain::NotPresent | CookieDomain::Empty => "",
    }
}

/// Whether one takes the place of the other (RFC 6265bis §5.7).
fn same(one: &Cookie<'_>, other: &Cookie<'_>) -> bool {
    one.name() == other.name() && one.domain == other.domain && *one.path == *other.path
}

/// Whether an insecure newcomer would be sent where a `Secure` cookie belongs (RFC 6265bis §5.7).
fn hides(newcomer: &Cookie<'_>, present: &Cookie<'_>) -> bool {
    let (one, other) = (domain_of(newcomer), domain_of(present));
    present.secure() == Some(true)
        && newcomer.name() == present.name()
        && (lies_in(one, other) || lies_in(other, one))
        && path_matches(&newcomer.path, &present.path)
}

fn lies_in(domain: &str, parent: &str) -> bool {
    domain.strip_suffix(parent).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// RFC 6265bis §5.1.4.
fn path_matches(path: &str, cookie_path: &str) -> bool {
    path.strip_prefix(cookie_path)
        .is_some_and(|rest| rest.is_empty() || cookie_path.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests;
