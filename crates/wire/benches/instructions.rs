//! Scenarios whose instructions and allocations `cargo xtask bench wire` counts.
//!
//! `SCENARIO TIMES` runs one scenario that often and nothing else. `units` names every scenario with the units of work
//! in one run and the allocations of one run. Whatever cargo and nextest ask runs each scenario once, as a test.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code fails loudly"
)]

use std::hint::black_box;

use wire::{BodyLength, Event, Exchange, Headers, Limits, MessageBuf, Method, RequestHead};

/// What a content delivery network answers: 20 fields.
const CDN_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Date: Tue, 14 Oct 2025 09:21:37 GMT\r\n\
    Content-Type: text/html; charset=utf-8\r\n\
    Content-Length: 48210\r\n\
    Connection: keep-alive\r\n\
    Server: nginx\r\n\
    Cache-Control: public, max-age=300, s-maxage=3600, stale-while-revalidate=60\r\n\
    ETag: W/\"bc52-62f0c1a9b7e40\"\r\n\
    Last-Modified: Mon, 13 Oct 2025 17:02:11 GMT\r\n\
    Vary: Accept-Encoding, Origin\r\n\
    Via: 1.1 varnish, 1.1 3f8c2d91a7e4.cdn.example.net\r\n\
    Age: 1187\r\n\
    Accept-Ranges: bytes\r\n\
    X-Cache: HIT, HIT\r\n\
    X-Cache-Hits: 4, 117\r\n\
    X-Served-By: cache-iad-kiad7000128-IAD, cache-fra-eddf8230087-FRA\r\n\
    X-Timer: S1760433697.412903,VS0,VE1\r\n\
    Strict-Transport-Security: max-age=31536000; includeSubDomains; preload\r\n\
    X-Content-Type-Options: nosniff\r\n\
    Alt-Svc: h3=\":443\"; ma=86400, h3-29=\":443\"; ma=86400\r\n\
    Set-Cookie: __edge=9c1f0a7be2d84c55.1760433697-1.0.1.1-pQ7xT2vLk3; Path=/; Domain=.example.net; Max-Age=1800; Secure; HttpOnly; SameSite=Lax\r\n\
    \r\n";

/// What a browser or a tool asks, without Host.
const GET_FIELDS: [(&str, &str); 8] = [
    ("User-Agent", "http-client/0.1"),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("Accept-Encoding", "gzip, br, zstd"),
    ("Accept-Language", "en-GB,en;q=0.7"),
    ("Referer", "https://www.example.com/articles/"),
    ("If-None-Match", "W/\"bc52-62f0c1a9b7e40\""),
    ("Cookie", "session=5f2b9c1e7a; theme=dark"),
    ("Cache-Control", "max-age=0"),
];

const CHUNKS: usize = 1_000;

struct Scenario {
    name: &'static str,
    /// How many of what is counted one run does.
    units: fn(&Bench) -> usize,
    run: fn(&mut Bench, usize),
}

const SCENARIOS: &[Scenario] = &[
    Scenario { name: "httparse", units: |_| 1, run: httparse_alone },
    Scenario { name: "clone", units: |_| 1, run: clone },
    Scenario { name: "head", units: |_| 1, run: head },
    Scenario { name: "encode", units: |_| 1, run: encode },
    Scenario { name: "chunked", units: |_| CHUNKS, run: chunked },
    Scenario { name: "chunked_small", units: |_| CHUNKS, run: chunked_small },
    Scenario { name: "bytewise", units: |_| CDN_HEAD.len(), run: bytewise },
    Scenario { name: "bytewise_double", units: |bench| bench.double_head.len(), run: bytewise_double },
];

/// Everything that the scenarios reuse, filled before any of them begins.
struct Bench {
    parsed: [httparse::Header<'static>; 64],
    message: MessageBuf,
    /// A GET that waits for its response.
    begun: Exchange,
    /// A GET whose response has begun with chunked content to follow.
    streaming: Exchange,
    request: Headers,
    out: Vec<u8>,
    /// The same head with all fields twice.
    double_head: Vec<u8>,
    chunks: Vec<u8>,
    small_chunks: Vec<u8>,
}

impl Bench {
    fn new() -> Self {
        let mut request = Headers::new();
        for (name, value) in GET_FIELDS {
            request.append(name, value).unwrap();
        }
        let (mut out, mut message) = (Vec::new(), MessageBuf::default());
        let mut begun = begin(&request, &mut out);
        begun.finish(None, &mut out).unwrap();
        let mut streaming = begun.clone();
        streaming.receive(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", &mut message).unwrap();
        let status_line = CDN_HEAD.iter().position(|&b| b == b'\n').unwrap() + 1;
        let fields = &CDN_HEAD[status_line..CDN_HEAD.len() - 2];
        Self {
            parsed: [httparse::EMPTY_HEADER; 64],
            message,
            begun,
            streaming,
            request,
            out,
            double_head: [&CDN_HEAD[..status_line], fields, fields, b"\r\n"].concat(),
            chunks: body(512),
            small_chunks: body(1),
        }
    }
}

/// A chunked body of equal chunks.
fn body(chunk: usize) -> Vec<u8> {
    let one = format!("{chunk:x}\r\n{}\r\n", "x".repeat(chunk));
    [one.repeat(CHUNKS).as_bytes(), b"0\r\n\r\n"].concat()
}

fn begin(request: &Headers, out: &mut Vec<u8>) -> Exchange {
    let head = RequestHead::new(black_box(&Method::GET), black_box("/articles/2025/10/index.html"), request)
        .with_host(black_box("www.example.com"));
    Exchange::begin(&head, BodyLength::Empty, Limits::default(), out).unwrap()
}

/// The measure of all heads: httparse with nothing around it.
fn httparse_alone(bench: &mut Bench, times: usize) {
    for _ in 0..times {
        let mut response = httparse::Response::new(&mut bench.parsed);
        let status = response.parse(black_box(CDN_HEAD)).unwrap();
        black_box((status, &response));
    }
}

/// What the others pay for a fresh exchange, to be taken off.
fn clone(bench: &mut Bench, times: usize) {
    for _ in 0..times {
        black_box(&black_box(&bench.begun).clone());
    }
}

fn head(bench: &mut Bench, times: usize) {
    for _ in 0..times {
        let mut exchange = black_box(&bench.begun).clone();
        let received = exchange.receive(black_box(CDN_HEAD), &mut bench.message).unwrap();
        black_box((received, &exchange, &bench.message));
    }
}

fn encode(bench: &mut Bench, times: usize) {
    for _ in 0..times {
        bench.out.clear();
        let exchange = begin(black_box(&bench.request), &mut bench.out);
        black_box((&exchange, &bench.out));
    }
}

fn chunked(bench: &mut Bench, times: usize) {
    for _ in 0..times {
        black_box(consume(&bench.streaming, &bench.chunks, &mut bench.message));
    }
}

fn chunked_small(bench: &mut Bench, times: usize) {
    for _ in 0..times {
        black_box(consume(&bench.streaming, &bench.small_chunks, &mut bench.message));
    }
}

/// Reads a body that came whole, and returns the length of its content.
fn consume(streaming: &Exchange, body: &[u8], message: &mut MessageBuf) -> usize {
    let mut exchange = black_box(streaming).clone();
    let (mut input, mut content) = (black_box(body), 0);
    loop {
        let received = exchange.receive(input, message).unwrap();
        input = &input[received.used..];
        match received.event {
            Event::Content { len } => {
                input = &input[len..];
                exchange.content_consumed(len);
                content += len;
            }
            Event::Complete => return content,
            event => panic!("{event:?}"),
        }
    }
}

fn bytewise(bench: &mut Bench, times: usize) {
    for _ in 0..times {
        black_box(drip(&bench.begun, CDN_HEAD, &mut bench.message));
    }
}

fn bytewise_double(bench: &mut Bench, times: usize) {
    for _ in 0..times {
        black_box(drip(&bench.begun, &bench.double_head, &mut bench.message));
    }
}

/// Receives a head one byte at a time and returns what its last byte brought.
fn drip(begun: &Exchange, head: &[u8], message: &mut MessageBuf) -> Event {
    let mut exchange = black_box(begun).clone();
    let mut event = Event::NeedInput;
    for end in 1..=black_box(head).len() {
        event = exchange.receive(&head[..end], message).unwrap().event;
    }
    event
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut bench = Bench::new();
    match arguments[..] {
        ["units"] => {
            every_scenario_runs(&mut bench);
            print_units(&mut bench);
        }
        // nextest asks which tests there are, and which of them are ignored.
        _ if arguments.contains(&"--list") => {
            if !arguments.contains(&"--ignored") {
                println!("every_scenario_runs: test");
            }
        }
        [name, times] if !name.starts_with('-') => {
            let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name);
            let run = scenario.unwrap_or_else(|| panic!("there is no scenario `{name}`")).run;
            run(&mut bench, times.parse().unwrap());
        }
        _ => every_scenario_runs(&mut bench),
    }
}

fn print_units(bench: &mut Bench) {
    for Scenario { name, units, run } in SCENARIOS {
        // The first run fills the room that later ones reuse.
        run(bench, 1);
        let counted = allocation_counter::measure(|| run(bench, 1));
        println!("{name} {} {}", units(bench), counted.count_total);
    }
}

fn every_scenario_runs(bench: &mut Bench) {
    for Scenario { name, units, run } in SCENARIOS {
        assert!(units(bench) > 0, "{name}");
        run(bench, 1);
    }
    assert!((850..=950).contains(&CDN_HEAD.len()), "{} bytes of head", CDN_HEAD.len());
    assert_eq!(drip(&bench.begun, CDN_HEAD, &mut bench.message), Event::Head);
    assert_eq!(bench.message.head.headers.len(), 20);
    assert_eq!(drip(&bench.begun, &bench.double_head, &mut bench.message), Event::Head);
    assert_eq!(consume(&bench.streaming, &bench.chunks, &mut bench.message), 512 * CHUNKS);
    assert_eq!(consume(&bench.streaming, &bench.small_chunks, &mut bench.message), CHUNKS);
    bench.out.clear();
    begin(&bench.request, &mut bench.out);
    assert_eq!(bench.out.split(|&b| b == b'\n').count(), 1 + 1 + GET_FIELDS.len() + 1 + 1);
}
