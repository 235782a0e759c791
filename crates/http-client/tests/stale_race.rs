//! Servers that close idle connections just when the next request may be on its way: whatever is idempotent gets its
//! answer all the same, and nothing else is sent twice. One of them is node: `cargo xtask interop`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "test code fails loudly, and tells what it counted"
)]

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use http_client::{Client, ErrorKind, Why};
use testkit::node::Node;

const THREADS: usize = 4;
/// Idempotent requests of all threads together.
const REQUESTS: usize = 10_000;
/// One POST for so many of them.
const POST_EVERY: usize = 5;

/// What became of the requests.
#[derive(Debug, Default)]
struct Tally {
    answered: usize,
    replayed: usize,
    posted: Vec<String>,
    /// POSTs that were lost, and had to be left to the caller.
    lost: Vec<String>,
}

impl Tally {
    fn join(mut self, other: Self) -> Self {
        self.answered += other.answered;
        self.replayed += other.replayed;
        self.posted.extend(other.posted);
        self.lost.extend(other.lost);
        self
    }
}

/// Sends everything through one client, with a pause before each request.
fn storm(base: &str, pause: impl Fn(usize) -> Duration + Sync) -> Tally {
    let client = Client::new();
    let started = Instant::now();
    let tally = thread::scope(|scope| {
        let (client, pause) = (&client, &pause);
        let threads: Vec<_> =
            (0..THREADS).map(|thread| scope.spawn(move || run(client, base, thread, pause))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).fold(Tally::default(), Tally::join)
    });
    let pool = client.pool();
    println!(
        "{base}: {} answered, {} of them replayed; {} posted, {} lost; {} connections made, {} reused, {} found stale; {:.1?}",
        tally.answered,
        tally.replayed,
        tally.posted.len(),
        tally.lost.len(),
        pool.connects,
        pool.reused,
        pool.stale,
        started.elapsed()
    );
    tally
}

fn run(client: &Client, base: &str, thread: usize, pause: &dyn Fn(usize) -> Duration) -> Tally {
    let mut tally = Tally::default();
    for n in 0..REQUESTS / THREADS {
        thread::sleep(pause(n * THREADS + thread));
        let method = ["GET", "PUT", "DELETE", "HEAD"][n % 4];
        let response = client
            .request(method, format!("{base}/connection"))
            .send()
            .unwrap_or_else(|error| panic!("{error}: {:?}", error.attempts()));
        assert_eq!(response.status().as_u16(), 200);
        let replays = response.attempts().iter().filter(|attempt| attempt.why == Why::Replay).count();
        assert_eq!(response.attempts().len(), 1 + replays);
        tally.replayed += replays;
        response.bytes().unwrap();
        tally.answered += 1;

        if n % POST_EVERY == 0 {
            thread::sleep(pause(n * THREADS + thread + 1));
            let id = format!("{thread}-{n}");
            match client.post(format!("{base}/post")).header("X-Id", &id).body("once").send() {
                Ok(response) => {
                    response.bytes().unwrap();
                    tally.posted.push(id);
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
                    assert_eq!(error.attempts().len(), 1, "{error}");
                    tally.lost.push(id);
                }
            }
        }
    }
    tally
}

/// How a server ends a connection after some responses.
#[derive(Clone, Copy, Debug)]
enum Ending {
    AtOnce,
    Soon(Duration),
    /// When the next request is there, which is read.
    OverARequest,
    /// When the next request is there, which stays unread: the peer sees a reset.
    BeforeARequest,
}

/// A server of our own, and how often it has seen each `X-Id`.
struct Hasty {
    addr: SocketAddr,
    seen: Arc<Mutex<HashMap<String, usize>>>,
}

impl Hasty {
    /// Serves to the end of the process.
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(HashMap::new()));
        let shared = Arc::clone(&seen);
        thread::spawn(move || {
            for (number, stream) in listener.incoming().map(Result::unwrap).enumerate() {
                let seen = Arc::clone(&shared);
                // A client that goes first is no failure of ours.
                thread::spawn(move || drop(serve(stream, number, &seen)));
            }
        });
        Self { addr, seen }
    }
}

fn serve(mut stream: TcpStream, number: usize, seen: &Mutex<HashMap<String, usize>>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let ending = match number % 4 {
        0 => Ending::AtOnce,
        1 => Ending::Soon(Duration::from_micros((number as u64 * 37) % 300)),
        2 => Ending::OverARequest,
        _ => Ending::BeforeARequest,
    };
    let note = |request: &str| {
        let id = request.lines().find_map(|line| line.strip_prefix("X-Id: "));
        if let Some(id) = id {
            *seen.lock().unwrap().entry(id.to_owned()).or_default() += 1;
        }
    };
    // The first request on a connection is always answered: it is not idle then.
    for _ in 0..1 + number % 3 {
        let Some(request) = receive(&mut stream)? else { return Ok(()) };
        note(&request);
        let content = if request.starts_with("HEAD ") { "" } else { "well" };
        stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{content}").as_bytes())?;
    }
    match ending {
        Ending::AtOnce => {}
        Ending::Soon(time) => thread::sleep(time),
        Ending::OverARequest => {
            if let Some(request) = receive(&mut stream)? {
                note(&request);
            }
        }
        Ending::BeforeARequest => {
            let mut buf = [0; 4096];
            let n = stream.peek(&mut buf)?;
            note(&String::from_utf8_lossy(&buf[..n]));
        }
    }
    Ok(())
}

/// Reads one request; none at the end.
fn receive(stream: &mut TcpStream) -> std::io::Result<Option<String>> {
    let (mut request, mut buf) = (Vec::new(), [0; 4096]);
    loop {
        let n = stream.read(&mut buf)?;
        if n == 0 {
            return Ok(None);
        }
        request.extend_from_slice(&buf[..n]);
        let has_content = request.starts_with(b"POST ");
        if request.ends_with(if has_content { b"\r\n\r\nonce" } else { b"\r\n\r\n" }) {
            return Ok(Some(String::from_utf8(request).unwrap()));
        }
    }
}

#[test]
fn no_idempotent_request_is_lost_to_a_hasty_server_and_no_other_is_sent_twice() {
    let server = Hasty::start();
    let tally = storm(&format!("http://{}", server.addr), |_| Duration::ZERO);
    assert_eq!(tally.answered, REQUESTS);
    assert!(tally.replayed > REQUESTS / 100, "the race was run {} times only", tally.replayed);
    assert!(!tally.lost.is_empty(), "a POST that was lost must be told");
    let seen = server.seen.lock().unwrap();
    for id in &tally.posted {
        assert_eq!(seen.get(id), Some(&1), "{id}");
    }
    for id in &tally.lost {
        assert!(seen.get(id).is_none_or(|times| *times == 1), "{id}: {seen:?}");
    }
    assert_eq!(tally.posted.len() + tally.lost.len(), REQUESTS / POST_EVERY);
}

#[test]
fn no_idempotent_request_is_lost_to_an_impatient_node_and_no_other_is_sent_twice() {
    let node = Node::start(Some(Duration::from_millis(1))).unwrap_or_else(|report| panic!("{report}"));
    let tally = storm(&node.url(), |n| Duration::from_micros((n as u64 * 131) % 1000));
    assert_eq!(tally.answered, REQUESTS);
    assert!(tally.replayed > 0, "the race was not run");
    let counts = Client::new().get(format!("{}/posts", node.url())).send().unwrap().text().unwrap();
    let (different, most) = counts.split_once(' ').unwrap();
    assert!(different.parse::<usize>().unwrap() >= tally.posted.len(), "{counts}");
    assert_eq!(most, "1", "{counts}");
}
