//! What is secret stays so: calls that succeed, are led elsewhere, are tried again and fail, watched at every sink.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code fails loudly")]

mod common;
#[path = "secrets/connections.rs"]
mod connections;
#[path = "common/sinks.rs"]
mod sinks;

use std::num::NonZeroU32;
use std::time::Duration;

use common::{Stage, stage};
use http_client::resilience::Backoff;
use http_client::{Client, ErrorKind, Jar, Origin, RedirectPolicy, Request, Response, RetryPolicy, Url};
use sinks::{MARK, PASSWORD, Sinks, URL, USER, byte_lists, secrets};
use testkit::peer::Script;

/// A client with a jar, retries, secrets in both, and a tap.
fn prepared(sinks: &Sinks, scripts: impl IntoIterator<Item = Script>) -> Stage {
    let mut stage = stage(scripts);
    let jar = Jar::new();
    let set = [&b"session=s3cret-jar; Path=/"[..]];
    jar.store(&Url::parse("http://a/").unwrap(), set, std::time::SystemTime::UNIX_EPOCH);
    stage.config.cookies = Some(jar);
    stage.config.wiretap = Some(sinks.tap());
    stage.config.headers.append("X-Api-Key", "s3cret-default").unwrap();
    let mut retry = RetryPolicy::default();
    retry.max_attempts = NonZeroU32::new(3).unwrap();
    retry.backoff = Backoff::constant(Duration::from_secs(1));
    stage.config.retry = Some(retry);
    stage
}

/// A request with a secret wherever there may be one.
fn secretive(client: &Client) -> Request {
    client
        .get(URL)
        .query([("key", "s3cret-pair")])
        .basic_auth(USER, PASSWORD)
        .header("Proxy-Authorization", "Basic s3cret-proxy")
        .header("X-Auth-Token", "s3cret-token")
        .build()
        .unwrap()
}

fn show_all(sinks: &Sinks, stage: &Stage, client: &Client) {
    sinks.show("config", &stage.config);
    sinks.show("jar", &stage.config.cookies);
    sinks.show("client", client);
    sinks.show("host", &client.host(&Origin::http("a").unwrap()));
    sinks.show("builder", &client.get(URL).basic_auth(USER, PASSWORD).header("X-Api-Key", "s3cret"));
    let mut request = secretive(client);
    request.body = "s3cret-content".into();
    sinks.show("request", &request);
}

fn reply(status: u16, lines: &str) -> String {
    format!(
        "HTTP/1.1 {status} \r\nSet-Cookie: id=s3cret-set; Path=/\r\nX-Csrf-Token: s3cret-csrf\r\n{lines}Content-Length: 0\r\n\r\n"
    )
}

#[test]
fn a_success_shows_no_secret() {
    Sinks::watch(|sinks| {
        let stage = prepared(sinks, [Script::new().expect_head().reply(reply(200, ""))]);
        let client = stage.client();
        sinks.show_response(&client.send(secretive(&client)).unwrap());
        show_all(sinks, &stage, &client);
        // They all went over the wire: else nothing was proven.
        let written = String::from_utf8(stage.peer.connection(0).written).unwrap();
        for secret in ["query", "pair", "jar", "default", "proxy", "token"] {
            assert!(written.contains(&format!("s3cret-{secret}")), "{secret}: {written}");
        }
        assert!(secrets().iter().take(2).all(|secret| written.contains(secret)), "{written}");
        let jar = stage.config.cookies.as_ref().unwrap();
        let cookies = jar.cookie_header(&Url::parse("http://a/").unwrap(), std::time::SystemTime::UNIX_EPOCH);
        assert!(cookies.unwrap().contains("s3cret-set"));
        stage.finish();
    });
}

#[test]
fn a_redirect_shows_no_secret() {
    Sinks::watch(|sinks| {
        let stage = prepared(
            sinks,
            [
                Script::new()
                    .expect_head()
                    .reply(reply(302, "Location: /next?code=s3cret-location\r\n"))
                    .expect_head()
                    .reply(reply(307, "Location: http://ida:s3cret-info@b/?code=s3cret-location\r\n")),
                Script::new().expect_head().reply(reply(200, "Content-Location: /?code=s3cret-location\r\n")),
            ],
        );
        let client = stage.client();
        let response = client.send(secretive(&client)).unwrap();
        assert_eq!(response.history().len(), 2);
        sinks.show_response(&response);
        drop(response);
        stage.finish();

        let stage =
            prepared(sinks, [Script::new().expect_head().reply(reply(302, "Location: /?code=s3cret\r\n"))]);
        let client = stage.client();
        let mut request = secretive(&client);
        request.redirect = Some(RedirectPolicy::none());
        let response = client.send(request).unwrap();
        assert_eq!(response.status().as_u16(), 302);
        sinks.show_response(&response);
    });
}

#[test]
fn a_retry_shows_no_secret() {
    Sinks::watch(|sinks| {
        let stage = prepared(
            sinks,
            [
                Script::new().expect_head().reply(reply(503, "Retry-After: 1\r\n")).expect_head().reset(),
                Script::new().expect_head().reset(),
                Script::new().expect_head().reply(reply(200, "")),
            ],
        );
        let client = stage.client();
        let response = client.send(secretive(&client)).unwrap();
        assert_eq!(response.attempts().len(), 4);
        sinks.show_response(&response);
        show_all(sinks, &stage, &client);
        stage.finish();
    });
}

#[test]
fn a_failure_shows_no_secret() {
    let again = "HTTP/1.1 302 \r\nLocation: /in?code=s3cret\r\nContent-Length: 0\r\n\r\n";
    let silent = || Script::new().expect_head();
    let replies = |reply: &str| silent().reply(reply).close();
    for (name, kind, scripts) in [
        ("reset", ErrorKind::Disconnected, vec![silent().reset(), silent().reset(), silent().reset()]),
        ("timeout", ErrorKind::Timeout, vec![silent(), silent(), silent()]),
        ("truncated", ErrorKind::Truncated, vec![replies("HTTP/1.1 200 \r\nSet-Cookie: id=s3c"); 3]),
        (
            "field name",
            ErrorKind::Protocol,
            vec![replies("HTTP/1.1 200 \r\nSet-Cookie s3cret: a\r\n\r\n"); 3],
        ),
        (
            "field value",
            ErrorKind::Protocol,
            vec![replies("HTTP/1.1 200 \r\nSet-Cookie: s3cret\0\r\n\r\n"); 3],
        ),
        ("status line", ErrorKind::Protocol, vec![replies("HTTP/1.1 2x0 s3cret\r\n\r\n"); 3]),
        ("length", ErrorKind::Protocol, vec![replies("HTTP/1.1 200 \r\nContent-Length: s3cret\r\n\r\n"); 3]),
        (
            "coding",
            ErrorKind::Protocol,
            vec![replies("HTTP/1.1 200 \r\nTransfer-Encoding: s3cret\r\n\r\n"); 3],
        ),
        (
            "scheme",
            ErrorKind::Redirect,
            vec![silent().reply(reply(302, "Location: ftp://ida:s3cret@b/?s3cret\r\n"))],
        ),
        (
            "no URL",
            ErrorKind::Redirect,
            vec![silent().reply(reply(302, "Location: http://[bad/?s3cret\r\n"))],
        ),
        (
            "loop",
            ErrorKind::Redirect,
            vec![(0..11).fold(Script::new(), |script, _| script.expect_head().reply(again))],
        ),
        ("no connection", ErrorKind::Connect, vec![]),
    ] {
        Sinks::watch(|sinks| {
            let stage = prepared(sinks, scripts);
            let client = stage.client();
            let error = client.send(secretive(&client)).unwrap_err();
            assert_eq!(error.kind(), kind, "{name}: {error}");
            sinks.show_error(&error);
            show_all(sinks, &stage, &client);
            // What was not asked for is no matter here.
            let _ = stage.peer.finish();
        });
    }
}

#[test]
fn a_request_that_cannot_be_sent_shows_no_secret() {
    Sinks::watch(|sinks| {
        let stage = prepared(sinks, [Script::new().expect_head().reply(reply(200, ""))]);
        let client = stage.client();
        client.send(secretive(&client)).unwrap();
        for (name, request) in [
            ("user-info elsewhere", client.get("ftp://ida:s3cret@a/?s3cret")),
            ("no URL", client.get("http://[s3cret/?s3cret")),
            ("field value", client.get(URL).header("X-Api-Key", "s3cret\n")),
            ("field name", client.get(URL).header("X-Api-Key: s3cret", "1")),
            ("length", client.get(URL).header("Content-Length", "seven")),
            ("host", client.get(URL).header("Host", "b c")),
        ] {
            sinks.show(name, &request);
            let error = request.send().expect_err(name);
            assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{name}: {error}");
            sinks.show_error(&error);
        }
        client.close_idle();
        let request = client.get("http://ida:s3cret@a/?s3cret");
        sinks.show("user-info", &request);
        // No peer is left that could answer.
        sinks.show_error(&request.send().unwrap_err());
        stage.finish();
    });
}

#[test]
fn content_that_fails_is_not_shown() {
    let saying = |status: u16, lines: &str| {
        format!("HTTP/1.1 {status} \r\n{lines}Content-Length: 14\r\n\r\ns3cret-content")
    };
    for (name, kind, response) in [
        ("status", ErrorKind::Status, saying(404, "")),
        #[cfg(feature = "gzip")]
        ("gzip", ErrorKind::Protocol, saying(200, "Content-Encoding: gzip\r\n")),
        #[cfg(feature = "gzip")]
        ("deflate", ErrorKind::Truncated, saying(200, "Content-Encoding: deflate\r\n")),
        ("cut", ErrorKind::Truncated, saying(200, "").replace("14", "15")),
        (
            "chunk",
            ErrorKind::Protocol,
            "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\ns3cret\r\n".to_owned(),
        ),
        ("large", ErrorKind::TooLarge, "HTTP/1.1 200 \r\n\r\n".to_owned() + &"s3cret".repeat(100)),
    ] {
        Sinks::watch(|sinks| {
            let mut stage = prepared(sinks, [Script::new().expect_head().reply(response).close()]);
            (stage.config.decode, stage.config.limits.buffered) = (true, 100);
            let client = stage.client();
            let response = client.send(secretive(&client)).unwrap();
            sinks.show_response(&response);
            let error = response.error_for_status().and_then(Response::text).unwrap_err();
            assert_eq!(error.kind(), kind, "{name}: {error}");
            sinks.show_error(&error);
            stage.finish();
        });
    }
}

#[test]
fn lists_of_bytes_would_be_found() {
    assert_eq!(
        byte_lists(),
        ["115,51,99,114,101,116", "73,33,63,72,65,74", "733363726574", "0x73,0x33,0x63,0x72,0x65,0x74"]
    );
    for shown in [
        format!("{:#?}", MARK.as_bytes()),
        format!("{:x?}", MARK.as_bytes()),
        format!("{:#X?}", MARK.as_bytes()),
    ] {
        let dense = shown.replace(char::is_whitespace, "").to_lowercase();
        assert!(byte_lists().iter().any(|list| dense.contains(list)), "{shown}");
    }
}
