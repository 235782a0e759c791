//! The storage model of RFC 6265bis §5.7 and §5.8 over an index by owner: a look-up meets the cookies of one owner only.

use std::collections::BTreeMap;
use std::time::SystemTime;

use url::Url;

use crate::config::JarConfig;
use crate::entry::{CookieName, Entry};
use crate::error::Refusal;
use crate::line;
use crate::site::SiteContext;
use crate::suffix::registrable;

/// All cookies of a jar.
#[derive(Clone, Default)]
pub(crate) struct Store {
    /// By registrable domain, or host where there is none; each list in the order in which cookies are sent.
    owners: BTreeMap<String, Vec<Entry>>,
    count: usize,
    /// How many cookies were ever made.
    serial: u64,
    /// No cookie expires before; `None` when none expires at all.
    earliest: Option<SystemTime>,
    /// Those who go next when there are too many, the first at the end. A search for one finds many, so that a full jar
    /// need not be searched for each newcomer.
    victims: Vec<Victim>,
}

/// A cookie as it was when it was found to be among the least recently used.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Victim {
    used: u64,
    serial: u64,
    owner: String,
}

/// What became of a cookie that was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Stored,
    Replaced,
    Deleted,
    /// It has expired and there was none of its name.
    Nothing,
}

impl Store {
    /// Lists all cookies, by owner and in the order in which they are sent.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.owners.values().flatten()
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Takes a cookie in that passed the checks on its own; `secure` tells how it came. Names what had to go for it.
    pub(crate) fn insert(
        &mut self,
        entry: Entry,
        secure: bool,
        config: &JarConfig,
        now: SystemTime,
        evicted: &mut Vec<CookieName>,
    ) -> Result<Change, Refusal> {
        let owner = registrable(entry.domain(), &*config.suffixes).to_owned();
        self.expire_of(&owner, now);
        let group = self.owners.get(&owner).map(Vec::as_slice).unwrap_or_default();
        if !secure && group.iter().any(|present| hides(&entry, present)) {
            return Err(Refusal::HidesSecure);
        }
        let place = group.iter().position(|present| same(present, &entry));
        match (place, entry.is_live(now)) {
            (None, false) => Ok(Change::Nothing),
            (Some(place), false) => {
                self.take(&owner, place);
                Ok(Change::Deleted)
            }
            (Some(place), true) => {
                if let Some(present) = self.owners.get_mut(&owner).and_then(|group| group.get_mut(place)) {
                    self.earliest = earlier(self.earliest, entry.expires());
                    *present = entry.with_age_of(present);
                }
                Ok(Change::Replaced)
            }
            (None, true) => {
                self.make_room(&owner, entry.secure(), config, now, evicted)?;
                self.push(owner, entry);
                Ok(Change::Stored)
            }
        }
    }

    /// Chooses the cookies for a request, in the order in which they are sent.
    pub(crate) fn select<'a>(
        &'a self,
        url: &Url,
        context: Option<&SiteContext<'_>>,
        config: &JarConfig,
        now: SystemTime,
    ) -> impl Iterator<Item = &'a Entry> {
        let host = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https"));
        let group = host.and_then(|host| self.owners.get(registrable(host, &*config.suffixes)));
        let secure = line::is_secure(url, config);
        let crossing = context.filter(|context| context.crosses(url, &*config.suffixes));
        group.into_iter().flatten().filter(move |entry| {
            entry.is_live(now)
                && (secure || !entry.secure())
                && crossing.is_none_or(|context| context.sends_across(entry.same_site()))
                && entry.cookie().path.matches(url)
                && entry.cookie().domain.matches(url)
        })
    }

    pub(crate) fn remove(&mut self, name: &CookieName, config: &JarConfig) -> Option<Entry> {
        let owner = registrable(&name.domain, &*config.suffixes);
        let place = self.owners.get(owner)?.iter().position(|entry| entry.is_called(name))?;
        self.take(owner, place)
    }

    /// Drops the cookies that a rule does not keep, and says how many those are.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Entry) -> bool) -> usize {
        let before = self.count;
        self.owners.retain(|_, group| {
            group.retain(&keep);
            !group.is_empty()
        });
        self.count = self.owners.values().map(Vec::len).sum();
        self.earliest = self.entries().filter_map(Entry::expires).min();
        before - self.count
    }

    /// Drops what has expired.
    pub(crate) fn expire(&mut self, now: SystemTime) -> usize {
        if self.earliest.is_some_and(|earliest| earliest <= now) {
            self.retain(|entry| entry.is_live(now))
        } else {
            0
        }
    }

    fn expire_of(&mut self, owner: &str, now: SystemTime) {
        if self.earliest.is_none_or(|earliest| earliest > now) {
            return;
        }
        let Some(group) = self.owners.get_mut(owner) else { return };
        let before = group.len();
        group.retain(|entry| entry.is_live(now));
        self.count -= before - group.len();
        if group.is_empty() {
            self.owners.remove(owner);
        }
    }

    /// RFC 6265bis §5.7: of a domain that is full, cookies without `Secure` go first, so that nobody on a plain
    /// connection can push out what came over a secure one; among equals the least recently used.
    fn make_room(
        &mut self,
        owner: &str,
        secure: bool,
        config: &JarConfig,
        now: SystemTime,
        evicted: &mut Vec<CookieName>,
    ) -> Result<(), Refusal> {
        let group = self.owners.get(owner).map(Vec::as_slice).unwrap_or_default();
        if group.len() >= config.limits.per_domain() {
            let first = group.iter().enumerate();
            let first = first.min_by_key(|(_, entry)| (entry.secure(), entry.used_micros(), entry.serial));
            let (place, victim) = first.ok_or(Refusal::NoRoom)?;
            if victim.secure() && !secure {
                return Err(Refusal::NoRoom);
            }
            evicted.extend(self.take(owner, place).map(|entry| entry.to_name()));
        }
        if self.count >= config.limits.total() {
            self.expire(now);
        }
        while self.count >= config.limits.total() {
            let Some(entry) = self.least_used() else { break };
            evicted.push(entry.to_name());
        }
        Ok(())
    }

    /// Takes out the cookie that was not used for the longest time.
    fn least_used(&mut self) -> Option<Entry> {
        loop {
            while let Some(Victim { used, serial, owner }) = self.victims.pop() {
                // What was used since then is no longer among the oldest.
                let is_it = |entry: &Entry| entry.serial == serial && entry.used_micros() == used;
                if let Some(place) = self.owners.get(&owner).and_then(|group| group.iter().position(is_it)) {
                    return self.take(&owner, place);
                }
            }
            self.victims = self.find_victims();
            if self.victims.is_empty() {
                return None;
            }
        }
    }

    fn find_victims(&self) -> Vec<Victim> {
        let mut all: Vec<(u64, u64, &str)> = self
            .owners
            .iter()
            .flat_map(|(owner, group)| {
                group.iter().map(|entry| (entry.used_micros(), entry.serial, owner.as_str()))
            })
            .collect();
        all.sort_unstable();
        let few = (all.len() / 16).max(1);
        let oldest = all.into_iter().take(few).rev();
        oldest.map(|(used, serial, owner)| Victim { used, serial, owner: owner.to_owned() }).collect()
    }

    fn push(&mut self, owner: String, mut entry: Entry) {
        entry.serial = self.serial;
        self.serial += 1;
        self.count += 1;
        self.earliest = earlier(self.earliest, entry.expires());
        let group = self.owners.entry(owner).or_default();
        let place = group.partition_point(|present| present.place() <= entry.place());
        group.insert(place, entry);
    }

    fn take(&mut self, owner: &str, place: usize) -> Option<Entry> {
        let group = self.owners.get_mut(owner).filter(|group| place < group.len())?;
        let entry = group.remove(place);
        if group.is_empty() {
            self.owners.remove(owner);
        }
        self.count -= 1;
        Some(entry)
    }
}

fn earlier(one: Option<SystemTime>, other: Option<SystemTime>) -> Option<SystemTime> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Whether one takes the place of the other (RFC 6265bis §5.7).
fn same(one: &Entry, other: &Entry) -> bool {
    one.name() == other.name() && one.cookie().domain == other.cookie().domain && one.path() == other.path()
}

/// Whether an insecure newcomer would be sent where a `Secure` cookie belongs (RFC 6265bis §5.7).
fn hides(newcomer: &Entry, present: &Entry) -> bool {
    let (one, other) = (newcomer.domain(), present.domain());
    present.secure()
        && !newcomer.secure()
        && newcomer.name() == present.name()
        && (lies_in(one, other) || lies_in(other, one))
        && path_matches(newcomer.path(), present.path())
}

fn lies_in(domain: &str, parent: &str) -> bool {
    domain.strip_suffix(parent).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// RFC 6265bis §5.1.4.
fn path_matches(path: &str, cookie_path: &str) -> bool {
    path.strip_prefix(cookie_path)
        .is_some_and(|rest| rest.is_empty() || cookie_path.ends_with('/') || rest.starts_with('/'))
}
