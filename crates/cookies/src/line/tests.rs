use super::*;

fn day(n: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(n * 86_400)
}

#[track_caller]
fn check_expiry(attributes: &str, expected: Option<SystemTime>) {
    let url = Url::parse("http://example.com/").unwrap();
    let line = format!("a=b; {attributes}");
    let entry = parse(line.as_bytes(), &url, &JarConfig::default(), day(20_000)).unwrap();
    assert_eq!(entry.expires(), expected, "{attributes}");
}

#[test]
fn expiry_is_judged_by_the_given_time() {
    check_expiry("Path=/", None);
    check_expiry("Max-Age=86400", Some(day(20_001)));
    check_expiry("max-age=0", Some(day(20_000)));
    check_expiry("Max-Age=-5", Some(day(20_000)));
    check_expiry("Max-Age=", None);
    check_expiry("Max-Age=1x; Max-Age=86400; Max-Age=y", Some(day(20_001)));
    check_expiry("Max-Age=99999999999999999999999", Some(day(20_400)));
    check_expiry("Expires=Sat, 05 Oct 2024 00:00:00 GMT", Some(day(20_001)));
    check_expiry("Max-Age=0; Expires=Sat, 05 Oct 2024 00:00:00 GMT", Some(day(20_000)));
    check_expiry("Expires=Thu, 01 Jan 1970 00:00:00 GMT", Some(day(0)));
    check_expiry("Expires=Fri, 31 Dec 9999 23:59:59 GMT", Some(day(20_400)));
    check_expiry("Expires=soon", None);
}

#[track_caller]
fn check(url: &str, line: &[u8], expected: Option<Refusal>) {
    let url = Url::parse(url).unwrap();
    let found = parse(line, &url, &JarConfig::default(), day(20_000)).err();
    assert_eq!(found, expected, "{}", String::from_utf8_lossy(line));
}

#[test]
fn lines_are_refused_with_their_reason() {
    let (http, https) = ("http://www.example.com/a/b", "https://www.example.com/a/b");
    check(http, b"a=b", None);
    check(http, b"a=\tb", None);
    check(http, "a=\u{e9}".as_bytes(), None);
    check(http, b"a=\xe9", Some(Refusal::NotUtf8));
    check(http, b"a=b\0", Some(Refusal::ControlCharacter));
    check(http, b"a=b; Path=/\x7f", Some(Refusal::ControlCharacter));
    check(http, b"a", None);
    check(http, b"=b", None);
    check(http, b"", Some(Refusal::Empty));
    check(http, b" = ; Path=/", Some(Refusal::Empty));
    check(http, format!("a={}", "b".repeat(4095)).as_bytes(), None);
    check(http, format!("a={}", "b".repeat(4096)).as_bytes(), Some(Refusal::TooLong { limit: 4096 }));
    check(http, b"a=b; Domain=example.com", None);
    check(http, b"a=b; Domain=.EXAMPLE.com", None);
    check(http, b"a=b; Domain=com", Some(Refusal::PublicSuffix));
    check(http, b"a=b; Domain=.com", Some(Refusal::PublicSuffix));
    check(http, b"a=b; Domain=other.com", Some(Refusal::ForeignDomain));
    check(http, b"a=b; Domain=ple.com", Some(Refusal::ForeignDomain));
    check(http, b"a=b; Domain=x.www.example.com", Some(Refusal::ForeignDomain));
    check(http, b"a=b; Domain=xn--a", Some(Refusal::InvalidDomain));
    check(http, b"a=b; Domain=. example.com", Some(Refusal::InvalidDomain));
    check(http, b"a=b; Domain=other.com; Domain=", None);
    check("http://a..b.com/", b"a=b; Domain=..b.com", Some(Refusal::InvalidDomain));
    check("http://localhost/", b"a=b; Domain=localhost", None);
    check("http://192.0.2.1/", b"a=b; Domain=0.2.1", Some(Refusal::ForeignDomain));
    check("http://192.0.2.1/", b"a=b; Domain=2.1", Some(Refusal::ForeignDomain));
    check("http://a.co.uk/", b"a=b; Domain=co.uk", Some(Refusal::PublicSuffix));
    check("http://a.co.uk/", b"a=b; Domain=.CO.UK", Some(Refusal::PublicSuffix));
    check("http://a.co.uk./", b"a=b; Domain=co.uk.", Some(Refusal::PublicSuffix));
    check("http://a.co.uk/", b"a=b; Domain=co.uk.", Some(Refusal::ForeignDomain));
    check("http://a.github.io/", b"a=b; Domain=github.io", Some(Refusal::PublicSuffix));
    check("http://github.io/", b"a=b; Domain=github.io", None);
    check("http://a.co.uk/", b"a=b; Domain=a.co.uk", None);
    check("data:text/plain,x", b"a=b", Some(Refusal::NotHttp));
    check("ftp://example.com/", b"a=b", Some(Refusal::NotHttp));
    check(http, b"a=b; Secure", Some(Refusal::SecureFromInsecure));
    check(https, b"a=b; Secure", None);
    check("http://127.0.0.1/", b"a=b; Secure", Some(Refusal::SecureFromInsecure));
    check(https, b"__secure-a=b", Some(Refusal::BrokenPrefix));
    check(https, b"=__Secure-a=b; Secure", Some(Refusal::BrokenPrefix));
    check(https, b"__Secure-a=b; Secure", None);
    check(https, b"__Host-a=b; Secure; Path=/", None);
    check(https, b"__Host-a=b; Secure", Some(Refusal::BrokenPrefix));
    check(https, b"__HOST-a=b; Secure; Path=/; Domain=www.example.com", Some(Refusal::BrokenPrefix));
}

#[test]
fn long_attributes_are_ignored() {
    let url = Url::parse("http://example.com/a/b").unwrap();
    let path = |length: usize| {
        let line = format!("a=b; Path=/{}; Max-Age=5", "p".repeat(length - 1));
        parse(line.as_bytes(), &url, &JarConfig::default(), day(0)).unwrap().path().len()
    };
    assert_eq!(path(1024), 1024);
    assert_eq!(path(1025), "/a".len());
}

#[test]
fn names_are_told_without_values() {
    assert_eq!(name(b" a =secret; Secure").as_deref(), Some("a"));
    assert_eq!(name(b"secret"), None);
    assert_eq!(name(b"a\xff=secret"), None);
}
