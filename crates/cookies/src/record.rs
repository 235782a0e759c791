//! One cookie as files hold it: plain data that has yet to be judged.

use std::net::Ipv6Addr;
use std::time::{Duration, SystemTime};

use cookie::SameSite;
use cookie_store::RawCookie;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::config::JarConfig;
use crate::entry::Entry;
use crate::error::Damage;
use crate::line;

/// The fields of one cookie; what is left out has its default. It has no `Debug`: it holds the value.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Record {
    pub(crate) domain: String,
    pub(crate) host_only: bool,
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) value: String,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) secure: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) http_only: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) partitioned: bool,
    /// `Strict`, `Lax` or `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) same_site: Option<String>,
    /// Milliseconds since 1970, as the other times; a session cookie has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) used_ms: Option<u64>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Record {
    pub(crate) fn of(entry: &Entry) -> Self {
        let same_site = entry.same_site().map(|attribute| match attribute {
            SameSite::Strict => "Strict",
            SameSite::Lax => "Lax",
            SameSite::None => "None",
        });
        Self {
            domain: entry.domain().to_owned(),
            host_only: entry.host_only(),
            path: entry.path().to_owned(),
            name: entry.name().to_owned(),
            value: entry.value().to_owned(),
            secure: entry.secure(),
            http_only: entry.http_only(),
            partitioned: entry.partitioned(),
            same_site: same_site.map(str::to_owned),
            expires_ms: entry.expires().map(millis),
            created_ms: Some(millis(entry.created())),
            used_ms: Some(millis(entry.used())),
        }
    }

    /// Judges it as if a server of its own domain had set it; the caller looks at the expiry.
    pub(crate) fn admit(self, config: &JarConfig, now: SystemTime) -> Result<Entry, Damage> {
        line::check_pair(&self.name, &self.value).map_err(Damage::Refused)?;
        if !self.path.starts_with('/') || line::has_control(&self.path) {
            return Err(Damage::Path);
        }
        // Where it may be sent over HTTP it may have come over HTTP.
        let url = url_of(&self.domain, self.secure).ok_or(Damage::Host)?;
        let mut raw = RawCookie::new(self.name, self.value);
        raw.set_path(self.path);
        if !self.host_only {
            raw.set_domain(self.domain);
        }
        raw.set_secure(self.secure);
        raw.set_http_only(self.http_only);
        raw.set_partitioned(self.partitioned);
        raw.set_same_site(self.same_site.as_deref().and_then(line::same_site));
        let expires = self.expires_ms.map(time);
        let entry = line::judge(&raw, expires, &url, config, now).map_err(Damage::Refused)?;
        Ok(entry.with_times(self.created_ms.map(time), self.used_ms.map(time)))
    }
}

/// The root of a host, which may be an IPv6 address without its brackets.
fn url_of(host: &str, secure: bool) -> Option<Url> {
    let host = match host.parse::<Ipv6Addr>() {
        Ok(address) => Host::Ipv6(address),
        Err(_) => Host::parse(host).ok()?,
    };
    // Written, it would read as another one.
    if matches!(&host, Host::Domain(name) if name.starts_with('.')) {
        return None;
    }
    Url::parse(&format!("{}://{host}/", if secure { "https" } else { "http" })).ok()
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn time(millis: u64) -> SystemTime {
    line::after(SystemTime::UNIX_EPOCH, Duration::from_millis(millis))
}
