//! Cookies that a server sets for others, or without end, or that a file smuggles in.

use std::fmt::Write as _;
use std::time::SystemTime;

use http_client::cookies::Format;
use http_client::{ErrorKind, Jar, Url};
use testkit::peer::Script;

use crate::common::{get, ok, stage};

/// A response that sets cookies, one a line.
fn setting(status: u16, lines: &[impl AsRef<[u8]>], rest: &str) -> Vec<u8> {
    let mut response = format!("HTTP/1.1 {status} \r\nContent-Length: 0\r\n{rest}").into_bytes();
    for line in lines {
        response.extend_from_slice(b"Set-Cookie: ");
        response.extend_from_slice(line.as_ref());
        response.extend_from_slice(b"\r\n");
    }
    response.extend_from_slice(b"\r\n");
    response
}

#[test]
fn t24_no_host_sets_a_cookie_for_another() {
    for (from, domain, to, expected, kept) in [
        ("www.a.com", "com", "b.com", "", 0),
        ("www.a.com", "COM", "b.com", "", 0),
        ("www.a.com", ".com", "b.com", "", 0),
        ("www.a.com", "com.", "b.com", "", 0),
        ("www.a.com", "com.", "b.com.", "", 0),
        ("www.a.com.", "com.", "b.com.", "", 0),
        ("www.a.co.uk", "CO.UK", "b.co.uk", "", 0),
        ("a.github.io", "github.io", "b.github.io", "", 0),
        ("www.a.com", "b.com", "b.com", "", 0),
        ("www.a.com", "127.0.0.1", "127.0.0.1", "", 0),
        ("127.0.0.2", "127.0.0.1", "127.0.0.1", "", 0),
        ("127.0.0.2", "0.0.2", "1.0.0.2", "", 0),
        ("a.com", "a.com", "a.com.", "", 1),
        ("a.com", "a.com", "nota.com", "", 1),
        // Else the rows above would prove nothing.
        ("www.a.com", "A.com", "shop.a.com", "Cookie: super=1\r\n", 1),
        ("127.0.0.1", "127.0.0.1", "127.0.0.1:81", "Cookie: super=1\r\n", 1),
    ] {
        let set = [format!("super=1; Path=/; Domain={domain}")];
        let moved = setting(302, &set, &format!("Location: http://{to}/\r\n"));
        let mut stage = stage([
            Script::new().expect_head().reply(moved),
            Script::new().expect(format!("GET / HTTP/1.1\r\nHost: {to}\r\n{expected}\r\n")).reply(ok("")),
        ]);
        let jar = Jar::new();
        stage.config.cookies = Some(jar.clone());
        let response = stage.client().get(format!("http://{from}/")).send();
        assert_eq!(response.unwrap().history().len(), 1, "{from} {domain} {to}");
        assert_eq!(jar.len(), kept, "{from} {domain}");
        stage.finish();
    }
}

#[test]
fn t25_cookies_without_end_fill_neither_the_jar_nor_the_field() {
    const HOSTS: usize = 62;
    let host = |i: usize| format!("h{i}.example");
    // As many lines as a head may have, and as many bytes.
    let many = |i: usize| (0..250).map(|k| format!("n{i}-{k}={}", "v".repeat(200))).collect::<Vec<_>>();
    let long =
        |round: usize| (0..15).map(|k| format!("m{round}-{k}={}", "v".repeat(4000))).collect::<Vec<_>>();
    let rounds = |i: usize| if i < 2 { 4 } else { 0 };
    let scripts = (0..HOSTS).map(|i| {
        let script = Script::new().expect_head().reply(setting(200, &many(i), ""));
        (0..rounds(i))
            .fold(script, |script, round| script.expect_head().reply(setting(200, &long(round), "")))
    });
    let jar = Jar::new();
    let limits = jar.config().limits;
    let mut stage = stage(scripts);
    stage.config.cookies = Some(jar.clone());
    let client = stage.client();
    for i in 0..HOSTS {
        for _ in 0..=rounds(i) {
            client.get(format!("http://{}/", host(i))).send().unwrap().bytes().unwrap();
        }
        let of_host = jar.names().filter(|name| name.domain == host(i));
        assert_eq!(of_host.count(), limits.per_domain, "it was not filled");
    }
    assert_eq!(jar.len(), limits.total, "it was not filled");
    let connections = stage.peer.connections();
    let largest = connections.iter().flat_map(|one| &one.heads).map(Vec::len).max().unwrap();
    assert!((100_000..limits.per_domain * (4096 + 2) + 100).contains(&largest), "{largest} bytes");
    stage.finish();
}

#[test]
fn t25_numbers_that_overflow_and_control_characters_do_no_harm() {
    for (set, sent) in [
        (&b"a=1; Max-Age=9223372036854775808"[..], "Cookie: a=1\r\n"),
        (b"a=1; Max-Age=18446744073709551616", "Cookie: a=1\r\n"),
        (b"a=1; Max-Age=99999999999999999999999999999999999999999", "Cookie: a=1\r\n"),
        (b"a=1; Max-Age=-9223372036854775809", ""),
        (b"a=1; Expires=Fri, 31 Dec 99999999999999999999 23:59:59 GMT", "Cookie: a=1\r\n"),
        (b"a=\xff", ""),
        (b"a=1\tX: y", "Cookie: a=1\tX: y\r\n"),
    ] {
        let name = set.escape_ascii().to_string();
        let mut stage = stage([Script::new()
            .expect(get("/"))
            .reply(setting(200, &[set], ""))
            .expect(format!("GET / HTTP/1.1\r\nHost: a\r\n{sent}\r\n"))
            .reply(ok(""))]);
        stage.config.cookies = Some(Jar::new());
        let client = stage.client();
        for _ in 0..2 {
            client.get("http://a/").send().unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        stage.finish();
    }
    // The head itself is refused, whoever would have looked at the cookie.
    for set in ["a=\x01", "\x1b=a", "a=1; Path=/\x7f", "a=1; \x08=/", "a=1\0", "a=1\rX: y"] {
        let jar = Jar::new();
        let mut stage = stage([Script::new().expect(get("/")).reply(setting(200, &[set], ""))]);
        stage.config.cookies = Some(jar.clone());
        let error = stage.client().get("http://a/").send().unwrap_err();
        assert_eq!((error.kind(), jar.len()), (ErrorKind::Protocol, 0), "{set:?}: {error}");
    }
}

#[test]
fn t28_a_jar_from_a_file_smuggles_no_field_in() {
    let own = Jar::new();
    let url = Url::parse("http://a/").unwrap();
    own.store(&url, [&b"good=1"[..], b"json=mark"], SystemTime::UNIX_EPOCH);
    let json = own.export(Format::Json, SystemTime::UNIX_EPOCH).text;
    assert!(json.contains("mark"), "{json}");
    let mut lines = "# Netscape HTTP Cookie File\na\tFALSE\t/\tFALSE\t0\tgood\t1\n".to_owned();
    for (name, value) in [
        ("tab", "1\tX: y"),
        ("cr", "1\rX: y"),
        ("ctl", "1\x01"),
        ("del", "1\x7f"),
        ("nul", "1\0"),
        ("na\x0bme", "1"),
        ("semicolon", "1; admin=1"),
        ("equals=1; admin", "1"),
    ] {
        writeln!(lines, "a\tFALSE\t/\tFALSE\t0\t{name}\t{value}").unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    for (name, text, damaged) in [
        ("cookies.txt", lines, 8),
        ("crlf.json", json.replace("mark", "1\\r\\nX: y"), 1),
        ("ctl.json", json.replace("mark", "1\\u0001"), 1),
        ("name.json", json.replace("\"json\"", "\"a\\nX: y\""), 1),
    ] {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        let loaded = Jar::load(&path, SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(loaded.imported.damaged.len(), damaged, "{name}: {:?}", loaded.imported);
        let sent = "GET / HTTP/1.1\r\nHost: a\r\nCookie: good=1\r\n\r\n";
        let mut stage = stage([Script::new().expect(sent).reply(ok(""))]);
        stage.config.cookies = Some(loaded.jar);
        stage.client().get("http://a/").send().unwrap();
        stage.finish();
    }
}
