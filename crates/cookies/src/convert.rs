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
    /// expired, and those that this crate refuses, are left out; one for a public suffix stays with the host of that name.
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

#[cfg(test)]
mod tests {
    use super::*;
    use url::Url;

    #[test]
    fn cookies_go_there_and_back() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let url = Url::parse("https://www.example.com/x/").unwrap();
        let jar = Jar::new();
        let lines: [&[u8]; 4] = [
            b"a=1; Max-Age=60",
            b"b=2; Domain=example.com; Secure; HttpOnly; Partitioned",
            b"c=3; SameSite=Lax",
            b"d=; Max-Age=1",
        ];
        jar.store(&url, lines, now);
        let later = now + Duration::from_secs(1);
        let store = jar.to_cookie_store(later);
        assert_eq!(store.iter_any().count(), 3);
        assert!(store.contains_any("www.example.com", "/x", "a"));
        let tell = |jar: &Jar| {
            let live = jar.iter().filter(|entry| entry.is_live(later));
            let told = live.map(|entry| {
                let flags = (entry.secure(), entry.http_only(), entry.partitioned(), entry.same_site());
                (entry.to_name(), entry.value().to_owned(), entry.expires(), flags)
            });
            let mut told: Vec<_> = told.collect();
            told.sort_by(|one, other| one.0.cmp(&other.0));
            told
        };
        assert_eq!(tell(&Jar::from_cookie_store(&store, later)), tell(&jar));
    }

    #[test]
    fn what_would_be_refused_is_not_taken_over() {
        let url = Url::parse("http://www.example.co.uk/").unwrap();
        let mut store = CookieStore::new();
        store.parse("a=1; Domain=co.uk", &url).unwrap();
        store.parse("b=2; Domain=example.co.uk", &url).unwrap();
        let jar = Jar::from_cookie_store(&store, SystemTime::UNIX_EPOCH);
        let names: Vec<_> = jar.iter().map(|entry| (entry.name().to_owned(), entry.host_only())).collect();
        // A cookie for all of `co.uk` can only be one of the host of that name.
        assert_eq!(names, [("a".to_owned(), true), ("b".to_owned(), false)]);
    }
}
