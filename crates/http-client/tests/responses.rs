//! What can be done with a response.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code fails loudly")]

mod common;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use common::{get, ok, stage};
use http_client::conn::Cancelled;
use http_client::wire::ResponseHead;
use http_client::{Body, CancelToken, Client, ErrorKind, Response};
use testkit::peer::Script;

/// Lets a client get a response of these fields and this content.
fn with_response<R>(fields: &str, content: &[u8], look: impl FnOnce(Response<'static>) -> R) -> R {
    with_answer("200 OK", fields, content, look)
}

fn with_answer<R>(
    status: &str,
    fields: &str,
    content: &[u8],
    look: impl FnOnce(Response<'static>) -> R,
) -> R {
    let head = format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n", content.len());
    let stage = stage([Script::new().expect(get("/")).reply([head.as_bytes(), content].concat())]);
    let found = look(stage.client().get("http://a/").send().unwrap());
    stage.finish();
    found
}

#[test]
fn text_is_read_in_its_charset() {
    let latin = "Content-Type: text/plain; charset=\"ISO-8859-1\"\r\n";
    assert_eq!(with_response(latin, b"gr\xfcn", Response::text).unwrap(), "grün");
    assert_eq!(with_response("", b"gr\xc3\xbcn\xff", Response::text).unwrap(), "grün\u{fffd}");
}

#[cfg(feature = "charset")]
#[test]
fn text_of_an_unnamed_charset_is_read_as_the_caller_says() {
    let text = |response: Response<'_>| response.text_with("windows-1252");
    assert_eq!(with_response("", b"gr\xfcn", text).unwrap(), "grün");
}

#[test]
fn json_becomes_values_and_an_error_says_where_it_ends() {
    type Lights = BTreeMap<String, u32>;
    let lights = with_response("", b"\xef\xbb\xbf{\"north\": 3}", Response::json::<Lights>).unwrap();
    assert_eq!(lights["north"], 3);

    #[track_caller]
    fn check(content: &[u8], words: &str, at: (usize, usize)) {
        let error = with_response("", content, Response::json::<Lights>).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Json);
        assert!(error.to_string().starts_with(&format!("GET http://a/: {words}")), "{error}");
        let json = error.json().unwrap();
        assert_eq!((json.line(), json.column(), json.is_cut()), (at.0, at.1, content.len() > 64 << 10));
        assert_eq!(json.text().as_bytes(), &content[..content.len().min(64 << 10)]);
        // What stands there may be a secret; serde quotes it to whoever asks.
        let shown = format!("{error} {error:?} {json:?}");
        assert!(!shown.contains("keeper") && !shown.contains("three"), "{shown}");
        assert!(json.reason().contains(&format!("line {}", at.0)), "{}", json.reason());
    }
    check(b"<html>keeper</html>", "the content is no JSON: line 1, column 1", (1, 1));
    check(
        b"{\n\"north\": \"three\"}",
        "the JSON is not of the type that was asked for: line 2, column 16",
        (2, 16),
    );
    check(b"{\"north\": 3", "the content is no JSON: line 1, column 11", (1, 11));
    check(&[b' '; 70_000], "the content is no JSON: line 1, column 70000", (1, 70_000));
}

#[test]
fn lines_come_one_by_one_however_they_are_cut() {
    let content = "one\r\ntwo\n\nfour\rmore\nlast";
    let stage = stage([Script::new().expect(get("/")).reply_bytewise(ok(content))]);
    let response = stage.client().get("http://a/").send().unwrap();
    let lines: Vec<_> = response.lines().map(Result::unwrap).collect();
    assert_eq!(lines, ["one", "two", "", "four\rmore", "last"]);
    stage.finish();
}

#[test]
fn a_line_without_end_is_bounded_and_nothing_follows_an_error() {
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\none\ntw";
    let long = ok(&"x".repeat(1000));
    let mut stage = stage([Script::new().expect(get("/")).reply(long).expect(get("/")).reply(cut).close()]);
    stage.config.limits.buffered = 100;
    let kinds = |response: Response<'_>| -> Vec<_> {
        response.lines().map(|line| line.map_err(|error| error.kind())).collect()
    };
    let client = stage.client();
    assert_eq!(kinds(client.get("http://a/").send().unwrap()), [Err(ErrorKind::TooLarge)]);
    let cut = kinds(client.get("http://a/").send().unwrap());
    assert_eq!(cut, [Ok("one".to_owned()), Err(ErrorKind::Truncated)]);
}

#[test]
fn a_status_becomes_an_error_only_when_asked_and_keeps_what_was_said() {
    for status in ["200 OK", "204 ", "304 "] {
        let response = with_answer(status, "", b"", Response::error_for_status);
        assert!(response.is_ok(), "{status}");
    }
    let problem = "Content-Type: application/problem+json\r\nX-Id: 7\r\n";
    let error = with_answer("404 Gone fishing", problem, b"{\"left\": 2}", Response::error_for_status);
    let error = error.unwrap_err();
    assert_eq!(error.to_string(), "GET http://a/: the server answered 404 Not Found");
    assert_eq!(error.kind(), ErrorKind::Status);
    assert_eq!(error.status().unwrap().as_u16(), 404);
    assert_eq!(error.attempts().len(), 1);
    let response = error.response().unwrap();
    assert_eq!((response.head.headers.get_str("x-id"), response.is_cut), (Some("7"), false));
    assert_eq!(response.text(), "{\"left\": 2}");
    assert_eq!(response.json::<BTreeMap<String, u32>>().unwrap()["left"], 2);
    assert!(!format!("{response:?}").contains("left"), "{response:?}");
}

#[test]
fn a_status_error_keeps_no_more_than_64_kib_and_says_so() {
    for (length, kept, is_cut) in [(65_536, 65_536, false), (65_537, 65_536, true), (200_000, 65_536, true)] {
        let content = vec![b'x'; length];
        let error = with_answer("500 Oh", "", &content, Response::error_for_status).unwrap_err();
        let response = error.response().unwrap();
        assert_eq!((response.content.len(), response.is_cut), (kept, is_cut), "{length}");
    }
    let stage = stage([Script::new()
        .expect(get("/"))
        .reply("HTTP/1.1 503 Busy\r\nContent-Length: 10\r\n\r\nhalf")
        .close()]);
    let error = stage.client().get("http://a/").send().unwrap().error_for_status().unwrap_err();
    let response = error.response().unwrap();
    assert_eq!((response.text().as_str(), response.is_cut), ("half", true));
    assert_eq!((error.kind(), error.status().unwrap().as_u16()), (ErrorKind::Status, 503));
}

#[test]
fn a_status_error_leaves_the_connection_for_the_next_request() {
    let stage = stage([Script::new()
        .expect(get("/"))
        .reply("HTTP/1.1 404 \r\nContent-Length: 2\r\n\r\nno")
        .expect(get("/"))
        .reply(ok("yes"))]);
    let client = stage.client();
    let error = client.get("http://a/").send().unwrap().error_for_status().unwrap_err();
    assert_eq!(client.get("http://a/").send().unwrap().text().unwrap(), "yes");
    assert_eq!((stage.peer.connects(), error.response().unwrap().text().as_str()), (1, "no"));
    stage.finish();
}

#[test]
fn informational_responses_are_told_in_order_and_to_nobody_else() {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n";
    let answer = format!("HTTP/1.1 102 Processing\r\n\r\n{hints}{}", ok("x"));
    let one = || Script::new().expect(get("/")).reply_split(&answer, &[30]);
    let stage = stage([one().expect(get("/")).reply(&answer), one().expect(get("/")).reply(&answer)]);
    let (tell, told) = std::sync::mpsc::channel();
    let hook = move |head: &ResponseHead| {
        let link = head.headers.get_str("link").map(str::to_owned);
        tell.send((head.status.as_u16(), link)).unwrap();
    };
    let expected = [(102, None), (103, Some("</style.css>".to_owned()))];

    let client = stage.client();
    let response = client.get("http://a/").on_informational(hook.clone()).send().unwrap();
    assert_eq!((response.status().as_u16(), response.text().unwrap().as_str()), (200, "x"));
    assert_eq!(told.try_iter().collect::<Vec<_>>(), expected);
    client.get("http://a/").send().unwrap().text().unwrap();
    assert_eq!(told.try_iter().count(), 0);

    let mut connection = stage.connection();
    connection.on_informational(hook);
    for _ in 0..2 {
        connection.request("GET", "/").unwrap();
        assert_eq!(connection.response().unwrap().text().unwrap(), "x");
        assert_eq!(told.try_iter().collect::<Vec<_>>(), expected);
    }
    stage.finish();
}

const ASKED: &str = "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";

#[test]
fn an_upgraded_connection_leaves_the_pool_with_what_came_early() {
    let stage = stage([
        Script::new().expect(ASKED).reply(format!("{SWITCHED}early")).expect("ping").reply("pong").close(),
        Script::new().expect(get("/")).reply(ok("x")),
    ]);
    let client = stage.client();
    let request = client.get("http://a/echo").header("Connection", "Upgrade").header("Upgrade", "echo");
    let response = request.send().unwrap();
    assert_eq!((response.status().as_u16(), response.header("upgrade")), (101, Some("echo")));
    let mut stream = response.upgrade().unwrap();
    assert_eq!(client.get("http://a/").send().unwrap().text().unwrap(), "x");

    stream.write_all(b"ping").unwrap();
    let mut came = String::new();
    stream.read_to_string(&mut came).unwrap();
    assert_eq!((came.as_str(), stage.peer.connects()), ("earlypong", 2));
    stage.finish();
}

#[test]
fn an_upgrade_that_nobody_takes_over_is_closed_and_never_reused() {
    let stage = stage([
        Script::new().expect(ASKED).reply(SWITCHED),
        Script::new().expect(get("/")).reply(ok("x")),
        Script::new().expect(ASKED).reply(SWITCHED),
        Script::new().expect(get("/")).reply(ok("x")),
    ]);
    let client = stage.client();
    let request = client.get("http://a/echo").header("Connection", "Upgrade").header("Upgrade", "echo");
    drop(request.send().unwrap());
    client.get("http://a/").send().unwrap().text().unwrap();
    assert!(stage.peer.connection(0).is_closed);

    let mut connection = stage.connection();
    let fields = [("Connection", "Upgrade"), ("Upgrade", "echo")];
    connection.request_with("GET", "/echo", &fields, Body::empty()).unwrap();
    assert_eq!(connection.response().unwrap().status().as_u16(), 101);
    connection.request("GET", "/").unwrap();
    assert_eq!(connection.response().unwrap().text().unwrap(), "x");
    stage.finish();
}

#[test]
fn a_tunnel_is_handed_over_by_a_connection_that_dials_anew() {
    let asked = "CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n";
    let stage = stage([
        Script::new()
            .expect(asked)
            .reply("HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno")
            .expect(asked)
            .reply("HTTP/1.1 200 Yes\r\nContent-Length: 99\r\n\r\n")
            .expect("hello")
            .reply("there"),
        Script::new().expect(get("/")).reply(ok("x")),
    ]);
    let mut connection = stage.connection();
    connection.request("CONNECT", "b:443").unwrap();
    let error = connection.response().unwrap().upgrade().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse);
    connection.request("CONNECT", "b:443").unwrap();
    let mut stream = connection.response().unwrap().upgrade().unwrap();
    assert!(!connection.is_open());
    stream.write_all(b"hello").unwrap();
    let mut came = [0; 5];
    stream.read_exact(&mut came).unwrap();
    assert_eq!(&came, b"there");

    stream.set_timeout(Some(Duration::from_secs(3)));
    let error = stream.read(&mut came).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    connection.request("GET", "/").unwrap();
    assert_eq!(connection.response().unwrap().text().unwrap(), "x");
    stage.finish();
}

#[test]
fn a_token_ends_an_upgraded_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/echo", listener.local_addr().unwrap());
    // Answers, then keeps silent until the client is gone.
    let peer = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(SWITCHED.as_bytes()).unwrap();
        std::io::copy(&mut stream, &mut std::io::sink()).unwrap()
    });
    let token = CancelToken::new();
    let client = Client::new();
    let request = client.get(&url).header("Connection", "Upgrade").header("Upgrade", "echo");
    let mut stream = request.cancelled_by(&token).send().unwrap().upgrade().unwrap();
    token.cancel();
    let error = stream.read(&mut [0; 5]).unwrap_err();
    assert!(Cancelled::is_in(&error), "{error}");
    drop(stream);
    assert!(peer.join().unwrap() > 0);
}
