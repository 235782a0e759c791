//! One stored cookie with its times.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use cookie::SameSite;
use cookie::time::OffsetDateTime;
use cookie_store::{Cookie, CookieDomain, CookieExpiration};

/// The last second of the year 9999: what lasts longer lasts for ever, and dates have no words for it.
const LAST_SECOND: Duration = Duration::from_secs(253_402_300_799);

/// Names one cookie, without its value: no jar holds two of the same name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct CookieName {
    /// The domain whose hosts get it.
    pub domain: String,
    /// The path under which it is sent.
    pub path: String,
    /// The name before the `=`; a cookie may have none.
    pub name: String,
    /// Whether only the host of that very name gets it.
    pub host_only: bool,
}

impl CookieName {
    /// Names a cookie that all hosts of a domain get.
    #[must_use]
    pub fn new(domain: impl Into<String>, path: impl Into<String>, name: impl Into<String>) -> Self {
        Self { domain: domain.into(), path: path.into(), name: name.into(), host_only: false }
    }

    /// Turns it into the name of a cookie that only the host of that very name gets.
    #[must_use]
    pub fn host_only(self) -> Self {
        Self { host_only: true, ..self }
    }
}

/// Holds one cookie as it is stored, with the times at which it was made, sent last, and will expire.
///
/// Its `Debug` leaves the value out.
pub struct Entry {
    cookie: Cookie<'static>,
    created: SystemTime,
    /// Microseconds since 1970. Atomic, so that readers need not exclude each other.
    used: AtomicU64,
    expires: Option<SystemTime>,
    /// Tells the older of two that came within one tick of the clock.
    pub(crate) serial: u64,
}

impl Entry {
    /// Puts a cookie that has passed its checks together with its times; the jar gives it its serial number.
    pub(crate) fn new(mut cookie: Cookie<'static>, expires: Option<SystemTime>, created: SystemTime) -> Self {
        let expires = expires.map(|end| end.min(SystemTime::UNIX_EPOCH + LAST_SECOND));
        cookie.expires =
            expires.and_then(date_of).map_or(CookieExpiration::SessionEnd, CookieExpiration::AtUtc);
        Self { cookie, created, used: AtomicU64::new(micros(created)), expires, serial: 0 }
    }

    /// Returns the name before the `=`, empty when the cookie has none.
    #[must_use]
    pub fn name(&self) -> &str {
        self.cookie.name()
    }

    /// Returns the value, as it came.
    #[must_use]
    pub fn value(&self) -> &str {
        self.cookie.value()
    }

    /// Returns the domain whose hosts get it, or the one host that does.
    #[must_use]
    pub fn domain(&self) -> &str {
        match &self.cookie.domain {
            CookieDomain::HostOnly(name) | CookieDomain::Suffix(name) => name,
            CookieDomain::NotPresent | CookieDomain::Empty => "",
        }
    }

    /// Says whether only the host that set it gets it.
    #[must_use]
    pub fn host_only(&self) -> bool {
        matches!(self.cookie.domain, CookieDomain::HostOnly(_))
    }

    /// Returns the path under which it is sent.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.cookie.path
    }

    /// Says whether it travels over secure connections alone.
    #[must_use]
    pub fn secure(&self) -> bool {
        self.cookie.secure() == Some(true)
    }

    /// Says whether scripts of a page were not to see it.
    #[must_use]
    pub fn http_only(&self) -> bool {
        self.cookie.http_only() == Some(true)
    }

    /// Returns its `SameSite` attribute, `None` when it has none that is known.
    #[must_use]
    pub fn same_site(&self) -> Option<SameSite> {
        self.cookie.same_site()
    }

    /// Says whether it has the `Partitioned` attribute. The jar keeps it and does not act on it.
    #[must_use]
    pub fn partitioned(&self) -> bool {
        self.cookie.partitioned() == Some(true)
    }

    /// Returns the time at which a cookie of this name was stored first.
    #[must_use]
    pub fn created(&self) -> SystemTime {
        self.created
    }

    /// Returns the time at which it was stored or sent last, to the microsecond.
    #[must_use]
    pub fn used(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_micros(self.used_micros())
    }

    /// Returns the time from which on it is gone, `None` when it ends with the session.
    #[must_use]
    pub fn expires(&self) -> Option<SystemTime> {
        self.expires
    }

    /// Says whether it has not expired at `now`.
    #[must_use]
    pub fn is_live(&self, now: SystemTime) -> bool {
        self.expires.is_none_or(|expires| expires > now)
    }

    /// Names it.
    #[must_use]
    pub fn to_name(&self) -> CookieName {
        let host_only = self.host_only();
        CookieName { host_only, ..CookieName::new(self.domain(), self.path(), self.name()) }
    }

    /// Returns the cookie as `cookie_store` knows it. Unlike this type, that one shows the value in its `Debug`.
    #[must_use]
    pub fn cookie(&self) -> &Cookie<'static> {
        &self.cookie
    }

    pub(crate) fn is_called(&self, name: &CookieName) -> bool {
        self.name() == name.name
            && self.path() == name.path
            && self.host_only() == name.host_only
            && self.domain() == name.domain
    }

    pub(crate) fn used_micros(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Notes that it was sent.
    pub(crate) fn touch(&self, now: SystemTime) {
        let now = micros(now);
        // Readers on other cores keep their copy of the line where nothing changes.
        if self.used_micros() < now {
            self.used.fetch_max(now, Ordering::Relaxed);
        }
    }

    /// Sets times that are known from elsewhere.
    pub(crate) fn with_times(mut self, created: Option<SystemTime>, used: Option<SystemTime>) -> Self {
        self.created = created.unwrap_or(self.created);
        self.used = AtomicU64::new(micros(used.unwrap_or(self.created)));
        self
    }

    /// A replaced cookie keeps its age (RFC 6265bis §5.7), so that its place in the field stays.
    pub(crate) fn with_age_of(mut self, older: &Self) -> Self {
        (self.created, self.serial) = (older.created, older.serial);
        self
    }

    /// The order in which cookies are sent (RFC 6265bis §5.8.3).
    pub(crate) fn place(&self) -> (std::cmp::Reverse<usize>, SystemTime, u64) {
        (std::cmp::Reverse(self.path().len()), self.created, self.serial)
    }
}

impl Clone for Entry {
    fn clone(&self) -> Self {
        Self {
            cookie: self.cookie.clone(),
            created: self.created,
            used: AtomicU64::new(self.used_micros()),
            expires: self.expires,
            serial: self.serial,
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("name", &self.name())
            .field("domain", &self.domain())
            .field("host_only", &self.host_only())
            .field("path", &self.path())
            .field("secure", &self.secure())
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// Microseconds since 1970, the nearest where there are none.
fn micros(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

fn date_of(time: SystemTime) -> Option<OffsetDateTime> {
    let seconds = match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).ok()?,
        Err(before) => i64::try_from(before.duration().as_secs()).ok()?.checked_neg()?,
    };
    OffsetDateTime::from_unix_timestamp(seconds).ok()
}
