//! What is secret stays so: calls that succeed, are led elsewhere, are tried again and fail, watched at every sink.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code fails loudly")]

mod common;

use std::error::Error as StdError;
use std::fmt::Debug;
use std::io::{self, Write};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Stage, stage};
use http_client::conn::{Proxy, Route};
use http_client::resilience::Backoff;
use http_client::{
    Client, ClientConfig, Connection, Error, ErrorKind, Jar, Origin, RedirectPolicy, Request, Response,
    RetryPolicy, Url, Wiretap,
};
use testkit::peer::{Script, ScriptedListener};
use tracing_subscriber::filter::LevelFilter;

/// In every secret, wherever it stands; its Base64 is looked for besides.
const MARK: &str = "s3cret";
const USER: &str = "ida";
const PASSWORD: &str = "s3cret-basic";
const URL: &str = "http://a/in?token=s3cret-query&page=2";

/// Collects all that anybody could see.
#[derive(Clone, Default)]
struct Sinks(Arc<Mutex<Vec<u8>>>);

impl Write for Sinks {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sinks {
    fn show(&self, what: &str, value: &dyn Debug) {
        let mut sinks = self.clone();
        writeln!(sinks, "{what}: {value:?}").unwrap();
        writeln!(sinks, "{what}: {value:#?}").unwrap();
    }

    fn show_response(&self, response: &Response<'_>) {
        self.show("response", response);
        self.show("headers", response.headers());
        self.show("history", &response.history());
        self.show("attempts", &response.attempts());
        self.show("info", response.info());
        self.show("verdict", &response.redirect(&RedirectPolicy::default()));
    }

    fn show_error(&self, error: &Error) {
        let mut sinks = self.clone();
        writeln!(sinks, "error: {error}").unwrap();
        self.show("error", error);
        self.show("attempts", &error.attempts());
        self.show("redirect", &error.redirect());
        let mut cause = error.source();
        while let Some(source) = cause {
            writeln!(sinks, "cause: {source}").unwrap();
            self.show("cause", &source);
            cause = source.source();
        }
    }

    /// Runs a story with everything traced, and checks that something was seen and nothing secret was.
    #[track_caller]
    fn watch(story: impl FnOnce(&Sinks)) {
        let sinks = Self::default();
        let writer = sinks.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || story(&sinks));
        let seen = String::from_utf8_lossy(&sinks.0.lock().unwrap()).into_owned();
        assert!(seen.contains("DEBUG"), "nothing was traced:\n{seen}");
        let shown = |line: &str| line.contains(" > GET /");
        let (traced, tapped): (Vec<_>, Vec<_>) =
            seen.lines().filter(|line| shown(line)).partition(|line| line.contains("http_client::wire"));
        assert!(tapped.is_empty() || tapped.len() == traced.len(), "the sinks differ:\n{seen}");
        for line in seen.lines() {
            for secret in secrets() {
                assert!(!line.contains(&secret), "{secret} is seen in: {line}");
            }
        }
    }
}

/// Each form in which a secret could be seen.
fn secrets() -> Vec<String> {
    let mut headers = Client::new().get(URL).basic_auth(USER, PASSWORD).build().unwrap().headers;
    let basic = headers.get_str("authorization").unwrap().strip_prefix("Basic ").unwrap().to_owned();
    headers.clear();
    vec![MARK.to_owned(), basic]
}

/// A client with a jar, retries, secrets in both, and a tap.
fn prepared(sinks: &Sinks, scripts: impl IntoIterator<Item = Script>) -> Stage {
    let mut stage = stage(scripts);
    let jar = Jar::new();
    let set = [&b"session=s3cret-jar; Path=/"[..]];
    jar.store(&Url::parse("http://a/").unwrap(), set, std::time::SystemTime::UNIX_EPOCH);
    stage.config.cookies = Some(jar);
    stage.config.wiretap = Some(Wiretap::to(sinks.clone()));
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
        assert!(secrets().iter().all(|secret| written.contains(secret)), "{written}");
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
