//! What is secret stays so: calls that succeed, are led elsewhere, are tried again and fail, watched at every sink.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code fails loudly")]

mod common;
#[path = "common/sinks.rs"]
mod sinks;

use std::io::Write;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use common::{Stage, stage};
use http_client::conn::{Proxy, Route};
use http_client::resilience::Backoff;
use http_client::{
    Client, ClientConfig, Connection, ErrorKind, Jar, Origin, RedirectPolicy, Request, Response, RetryPolicy,
    TunnelError, Url,
};
use sinks::{MARK, PASSWORD, Sinks, URL, USER, byte_lists, secrets};
use testkit::peer::{Script, ScriptedListener};

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
fn a_connection_shows_no_secret() {
    Sinks::watch(|sinks| {
        let stage = prepared(
            sinks,
            [Script::new()
                .expect_head()
                .reply(reply(302, "Location: /?code=s3cret-location\r\n"))
                .expect_head()
                .reset()],
        );
        let mut conn = stage.connection();
        conn.put_request("GET", "/in?token=s3cret-query").unwrap();
        conn.put_header("Authorization", "Bearer s3cret").unwrap().put_header("Cookie", "id=s3cret").unwrap();
        sinks.show("connection", &conn);
        conn.end_headers().unwrap();
        sinks.show_response(&conn.response().unwrap());
        conn.request_with("GET", "/in?token=s3cret", &[("Authorization", "s3cret")], ()).unwrap();
        sinks.show_error(&conn.response().unwrap_err());
        sinks.show("connection", &conn);
        stage.finish();
    });
}

#[test]
fn the_credentials_of_a_proxy_are_not_shown() {
    Sinks::watch(|sinks| {
        let ask = b"\x05\x02\x00\x02";
        let login = b"\x01\x03ida\x0cs3cret-basic";
        let refusing = Script::new().expect(ask).reply(b"\x05\x02").expect(login).reply(b"\x01\x01").close();
        let listener = ScriptedListener::start(vec![refusing.clone(), refusing]);
        let proxy: Proxy = format!("socks5://{}", listener.addr()).parse().unwrap();
        let proxy = proxy.with_credentials(USER, PASSWORD).unwrap();
        sinks.show("proxy", &proxy);
        let mut shown = sinks.clone();
        writeln!(shown, "proxy: {proxy}").unwrap();
        let mut config = ClientConfig::default();
        config.wiretap = Some(sinks.tap());
        config.routes = Some(Arc::new(move |origin| Route::new(origin).through(proxy.clone())));
        let error =
            Client::with_config(config.clone()).unwrap().get("http://127.0.0.1:9/").send().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
        sinks.show_error(&error);
        let origin = Origin::http("127.0.0.1:9").unwrap();
        sinks.show("route", &config.routes.as_ref().unwrap()(origin.clone()));
        sinks.show_error(&Connection::open(&origin, config).unwrap_err());
        listener.finish().unwrap();
    });
}

#[test]
fn the_credentials_of_an_http_proxy_are_not_shown() {
    Sinks::watch(|sinks| {
        let refusal = "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"x\"\r\nSet-Cookie: a=s3cret\r\n\
            Content-Length: 14\r\n\r\ns3cret-content";
        let refusing = Script::new().expect_head().reply(refusal).close();
        let breaking = Script::new().expect_head().reset();
        for (script, has_content) in [(refusing, true), (breaking, false)] {
            let listener = ScriptedListener::start(vec![script.clone(), script]);
            let proxy: Proxy = format!("http://{}", listener.addr()).parse().unwrap();
            let proxy = proxy.with_credentials(USER, PASSWORD).unwrap();
            sinks.show("proxy", &proxy);
            let mut config = ClientConfig::default();
            config.wiretap = Some(sinks.tap());
            config.tunnel_headers.append("X-Api-Key", "s3cret-tunnel").unwrap();
            config.routes = Some(Arc::new(move |origin| Route::new(origin).through(proxy.clone())));
            let client = Client::with_config(config.clone()).unwrap();
            let error = client.send(secretive(&client)).unwrap_err();
            assert_eq!((error.kind(), error.tunnel().is_some()), (ErrorKind::Connect, true), "{error}");
            let said = error
                .tunnel()
                .map(|tunnel| matches!(tunnel, TunnelError::Refused(it) if !it.content.is_empty()));
            assert_eq!(said, Some(has_content), "{error}");
            sinks.show_error(&error);
            sinks.show("config", &config);
            let origin = Origin::http("a").unwrap();
            sinks.show("route", &config.routes.as_ref().unwrap()(origin.clone()));
            sinks.show_error(&Connection::open(&origin, config).unwrap_err());
            let heads = listener.heads();
            for head in &heads {
                let head = String::from_utf8_lossy(head);
                assert!(head.contains("s3cret-tunnel") && head.contains(&secrets()[1]), "{head}");
            }
            assert_eq!(heads.len(), 2);
            listener.finish().unwrap();
        }
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
fn what_waits_to_be_sent_shows_no_secret() {
    Sinks::watch(|sinks| {
        let upgraded = "HTTP/1.1 101 \r\nConnection: upgrade\r\nUpgrade: x\r\n\r\ns3cret-early";
        let stage = prepared(
            sinks,
            [Script::new().expect_head().reply(upgraded), Script::new().expect_head().expect_head().reset()],
        );
        let client = stage.client();
        let request = secretive(&client);
        sinks.show("request", &request);
        let configured = client.get(URL).bearer_auth("s3cret").body("s3cret").configure(|config| {
            config.headers.set("X-Api-Key", "s3cret-configured").unwrap();
        });
        sinks.show("configured", &configured);
        sinks.show("configured", &configured.build().unwrap());
        sinks.show("batch", &client.batch());
        #[cfg(feature = "multipart")]
        {
            use http_client::{Multipart, Part};
            sinks.show("part", &Part::new("s3cret").file_name("x"));
            sinks.show("form", &Multipart::new().text("password", "s3cret").part("f", Part::new("s3cret")));
            sinks.show("posted", &client.post(URL).multipart(Multipart::new().text("password", "s3cret")));
        }
        let request = client.get("http://a/").header("Upgrade", "x").header("Connection", "upgrade");
        let upgraded = request.bearer_auth("s3cret").send().unwrap().upgrade().unwrap();
        sinks.show("upgraded", &upgraded);
        let mut conn = stage.connection();
        let secret = [("Authorization", "s3cret"), ("X-Api-Key", "s3cret")];
        conn.request_with("PUT", "/in", &secret, "s3cret-content").unwrap();
        conn.request_with("GET", "/in", &secret, ()).unwrap();
        sinks.show_error(&conn.response().unwrap_err());
        let unanswered = conn.unanswered();
        assert_eq!(unanswered.len(), 2);
        sinks.show("unanswered", &unanswered);
    });
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
