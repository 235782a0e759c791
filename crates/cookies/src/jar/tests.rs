use std::time::Duration;

use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn second(n: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + n)
}

/// Stores at second 0 and says what is sent at second 1.
#[track_caller]
fn check(from: &str, lines: &[&str], to: &str, expected: Option<&str>) {
    let jar = Jar::new();
    jar.store(&url(from), lines.iter().map(|line| line.as_bytes()), second(0));
    assert_eq!(jar.cookie_header(&url(to), second(1)).as_deref(), expected, "{lines:?} from {from} to {to}");
}

#[test]
fn a_cookie_goes_back_where_it_came_from() {
    check("http://example.com/", &["a=b"], "http://example.com/x?y", Some("a=b"));
    check("http://example.com/", &["a=\"b c\"; x"], "http://example.com/", Some("a=\"b c\""));
    check("http://example.com/", &["a=%0d%0ax"], "http://example.com/", Some("a=%0d%0ax"));
    check("http://example.com/", &["x", "a=1", "=y=z"], "http://example.com/", Some("y=z; a=1"));
    check("http://example.com/", &["a="], "http://example.com/", Some("a="));
    check("http://example.com:81/", &["a=b"], "http://example.com:82/", Some("a=b"));
    check("http://[::1]/", &["a=b"], "http://[::1]/", Some("a=b"));
}

#[test]
fn the_domain_decides() {
    check("http://example.com/", &["a=b"], "http://www.example.com/", None);
    check("http://www.example.com/", &["a=b; Domain=example.com"], "http://example.com/", Some("a=b"));
    check("http://www.example.com/", &["a=b; Domain=example.com"], "http://x.y.example.com/", Some("a=b"));
    check("http://www.example.com/", &["a=b; Domain=example.com"], "http://notexample.com/", None);
    check("http://192.0.2.1/", &["a=b; Domain=192.0.2.1"], "http://192.0.2.1/", Some("a=b"));
    check("http://localhost/", &["a=b; Domain=localhost"], "http://localhost/", Some("a=b"));
    check("http://localhost/", &["a=b; Domain=localhost"], "http://x.localhost/", None);
}

#[test]
fn the_path_decides() {
    check("http://example.com/a/b", &["a=b"], "http://example.com/a/c", Some("a=b"));
    check("http://example.com/a/b", &["a=b"], "http://example.com/ab", None);
    check("http://example.com/", &["a=b; Path=/x"], "http://example.com/x/y", Some("a=b"));
    check("http://example.com/", &["a=b; Path=/x"], "http://example.com/xy", None);
    check("http://example.com/a/b", &["a=b; Path=x"], "http://example.com/a", Some("a=b"));
}

#[test]
fn secure_cookies_stay_on_secure_connections() {
    check("https://example.com/", &["a=b; Secure"], "http://example.com/", None);
    check("https://example.com/", &["a=b; Secure"], "https://example.com/", Some("a=b"));
    check("http://127.0.0.1/", &["a=b; Secure"], "http://127.0.0.1/", None);
}

#[test]
fn loopback_is_secure_only_when_asked() {
    for host in ["127.0.0.1", "[::1]", "localhost", "a.localhost", "127.8.9.1:81"] {
        let (url, line) = (url(&format!("http://{host}/")), [&b"__Host-a=b; Secure; Path=/"[..]]);
        let mut config = JarConfig::default();
        for secure_loopback in [false, true] {
            config.secure_loopback = secure_loopback;
            let jar = Jar::with_config(config.clone());
            let stored = jar.store(&url, line, second(0));
            let expected =
                if secure_loopback { Outcome::Stored } else { Outcome::Refused(Refusal::SecureFromInsecure) };
            assert_eq!(stored.lines[0].outcome, expected, "{host}");
            assert_eq!(jar.cookie_header(&url, second(0)).is_some(), secure_loopback, "{host}");
        }
        config.secure_loopback = true;
        let jar = Jar::with_config(config);
        let elsewhere = jar.store(&self::url("http://192.0.2.1/"), line, second(0));
        assert_eq!(elsewhere.refused().count(), 1);
    }
}

#[test]
fn longer_paths_go_first_then_older_cookies() {
    let lines = ["a=1; Path=/", "b=2; Path=/x", "c=3; Path=/", "d=4; Path=/x/y", "a=5; Path=/"];
    check("http://example.com/", &lines, "http://example.com/x/y", Some("d=4; b=2; a=5; c=3"));
}

#[test]
fn the_given_time_decides_on_expiry() {
    let jar = Jar::new();
    let url = url("http://example.com/");
    jar.store(&url, [&b"a=1; Max-Age=10"[..], b"b=2"], second(0));
    assert_eq!(jar.cookie_header(&url, second(9)).as_deref(), Some("a=1; b=2"));
    assert_eq!(jar.cookie_header(&url, second(10)).as_deref(), Some("b=2"));
}

#[test]
fn what_became_of_each_line_is_told() {
    use Outcome::{Absent, Deleted, Refused, Replaced, Stored};
    let jar = Jar::new();
    let outcomes = |lines: &[&[u8]]| {
        let stored = jar.store(&url("http://example.com/"), lines.iter().copied(), second(1));
        let told = stored.lines.iter().map(|line| (line.name.clone(), line.outcome));
        told.map(|(name, outcome)| (name.unwrap_or_default(), outcome)).collect::<Vec<_>>()
    };
    let told = outcomes(&[b"a=1", b"b=2", b"a=3", b"bad\xff=4", b"c", b"c=d; Secure"]);
    let named = |name: &str, outcome| (name.to_owned(), outcome);
    let expected = [
        named("a", Stored),
        named("b", Stored),
        named("a", Replaced),
        named("", Refused(Refusal::NotUtf8)),
        named("", Stored),
        named("c", Refused(Refusal::SecureFromInsecure)),
    ];
    assert_eq!(told, expected);
    let told = outcomes(&[b"a=; Max-Age=0", b"c=; Max-Age=0", b"d=5; Domain=com"]);
    let expected = [named("a", Deleted), named("c", Absent), named("d", Refused(Refusal::PublicSuffix))];
    assert_eq!(told, expected);
    assert_eq!(jar.names().map(|cookie| cookie.name).collect::<Vec<_>>(), ["b", ""]);
}

#[test]
fn an_expired_cookie_is_gone_from_everything_but_the_count() {
    let (jar, url) = (Jar::new(), url("http://example.com/"));
    jar.store(&url, [&b"a=1; Max-Age=10"[..], b"b=2"], second(0));
    assert!(jar.get(&url, "a", second(9)).is_some());
    assert!(jar.get(&url, "a", second(10)).is_none());
    assert_eq!((jar.len(), jar.expire(second(9)), jar.expire(second(10)), jar.len()), (2, 0, 1, 1));
}

#[test]
fn cookies_are_got_removed_and_cleared() {
    let (jar, url) = (Jar::new(), url("https://www.example.com/x/"));
    jar.store(&url, [&b"a=1"[..], b"a=2; Path=/; Domain=example.com", b"b=3; Max-Age=9"], second(0));
    let entry = jar.get(&url, "a", second(1)).unwrap();
    assert_eq!((entry.value(), entry.path(), entry.host_only()), ("1", "/x", true));
    assert_eq!((entry.created(), entry.used(), entry.expires()), (second(0), second(0), None));
    let name = CookieName::new("example.com", "/", "a");
    assert!(jar.remove(&name.clone().host_only()).is_none());
    assert_eq!(jar.remove(&name).map(|entry| entry.value().to_owned()).as_deref(), Some("2"));
    assert!(jar.remove(&name).is_none());
    assert_eq!(jar.clear_session(), 1);
    assert_eq!(jar.cookie_header(&url, second(1)).as_deref(), Some("b=3"));
    assert_eq!(jar.get(&url, "b", second(2)).unwrap().used(), second(1));
}

#[test]
fn a_scope_is_a_copy() {
    let (jar, url) = (Jar::new(), url("http://example.com/"));
    jar.store(&url, [&b"a=1"[..]], second(0));
    let scope = jar.scope();
    scope.store(&url, [&b"b=2"[..]], second(0));
    jar.clear();
    assert!(jar.is_empty());
    assert_eq!(scope.cookie_header(&url, second(0)).as_deref(), Some("a=1; b=2"));
}

#[test]
fn what_a_program_makes_is_judged_too() {
    let (jar, url) = (Jar::new(), url("https://www.example.com/x/"));
    let insert = |raw: RawCookie<'_>| jar.insert(&url, &raw, second(0));
    let refused = Outcome::Refused;
    assert_eq!(insert(RawCookie::new("a", "1")), Outcome::Stored);
    assert_eq!(insert(RawCookie::new("a", "2")), Outcome::Replaced);
    assert_eq!(insert(RawCookie::new("a", "2; Path=/")), refused(Refusal::Separator));
    assert_eq!(insert(RawCookie::new("a=", "2")), refused(Refusal::Separator));
    assert_eq!(insert(RawCookie::new("a", "2\r\nx: y")), refused(Refusal::ControlCharacter));
    assert_eq!(insert(RawCookie::new("", "")), refused(Refusal::Empty));
    assert_eq!(insert(RawCookie::build(("a", "2")).domain("com").build()), refused(Refusal::PublicSuffix));
    assert_eq!(insert(RawCookie::build(("__Host-a", "2")).path("/").build()), refused(Refusal::BrokenPrefix));
    let short = RawCookie::build(("b", "3")).max_age(cookie::time::Duration::seconds(9)).build();
    assert_eq!(insert(short), Outcome::Stored);
    assert_eq!(jar.get(&url, "b", second(1)).unwrap().expires(), Some(second(9)));
    assert_eq!(
        insert(RawCookie::build(("b", "")).max_age(cookie::time::Duration::ZERO).build()),
        Outcome::Deleted
    );
}

#[test]
fn pairs_and_headers_are_imported() {
    let (jar, url) = (Jar::new(), url("https://www.example.com/x/"));
    let stored = jar.import_header(&url, " a=1;b = 2 ; c;; a=3; __Host-d=4", second(0));
    assert_eq!(
        (stored.count(Outcome::Stored), stored.count(Outcome::Replaced), stored.lines.len()),
        (4, 1, 5)
    );
    let stored = jar.import_pairs(&url, [("e", "5"), ("f", "6;7"), ("", "")], second(0));
    let refused: Vec<_> = stored.refused().map(|refused| (refused.line, refused.reason)).collect();
    assert_eq!(refused, [(1, Refusal::Separator), (2, Refusal::Empty)]);
    let root = self::url("https://www.example.com/");
    assert_eq!(jar.cookie_header(&root, second(0)).as_deref(), Some("a=3; b=2; c; __Host-d=4; e=5"));
    assert_eq!(jar.cookie_header(&self::url("http://www.example.com/"), second(0)), None);
    assert_eq!(jar.cookie_header(&self::url("https://example.com/"), second(0)), None);
}

/// What is sent from one site to `https://shop.example/`, of cookies that were set there with one attribute each.
#[track_caller]
fn check_site(from: &str, method: &str, top_level: bool, expected: Option<&str>) {
    let (jar, shop, from) = (Jar::new(), url("https://www.shop.example/"), url(from));
    let lines: [&[u8]; 4] =
        [b"s=1; SameSite=Strict", b"l=2; SameSite=lax", b"n=3; SameSite=None", b"d=4; SameSite=?"];
    jar.store(&shop, lines, second(0));
    let context = SiteContext::new(&from, method);
    let context = if top_level { context } else { context.embedded() };
    assert_eq!(jar.cookie_header_for(&shop, &context, second(0)).as_deref(), expected, "{context:?}");
    // The same rule for what comes back, of which a page to go to is allowed everything.
    let jar = Jar::new();
    let stored = jar.store_for(&shop, lines, &context, second(0));
    let crossing = expected != Some("s=1; l=2; n=3; d=4");
    let refused = stored.refused().map(|refused| refused.reason).collect::<Vec<_>>();
    let expected = if crossing && !top_level { vec![Refusal::CrossSite; 3] } else { Vec::new() };
    assert_eq!(refused, expected, "{context:?}");
}

#[test]
fn same_site_decides_when_the_site_is_known() {
    let all = Some("s=1; l=2; n=3; d=4");
    check_site("https://shop.example/", "POST", true, all);
    check_site("https://shop.example/", "POST", false, all);
    check_site("https://img.shop.example/", "GET", false, all);
    check_site("https://blog.example/", "GET", true, Some("l=2; n=3; d=4"));
    check_site("https://blog.example/", "HEAD", true, Some("l=2; n=3; d=4"));
    check_site("https://blog.example/", "GET", false, Some("n=3"));
    check_site("https://blog.example/", "POST", true, Some("n=3"));
    check_site("http://shop.example/", "GET", true, Some("l=2; n=3; d=4"));
    check_site("data:text/plain,x", "GET", true, Some("l=2; n=3; d=4"));
}

fn limited(per_domain: usize, total: usize) -> Jar {
    let limits = crate::config::JarLimits { per_domain, total };
    Jar::with_config(JarConfig { limits, ..JarConfig::default() })
}

#[test]
fn a_full_domain_gives_up_what_was_used_longest_ago() {
    let (jar, site) = (limited(3, 100), url("https://example.com/"));
    jar.store(&site, [&b"a=1; Secure"[..], b"b=2", b"c=3; Path=/x"], second(0));
    let _ = jar.cookie_header(&url("https://example.com/x"), second(1));
    jar.store(&site, [&b"c=3; Path=/x"[..]], second(2));
    let stored = jar.store(&url("https://www.example.com/"), [&b"d=4"[..]], second(3));
    assert_eq!(stored.evicted.iter().map(|name| name.name.as_str()).collect::<Vec<_>>(), ["b"]);
    // Without `Secure` before those with it, though that was used longer ago.
    let stored = jar.store(&site, [&b"e=5; Max-Age=5"[..]], second(4));
    assert_eq!(stored.evicted.iter().map(|name| name.name.as_str()).collect::<Vec<_>>(), ["c"]);
    // What has expired makes room for nothing.
    let stored = jar.store(&site, [&b"f=6"[..]], second(9));
    assert_eq!((stored.evicted.len(), jar.len()), (0, 3));
    let full: [&[u8]; 3] = [b"g=7; Secure", b"h=8; Secure", b"i=9"];
    let stored = jar.store(&site, full, second(10));
    assert_eq!(stored.lines[2].outcome, Outcome::Refused(Refusal::NoRoom));
    assert_eq!(jar.cookie_header(&site, second(11)).as_deref(), Some("a=1; g=7; h=8"));
}

#[test]
fn a_full_jar_gives_up_what_was_used_longest_ago() {
    let jar = limited(9, 4);
    let site = |n: u64| url(&format!("http://s{n}.example/"));
    for n in 0..4 {
        let line = if n == 2 { "a=1; Max-Age=10" } else { "a=1" };
        jar.store(&site(n), [line.as_bytes()], second(n));
    }
    assert!(jar.cookie_header(&site(0), second(5)).is_some());
    let evicted = |n: u64, at: u64| {
        let stored = jar.store(&site(n), [&b"a=1"[..]], second(at));
        stored.evicted.into_iter().map(|name| name.domain).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(evicted(4, 6), "s1.example");
    assert_eq!(evicted(5, 12), "", "s2 has expired");
    assert_eq!(evicted(6, 13), "s3.example");
    assert_eq!(evicted(7, 14), "s0.example");
    assert_eq!(jar.len(), 4);
}

#[test]
fn what_was_used_since_the_search_for_victims_is_spared() {
    let jar = limited(9, 64);
    let site = |n: u64| url(&format!("http://s{n}.example/"));
    for n in 0..64 {
        jar.store(&site(n), [&b"a=1"[..]], second(n));
    }
    let evicted = |n: u64| {
        let stored = jar.store(&site(n), [&b"a=1"[..]], second(n));
        stored.evicted.into_iter().map(|name| name.domain).collect::<Vec<_>>().join(" ")
    };
    // One search finds four: s0 to s3.
    assert_eq!(evicted(100), "s0.example");
    assert!(jar.cookie_header(&site(1), second(100)).is_some());
    jar.remove(&CookieName::new("s2.example", "/", "a").host_only());
    jar.store(&site(2), [&b"a=2"[..]], second(101));
    assert_eq!((evicted(102), evicted(103)), ("s3.example".to_owned(), "s4.example".to_owned()));
}

#[test]
fn limits_hold_whatever_they_are_set_to() {
    let limits = |per_domain, total| crate::config::JarLimits { per_domain, total };
    assert_eq!((limits(0, 0).per_domain(), limits(0, 0).total()), (1, 1));
    assert_eq!((limits(999, 9_999).per_domain(), limits(999, 9_999).total()), (180, 9_999));
    let (jar, site) = (Jar::new(), url("http://example.com/"));
    let lines: Vec<String> = (0..10_000).map(|n| format!("c{n}=1")).collect();
    let stored = jar.store(&site, lines.iter().map(String::as_bytes), second(0));
    assert_eq!((jar.len(), stored.evicted.len()), (50, 9_950));
}

#[test]
fn an_insecure_cookie_hides_no_secure_one() {
    let jar = Jar::new();
    let secure: [&[u8]; 1] = [b"a=1; Secure; Path=/x; Domain=example.com"];
    jar.store(&url("https://example.com/"), secure, second(0));
    let refusals = |from: &str, line: &str| {
        let stored = jar.store(&url(from), [line.as_bytes()], second(1));
        stored.refused().next().map(|refused| refused.reason)
    };
    assert_eq!(refusals("http://example.com/", "a=2; Path=/x/y"), Some(Refusal::HidesSecure));
    assert_eq!(refusals("http://www.example.com/", "a=2; Path=/x"), Some(Refusal::HidesSecure));
    assert_eq!(refusals("http://example.com/", "a=2; Path=/"), None);
    assert_eq!(refusals("http://example.com/", "b=2; Path=/x"), None);
    assert_eq!(refusals("https://example.com/", "a=2; Path=/x"), None);
}

#[test]
fn values_are_never_shown() {
    let jar = Jar::new();
    let lines: [&[u8]; 2] = [b"a=s3cret", b"b=s3cret; Domain=com"];
    let stored = jar.store(&url("http://example.com/"), lines, second(0));
    let entries: Vec<Entry> = jar.iter().collect();
    let exported = jar.export(crate::text::Format::Json, second(0));
    let shown = format!("{jar:?} {stored:?} {entries:#?} {exported:?} {:?}", jar.config());
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(shown.contains("example.com"), "{shown}");
}

#[test]
fn clones_share_and_survive_a_panic() {
    let jar = Jar::new();
    let (twin, here) = (jar.clone(), url("http://example.com/"));
    let lines =
        std::iter::once(&b"a=1"[..]).chain(std::iter::once_with(|| panic!("in the caller's iterator")));
    let panicked =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| jar.store(&here, lines, second(0))));
    assert!(panicked.is_err());
    assert_eq!(twin.len(), 1);
    jar.clear();
    assert!(twin.is_empty());
}

#[test]
fn threads_share_a_jar() {
    let (jar, url) = (limited(180, 10_000), url("http://example.com/"));
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let (jar, url) = (jar.clone(), &url);
            scope.spawn(move || {
                for n in 0..25 {
                    jar.store(url, [format!("c{worker}-{n}={n}").as_bytes()], second(n));
                    assert!(jar.cookie_header(url, second(n)).is_some());
                }
            });
        }
    });
    assert_eq!(jar.cookie_header(&url, second(30)).map(|field| field.split("; ").count()), Some(100));
}

#[test]
fn an_address_takes_cookies_for_itself_alone() {
    let jar = Jar::new();
    for host in ["192.0.2.1", "[2001:db8::1]"] {
        let line = format!("a=1; Domain={host}");
        let stored = jar.store(&url(&format!("http://{host}/")), [line.as_bytes()], second(0));
        assert_eq!(stored.lines[0].outcome, Outcome::Stored, "{host}");
        assert!(jar.names().any(|name| name.domain == host && name.host_only), "{host}");
    }
}
