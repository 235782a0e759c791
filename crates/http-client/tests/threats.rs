//! What a malicious peer, or a careless caller, must not achieve through the facade. The numbers are those of the table of
//! threats that every layer's tests are named after; other files have the rest.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "test code fails loudly")]

#[path = "threats/arbitrary.rs"]
mod arbitrary;
#[path = "threats/bombs.rs"]
mod bombs;
mod common;
#[path = "threats/cookies.rs"]
mod cookies;
#[path = "threats/redirects.rs"]
mod redirects;
#[path = "threats/requests.rs"]
mod requests;
#[path = "threats/responses.rs"]
mod responses;
#[path = "threats/tls.rs"]
mod tls;

use std::error::Error as _;
use std::time::{Duration, Instant};

use common::{get, ok, redirect, stage};
use http_client::conn::{AddressPolicy, ConnectError};
use http_client::wire::{self, ParseError};
use http_client::{Client, ClientConfig, Error, ErrorKind, Jar, RefusedRedirect};
use testkit::peer::Script;

/// Sends a GET for `/` to `http://a` whose only response is `response`.
fn answered(response: &str) -> Result<http_client::Response<'static>, Error> {
    let stage = stage([Script::new().expect(get("/")).reply(response).close()]);
    stage.client().get("http://a/").send()
}

#[track_caller]
fn assert_parse_error(error: &Error, expected: &ParseError) {
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
    assert_eq!(error.source().unwrap().downcast_ref(), Some(expected), "{error}");
}

#[test]
fn t1_t2_credentials_reach_no_other_host_port_or_scheme() {
    for (location, host) in
        [("http://b/", "b"), ("http://a:81/", "a:81"), ("https://a/", "a"), ("https://a:80/", "a:80")]
    {
        let bare = format!("GET / HTTP/1.1\r\nHost: {host}\r\nX-Own: kept\r\n\r\n");
        let stage = stage([
            Script::new().expect_head().reply(redirect(302, location)),
            Script::new().expect(bare).reply(ok("")),
        ]);
        let client = stage.client();
        let mut request = client.get("http://a/").basic_auth("ann", "s3cret").header("X-Own", "kept");
        for name in ["Cookie", "Proxy-Authorization", "X-Api-Key", "X-Auth-Token", "X-Amz-Security-Token"] {
            request = request.header(name, "s3cret");
        }
        assert_eq!(request.send().unwrap().history().len(), 1, "{location}");
        stage.finish();
    }
}

#[test]
fn t3_cookies_given_by_hand_stay_and_those_of_the_jar_are_chosen_anew() {
    let set = "HTTP/1.1 302 \r\nSet-Cookie: jar=a\r\nLocation: http://b/2\r\nContent-Length: 0\r\n\r\n";
    let back = "HTTP/1.1 302 \r\nSet-Cookie: jar=b\r\nLocation: http://a/3\r\nContent-Length: 0\r\n\r\n";
    let mut stage = stage([
        Script::new()
            .expect("GET /1 HTTP/1.1\r\nHost: a\r\nCookie: own=s3cret\r\n\r\n")
            .reply(set)
            .expect("GET /3 HTTP/1.1\r\nHost: a\r\nCookie: jar=a\r\n\r\n")
            .reply(ok("")),
        Script::new().expect("GET /2 HTTP/1.1\r\nHost: b\r\n\r\n").reply(back),
    ]);
    stage.config.cookies = Some(Jar::new());
    let client = stage.client();
    let response = client.get("http://a/1").header("Cookie", "own=s3cret").send().unwrap();
    assert_eq!(response.history().len(), 2);
    stage.finish();
}

#[test]
fn t7_no_field_tells_where_a_redirect_came_from() {
    let stage = stage([
        Script::new().expect_head().reply(redirect(302, "http://b/")),
        Script::new().expect("GET / HTTP/1.1\r\nHost: b\r\n\r\n").reply(ok("")),
    ]);
    stage.client().get("http://ann:s3cret@a/?token=s3cret").send().unwrap();
    stage.finish();
}

#[test]
fn t8_content_is_not_sent_again_where_the_method_becomes_get() {
    for status in ["301", "302", "303"] {
        let redirect = format!("HTTP/1.1 {status} \r\nLocation: /b\r\nContent-Length: 0\r\n\r\n");
        let stage = stage([Script::new()
            .expect_head()
            .expect("data")
            .reply(redirect)
            .expect(get("/b"))
            .reply(ok(""))]);
        let request = stage.client().post("http://a/").body("data").header("Content-Type", "text/plain");
        let request = request.header("Content-Language", "en").header("Content-Encoding", "identity");
        assert_eq!(request.send().unwrap().history().len(), 1, "{status}");
        stage.finish();
    }
}

#[test]
fn t17_informational_responses_without_end_are_an_error() {
    let error = answered(&"HTTP/1.1 103 \r\nLink: </a>\r\n\r\n".repeat(1000)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(matches!(error.source().unwrap().downcast_ref(), Some(ParseError::TooLarge { .. })), "{error}");
    assert!(error.to_string().contains("informational"), "{error}");
}

#[test]
fn t19_an_announced_length_reserves_nothing() {
    let info = allocation_counter::measure(|| {
        let announced = "HTTP/1.1 200 OK\r\nContent-Length: 4611686018427387904\r\n\r\nx";
        let error = answered(announced).unwrap().bytes().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
        let mut response = answered(announced).unwrap();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut response, &mut content).unwrap_err();
    });
    assert!(info.bytes_max < 1 << 20, "{info:?}");
}

#[test]
fn t23_no_redirect_leads_to_another_scheme_or_to_a_forbidden_address() {
    for location in ["file:///etc/passwd", "gopher://a/", "ftp://a/", "javascript:0", "data:,x"] {
        let error = answered(&redirect(302, location)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Redirect, "{location}");
        let refused = error.redirect().unwrap();
        assert!(matches!(refused.reason, RefusedRedirect::Scheme), "{location}: {error}");
    }
    let mut config = ClientConfig::default();
    config.address_policy = AddressPolicy::public_only();
    config.timeouts.connect = Some(Duration::from_secs(5));
    let client = Client::with_config(config).unwrap();
    for place in
        ["127.0.0.1", "0.0.0.0", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "[::1]", "169.254.169.254"]
    {
        let error = client.get(format!("http://{place}:9/")).send().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect, "{place}: {error}");
        let is_denied = matches!(error.connect_error(), Some(ConnectError::Denied { .. }));
        assert!(is_denied, "{place}: {error}");
    }
}

#[test]
fn t26_cookies_belong_to_the_host_of_the_url_whatever_the_field_says() {
    let set = "HTTP/1.1 200 OK\r\nSet-Cookie: id=7\r\nContent-Length: 0\r\n\r\n";
    let mut stage = stage([
        Script::new()
            .expect("GET / HTTP/1.1\r\nHost: b\r\n\r\n")
            .reply(set)
            .expect("GET / HTTP/1.1\r\nHost: a\r\nCookie: id=7\r\n\r\n")
            .reply(redirect(302, "http://b/")),
        Script::new().expect("GET / HTTP/1.1\r\nHost: b\r\n\r\n").reply(ok("")),
    ]);
    stage.config.cookies = Some(Jar::new());
    let client = stage.client();
    client.get("http://a/").header("Host", "b").send().unwrap().bytes().unwrap();
    client.get("http://a/").send().unwrap().bytes().unwrap();
    stage.finish();
}

#[test]
fn t26_a_host_given_by_hand_does_not_follow_a_redirect_elsewhere() {
    let stage = stage([
        Script::new().expect("GET / HTTP/1.1\r\nHost: inside\r\n\r\n").reply(redirect(302, "http://b/")),
        Script::new().expect("GET / HTTP/1.1\r\nHost: b\r\n\r\n").reply(ok("")),
    ]);
    stage.client().get("http://a/").header("Host", "inside").send().unwrap();
    stage.finish();
}

#[test]
fn t27_a_cookie_is_sent_back_by_the_letter() {
    let set = "HTTP/1.1 200 OK\r\nSet-Cookie: a=%0d%0aX:y\r\nContent-Length: 0\r\n\r\n";
    let mut stage = stage([Script::new()
        .expect(get("/"))
        .reply(set)
        .expect("GET / HTTP/1.1\r\nHost: a\r\nCookie: a=%0d%0aX:y\r\n\r\n")
        .reply(ok(""))]);
    stage.config.cookies = Some(Jar::new());
    let client = stage.client();
    for _ in 0..2 {
        client.get("http://a/").send().unwrap().bytes().unwrap();
    }
    stage.finish();
}

#[test]
fn t38_content_where_none_can_be_ends_the_connection_and_answers_nothing() {
    for (method, response) in [
        ("HEAD", ok("forged")),
        ("GET", "HTTP/1.1 204 \r\nContent-Length: 6\r\n\r\nforged".to_owned()),
        ("GET", "HTTP/1.1 304 \r\nContent-Length: 6\r\n\r\nforged".to_owned()),
    ] {
        let first = format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n");
        let stage = stage([
            Script::new().expect(first).reply(&response),
            Script::new().expect(get("/")).reply(ok("next")),
        ]);
        let client = stage.client();
        assert_eq!(client.request(method, "http://a/").send().unwrap().text().unwrap(), "", "{response}");
        assert_eq!(client.get("http://a/").send().unwrap().text().unwrap(), "next", "{response}");
        stage.finish();
    }
}

#[test]
fn t41_what_is_not_http_is_refused_before_a_line_ends() {
    for garbage in ["<html>", "\x16\x03\x01\x02\0", "SSH-2.0-OpenSSH", "220 mail ESMTP"] {
        let stage = stage([Script::new().expect(get("/")).reply(garbage).stall(Duration::from_secs(50))]);
        let error = stage.client().get("http://a/").send().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{garbage:?}: {error}");
        assert_eq!(stage.clock.elapsed(), Duration::ZERO, "{garbage:?}");
    }
}

#[test]
fn t43_long_urls_heads_and_lists_take_time_in_proportion() {
    // Counted in allocated bytes, which do not drift, and in time: quadratic work takes 64 times as much.
    let cost = |n: usize| {
        let url = format!("http://{}@a/", "@".repeat(n));
        let list = format!(
            "HTTP/1.1 200 OK\r\nConnection: {}keep-alive\r\nContent-Length: 0\r\n\r\n",
            "x, ".repeat(n)
        );
        let cookies = format!("x={}", "c; ".repeat(n));
        let mut limits = wire::Limits::default();
        limits.head_bytes = 8 << 20;
        let mut stage =
            stage([Script::new().expect_head().reply(list).expect_head().reply_bytewise(ok("end"))]);
        stage.config.limits.message = limits;
        let client = stage.client();
        let began = Instant::now();
        let measured = allocation_counter::measure(|| {
            client.get(&url).header("Cookie", &cookies).send().unwrap().bytes().unwrap();
            client.get("http://a/").send().unwrap().bytes().unwrap();
        });
        let took = began.elapsed();
        stage.finish();
        (measured.bytes_total, took)
    };
    let (small, large) = (cost(10_000).0, cost(80_000).0);
    assert!(large < small * 16, "{small} bytes for 10,000, {large} for 80,000");
    // The best of three: whoever else uses the machine makes it slower, never faster.
    let time = |n: usize| (0..3).map(|_| cost(n).1).min().unwrap();
    let (small, large) = (time(10_000), time(80_000));
    assert!(large < small * 32, "{small:?} for 10,000, {large:?} for 80,000");
}

#[test]
fn t47_content_that_ends_early_is_an_error_however_it_is_read() {
    for response in [
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhal",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhal",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhal\r\n",
    ] {
        assert_eq!(
            answered(response).unwrap().text().unwrap_err().kind(),
            ErrorKind::Truncated,
            "{response}"
        );
        let error = answered(response).unwrap().copy_to(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Truncated, "{response}");
        let last = answered(response).unwrap().lines().last().unwrap().unwrap_err();
        assert_eq!(last.kind(), ErrorKind::Truncated, "{response}");
    }
}

#[test]
fn t14_a_response_that_could_be_two_is_refused_or_ends_the_connection() {
    for (framing, error) in [
        ("Content-Length: 5\r\nContent-Length: 6", Some(ParseError::ContentLength)),
        ("Content-Length: +5", Some(ParseError::ContentLength)),
        ("Transfer-Encoding: gzip, chunked", None),
        ("Transfer-Encoding: xchunked", None),
    ] {
        let found = answered(&format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\nhello")).unwrap_err();
        assert_eq!(found.kind(), ErrorKind::Protocol, "{framing}");
        if let Some(error) = error {
            assert_parse_error(&found, &error);
        }
    }
    let both =
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
    let stage =
        stage([Script::new().expect(get("/")).reply(both), Script::new().expect(get("/")).reply(ok("next"))]);
    let client = stage.client();
    assert_eq!(client.get("http://a/").send().unwrap().text().unwrap(), "hi");
    assert_eq!(client.get("http://a/").send().unwrap().text().unwrap(), "next");
    stage.finish();
}
