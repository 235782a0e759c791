//! A jar as one would write it down from the text of RFC 6265bis: one list, searched from end to end.

use std::time::{Duration, SystemTime};

use cookies::{CookieName, Outcome, Refusal};
use url::{Host, Url};

/// The attributes of a `Set-Cookie` line before it is one.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) domain: Option<&'static str>,
    pub(crate) path: Option<&'static str>,
    pub(crate) max_age: Option<i64>,
    pub(crate) same_site: Option<&'static str>,
    pub(crate) secure: bool,
}

impl Line {
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{}={}", self.name, self.value);
        for (name, value) in [("Domain", self.domain), ("Path", self.path), ("SameSite", self.same_site)] {
            if let Some(value) = value {
                text.push_str(&format!("; {name}={value}"));
            }
        }
        if let Some(seconds) = self.max_age {
            text.push_str(&format!("; Max-Age={seconds}"));
        }
        if self.secure {
            text.push_str("; Secure");
        }
        text
    }
}

pub(crate) struct Naive {
    /// In the order of creation.
    cookies: Vec<Cookie>,
    per_domain: usize,
    total: usize,
}

struct Cookie {
    name: CookieName,
    value: String,
    secure: bool,
    same_site: String,
    expires: Option<SystemTime>,
    created: SystemTime,
    used: SystemTime,
}

impl Naive {
    pub(crate) fn new(per_domain: usize, total: usize) -> Self {
        Self { cookies: Vec::new(), per_domain, total }
    }

    pub(crate) fn told(&self, now: SystemTime) -> Vec<(CookieName, String, SystemTime)> {
        let live = self.cookies.iter().filter(|cookie| cookie.lives(now));
        let mut told: Vec<_> =
            live.map(|cookie| (cookie.name.clone(), cookie.value.clone(), cookie.created)).collect();
        told.sort();
        told
    }

    pub(crate) fn remove(&mut self, name: &CookieName) -> bool {
        let before = self.cookies.len();
        self.cookies.retain(|cookie| cookie.name != *name);
        self.cookies.len() < before
    }

    pub(crate) fn clear_session(&mut self) {
        self.cookies.retain(|cookie| cookie.expires.is_some());
    }

    pub(crate) fn store(&mut self, url: &Url, line: &Line, now: SystemTime) -> (Outcome, Vec<CookieName>) {
        let mut evicted = Vec::new();
        let outcome = self.take(url, line, now, &mut evicted).unwrap_or_else(Outcome::Refused);
        (outcome, evicted)
    }

    fn take(
        &mut self,
        url: &Url,
        line: &Line,
        now: SystemTime,
        evicted: &mut Vec<CookieName>,
    ) -> Result<Outcome, Refusal> {
        let host = url.host_str().unwrap();
        let https = url.scheme() == "https";
        let wanted = line.domain.unwrap_or("").trim_start_matches('.').to_lowercase();
        let (domain, host_only) = if wanted.is_empty() {
            (host.to_owned(), true)
        } else if host != wanted && (is_address(url) || !host.ends_with(&format!(".{wanted}"))) {
            return Err(Refusal::ForeignDomain);
        } else if owner(&wanted).is_none() || is_address(url) {
            if host != wanted {
                return Err(Refusal::PublicSuffix);
            }
            (host.to_owned(), true)
        } else {
            (wanted, false)
        };
        let path = match line.path {
            Some(path) if path.starts_with('/') => path.to_owned(),
            _ => {
                let (before, _) = url.path().rsplit_once('/').unwrap();
                if before.is_empty() { "/".to_owned() } else { before.to_owned() }
            }
        };
        if line.secure && !https {
            return Err(Refusal::SecureFromInsecure);
        }
        let lower = line.name.to_lowercase();
        if lower.starts_with("__secure-") && !line.secure {
            return Err(Refusal::BrokenPrefix);
        }
        if lower.starts_with("__host-") && !(line.secure && host_only && line.path == Some("/")) {
            return Err(Refusal::BrokenPrefix);
        }
        self.cookies.retain(|cookie| cookie.lives(now));
        let hidden = |cookie: &Cookie| {
            cookie.secure
                && cookie.name.name == line.name
                && (within(&domain, &cookie.name.domain) || within(&cookie.name.domain, &domain))
                && below(&path, &cookie.name.path)
        };
        // A cookie of the suffix itself is of another owner, and never sent to the same host.
        let same_owner = |cookie: &Cookie| owner_or_host(&cookie.name.domain) == owner_or_host(&domain);
        if !https && self.cookies.iter().any(|cookie| same_owner(cookie) && hidden(cookie)) {
            return Err(Refusal::HidesSecure);
        }
        let mut name = CookieName::new(domain.clone(), path, line.name);
        name.host_only = host_only;
        let expires = line.max_age.map(|seconds| {
            let seconds = u64::try_from(seconds).unwrap_or_default().min(400 * 86_400);
            now + Duration::from_secs(seconds)
        });
        let present = self.cookies.iter().position(|cookie| cookie.name == name);
        if expires.is_some_and(|end| end <= now) {
            return Ok(if let Some(place) = present {
                self.cookies.remove(place);
                Outcome::Deleted
            } else {
                Outcome::Absent
            });
        }
        let cookie = Cookie {
            name,
            value: line.value.clone(),
            secure: line.secure,
            same_site: line.same_site.unwrap_or("").to_lowercase(),
            expires,
            created: now,
            used: now,
        };
        if let Some(place) = present {
            self.cookies[place] = Cookie { created: self.cookies[place].created, ..cookie };
            return Ok(Outcome::Replaced);
        }
        let neighbours = self.cookies.iter().filter(|cookie| same_owner(cookie));
        if neighbours.clone().count() >= self.per_domain {
            let victim = neighbours.min_by_key(|cookie| (cookie.secure, cookie.used)).unwrap();
            if victim.secure && !cookie.secure {
                return Err(Refusal::NoRoom);
            }
            let name = victim.name.clone();
            self.remove(&name);
            evicted.push(name);
        }
        if self.cookies.len() >= self.total {
            let name = self.cookies.iter().min_by_key(|cookie| cookie.used).unwrap().name.clone();
            self.remove(&name);
            evicted.push(name);
        }
        self.cookies.push(cookie);
        Ok(Outcome::Stored)
    }

    pub(crate) fn header(
        &mut self,
        url: &Url,
        context: Option<(&Url, &str)>,
        now: SystemTime,
    ) -> Option<String> {
        let host = url.host_str().unwrap();
        let crossing = context.filter(|(site, _)| {
            let there = site.host_str().unwrap();
            site.scheme() != url.scheme() || owner_or_host(there) != owner_or_host(host)
        });
        let mut chosen: Vec<&mut Cookie> = self
            .cookies
            .iter_mut()
            .filter(|cookie| {
                let domain = &cookie.name.domain;
                let at_home = if cookie.name.host_only { host == domain } else { within(host, domain) };
                let crosses = crossing.is_none_or(|(_, method)| match cookie.same_site.as_str() {
                    "none" => true,
                    "strict" => false,
                    _ => method == "GET",
                });
                at_home
                    && crosses
                    && below(url.path(), &cookie.name.path)
                    && (url.scheme() == "https" || !cookie.secure)
                    && cookie.lives(now)
            })
            .collect();
        // Stable: older cookies stay before younger ones.
        chosen.sort_by_key(|cookie| std::cmp::Reverse(cookie.name.path.len()));
        let mut pairs = Vec::new();
        for cookie in chosen {
            cookie.used = now;
            let name = &cookie.name.name;
            pairs.push(if name.is_empty() {
                cookie.value.clone()
            } else {
                format!("{name}={}", cookie.value)
            });
        }
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

impl Cookie {
    fn lives(&self, now: SystemTime) -> bool {
        self.expires.is_none_or(|end| end > now)
    }
}

fn is_address(url: &Url) -> bool {
    !matches!(url.host(), Some(Host::Domain(_)))
}

/// The registrable domain, of the few names that the test knows.
fn owner(domain: &str) -> Option<String> {
    let suffix = ["co.uk", "github.io"].into_iter().find(|suffix| domain.ends_with(suffix))?;
    let label = domain.strip_suffix(suffix)?.strip_suffix('.')?.rsplit('.').next()?;
    Some(format!("{label}.{suffix}"))
}

fn owner_or_host(domain: &str) -> String {
    owner(domain).unwrap_or_else(|| domain.to_owned())
}

fn within(host: &str, domain: &str) -> bool {
    host == domain || host.ends_with(&format!(".{domain}"))
}

fn below(path: &str, parent: &str) -> bool {
    path == parent
        || (path.starts_with(parent) && (parent.ends_with('/') || path[parent.len()..].starts_with('/')))
}
