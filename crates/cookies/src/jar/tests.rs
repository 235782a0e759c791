use std::time::Duration;

use proptest::prelude::*;

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
    check("http://127.0.0.1/", &["a=b; Secure"], "http://127.0.0.1/", Some("a=b"));
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
    assert_eq!(jar.len(), 1);
}

#[test]
fn what_became_of_each_line_is_counted() {
    let jar = Jar::new();
    let url = url("http://example.com/");
    let first: [&[u8]; 4] = [b"a=1", b"b=2", b"a=3", b"bad\xff=4"];
    let stored = jar.store(&url, first, second(0));
    assert_eq!((stored.added, stored.replaced, stored.removed), (2, 1, 0));
    assert_eq!(stored.refused, [Refused { line: 3, name: None, reason: Refusal::NotUtf8 }]);
    let second_time: [&[u8]; 3] = [b"a=; Max-Age=0", b"c=; Max-Age=0", b"d=5; Domain=com"];
    let stored = jar.store(&url, second_time, second(1));
    assert_eq!((stored.added, stored.replaced, stored.removed), (0, 0, 1));
    let refused = Refused { line: 2, name: Some("d".to_owned()), reason: Refusal::DomainTooWide };
    assert_eq!(stored.refused, [refused]);
    assert_eq!(jar.names().map(|cookie| cookie.name).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn an_insecure_cookie_hides_no_secure_one() {
    let jar = Jar::new();
    let secure: [&[u8]; 1] = [b"a=1; Secure; Path=/x; Domain=example.com"];
    jar.store(&url("https://example.com/"), secure, second(0));
    let refusals = |from: &str, line: &str| {
        let stored = jar.store(&url(from), [line.as_bytes()], second(1));
        stored.refused.first().map(|refused| refused.reason)
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
    let shown = format!("{jar:?} {stored:?} {:#?}", stored.refused);
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

fn any_line() -> impl Strategy<Value = String> {
    let attribute = prop_oneof![
        Just("Secure".to_owned()),
        Just("Domain=example.com".to_owned()),
        Just("Domain=a.example.com".to_owned()),
        "Path=/[a-c/]{0,4}",
        (-1_i64..20).prop_map(|seconds| format!("Max-Age={seconds}")),
        "\\PC{0,12}",
    ];
    ("[a-c]{0,2}=?[ -~]{0,4}", prop::collection::vec(attribute, 0..4))
        .prop_map(|(pair, attributes)| [vec![pair], attributes].concat().join(";"))
}

fn any_url() -> impl Strategy<Value = Url> {
    "(http|https)://(a\\.|b\\.a\\.|)example\\.com/[a-c/]{0,4}".prop_map(|text| Url::parse(&text).unwrap())
}

proptest! {
    #[test]
    fn any_script_keeps_the_invariants(
        steps in prop::collection::vec((any_url(), any_line(), 0_u64..30), 1..40),
    ) {
        let (jar, twin) = (Jar::new(), Jar::new());
        let mut expected = 0;
        for (url, line, at) in steps {
            let before = jar.len();
            let stored = jar.store(&url, [line.as_bytes()], second(at));
            prop_assert_eq!(&stored, &twin.store(&url, [line.as_bytes()], second(at)));
            prop_assert!(stored.added + stored.replaced + stored.removed + stored.refused.len() <= 1);
            prop_assert!(jar.len() <= before + stored.added);
            expected += stored.added;
            let header = jar.cookie_header(&url, second(at));
            prop_assert_eq!(&header, &twin.cookie_header(&url, second(at)));
            if let Some(header) = header {
                prop_assert!(header.bytes().all(|byte| byte == b'\t' || !byte.is_ascii_control()));
            }
            prop_assert!(jar.len() <= expected);
        }
    }

    #[test]
    fn no_bytes_cause_a_panic(line in prop::collection::vec(any::<u8>(), 0..80), url in any_url()) {
        let jar = Jar::new();
        let stored = jar.store(&url, [line.as_slice()], second(0));
        prop_assert!(stored.added + stored.refused.len() <= 1);
        let _ = jar.cookie_header(&url, second(0));
    }
}
