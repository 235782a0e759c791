//! Any bytes as a file of cookies: what is read can be written and read again.

use std::time::{Duration, SystemTime};

use cookies::{Entry, Format, Jar};

/// Reads a file and checks that damage is told by line, and that what was read goes through both formats unchanged.
///
/// # Panics
/// A cookie was lost or changed on the way.
pub fn cookies_txt(data: &[u8]) {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let jar = Jar::new();
    let Ok(imported) = jar.import(data, now) else {
        assert!(jar.is_empty(), "a file that is refused adds nothing");
        return;
    };
    assert!(jar.len() <= imported.stored);
    let last = data.split(|&byte| byte == b'\n').count();
    assert!(imported.damaged.is_sorted_by_key(|damaged| damaged.line), "{:?}", imported.damaged);
    assert!(
        imported.damaged.iter().all(|damaged| (1..=last).contains(&damaged.line)),
        "{:?}",
        imported.damaged
    );
    for format in [Format::Json, Format::Netscape] {
        let exported = jar.export(format, now);
        let again = Jar::new();
        let imported = again.import(exported.text.as_bytes(), now).expect("it was just written");
        assert_eq!(imported.damaged, [], "{format:?}");
        assert_eq!(imported.stored + exported.left_out.len(), jar.len(), "{format:?}");
        if exported.left_out.is_empty() {
            same_cookies(&jar, &again, format, now);
        }
    }
}

/// Checks that two jars hold the same cookies, as far as a format can tell.
pub(super) fn same_cookies(one: &Jar, other: &Jar, format: Format, now: SystemTime) {
    let told = |jar: &Jar| {
        let mut told: Vec<_> =
            jar.iter().filter(|entry| entry.is_live(now)).map(|entry| tell(&entry, format)).collect();
        told.sort();
        told
    };
    assert!(told(one) == told(other), "{format:?}: {one:?} and {other:?}");
}

fn tell(entry: &Entry, format: Format) -> String {
    let common = format!(
        "{:?} {} {} {} {:?}",
        entry.to_name(),
        entry.value(),
        entry.secure(),
        entry.http_only(),
        entry.expires().map(|end| end.duration_since(SystemTime::UNIX_EPOCH).map(|since| since.as_secs()))
    );
    match format {
        Format::Json => format!("{common} {:?} {}", entry.same_site(), entry.partitioned()),
        _ => common,
    }
}
