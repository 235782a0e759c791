//! The jar: one store of cookies, shared among clones and threads.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::SystemTime;

use cookie_store::RawCookie;
use url::Url;

use crate::config::JarConfig;
use crate::entry::{CookieName, Entry};
use crate::error::{Refusal, Refused};
use crate::line;
use crate::site::SiteContext;
use crate::store::{Change, Store};

/// Stores cookies and hands them out again, from any thread; clones share the same cookies, [`scope`](Self::scope)
/// copies them.
///
/// The time is an argument wherever it matters: `now` is [`SystemTime::now`] in a program and any other in a test.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use cookies::{Jar, Outcome, Refusal};
/// use url::Url;
///
/// let jar = Jar::new();
/// let now = SystemTime::now();
/// let url = Url::parse("https://www.example.co.uk/shop/cart")?;
/// let lines: [&[u8]; 3] = [b"a=1; Max-Age=60", b"b=2; Path=/; Domain=example.co.uk", b"c=3; Domain=co.uk"];
/// let stored = jar.store(&url, lines, now);
/// let outcomes: Vec<Outcome> = stored.lines.iter().map(|line| line.outcome).collect();
/// assert_eq!(outcomes, [Outcome::Stored, Outcome::Stored, Outcome::Refused(Refusal::PublicSuffix)]);
///
/// // The longer path comes first.
/// assert_eq!(jar.cookie_header(&url, now).as_deref(), Some("a=1; b=2"));
/// assert_eq!(jar.cookie_header(&url, now + Duration::from_secs(60)).as_deref(), Some("b=2"));
/// # Ok::<(), url::ParseError>(())
/// ```
///
/// # Eviction
///
/// A newcomer for which there is no room pushes another cookie out. What has expired goes first. In a domain that is
/// full, the least recently used cookie goes, one without `Secure` before any that has it; a newcomer without `Secure`
/// finds no room where all others have it. In a full jar the least recently used of all goes.
#[derive(Clone, Default)]
pub struct Jar {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    config: JarConfig,
    store: RwLock<Store>,
    /// What was in the jar when it was last read from or written to a file.
    synced: Mutex<BTreeMap<PathBuf, Synced>>,
}

/// The cookies of a jar at the time of a save, each with a digest of its value and attributes.
pub(crate) type Synced = BTreeMap<CookieName, u64>;

/// Tells what became of cookies that were handed to a jar.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stored {
    /// One for each line or pair, in their order.
    pub lines: Vec<StoredLine>,
    /// Cookies that were pushed out for want of room.
    pub evicted: Vec<CookieName>,
}

/// Tells what became of one `Set-Cookie` line; the value of the cookie stays out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredLine {
    /// The name of the cookie, when it has a readable one.
    pub name: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
}

/// Says what became of one cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// It is in the jar and was not there before.
    Stored,
    /// It took the place of one with the same name, domain and path.
    Replaced,
    /// Its expiry has passed, and so the one with the same name, domain and path is gone.
    Deleted,
    /// Its expiry has passed, and there was none to delete.
    Absent,
    /// It was not taken; nothing changed.
    Refused(Refusal),
}

impl Stored {
    /// Lists the lines that were not taken.
    pub fn refused(&self) -> impl Iterator<Item = Refused> + '_ {
        self.lines.iter().enumerate().filter_map(|(line, stored)| match stored.outcome {
            Outcome::Refused(reason) => Some(Refused { line, name: stored.name.clone(), reason }),
            _ => None,
        })
    }

    /// Counts the lines that ended in such a way.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> usize {
        self.lines.iter().filter(|line| line.outcome == outcome).count()
    }
}

impl Jar {
    /// Makes an empty jar with the defaults of [`JarConfig`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes an empty jar.
    #[must_use]
    pub fn with_config(config: JarConfig) -> Self {
        Self { shared: Arc::new(Shared { config, ..Shared::default() }) }
    }

    /// Copies the cookies into a jar of its own: what happens in one no longer shows in the other.
    #[must_use]
    pub fn scope(&self) -> Self {
        let store = RwLock::new(self.read().clone());
        let synced = Mutex::new(self.shared.synced.lock().unwrap_or_else(PoisonError::into_inner).clone());
        Self { shared: Arc::new(Shared { config: self.shared.config.clone(), store, synced }) }
    }

    /// Stores what a response from `url` set, one `Set-Cookie` field value a line, in their order.
    ///
    /// `now` is the time at which the response came: `Max-Age` counts from it. A line whose expiry has passed deletes
    /// the cookie that it names. A line that is refused changes nothing and does not stop the others; one that is not
    /// UTF-8 is refused.
    pub fn store<'a>(
        &self,
        url: &Url,
        set_cookie: impl IntoIterator<Item = &'a [u8]>,
        now: SystemTime,
    ) -> Stored {
        self.store_lines(url, set_cookie, None, now)
    }

    /// Does what [`store`](Self::store) does for a request of which is known for which site it was made: `SameSite`
    /// then keeps out what comes across sites.
    pub fn store_for<'a>(
        &self,
        url: &Url,
        set_cookie: impl IntoIterator<Item = &'a [u8]>,
        context: &SiteContext<'_>,
        now: SystemTime,
    ) -> Stored {
        self.store_lines(url, set_cookie, Some(context), now)
    }

    fn store_lines<'a>(
        &self,
        url: &Url,
        set_cookie: impl IntoIterator<Item = &'a [u8]>,
        context: Option<&SiteContext<'_>>,
        now: SystemTime,
    ) -> Stored {
        let config = self.config();
        let crossing = context.filter(|context| context.crosses(url, &*config.suffixes));
        let mut stored = Stored::default();
        // The lock is not held while the caller's iterator runs.
        for line in set_cookie {
            let entry = line::parse(line, url, config, now).and_then(|entry| {
                let allowed = crossing.is_none_or(|context| context.takes_across(entry.same_site()));
                if allowed { Ok(entry) } else { Err(Refusal::CrossSite) }
            });
            self.settle(line::name(line), entry, url, now, &mut stored);
        }
        stored
    }

    /// Inserts a cookie that a program made, as if `url` had set it: a domain, path or expiry that it has not is taken
    /// from there. It is judged like one from a server, and so are its name and value.
    pub fn insert(&self, url: &Url, cookie: &RawCookie<'_>, now: SystemTime) -> Outcome {
        let mut stored = Stored::default();
        self.settle(None, line::made(cookie, url, self.config(), now), url, now, &mut stored);
        stored.lines.first().map_or(Outcome::Absent, |line| line.outcome)
    }

    /// Inserts pairs of name and value for the host of `url`, as session cookies with the path `/`, `Secure` if `url`
    /// is.
    pub fn import_pairs<'a>(
        &self,
        url: &Url,
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
        now: SystemTime,
    ) -> Stored {
        let config = self.config();
        let mut stored = Stored::default();
        for (name, value) in pairs {
            let mut raw = RawCookie::new(name, value);
            raw.set_path("/");
            raw.set_secure(line::is_secure(url, config));
            let entry = line::made(&raw, url, config, now);
            let name = (!name.is_empty()).then(|| name.to_owned());
            self.settle(name, entry, url, now, &mut stored);
        }
        stored
    }

    /// Inserts what stands in a `Cookie` field, such as one copied from a browser, as
    /// [`import_pairs`](Self::import_pairs) does.
    ///
    /// ```
    /// # use std::time::SystemTime;
    /// # use cookies::Jar;
    /// # use url::Url;
    /// let (jar, now) = (Jar::new(), SystemTime::UNIX_EPOCH);
    /// let url = Url::parse("https://example.com/account")?;
    /// jar.import_header(&url, "session=5f2b; theme=dark", now);
    /// assert_eq!(jar.get(&url, "theme", now).as_ref().map(|cookie| cookie.value()), Some("dark"));
    /// # Ok::<(), url::ParseError>(())
    /// ```
    pub fn import_header(&self, url: &Url, field: &str, now: SystemTime) -> Stored {
        self.import_pairs(url, field.split(';').filter_map(line::name_and_value), now)
    }

    /// Builds the value of the `Cookie` field of a request to `url`, `None` when no cookie belongs there.
    ///
    /// Longer paths come first, then older cookies. `SameSite` is not asked.
    #[must_use]
    pub fn cookie_header(&self, url: &Url, now: SystemTime) -> Option<String> {
        self.header(url, None, now)
    }

    /// Does what [`cookie_header`](Self::cookie_header) does for a request of which is known for which site it is made:
    /// `SameSite` then keeps back what may not cross sites.
    #[must_use]
    pub fn cookie_header_for(&self, url: &Url, context: &SiteContext<'_>, now: SystemTime) -> Option<String> {
        self.header(url, Some(context), now)
    }

    fn header(&self, url: &Url, context: Option<&SiteContext<'_>>, now: SystemTime) -> Option<String> {
        let mut field = String::new();
        for entry in self.read().select(url, context, self.config(), now) {
            entry.touch(now);
            if field.is_empty() {
                // Most fields fit: one allocation.
                field.reserve(256);
            } else {
                field.push_str("; ");
            }
            if !entry.name().is_empty() {
                field.push_str(entry.name());
                field.push('=');
            }
            field.push_str(entry.value());
        }
        (!field.is_empty()).then_some(field)
    }

    /// Returns the cookie of a name that a request to `url` would carry first.
    #[must_use]
    pub fn get(&self, url: &Url, name: &str, now: SystemTime) -> Option<Entry> {
        self.read().select(url, None, self.config(), now).find(|entry| entry.name() == name).cloned()
    }

    /// Lists the cookies as they are at this moment, sorted by owner and then in the order in which they are sent, with
    /// those that have expired since the jar last looked.
    pub fn iter(&self) -> impl Iterator<Item = Entry> + use<> {
        let entries: Vec<Entry> = self.read().entries().cloned().collect();
        entries.into_iter()
    }

    /// Lists the names of the cookies as [`iter`](Self::iter) does; values stay inside.
    pub fn names(&self) -> impl Iterator<Item = CookieName> + use<> {
        let names: Vec<CookieName> = self.read().entries().map(Entry::to_name).collect();
        names.into_iter()
    }

    /// Counts the cookies, with those that have expired since the jar last looked.
    #[must_use]
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Says whether there is no cookie.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes one cookie and returns it.
    pub fn remove(&self, name: &CookieName) -> Option<Entry> {
        self.write().remove(name, self.config())
    }

    /// Removes all cookies.
    pub fn clear(&self) {
        self.write().retain(|_| false);
    }

    /// Removes the cookies that have no expiry, as a browser does when it is closed, and says how many those are.
    pub fn clear_session(&self) -> usize {
        self.write().retain(|entry| entry.expires().is_some())
    }

    /// Removes what has expired at `now`, and says how many those are. Such cookies are never sent; this frees memory.
    pub fn expire(&self, now: SystemTime) -> usize {
        self.write().expire(now)
    }

    /// Returns what the jar was configured with.
    #[must_use]
    pub fn config(&self) -> &JarConfig {
        &self.shared.config
    }

    fn settle(
        &self,
        name: Option<String>,
        entry: Result<Entry, Refusal>,
        url: &Url,
        now: SystemTime,
        stored: &mut Stored,
    ) {
        let secure = line::is_secure(url, self.config());
        let outcome = match entry.and_then(|entry| self.put(entry, secure, now, &mut stored.evicted)) {
            Ok(Change::Stored) => Outcome::Stored,
            Ok(Change::Replaced) => Outcome::Replaced,
            Ok(Change::Deleted) => Outcome::Deleted,
            Ok(Change::Nothing) => Outcome::Absent,
            Err(reason) => Outcome::Refused(reason),
        };
        stored.lines.push(StoredLine { name, outcome });
    }

    /// Stores a cookie that passed its checks.
    pub(crate) fn put(
        &self,
        entry: Entry,
        secure: bool,
        now: SystemTime,
        evicted: &mut Vec<CookieName>,
    ) -> Result<Change, Refusal> {
        self.write().insert(entry, secure, self.config(), now, evicted)
    }

    /// What was in the jar when it last met that file.
    pub(crate) fn synced(&self, path: &Path) -> Synced {
        let synced = self.shared.synced.lock().unwrap_or_else(PoisonError::into_inner);
        synced.get(path).cloned().unwrap_or_default()
    }

    pub(crate) fn set_synced(&self, path: PathBuf, cookies: Synced) {
        self.shared.synced.lock().unwrap_or_else(PoisonError::into_inner).insert(path, cookies);
    }

    /// A panic elsewhere cannot leave the store half changed: nothing of a caller runs under the lock but the list of
    /// suffixes, and that is asked first.
    fn read(&self) -> RwLockReadGuard<'_, Store> {
        self.shared.store.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Store> {
        self.shared.store.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Jar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Jar ")?;
        f.debug_list().entries(self.names()).finish()
    }
}

#[cfg(test)]
mod tests;
