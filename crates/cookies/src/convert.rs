//! To and from `cookie_store`.

use std::convert::Infallible;
use std::time::{Duration, SystemTime};

use cookie_store::{CookieExpiration, CookieStore};

use crate::entry::Entry;
use crate::jar::Jar;
use crate::line::after;
use crate::record::Record;

impl Jar {
    /// Copies the cookies that live at `now` into a [`CookieStore`].
    ///
    /// It keeps one cookie for a domain, path and name: of two that differ only in whether hosts below get them, one
    /// remains. Times of creation and use have no place there.
    #[must_use]
    pub fn to_cookie_store(&self, now: SystemTime) -> CookieStore {
        let live = self.iter().filter(|entry| entry.is_live(now));
        let cookies = live.map(|entry| Ok::<_, Infallible>(entry.cookie().clone()));
        // That expired cookies are welcome spares a look at the clock; there are none.
        match CookieStore::from_cookies(cookies, true) {
            Ok(store) => store,
            Err(never) => match never {},
        }
    }

    /// Takes the cookies of a [`CookieStore`] over into a jar with the defaults, as if they were made at `now`. Those that have
    /// expired, and those that this crate refuses (a public suffix as domain), are left out.
    #[must_use]
    pub fn from_cookie_store(store: &CookieStore, now: SystemTime) -> Self {
        let jar = Self::new();
        for cookie in store.iter_any() {
            let expires = match &cookie.expires {
                CookieExpiration::AtUtc(date) => {
                    let seconds = u64::try_from(date.unix_timestamp()).unwrap_or_default();
                    Some(after(SystemTime::UNIX_EPOCH, Duration::from_secs(seconds)))
                }
                CookieExpiration::SessionEnd => None,
            };
            let record = Record::of(&Entry::new(cookie.clone(), expires, now));
            if let Ok(entry) = record.admit(jar.config(), now) {
                // Refused are those for which there is no room.
                let _ = jar.put(entry, true, now, &mut Vec::new());
            }
        }
        jar
    }
}
