//! Through an HTTP proxy: what it is asked, what it may answer, and what it never sees.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code fails loudly")]

mod common;

use std::error::Error as _;
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Paper, Stage, get, ok, redirect, stage};
use http_client::conn::{
    AddressPolicy, ConnectError, Connector, ConnectorConfig, DialTo, Dialer, Proxy, ProxyKind, Route,
};
use http_client::wire::{ParseError, RequestError};
use http_client::{
    Client, ClientConfig, Connection, Error, ErrorKind, Headers, Limit, Origin, Phase, Tunnel, TunnelError,
};
use testkit::connect_proxy::ConnectProxy;
use testkit::peer::Script;
use testkit::site::Site;

const ESTABLISHED: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

fn proxy() -> Proxy {
    "http://proxy:3128".parse().unwrap()
}

/// What the proxy is asked for a target.
fn connect(target: &str, lines: &str) -> String {
    format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{lines}\r\n")
}

/// Sets the stage with proxies for peers.
fn stage_of(scripts: impl IntoIterator<Item = Script>) -> Stage {
    let stage = stage(scripts);
    staged(stage, |tunnel| tunnel)
}

type Layer = Tunnel<testkit::peer::ScriptedConnect>;

fn staged(mut stage: Stage, change: impl FnOnce(Layer) -> Layer) -> Stage {
    let mut names = Dialer::default();
    names.clock = Arc::new(stage.clock.clone());
    stage.config.connect = Some(Arc::new(change(Tunnel::new(stage.peer.clone(), names))));
    stage
}

/// Asks for `http://a` through the proxy.
fn through(stage: &Stage, proxy: &Proxy) -> Result<Connection, Error> {
    Connection::through(proxy, &Origin::http("a").unwrap(), stage.config.clone())
}

/// Why the proxy that gives this answer makes no tunnel.
#[track_caller]
fn refusal(script: Script) -> Error {
    let stage = stage_of([script]);
    let error = through(&stage, &proxy()).unwrap_err();
    stage.finish();
    error
}

#[test]
fn the_proxy_is_asked_by_the_letter_and_requests_run_inside() {
    for (origin, target) in
        [("a", "a:80"), ("a:81", "a:81"), ("127.0.0.1", "127.0.0.1:80"), ("[::1]:8", "[::1]:8")]
    {
        let host = origin;
        let inside = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let stage = stage_of([Script::new()
            .expect(connect(target, ""))
            .reply_bytewise(ESTABLISHED)
            .expect(inside)
            .reply(ok("inside"))]);
        let origin = Origin::http(origin).unwrap();
        let mut conn = Connection::through(&proxy(), &origin, stage.config.clone()).unwrap();
        conn.request("GET", "/").unwrap();
        assert_eq!(conn.response().unwrap().text().unwrap(), "inside");
        stage.finish();
    }
}

#[test]
fn t5_credentials_of_a_proxy_reach_that_proxy_alone() {
    let basic = "X-Own: kept\r\nProxy-Authorization: Basic YW5uOnMzY3JldA==\r\n";
    let moved = redirect(302, "http://b/");
    let inside = |host: &str| format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let stage = stage([
        Script::new().expect(connect("a:80", basic)).reply(ESTABLISHED).expect(inside("a")).reply(moved),
        Script::new()
            .expect(connect("b:80", "X-Own: kept\r\n"))
            .reply(ESTABLISHED)
            .expect(inside("b"))
            .reply(ok("")),
    ]);
    let mut own = Headers::new();
    own.append("X-Own", "kept").unwrap();
    let mut stage = staged(stage, |tunnel| tunnel.with_headers(own));
    // Another proxy for the other host: it is told nothing of the first one's credentials.
    stage.config.routes = Some(Arc::new(|origin: Origin| {
        let trusted = proxy().with_credentials("ann", "s3cret").unwrap();
        let proxy = if origin.host_str() == "a" { trusted } else { "http://other:1".parse().unwrap() };
        Route::new(origin).through(proxy)
    }));
    let response = stage.client().get("http://a/").send().unwrap();
    assert_eq!(response.history().len(), 1);
    stage.finish();
}

#[test]
fn t5_another_login_or_proxy_for_the_same_url_is_another_tunnel() {
    let basic = |credentials: &str| format!("Proxy-Authorization: Basic {credentials}\r\n");
    let tunnel = |lines: &str, replies: usize| {
        let begin = Script::new().expect(connect("a:80", lines)).reply(ESTABLISHED);
        // Exactly this: nothing of the proxy's goes inside.
        (0..replies).fold(begin, |script, _| script.expect(get("/")).reply(ok(lines)))
    };
    let (ann, bob) = (basic("YW5uOnMzY3JldA=="), basic("Ym9iOnMzY3JldA=="));
    let mut stage = stage_of([tunnel(&ann, 2), tunnel(&bob, 2), tunnel("", 1)]);
    let now = Arc::new(Mutex::new(proxy()));
    let chosen = Arc::clone(&now);
    stage.config.routes =
        Some(Arc::new(move |origin| Route::new(origin).through(chosen.lock().unwrap().clone())));
    let client = stage.client();
    let known = |user: &str| proxy().with_credentials(user, "s3cret").unwrap();
    let other: Proxy = "http://other:3128".parse().unwrap();
    for (through, said) in [
        (known("ann"), &ann),
        (known("bob"), &bob),
        (other, &String::new()),
        (known("ann"), &ann),
        (known("bob"), &bob),
    ] {
        *now.lock().unwrap() = through;
        assert_eq!(client.get("http://a/").send().unwrap().text().unwrap(), *said);
    }
    assert_eq!(stage.peer.connects(), 3);
    stage.finish();
}

#[test]
fn t12_a_target_holds_no_line_end_and_neither_do_fields() {
    for host in ["a\r\nX: y", "a b", "a/../b", "a\n"] {
        Origin::http(host).unwrap_err();
    }
    Headers::new().append("X-Own", "a\r\nX: y").unwrap_err();
    let with_credentials = |user: &str, password: &str| proxy().with_credentials(user, password);
    for (user, password) in [("a\r\nX: y", "b"), ("a", "b\r\nX: y"), ("a:b", "c"), ("", "c")] {
        with_credentials(user, password).unwrap_err();
    }
    with_credentials("a", "").unwrap();
    // Framing of content that CONNECT has not.
    let stage = stage([Script::new()]);
    let mut framing = Headers::new();
    framing.append("Content-Length", "5").unwrap();
    let stage = staged(stage, |tunnel| tunnel.with_headers(framing));
    let error = through(&stage, &proxy()).unwrap_err();
    assert!(matches!(error.tunnel(), Some(TunnelError::Request(RequestError::Framing(_)))), "{error:?}");
    assert!(stage.peer.connection(0).written.is_empty());
}

#[test]
fn t32_bytes_behind_the_answer_belong_to_the_tunnel() {
    let early = ESTABLISHED.to_owned() + &ok("early");
    let stage = stage_of([Script::new()
        .expect(connect("a:80", ""))
        .reply(early)
        .expect(get("/"))
        .expect(get("/2"))
        .reply(ok("late"))]);
    let mut conn = through(&stage, &proxy()).unwrap();
    conn.request("GET", "/").unwrap();
    assert_eq!(conn.response().unwrap().text().unwrap(), "early");
    conn.request("GET", "/2").unwrap();
    assert_eq!(conn.response().unwrap().text().unwrap(), "late");
    stage.finish();
}

#[test]
fn t32_only_a_2xx_makes_a_tunnel_and_a_refusal_keeps_what_it_says() {
    let answer = |status: &str, content: &str| {
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{content}", content.len())
    };
    for (status, code) in
        [("407 Proxy Authentication Required", 407), ("302 Found", 302), ("502 Bad Gateway", 502)]
    {
        let error = refusal(Script::new().expect_head().reply(answer(status, "why")));
        assert_eq!((error.kind(), error.phase()), (ErrorKind::Connect, Some(Phase::Proxy)));
        let Some(TunnelError::Refused(refused)) = error.tunnel() else { panic!("{error:?}") };
        assert_eq!(
            (refused.head.status.as_u16(), refused.text().as_str(), refused.is_cut),
            (code, "why", false)
        );
        let expected = format!(
            "connection to http://a: cannot connect to a:80 through http://proxy:3128: the proxy answered {status}"
        );
        assert_eq!(error.to_string(), expected);
    }
    let large = answer("403 Forbidden", &"x".repeat(100_000));
    let half = "HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nhalf";
    for (script, length) in [
        (Script::new().expect_head().reply(&large), 64 << 10),
        (Script::new().expect_head().reply(half).close(), 4),
        (Script::new().expect_head().reply(half).stall(Duration::from_secs(60)), 4),
    ] {
        let error = refusal(script);
        let Some(TunnelError::Refused(refused)) = error.tunnel() else { panic!("{error:?}") };
        assert_eq!((refused.content.len(), refused.is_cut), (length, true));
    }
    for garbage in
        ["HTTP/1.1 2000 \r\n\r\n", "HTTP/1.1 20 \r\n\r\n", "SSH-2.0\r\n", "HTTP/1.1 200 OK\nX: y\n\n"]
    {
        let error = refusal(Script::new().expect_head().reply(garbage).close());
        assert!(matches!(error.tunnel(), Some(TunnelError::Invalid(_))), "{garbage:?}: {error:?}");
    }
    for (end, expected) in
        [("", ParseError::NoResponse), ("HTTP/1.1 200", ParseError::TruncatedHead { received: 12 })]
    {
        let error = refusal(Script::new().expect_head().reply(end).close());
        let Some(TunnelError::Invalid(found)) = error.tunnel() else { panic!("{error:?}") };
        assert_eq!(*found, expected);
    }
}

#[test]
fn framing_in_a_2xx_to_connect_means_nothing() {
    let odd = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
    let stage = stage_of([Script::new()
        .expect(connect("a:80", ""))
        .reply("HTTP/1.1 103 \r\n\r\n")
        .reply(odd)
        .expect(get("/"))
        .reply(ok("inside"))]);
    let mut conn = through(&stage, &proxy()).unwrap();
    conn.request("GET", "/").unwrap();
    assert_eq!(conn.response().unwrap().text().unwrap(), "inside");
    stage.finish();
}

#[test]
fn t20_a_proxy_that_dribbles_is_given_up_at_the_deadline() {
    let silent = Script::new().expect_head().stall(Duration::from_secs(60));
    let endless = (0..60).fold(Script::new().expect_head().reply("HTTP/1.1 200 OK\r\nX: "), |script, _| {
        script.reply("y").stall(Duration::from_secs(1))
    });
    for script in [silent, endless] {
        let mut stage = stage_of([script]);
        stage.config.timeouts.connect = Some(Duration::from_secs(9));
        let error = through(&stage, &proxy()).unwrap_err();
        assert_eq!(
            (error.kind(), error.phase(), error.limit()),
            (ErrorKind::Timeout, Some(Phase::Proxy), Some(Limit::Connect))
        );
        assert_eq!(stage.clock.elapsed(), Duration::from_secs(9));
    }
}

#[test]
fn a_refusal_is_told_though_its_reason_never_comes_to_an_end() {
    let head = "HTTP/1.1 407 \r\nContent-Length: 9\r\n\r\nbe";
    let stage = stage_of([Script::new().expect_head().reply(head).stall(Duration::from_secs(60))]);
    let error = through(&stage, &proxy()).unwrap_err();
    let TunnelError::Refused(refused) = error.tunnel().unwrap() else { panic!("{error}") };
    let (status, said) = (refused.head.status.as_u16(), refused.content.as_slice());
    assert_eq!((status, said, refused.is_cut), (407, &b"be"[..], true));
    assert_eq!(stage.clock.elapsed(), Duration::from_secs(1));
}

#[test]
fn what_a_proxy_cannot_reach_is_not_asked_for() {
    let mut stage = stage([]);
    let mut names = Dialer::default();
    names.policy = AddressPolicy::public_only();
    stage.config.connect = Some(Arc::new(Tunnel::new(stage.peer.clone(), names)));
    let refused = |origin: &str, to: Option<DialTo>| {
        let route = Route::new(Origin::http(origin).unwrap()).through(proxy());
        let route = to.into_iter().fold(route, Route::dialling);
        Connection::along(route, stage.config.clone()).unwrap_err()
    };
    let by_name = refused("inside.example", None);
    assert!(matches!(by_name.connect_error(), Some(ConnectError::DeniedName { .. })), "{by_name:?}");
    let by_address = refused("127.0.0.1", None);
    assert!(matches!(by_address.connect_error(), Some(ConnectError::Denied { .. })), "{by_address:?}");
    let zone = refused("[fe80::1%25eth0]", None);
    assert!(matches!(zone.tunnel(), Some(TunnelError::Zone)), "{zone:?}");
    let unix = refused("a", Some(DialTo::Unix("/run/x".into())));
    assert!(matches!(unix.tunnel(), Some(TunnelError::UnixSocket)), "{unix:?}");
    assert_eq!(stage.peer.connects(), 0);
}

#[test]
fn an_error_names_the_target_of_connect() {
    let stage = stage([Script::new().expect_head().reset()]);
    let mut conn = stage.connection();
    conn.request("CONNECT", "b:443").unwrap();
    let error = conn.response().unwrap_err();
    assert!(error.to_string().starts_with("CONNECT b:443: "), "{error}");
}

#[test]
fn without_a_layer_that_speaks_http_the_proxy_is_not_passed_by() {
    let connector = Connector::new(ConnectorConfig::default()).unwrap();
    let mut config = ClientConfig::default();
    config.connect = Some(Arc::new(connector));
    // Nothing listens there: neither the proxy nor the target is dialled.
    let proxy = Proxy::new(ProxyKind::Http, "127.0.0.1", 9).unwrap();
    let error = Connection::through(&proxy, &Origin::http("127.0.0.1:10").unwrap(), config).unwrap_err();
    let text = error.to_string();
    assert!(
        text.ends_with("an HTTP proxy is not asked by SOCKS: a layer above has to speak to it"),
        "{text}"
    );
}

#[test]
fn https_goes_through_a_real_proxy_which_sees_the_host_alone() {
    let (site, proxy) = (Site::start(), ConnectProxy::start());
    let (paper, mut config) = (Paper::default(), ClientConfig::default());
    config.tls.roots.add_pem(site.ca_pem().as_bytes()).unwrap();
    config.wiretap = Some(paper.tap());
    let address = proxy.addr();
    config.routes = Some(Arc::new(move |origin| {
        let proxy = Proxy::new(ProxyKind::Http, "127.0.0.1", address.port()).unwrap();
        Route::new(origin).through(proxy.with_credentials("ann", "s3cret").unwrap())
    }));
    let client = Client::with_config(config).unwrap();
    for _ in 0..2 {
        let mut response = client.get(format!("{}/", site.https_url())).bearer_auth("s3cret").send().unwrap();
        let mut page = String::new();
        response.read_to_string(&mut page).unwrap();
        assert!(page.contains("<title>") && response.info().tls().is_some());
        assert_eq!(response.info().peer(), Some(address));
    }
    let heads = proxy.heads();
    let target = site.https_url().replace("https://", "");
    let expected = connect(&target, "Proxy-Authorization: Basic YW5uOnMzY3JldA==\r\n");
    assert_eq!(heads, [expected], "one tunnel carries both requests");
    let shown = paper.take();
    assert!(shown.contains(&format!("> CONNECT {target} HTTP/1.1\n")), "{shown}");
    assert!(shown.contains("> Proxy-Authorization: [redacted]\n") && !shown.contains("s3cret"), "{shown}");

    let nowhere = Connection::through(
        &Proxy::new(ProxyKind::Http, "127.0.0.1", address.port()).unwrap(),
        &Origin::https("127.0.0.1:1").unwrap(),
        ClientConfig::default(),
    );
    let error = nowhere.unwrap_err();
    assert!(error.source().is_some());
    assert!(
        matches!(error.tunnel(), Some(TunnelError::Refused(refused)) if refused.text() == "down"),
        "{error}"
    );
}
