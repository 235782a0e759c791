//! The jar against a naive one, over random operations.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "test code fails loudly"
)]

#[path = "reference/naive.rs"]
mod naive;

use std::time::{Duration, SystemTime};

use cookies::{
    CookieName, Entry, Format, Jar, JarConfig, JarLimits, MozillaSuffixes, PublicSuffixes as _, SiteContext,
};
use naive::{Line, Naive};
use proptest::prelude::*;
use proptest::sample::select;
use url::Url;

const HOSTS: [&str; 7] = [
    "example.co.uk",
    "a.example.co.uk",
    "b.a.example.co.uk",
    "co.uk",
    "someone.github.io",
    "localhost",
    "192.0.2.1",
];
const PATHS: [&str; 5] = ["/", "/a", "/a/b", "/ab", "/a/b/c"];

#[derive(Clone, Debug)]
enum Step {
    Store {
        from: usize,
        line: Line,
    },
    Send {
        to: usize,
    },
    SendFor {
        to: usize,
        site: usize,
        method: &'static str,
    },
    Remove {
        place: usize,
    },
    ClearSession,
    Expire,
    /// Saved and loaded again: which format, and nothing is lost.
    Reload {
        json: bool,
    },
    Wait {
        seconds: u64,
    },
}

/// All pages that a step can mean.
fn urls() -> Vec<Url> {
    let parse = |text: String| Url::parse(&text).unwrap();
    let schemes = ["http", "https"];
    schemes
        .iter()
        .flat_map(|scheme| HOSTS.iter().map(move |host| (scheme, host)))
        .flat_map(|(scheme, host)| PATHS.iter().map(move |path| format!("{scheme}://{host}{path}")))
        .map(parse)
        .collect()
}

fn any_line() -> impl Strategy<Value = Line> {
    let names = select(vec!["a", "b", "c", "d", "e", "", "__Host-a", "__secure-b"]);
    let domains = select(vec![
        None,
        None,
        None,
        Some("example.co.uk"),
        Some(".A.example.co.uk"),
        Some("co.uk"),
        Some("192.0.2.1"),
        Some("localhost"),
        Some(""),
    ]);
    let paths = select(vec![None, Some("/"), Some("/a"), Some("/a/"), Some("x"), Some("")]);
    let ages = select(vec![None, None, Some(-1_i64), Some(0), Some(3), Some(20), Some(1_000_000_000)]);
    let sites = select(vec![None, None, Some("Strict"), Some("lax"), Some("NONE"), Some("?")]);
    (names, 0_u32..100, domains, paths, ages, sites, prop::bool::weighted(0.4)).prop_map(
        |(name, value, domain, path, max_age, same_site, secure)| Line {
            name,
            value: format!("v{value}"),
            domain,
            path,
            max_age,
            same_site,
            secure,
        },
    )
}

fn any_step() -> impl Strategy<Value = Step> {
    let url = 0..urls().len();
    prop_oneof![
        12 => (url.clone(), any_line()).prop_map(|(from, line)| Step::Store { from, line }),
        4 => url.clone().prop_map(|to| Step::Send { to }),
        2 => (url.clone(), url, select(vec!["GET", "POST"]))
            .prop_map(|(to, site, method)| Step::SendFor { to, site, method }),
        1 => (0_usize..20).prop_map(|place| Step::Remove { place }),
        1 => Just(Step::ClearSession),
        1 => Just(Step::Expire),
        1 => any::<bool>().prop_map(|json| Step::Reload { json }),
        4 => (1_u64..9).prop_map(|seconds| Step::Wait { seconds }),
    ]
}

/// Names, values and times of creation in a form that can be compared, of those alone that live.
fn told(jar: &Jar, now: SystemTime) -> Vec<(CookieName, String, SystemTime)> {
    let live = jar.iter().filter(|entry| entry.is_live(now));
    let mut told: Vec<_> =
        live.map(|entry| (entry.to_name(), entry.value().to_owned(), entry.created())).collect();
    told.sort();
    told
}

fn limited(per_domain: usize, total: usize) -> JarConfig {
    let mut limits = JarLimits::default();
    (limits.per_domain, limits.total) = (per_domain, total);
    let mut config = JarConfig::default();
    config.limits = limits;
    config
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_jar_does_what_a_naive_one_does(
        steps in prop::collection::vec(any_step(), 1..80),
        (per_domain, total) in (2_usize..8, 4_usize..20),
    ) {
        let urls = urls();
        let config = limited(per_domain, total);
        let mut jar = Jar::with_config(config.clone());
        let mut naive = Naive::new(per_domain, total);
        let mut now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        for step in steps {
            // Each step has its own time, so that which cookie was used last is never a matter of taste.
            now += Duration::from_millis(1);
            match step {
                Step::Wait { seconds } => now += Duration::from_secs(seconds),
                Step::Store { from, line } => {
                    let stored = jar.store(&urls[from], [line.text().as_bytes()], now);
                    let (outcome, evicted) = naive.store(&urls[from], &line, now);
                    prop_assert_eq!(stored.lines[0].outcome, outcome, "{} from {}", line.text(), urls[from]);
                    prop_assert_eq!(stored.evicted, evicted, "{} from {}", line.text(), urls[from]);
                }
                Step::Send { to } => {
                    let header = jar.cookie_header(&urls[to], now);
                    prop_assert_eq!(header, naive.header(&urls[to], None, now), "to {}", urls[to]);
                }
                Step::SendFor { to, site, method } => {
                    let context = SiteContext::new(&urls[site], method);
                    let header = jar.cookie_header_for(&urls[to], &context, now);
                    prop_assert_eq!(header, naive.header(&urls[to], Some((&urls[site], method)), now));
                }
                Step::Remove { place } => {
                    if let Some((name, value, _)) = told(&jar, now).get(place) {
                        let removed = jar.remove(name);
                        prop_assert_eq!(removed.as_ref().map(Entry::value), Some(value.as_str()));
                        prop_assert!(naive.remove(name));
                    }
                }
                Step::ClearSession => {
                    jar.clear_session();
                    naive.clear_session();
                }
                Step::Expire => {
                    jar.expire(now);
                    prop_assert_eq!(jar.len(), naive.told(now).len());
                }
                Step::Reload { json: true } => {
                    let text = jar.export(Format::Json, now).text;
                    jar = Jar::with_config(config.clone());
                    let imported = jar.import(text.as_bytes(), now).unwrap();
                    prop_assert_eq!((imported.damaged, imported.evicted), (Vec::new(), Vec::new()));
                }
                Step::Reload { json: false } => {
                    let again = Jar::with_config(config.clone());
                    again.import(jar.export(Format::Netscape, now).text.as_bytes(), now).unwrap();
                    // The format has no time of creation.
                    let timeless = |jar: &Jar| told(jar, now).into_iter().map(|(name, value, _)| (name, value));
                    prop_assert!(timeless(&again).eq(timeless(&jar)));
                }
            }
            prop_assert_eq!(told(&jar, now), naive.told(now));
            prop_assert!(jar.len() <= total);
            for entry in jar.iter().filter(|entry| !entry.host_only()) {
                prop_assert_ne!(MozillaSuffixes.public_suffix(entry.domain()), entry.domain());
            }
        }
    }

    #[test]
    fn no_bytes_cause_a_panic(line in prop::collection::vec(any::<u8>(), 0..80), from in 0..urls().len()) {
        let (jar, url) = (Jar::new(), &urls()[from]);
        let now = SystemTime::UNIX_EPOCH;
        let stored = jar.store(url, [line.as_slice()], now);
        prop_assert_eq!(stored.lines.len(), 1);
        let _ = (jar.cookie_header(url, now), jar.import(&line, now), jar.import_header(url, &String::from_utf8_lossy(&line), now));
        prop_assert_eq!(jar.export(Format::Json, now).left_out, []);
    }
}
