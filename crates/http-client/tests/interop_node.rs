//! The client against node's `http`: informational responses, trailers, and connections that end or speak when they
//! should not. node must be installed: `cargo xtask interop`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code fails loudly")]

use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use http_client::wire::ResponseHead;
use http_client::{Body, Client, ClientConfig, Connection, Origin, Response, Why};
use testkit::node::Node;

/// More than the kernel's buffers hold.
const MUCH: u64 = 32 << 20;
/// After what node does 20 ms on.
const LATER: Duration = Duration::from_millis(100);

fn start() -> (Node, Client) {
    let node = Node::start(None).unwrap_or_else(|report| panic!("{report}"));
    (node, Client::new())
}

fn open(node: &Node) -> Connection {
    let origin = Origin::http(&node.addr().to_string()).unwrap();
    Connection::open(&origin, ClientConfig::default()).unwrap()
}

fn text(client: &Client, node: &Node, path: &str) -> String {
    client.get(format!("{}{path}", node.url())).send().unwrap().text().unwrap()
}

/// Gives zeros, and counts how many were taken.
struct Counted(Arc<AtomicU64>);

impl Read for Counted {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        buf.fill(0);
        self.0.fetch_add(buf.len() as u64, Ordering::Relaxed);
        Ok(buf.len())
    }
}

fn counted(length: u64) -> (Body, Arc<AtomicU64>) {
    let taken = Arc::new(AtomicU64::new(0));
    (Body::sized(Counted(Arc::clone(&taken)).take(length), length), taken)
}

#[test]
fn informational_responses_are_passed_over() {
    let (node, client) = start();
    let mut conn = open(&node);
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = |told: &Arc<Mutex<Vec<(u16, String)>>>| {
        let told = Arc::clone(told);
        move |head: &ResponseHead| {
            let links: Vec<_> = head.headers.get_all("link").map(String::from_utf8_lossy).collect();
            told.lock().unwrap().push((head.status.as_u16(), links.join(", ")));
        }
    };
    let hints = [
        (103, "</a.css>; rel=preload".to_owned()),
        (102, String::new()),
        (103, "</b.css>; rel=preload, </c.css>; rel=preload".to_owned()),
    ];
    conn.on_informational(tell(&told));
    for _ in 0..3 {
        let request = client.get(format!("{}/hints", node.url())).on_informational(tell(&told));
        let response = request.send().unwrap();
        assert_eq!((response.status().as_u16(), response.header("link")), (200, None));
        assert_eq!(response.text().unwrap(), "after the hints");
        assert_eq!(std::mem::take(&mut *told.lock().unwrap()), hints);
        conn.request("GET", "/hints").unwrap();
        assert_eq!(conn.response().unwrap().text().unwrap(), "after the hints");
        assert_eq!(std::mem::take(&mut *told.lock().unwrap()), hints);
    }
    // One connection each: what came in between disturbed nothing.
    assert_eq!(text(&client, &node, "/connection"), "1");
    conn.request("GET", "/connection").unwrap();
    assert_eq!(conn.response().unwrap().text().unwrap(), "2");
}

#[test]
fn content_waits_for_the_word_to_go_on() {
    let (node, client) = start();
    let (body, taken) = counted(100_000);
    let request = client.put(format!("{}/count", node.url())).header("Expect", "100-continue").body(body);
    let response = request.send().unwrap();
    assert!(response.timings().send >= Duration::from_millis(50), "{:?}", response.timings());
    assert_eq!(response.text().unwrap(), "100000 {}");
    assert_eq!(taken.load(Ordering::Relaxed), 100_000);

    // Refused: asked again without the expectation, since not a byte of the content was taken.
    let url = format!("{}/nowhere", node.url());
    let response = client.put(&url).header("Expect", "100-continue").body("some").send().unwrap();
    let why: Vec<Why> = response.attempts().iter().map(|attempt| attempt.why).collect();
    assert_eq!((response.status().as_u16(), why), (404, vec![Why::First, Why::Reask]));

    let mut conn = open(&node);
    let (body, taken) = counted(MUCH);
    conn.request_with("PUT", "/nowhere", &[("Expect", "100-continue")], body).unwrap();
    let refusal = conn.response().unwrap();
    assert_eq!((refusal.status().as_u16(), refusal.text().unwrap().as_str()), (417, "unexpected"));
    assert_eq!(taken.load(Ordering::Relaxed), 0);
}

#[test]
fn an_answer_before_the_content_is_delivered() {
    let (node, client) = start();
    let (body, taken) = counted(MUCH);
    let response = client.put(format!("{}/early", node.url())).body(body).send().unwrap();
    assert_eq!((response.status().as_u16(), response.text().unwrap().as_str()), (413, "enough"));
    assert!(taken.load(Ordering::Relaxed) < MUCH);
}

#[test]
fn trailers_come_with_the_end_of_the_content() {
    let (node, client) = start();
    let mut response = client.get(format!("{}/trailers", node.url())).send().unwrap();
    assert!(response.trailers().is_empty());
    let mut content = String::new();
    response.read_to_string(&mut content).unwrap();
    assert_eq!(content, "one two");
    let trailer = |response: &Response<'_>, name: &str| response.trailers().get_str(name).map(str::to_owned);
    assert_eq!(trailer(&response, "x-sum").as_deref(), Some("7"));
    assert_eq!(trailer(&response, "x-note").as_deref(), Some("well"));
    assert_eq!(text(&client, &node, "/connection"), "1");
}

#[test]
fn content_of_unknown_length_is_understood() {
    let (node, client) = start();
    for _ in 0..2 {
        let (body, taken) = (Body::reader(std::io::repeat(7).take(1 << 20)), 1 << 20);
        let response = client.post(format!("{}/count", node.url())).body(body).send().unwrap();
        assert_eq!(response.text().unwrap(), format!("{taken} {{}}"));
    }
    assert_eq!(text(&client, &node, "/connection"), "1");
}

#[test]
fn what_nobody_asked_for_is_nobodys_answer() {
    let (node, client) = start();
    // The connection of the request before.
    let mut before = 1;
    for (path, pause) in [("/unsolicited/at-once", Duration::ZERO), ("/unsolicited/later", LATER)] {
        for _ in 0..5 {
            assert_eq!(text(&client, &node, path), "asked for");
            thread::sleep(pause);
            let next = text(&client, &node, "/connection");
            assert_eq!(next, format!("{}", before + 1), "{path}: the connection was used again");
            before += 1;
        }
    }
}

#[test]
fn a_connection_that_ended_is_not_used_again() {
    let (node, client) = start();
    let mut before = 0;
    for (path, content) in [
        ("/half-close", "no more from here"),
        ("/close", "gone"),
        ("/reset", "torn"),
        ("/half-close", "no more from here"),
    ] {
        assert_eq!(text(&client, &node, path), content);
        thread::sleep(LATER);
        // A POST could not be replayed: so it was never sent on what had ended.
        let post = client.post(format!("{}/post", node.url())).header("X-Id", path).body("once");
        let response = post.send().unwrap();
        assert_eq!((response.attempts().len(), response.text().unwrap().as_str()), (1, "posted"), "{path}");
        let number: u32 = text(&client, &node, "/connection").parse().unwrap();
        assert!(number > before, "{path}: {number}");
        before = number;
    }
    assert_eq!(text(&client, &node, "/posts"), "3 2");
}
