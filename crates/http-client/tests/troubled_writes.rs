//! Requests whose writing does not go smoothly, most of them behind others.

#![allow(clippy::unwrap_used, reason = "test code fails loudly")]

mod common;

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use common::{get, ok, stage};
use http_client::conn::{
    Clock, Connect, ConnectError, ConnectRequest, Connected, Deadline, Interest, Liveness, PeerFacts,
    Transport,
};
use http_client::wire::Fate;
use http_client::{Body, ErrorKind, Limit, Misuse};
use std::error::Error as _;
use testkit::clock::ManualClock;
use testkit::peer::{Script, ScriptedConnect};

/// What becomes of every write but the first.
#[derive(Clone, Copy)]
enum Trouble {
    /// It waits until so many reads.
    Chokes(u32),
    /// It waits for ever.
    Waits,
    /// It breaks.
    Breaks,
}

struct Troubled {
    peer: ScriptedConnect,
    clock: ManualClock,
    trouble: Trouble,
}

impl Connect for Troubled {
    fn connect(&self, to: &ConnectRequest<'_>) -> Result<Connected, ConnectError> {
        let inner = self.peer.connect(to)?.transport;
        let (clock, trouble) = (self.clock.clone(), self.trouble);
        let stream = Stream { inner, clock, trouble, deadline: Deadline::NEVER, writes: 0, reads: 0 };
        Ok(Connected::new(Box::new(stream)))
    }
}

struct Stream {
    inner: Box<dyn Transport>,
    clock: ManualClock,
    trouble: Trouble,
    deadline: Deadline,
    writes: u32,
    reads: u32,
}

impl Write for Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let waits = match self.trouble {
            Trouble::Breaks if self.writes > 0 => return Err(io::ErrorKind::BrokenPipe.into()),
            Trouble::Chokes(reads) => self.reads < reads,
            Trouble::Waits => true,
            Trouble::Breaks => false,
        };
        if waits && self.writes > 0 {
            while self.deadline.remaining(self.clock.now()).is_ok() {
                self.clock.advance(Duration::from_millis(50));
            }
            self.deadline.remaining(self.clock.now())?;
        }
        self.writes += 1;
        self.inner.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        self.inner.read(buf)
    }
}

impl Transport for Stream {
    fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = deadline;
        self.inner.set_deadline(deadline);
    }

    fn probe(&mut self) -> Liveness {
        self.inner.probe()
    }

    fn ready(&mut self, want: Interest, by: Deadline) -> io::Result<Interest> {
        self.inner.ready(want, by)
    }

    fn facts(&self) -> &Arc<PeerFacts> {
        self.inner.facts()
    }

    fn close(&mut self) -> io::Result<()> {
        self.inner.close()
    }
}

#[test]
fn a_server_that_waits_to_be_read_is_read() {
    let mut stage = stage([Script::new().expect(get("/1")).reply(ok("1")).expect(get("/2")).reply(ok("2"))]);
    let (peer, clock) = (stage.peer.clone(), stage.clock.clone());
    stage.config.connect = Some(Arc::new(Troubled { peer, clock, trouble: Trouble::Chokes(1) }));
    let mut conn = stage.connection();
    conn.request("GET", "/1").unwrap();
    conn.request("GET", "/2").unwrap();
    assert_eq!(conn.response().unwrap().text().unwrap(), "1");
    assert_eq!(conn.response().unwrap().text().unwrap(), "2");
    assert!(conn.is_open());
    stage.finish();
}

#[test]
fn a_server_that_never_reads_on_is_given_up_at_the_deadline() {
    let mut stage = stage([Script::new().expect(get("/1")).stall(Duration::from_secs(9)).reply(ok("1"))]);
    let (peer, clock) = (stage.peer.clone(), stage.clock.clone());
    stage.config.connect = Some(Arc::new(Troubled { peer, clock, trouble: Trouble::Waits }));
    stage.config.timeouts.idle = Some(Duration::from_secs(2));
    let mut conn = stage.connection();
    conn.request("GET", "/1").unwrap();
    let error = conn.request("GET", "/2").unwrap_err();
    assert_eq!((error.kind(), error.limit()), (ErrorKind::Timeout, Some(Limit::Idle)));
    assert_eq!(conn.response().unwrap().text().unwrap(), "1");
    stage.finish();
}

#[test]
fn a_request_that_breaks_off_leaves_the_answers_before_it() {
    let script = Script::new().expect(get("/1")).reply(ok("1"));
    let mut stage = stage([script, Script::new().expect(get("/3")).reply(ok("3"))]);
    let (peer, clock) = (stage.peer.clone(), stage.clock.clone());
    stage.config.connect = Some(Arc::new(Troubled { peer, clock, trouble: Trouble::Breaks }));
    let mut conn = stage.connection();
    conn.request("GET", "/1").unwrap();
    let error = conn.request("GET", "/2").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    assert!(error.to_string().starts_with("GET http://a/2: "), "{error}");
    let error = conn.request("GET", "/3").unwrap_err();
    assert_eq!(error.source().unwrap().downcast_ref(), Some(&Misuse::ResponsePending));
    assert_eq!(conn.response().unwrap().text().unwrap(), "1");
    assert!(!conn.is_open(), "half a request may be there");
    assert!(conn.unanswered().is_empty(), "whose sending failed is in the caller's hands");
    conn.request("GET", "/3").unwrap();
    assert_eq!(conn.response().unwrap().text().unwrap(), "3");
    stage.finish();
}

#[test]
fn what_waits_behind_a_connection_that_broke_comes_back() {
    let mut stage = stage([Script::new().expect(get("/1") + &get("/2")).reset()]);
    stage.config.timeouts.idle = Some(Duration::from_secs(2));
    let mut conn = stage.connection();
    conn.request("GET", "/1").unwrap();
    conn.request("GET", "/2").unwrap();
    conn.response().unwrap_err();
    let left: Vec<_> = conn.unanswered().into_iter().map(|one| (one.target, one.fate)).collect();
    assert_eq!(left, [("/1".into(), Fate::Unprocessed), ("/2".into(), Fate::Unprocessed)]);
    stage.finish();
}

#[test]
fn a_connection_is_not_kept_without_the_end_of_its_request() {
    let head = "PUT /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
    let refusal = "HTTP/1.1 413 \r\nContent-Length: 0\r\n\r\n";
    let mut stage =
        stage([Script::new().expect(head).reply(refusal), Script::new().expect(get("/2")).reply(ok("2"))]);
    let (peer, clock) = (stage.peer.clone(), stage.clock.clone());
    // The head and the content go out in one write; the last chunk waits until it is known to be for nothing.
    stage.config.connect = Some(Arc::new(Troubled { peer, clock, trouble: Trouble::Chokes(1) }));
    let mut conn = stage.connection();
    conn.request_with("PUT", "/1", &[], Body::reader(&b"hello"[..])).unwrap();
    assert_eq!(conn.response().unwrap().status().as_u16(), 413);
    conn.request("GET", "/2").unwrap();
    assert_eq!(conn.response().unwrap().text().unwrap(), "2");
    stage.finish();
}

#[test]
fn a_server_that_answers_while_it_reads_is_heard() {
    let head = "PUT /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
    let mut stage = stage([Script::new()
        .expect(head)
        .reply("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        .reply("hel")
        .expect("0\r\n\r\n")
        .reply("lo")]);
    let (peer, clock) = (stage.peer.clone(), stage.clock.clone());
    // It reads on when what it says was heard, which is its head and the beginning of its content.
    stage.config.connect = Some(Arc::new(Troubled { peer, clock, trouble: Trouble::Chokes(2) }));
    let mut conn = stage.connection();
    conn.request_with("PUT", "/1", &[], Body::reader(&b"hello"[..])).unwrap();
    assert_eq!(conn.response().unwrap().text().unwrap(), "hello");
    assert!(conn.is_open());
    stage.finish();
}
