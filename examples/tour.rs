//! A walk through the main jobs, against a small site that this program starts on loopback, over HTTPS.
//!
//! `cargo run --example tour` prints thirteen chapters: what is done, the very lines of this file that do it, and what came
//! back. What it claims it asserts: a tour that shows something wrong fails.

#[path = "tour/show.rs"]
mod show;

use std::error::Error;
use std::io::Read;
use std::net::TcpStream;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use http_client::resilience::BreakerState;
use http_client::{
    Body, BreakerConfig, Client, Connection, Error as HttpError, ErrorKind, Jar, Limit, Origin, Phase,
    RedirectPolicy, RetryPolicy, StatusCode, Url,
};
use serde_json::{Value, json};
use sha2::Digest;
use show::{Meter, Tour, between, hex, witness};
use testkit::site::{pattern_reader, sha256_hex};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const MIB: u64 = 1 << 20;

fn main() -> Result {
    let began = Instant::now();
    let tour = Tour::start();
    get_a_page(&tour)?;
    read_json(&tour)?;
    post_field_by_field(&tour)?;
    hold_a_connection(&tour)?;
    send_first_read_later(&tour)?;
    sign_in(&tour)?;
    follow(&tour)?;
    ask_for_many(&tour)?;
    ask_why(&tour)?;
    try_again(&tour)?;
    download(&tour)?;
    decode(&tour)?;
    upload(&tour)?;

    tour.title("\nWhere to go next");
    tour.fact("README.md", "what it is for, how to depend on it, what it does not do");
    tour.fact(
        "from Python",
        "docs/from-python.md: each line of a tutorial on http.client, and how it is written here",
    );
    tour.fact("run", "cargo run --example fetch -- --help, and the short examples that README.md lists");
    tour.fact("read", "cargo doc --open -p http-client, and examples/tour.rs, which you just saw run");
    tour.line(&format!("\n   Thirteen chapters in {:.1} s.", began.elapsed().as_secs_f64()));
    Ok(())
}

fn get_a_page(tour: &Tour) -> Result {
    tour.chapter(1, "Get a page", "A Client asks any origin and keeps its connections for the next request.");
    let (url, config) = (tour.url("/"), tour.config()?);
    // show 1
    let client = Client::with_config(config)?;
    let response = client.get(url).send()?;
    let kind = response.header("Content-Type").unwrap_or("none").to_owned();
    let (status, page) = (response.status(), response.text()?);
    // end
    let title = between(&page, "<title>", "</title>").ok_or("the page has no title")?;
    assert_eq!((status, title), (StatusCode::OK, "The Log of Curlew Rock Light"));
    tour.fact("status", status);
    tour.fact("content-type", kind);
    tour.fact("title", title);
    Ok(())
}

fn read_json(tour: &Tour) -> Result {
    tour.chapter(2, "Read JSON", "Into any type that serde can read; a response is also a std::io::Read.");
    let (url, client) = (tour.url("/data.json"), tour.client()?);
    // show 2
    let response = client.get(url).header("Accept", "application/json").send()?;
    let nights: Value = response.json()?;
    // end
    let nights = nights.as_array().ok_or("not a list")?;
    assert_eq!(nights.len(), 5);
    for night in nights.iter().take(3) {
        let text = |name| night.get(name).and_then(Value::as_str).unwrap_or_default();
        let ships = night.get("ships").and_then(Value::as_u64).ok_or("no ships")?;
        tour.fact(text("date"), format!("wind {:<5} {ships} ships", text("wind")));
    }
    tour.fact("", format!("and {} nights more", nights.len() - 3));
    Ok(())
}

fn post_field_by_field(tour: &Tour) -> Result {
    tour.chapter(3, "Post, field by field", "Field lines leave in the order and letter case that you gave.");
    let (url, client) = (tour.url("/echo"), tour.client()?);
    // show 3
    let shout = |url: &str| {
        let request = client.post(url).header("X-Keeper", "Ida").header("x-lamp", "lit");
        request.body("all is well").send()
    };
    let echo: Value = shout(&url)?.json()?;
    // end
    assert_eq!(echo.get("method"), Some(&Value::from("POST")));
    assert_eq!(echo.get("text"), Some(&Value::from("all is well")));
    let lines = echo.get("headers").and_then(Value::as_array).ok_or("no headers")?;
    assert!(lines.contains(&json!(["x-keeper", "Ida"])) && lines.contains(&json!(["x-lamp", "lit"])));
    tour.fact("echo", "POST, \"all is well\", x-keeper: Ida, x-lamp: lit");

    // The server behind /echo turns names into lower case, so a bare socket bears witness.
    let (witness, seen) = witness("all is well")?;
    assert_eq!(shout(&witness)?.status(), StatusCode::NO_CONTENT);
    let seen = seen.join().map_err(|_| "the witness panicked")??;
    let authority = witness.trim_start_matches("http://").trim_end_matches('/');
    let codings = between(&seen, "Accept-Encoding: ", "\r\n").ok_or("no coding is offered")?; // more by features
    let expected = format!(
        "POST / HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: http-client/{}\r\nAccept: */*\r\n\
         X-Keeper: Ida\r\nx-lamp: lit\r\nAccept-Encoding: {codings}\r\nContent-Length: 11\r\n\r\nall is well",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(seen, expected);
    tour.fact("on the wire", "the echo is in lower case by the site's doing; a bare socket received:");
    for line in seen.lines() {
        tour.fact("", line);
    }
    Ok(())
}

fn hold_a_connection(tour: &Tour) -> Result {
    let about = "Send when you want, receive when you want, as many requests as you like on one connection.";
    tour.chapter(4, "Hold a connection", about);
    let (origin, config) = (Origin::https(tour.base.trim_start_matches("https://"))?, tour.config()?);
    // show 4
    let mut conn = Connection::open(&origin, config)?;
    conn.request("GET", "/data.json")?;
    let first = conn.response()?.bytes()?;
    // end
    let facts = conn.peer().ok_or("closed after a response that keeps alive")?.clone();
    let tls = facts.tls.as_ref().ok_or("no TLS")?;
    tour.fact("TLS", format!("{}, {}", tls.version, tls.cipher_suite));
    tour.fact("first", format!("{} bytes of JSON", first.len()));
    tour.line("");
    tour.step("4b", "The next request by hand: its head line by line, then content as it comes to mind.");
    // show 4b
    conn.put_request("PUT", "/upload")?.put_header("Transfer-Encoding", "chunked")?.end_headers()?;
    conn.send(b"the lamp ")?.send(b"is lit")?;
    let report: Value = conn.response()?.json()?;
    // end
    assert_eq!(report, json!({"bytes": 15, "sha256": sha256_hex(&b"the lamp is lit"[..])?}));
    assert_eq!(conn.peer(), Some(&facts), "the second request went over another connection");
    tour.fact("second", "15 bytes received, with the sha256 of \"the lamp is lit\"");
    tour.fact("connection", format!("both left from port {}", facts.local.ok_or("no address")?.port()));
    conn.close()?;
    Ok(())
}

fn send_first_read_later(tour: &Tour) -> Result {
    let about = "A request need not wait for the answer to the one before; answers come in order.";
    tour.chapter(5, "Send first, read later", about);
    let (origin, config) = (Origin::https(tour.base.trim_start_matches("https://"))?, tour.config()?);
    let mut conn = Connection::open(&origin, config)?;
    let began = Instant::now();
    // show 5
    for path in ["/slow?ms=200", "/data.json", "/empty"] {
        conn.request("GET", path)?;
    }
    let sent = began.elapsed();
    let slow = conn.response()?.text()?;
    let nights = conn.response()?.bytes()?;
    let empty = conn.response()?.status();
    // end
    assert!(sent < Duration::from_millis(200), "sending waited for an answer: {sent:?}");
    assert_eq!((slow.trim(), nights.first(), empty), ("waited 200 ms", Some(&b'['), StatusCode::NO_CONTENT));
    tour.fact("sent", format!("three requests in {} ms", sent.as_millis()));
    let took = began.elapsed().as_millis();
    tour.fact(
        "received",
        format!("{:?}, {} bytes of JSON, {empty}; after {took} ms", slow.trim(), nights.len()),
    );
    let post = conn.request("GET", "/slow?ms=1").and_then(|()| conn.request("POST", "/echo"));
    let error = post.err().ok_or("a POST went out behind another request")?;
    assert_eq!(error.kind(), ErrorKind::Misuse);
    tour.fact("but", "only what may be sent twice: were the connection lost, nobody knew what has been done");
    Ok(())
}

fn sign_in(tour: &Tour) -> Result {
    let about = "A client with a jar stores cookies and sends them back. It follows redirects, and every \
                 secret stays at its origin.";
    tour.chapter(6, "Sign in", about);
    let (base, mut config) = (Url::parse(&tour.base)?, tour.config()?);
    // show 6
    let jar = Jar::new();
    config.cookies = Some(jar.clone());
    let client = Client::with_config(config)?;
    let form = [("user", "Ida"), ("password", "lantern")];
    let room = client.post(base.join("/login")?).form(form).send()?;
    // end
    let [login] = room.history() else { return Err("the login leads somewhere".into()) };
    let url = room.url().ok_or("a client knows the URL")?;
    let stranger = tour.client()?.get(url).send()?;
    assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
    assert_eq!((login.head.status, url.path()), (StatusCode::SEE_OTHER, "/dashboard"));
    assert_eq!(room.status(), StatusCode::OK);
    tour.fact("login", format!("{}, on to {}", login.head.status, url.path()));
    let names: Vec<String> = jar.names().map(|cookie| cookie.name).collect();
    assert_eq!(names, ["session"]);
    tour.fact("the jar holds", format!("{} (values stay out of logs)", names.join(", ")));
    let page = room.text()?;
    tour.fact("the room says", between(&page, "<p>", " The kettle").ok_or("nobody is greeted")?);
    tour.fact("without a jar", stranger.status());
    Ok(())
}

fn follow(tour: &Tour) -> Result {
    let about = "Redirects are followed, up to ten and never from https to http. The way is told, and yours to forbid.";
    tour.chapter(7, "Follow, or do not", about);
    let (url, client) = (|path| tour.url(path), tour.client()?);
    // show 7
    let home = client.get(url("/redirect/2")).send()?;
    let moved = client.get(url("/moved")).redirect(RedirectPolicy::none()).send()?;
    let lost = client.get(url("/redirect/9")).redirect(RedirectPolicy::limited(3)).send();
    // end
    for passed in home.history() {
        tour.fact("passed", format!("{} at {}", passed.head.status, passed.url.path()));
    }
    assert_eq!((home.history().len(), home.status()), (2, StatusCode::OK));
    tour.fact("home", format!("{} at {}", home.status(), home.url().ok_or("no URL")?.path()));
    assert_eq!(moved.status(), StatusCode::MOVED_PERMANENTLY);
    tour.fact("moved", format!("{}, to {}", moved.status(), moved.header("Location").ok_or("nowhere")?));
    let error = lost.err().ok_or("nine redirects were followed")?;
    assert_eq!(error.kind(), ErrorKind::Redirect);
    tour.fact("lost", &error);
    Ok(())
}

fn ask_for_many(tour: &Tour) -> Result {
    let about = "A batch has as many under way as you allow, over threads that end with it. Results keep their order.";
    tour.chapter(8, "Ask for many", about);
    let (url, client) = (|path: &str| tour.url(path), tour.client()?);
    let began = Instant::now();
    // show 8
    let pages = ["/slow?ms=200", "/slow?ms=200", "/slow?ms=200", "/nowhere"];
    let requests = pages.map(|page| client.get(url(page)));
    let batch = client.batch().per_origin(4).timeout(Duration::from_secs(5));
    let statuses = batch.run(requests, |_, response| Ok::<_, HttpError>(response?.status()));
    // end
    let took = began.elapsed();
    let statuses = statuses.into_iter().collect::<std::result::Result<Vec<_>, _>>()?;
    assert_eq!(statuses, [200, 200, 200, 404]);
    assert!(took < Duration::from_millis(600), "one after the other: {took:?}");
    tour.fact("statuses", format!("{statuses:?}"));
    tour.fact("time", format!("{} ms, where one after the other takes 600", took.as_millis()));
    Ok(())
}

fn ask_why(tour: &Tour) -> Result {
    let about = "Any status is data. What fails says in one line why, and answers questions about it.";
    tour.chapter(9, "Ask why", about);
    let (url, client) = (|path| tour.url(path), tour.client()?);
    // show 9
    let missing = client.get(url("/nowhere")).send()?;
    let slow = client.get(url("/slow?ms=2000")).timeout(Duration::from_millis(150)).send();
    let stranger = Client::new().get(url("/")).send(); // was not told whom to trust
    // end
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert!(missing.text()?.contains("Only sea, here."));
    tour.fact("missing", "no error: 404 Not Found and a page that says \"Only sea, here.\"");

    let error = slow.err().ok_or("two seconds passed in 150 ms")?;
    assert_eq!((error.phase(), error.limit()), (Some(Phase::Response), Some(Limit::Total)));
    tour.fact("slow", &error);
    tour.fact("", format!("phase() is {:?}, limit() is {:?}", error.phase(), error.limit()));

    let error = stranger.err().ok_or("a certificate of nobody's was trusted")?;
    assert_eq!(error.kind(), ErrorKind::Certificate);
    tour.fact("untrusted", &error);

    // The near end of a connection: nobody listens there, and nobody else can take the port meanwhile.
    let taken = TcpStream::connect(tour.site.http_addr())?;
    let refused = client.get(format!("http://{}/", taken.local_addr()?)).send();
    let error = refused.err().ok_or("nobody listens, yet somebody answered")?;
    assert_eq!((error.kind(), error.is_connect()), (ErrorKind::Connect, true));
    tour.fact("refused", &error);
    Ok(())
}

fn try_again(tour: &Tour) -> Result {
    let about =
        "What may be repeated is tried again, within a budget; a host that keeps failing is left alone.";
    tour.chapter(10, "Try again, or let it be", about);
    let (url, mut config) = (|path| tour.url(path), tour.config()?);
    let origin = Origin::https(tour.base.trim_start_matches("https://"))?;
    let three = NonZeroU32::new(3).ok_or("zero")?;
    // show 10
    config.retry = Some(RetryPolicy::default()); // three attempts, with backoff
    config.breaker = Some(BreakerConfig::classic(three, Duration::from_secs(30)));
    let client = Client::with_config(config)?;
    let well = client.get(url("/flaky?fail=2&status=502")).send()?;
    let sick = client.get(url("/status/500")).send()?;
    let alone = client.get(url("/")).send();
    // end
    for attempt in well.attempts() {
        tour.fact(
            "flaky",
            format!("{:?} after a wait of {} ms", attempt.outcome, attempt.waited.as_millis()),
        );
    }
    assert_eq!((well.status(), well.attempts().len()), (StatusCode::OK, 3));
    assert_eq!((sick.status(), sick.attempts().len()), (StatusCode::INTERNAL_SERVER_ERROR, 3));
    tour.fact("sick", format!("{} after {} attempts", sick.status(), sick.attempts().len()));
    let error = alone.err().ok_or("the breaker let a call through")?;
    assert_eq!(error.kind(), ErrorKind::Rejected);
    tour.fact("left alone", &error);
    let host = client.host(&origin).ok_or("no policies")?;
    let breaker = host.breaker().ok_or("no breaker")?;
    assert_eq!(breaker.state(), BreakerState::Open);
    breaker.reset(Instant::now());
    tour.fact("at your word", client.get(url("/")).send()?.status());
    Ok(())
}

fn download(tour: &Tour) -> Result {
    let about = "Content passes through as it comes and is not gathered. One that is cut short is an error.";
    tour.chapter(11, "Download", about);
    let (url, client) = (tour.url(&format!("/download/{}", 16 * MIB)), tour.client()?);
    let mut meter = Meter::default();
    // show 11
    let mut response = client.get(url).send()?;
    let began = Instant::now();
    let bytes = response.copy_to(&mut meter)?; // meter is any std::io::Write
    // end
    let took = began.elapsed();
    let announced: u64 = response.header("Content-Length").ok_or("no length")?.parse()?;
    assert_eq!((bytes, meter.bytes, announced), (16 * MIB, bytes, bytes));
    let digest = hex(&meter.hash.finalize());
    assert_eq!(digest, sha256_hex(pattern_reader(16 * MIB))?);
    let build = if cfg!(debug_assertions) { " (a build without optimisation)" } else { "" };
    tour.fact("length", format!("{bytes} bytes, as announced"));
    tour.fact("sha256", digest);
    assert!(meter.largest <= 64 << 10);
    tour.fact("pieces", format!("{} KiB at most: memory stays where it is", meter.largest.div_ceil(1024)));
    tour.fact("speed", format!("{:.0} MiB/s{build}", 16.0 / took.as_secs_f64()));
    Ok(())
}

fn decode(tour: &Tour) -> Result {
    let about =
        "Content that comes compressed is decoded on the way; a bomb of it is an error, not a full memory.";
    tour.chapter(12, "Decode", about);
    let (url, client) = (tour.url("/watch.txt"), tour.client()?);
    // show 12
    let mut sheet = client.get(&url).send()?;
    let mut text = String::new();
    sheet.read_to_string(&mut text)?;
    let raw = client.get(&url).without_decoding().send()?.bytes()?;
    // end
    assert_eq!((sheet.received(), sheet.decoded()), (raw.len() as u64, text.len() as u64));
    assert!(text.lines().count() == 1000 && raw.starts_with(&[0x1f, 0x8b]));
    tour.fact("coding", sheet.header("Content-Encoding").unwrap_or("none"));
    tour.fact("text", format!("1000 lines of {:?}", text.lines().next().unwrap_or_default()));
    tour.fact("bytes", format!("{} on the wire, {} decoded", sheet.received(), sheet.decoded()));
    Ok(())
}

fn upload(tour: &Tour) -> Result {
    tour.chapter(13, "Upload", "Whatever can be read can be sent. Without a known length it goes in chunks.");
    let (url, client) = (tour.url("/upload"), tour.client()?);
    let source = pattern_reader(4 * MIB);
    // show 13
    let body = Body::reader(source); // a File, a pipe, a decoder: any std::io::Read
    let response = client.request("PUT", url).body(body).send()?;
    let report: Value = response.json()?;
    // end
    let digest = sha256_hex(pattern_reader(4 * MIB))?;
    assert_eq!(report.get("bytes"), Some(&Value::from(4 * MIB)));
    assert_eq!(report.get("sha256"), Some(&Value::from(digest.as_str())));
    tour.fact("received", format!("{} bytes", 4 * MIB));
    tour.fact("sha256", format!("{digest}, on both sides"));
    Ok(())
}
