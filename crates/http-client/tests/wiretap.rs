//! What a tap shows, line by line.
#![allow(clippy::unwrap_used, reason = "test code fails loudly")]

mod common;

use std::io::{self, Write};

use common::{Paper, get, ok, stage};
use http_client::{Client, Connection, Jar, Origin, Wiretap};
use testkit::peer::{Script, ScriptedListener};

/// A writer that always fails.
struct Broken;

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn heads_are_shown_line_by_line_without_secrets() {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </s3cret>\r\n\r\n";
    let moved = "HTTP/1.1 302 Found\r\nLocation: http://b/new?token=s3cret\r\nSet-Cookie: id=s3cret\r\n\
        Content-Length: 4\r\n\r\nbody";
    let mut stage = stage([
        Script::new().expect_head().expect("content").reply(hints).reply(moved),
        Script::new()
            .expect_head()
            .reply("HTTP/1.1 200 \r\nX-Odd: \u{9b}31m\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    ]);
    let paper = Paper::default();
    stage.config.wiretap = Some(paper.tap());
    stage.config.cookies = Some(Jar::new());
    let request = stage.client().post("http://a/log?token=s3cret").bearer_auth("s3cret");
    request.body("content").send().unwrap();
    assert_eq!(
        paper.take(),
        "- * connected\n\
         - > POST /log?... HTTP/1.1\n\
         - > Host: a\n\
         - > Authorization: [redacted]\n\
         - > Content-Length: 7\n\
         - >\n\
         - < HTTP/1.1 103 Early Hints\n\
         - < Link: [redacted]\n\
         - <\n\
         - < HTTP/1.1 302 Found\n\
         - < Location: http://b/new?...\n\
         - < Set-Cookie: [redacted]\n\
         - < Content-Length: 4\n\
         - <\n\
         - * connected\n\
         - > GET /new?... HTTP/1.1\n\
         - > Host: b\n\
         - >\n\
         - < HTTP/1.1 200 \n\
         - < X-Odd: \\u{9b}31m\n\
         - < Content-Length: 0\n\
         - < Connection: close\n\
         - <\n\
         - * closed: the response said close\n"
    );
}

#[test]
fn a_connection_can_be_listened_to_from_any_request_on() {
    let stage = stage([Script::new()
        .expect(get("/1"))
        .reply(ok("one"))
        .expect(get("/2"))
        .expect("PUT /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n\x01x")
        .reply(ok("two"))
        .reply("HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n".to_owned() + &"y".repeat(300))]);
    let (mut conn, paper) = (stage.connection(), Paper::default());
    conn.request("GET", "/1").unwrap();
    conn.response().unwrap().text().unwrap();
    conn.debug_to(paper.tap().with_content());
    conn.request("GET", "/2").unwrap();
    conn.request_with("PUT", "/3", &[], "\x01x").unwrap();
    assert_eq!(conn.response().unwrap().text().unwrap(), "two");
    conn.response().unwrap().text().unwrap();
    conn.close().unwrap();
    let shown = paper.take();
    assert_eq!(
        shown,
        format!(
            "- > GET /2 HTTP/1.1\n- > Host: a\n- >\n\
             - > PUT /3 HTTP/1.1\n- > Host: a\n- > Content-Length: 2\n- >\n- > 2 bytes: \\x01x\n\
             - < HTTP/1.1 200 OK\n- < Content-Length: 3\n- <\n- < 3 bytes: two\n\
             - < HTTP/1.1 200 OK\n- < Content-Length: 300\n- <\n- < 300 bytes: {}...\n\
             - * closed: by hand\n",
            "y".repeat(256)
        )
    );
    conn.debug_level(0);
    stage.finish();
}

#[test]
fn the_port_of_our_side_tells_connections_apart() {
    let listener = ScriptedListener::start(vec![Script::new().expect_head().reply(ok("x"))]);
    let paper = Paper::default();
    let mut config = http_client::ClientConfig::default();
    config.wiretap = Some(paper.tap());
    let origin = Origin::http(&listener.addr().to_string()).unwrap();
    let mut conn = Connection::open(&origin, config).unwrap();
    conn.request("GET", "/").unwrap();
    let port = conn.peer().unwrap().local.unwrap().port();
    conn.response().unwrap().text().unwrap();
    let shown = paper.take();
    assert!(
        shown.starts_with(&format!("{port} * connected to {}\n{port} > GET / HTTP/1.1\n", listener.addr()))
    );
    assert!(shown.lines().all(|line| line.starts_with(&port.to_string())), "{shown}");
}

#[test]
fn a_tap_that_breaks_fails_no_call() {
    let mut stage = stage([Script::new().expect(get("/")).reply(ok("x"))]);
    stage.config.wiretap = Some(Wiretap::to(Broken));
    let client: Client = stage.client();
    assert_eq!(client.get("http://a/").send().unwrap().text().unwrap(), "x");
    stage.finish();
}

/// Runs itself in a process of its own, whose standard error can be read.
#[test]
fn the_debug_level_shows_the_wire_on_standard_error() {
    const INSIDE: &str = "WIRETAP_TEST_INSIDE";
    if std::env::var_os(INSIDE).is_some() {
        let stage = stage([Script::new().expect_head().reply(ok("x")).expect_head().reply(ok("y"))]);
        let mut conn = stage.connection();
        conn.debug_level(1);
        conn.request_with("GET", "/?token=s3cret", &[("Authorization", "s3cret")], ()).unwrap();
        conn.response().unwrap().text().unwrap();
        conn.debug_level(0);
        conn.request("GET", "/unseen").unwrap();
        conn.response().unwrap().text().unwrap();
        return;
    }
    let name = "the_debug_level_shows_the_wire_on_standard_error";
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    let output = command.args(["--exact", name, "--nocapture"]).env(INSIDE, "1").output().unwrap();
    let shown = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{shown}");
    for line in
        ["> GET /?... HTTP/1.1", "> Authorization: [redacted]", "< HTTP/1.1 200 OK", "< Content-Length: 1"]
    {
        assert!(shown.contains(line), "{line:?} is not in {shown}");
    }
    assert!(!shown.contains("s3cret") && !shown.contains("unseen"), "{shown}");
}
