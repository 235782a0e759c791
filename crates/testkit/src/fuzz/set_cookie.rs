//! Any `Set-Cookie` lines: whatever gets into the jar keeps the rules, and survives a file.

use std::time::{Duration, SystemTime};

use cookies::{Entry, Format, Jar, JarConfig, MozillaSuffixes, Outcome, PublicSuffixes as _};
use url::Url;

use super::cookies_txt::same_cookies;

const HOSTS: [&str; 8] = [
    "www.example.com",
    "example.com",
    "a.b.example.co.uk",
    "someone.github.io",
    "co.uk",
    "localhost",
    "192.0.2.1",
    "[::1]",
];

/// No cookie of a server lives longer.
const LONGEST: Duration = Duration::from_secs(400 * 86_400);

/// Stores lines and checks every cookie that the jar then holds, what it sends, that the same lines change nothing when
/// they come again, and that both formats bring the jar back.
///
/// The first byte chooses: its three low bits the host, bit 3 HTTPS, bit 4 that loopback is secure. The rest are lines.
///
/// # Panics
/// A rule is broken.
pub fn set_cookie(data: &[u8]) {
    let (choice, lines) = data.split_first().map_or((0, data), |(choice, lines)| (*choice, lines));
    let host = HOSTS.into_iter().cycle().nth(usize::from(choice & 7)).unwrap_or_default();
    let https = choice & 8 != 0;
    let mut config = JarConfig::default();
    config.secure_loopback = choice & 16 != 0;
    let loopback = config.secure_loopback && matches!(host, "localhost" | "[::1]");
    let scheme = if https { "https" } else { "http" };
    let url = Url::parse(&format!("{scheme}://{host}/a/b/c")).expect("a URL");
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);

    let jar = Jar::with_config(config.clone());
    let lines: Vec<&[u8]> = lines.split(|&byte| byte == b'\n').collect();
    let stored = jar.store(&url, lines.iter().copied(), now);
    assert_eq!(stored.lines.len(), lines.len());
    let live = stored.count(Outcome::Stored) - stored.count(Outcome::Deleted) - stored.evicted.len();
    assert_eq!(jar.len(), live, "{stored:?}");
    for entry in jar.iter() {
        check(&entry, host, https || loopback, now);
    }
    let header = jar.cookie_header(&url, now);
    if let Some(header) = &header {
        assert!(header.bytes().all(|byte| byte == b'\t' || !byte.is_ascii_control()), "{header:?}");
    }
    for format in [Format::Json, Format::Netscape] {
        let exported = jar.export(format, now);
        let again = Jar::with_config(config.clone());
        let imported = again.import(exported.text.as_bytes(), now).expect("it was just written");
        assert_eq!(imported.damaged, [], "{format:?}");
        assert_eq!(imported.stored + exported.left_out.len(), jar.len(), "{format:?}");
        if exported.left_out.is_empty() {
            same_cookies(&jar, &again, format, now);
            assert_eq!(again.cookie_header(&url, now), header, "{format:?}");
        }
    }
    if stored.evicted.is_empty() {
        jar.store(&url, lines, now);
        // What was deleted and set anew is younger than all others then.
        assert_eq!(
            pairs(jar.cookie_header(&url, now).as_deref()),
            pairs(header.as_deref()),
            "the second time"
        );
    }
}

fn pairs(header: Option<&str>) -> Vec<&str> {
    let mut pairs: Vec<&str> = header.unwrap_or_default().split("; ").collect();
    pairs.sort_unstable();
    pairs
}

fn check(entry: &Entry, host: &str, secure: bool, now: SystemTime) {
    let (name, value, domain) = (entry.name(), entry.value(), entry.domain());
    assert!(name.len() + value.len() <= 4096 && !(name.is_empty() && value.is_empty()), "{entry:?}");
    assert!(entry.path().starts_with('/'), "{entry:?}");
    assert!(secure || !entry.secure(), "{entry:?}");
    assert!(entry.expires().is_none_or(|end| end > now && end <= now + LONGEST), "{entry:?}");
    if entry.host_only() {
        assert_eq!(domain, host);
    } else {
        let below = host.strip_suffix(domain).expect("another domain");
        assert!(below.is_empty() || below.ends_with('.'), "{entry:?}");
        assert_ne!(MozillaSuffixes.public_suffix(domain), domain, "{entry:?}");
        assert!(!host.starts_with('[') && !host.ends_with('1'), "an address has no domain: {entry:?}");
    }
    let begins = |prefix: &str| {
        let text = if name.is_empty() { value } else { name };
        text.to_ascii_lowercase().starts_with(prefix)
    };
    if begins("__host-") || begins("__secure-") {
        assert!(entry.secure() && !name.is_empty(), "{entry:?}");
    }
    if begins("__host-") {
        assert!(entry.host_only() && entry.path() == "/", "{entry:?}");
    }
}
