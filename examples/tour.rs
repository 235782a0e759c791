//! A walk through the main jobs, against a small site that this program starts on loopback, over HTTPS.
//!
//! `cargo run --example tour` prints eight chapters: what is done, the very lines of this file that do it, and what came
//! back. What it claims it asserts: a tour that shows something wrong fails.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, IsTerminal, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use http_client::{
    Body, Client, ClientConfig, Connection, ErrorKind, Jar, Limit, Origin, Phase, StatusCode, Url,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use testkit::site::{Site, pattern_reader, sha256_hex};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const MIB: u64 = 1 << 20;

fn main() -> Result {
    let began = Instant::now();
    let site = Site::start();
    let tour = Tour { base: site.https_url(), color: wants_color(), site };
    tour.line(&tour.styled(BOLD, "A tour of http-client"));
    tour.line(&format!("The site that answers runs inside this program, at {}.", tour.base));

    get_a_page(&tour)?;
    read_json(&tour)?;
    post_field_by_field(&tour)?;
    hold_a_connection(&tour)?;
    sign_in(&tour)?;
    ask_why(&tour)?;
    download(&tour)?;
    upload(&tour)?;

    tour.line(&format!("\n{}", tour.styled(BOLD, "Where to go next")));
    tour.fact("README.md", "what it is for, how to depend on it, what it does not do");
    tour.fact("run", "cargo run --example fetch -- --help");
    tour.fact("read", "cargo doc --open -p http-client, and examples/tour.rs, which you just saw run");
    tour.line(&format!("\n   Eight chapters in {:.1} s.", began.elapsed().as_secs_f64()));
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
    tour.chapter(2, "Read JSON", "A response is a std::io::Read: hand it to the parser of your choice.");
    let (url, client) = (tour.url("/data.json"), tour.client()?);
    // show 2
    let response = client.get(url).header("Accept", "application/json").send()?;
    let nights: Value = serde_json::from_reader(response)?;
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
    let echo: Value = serde_json::from_reader(shout(&url)?)?;
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
    let expected = format!(
        "POST / HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: http-client/{}\r\nAccept: */*\r\n\
         X-Keeper: Ida\r\nx-lamp: lit\r\nContent-Length: 11\r\n\r\nall is well",
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
    let report: Value = serde_json::from_reader(conn.response()?)?;
    // end
    assert_eq!(report, json!({"bytes": 15, "sha256": sha256_hex(&b"the lamp is lit"[..])?}));
    assert_eq!(conn.peer(), Some(&facts), "the second request went over another connection");
    tour.fact("second", "15 bytes received, with the sha256 of \"the lamp is lit\"");
    tour.fact("connection", format!("both left from port {}", facts.local.ok_or("no address")?.port()));
    conn.close()?;
    Ok(())
}

fn sign_in(tour: &Tour) -> Result {
    let about = "A client with a jar stores cookies and sends them back. It follows redirects, and every \
                 secret stays at its origin.";
    tour.chapter(5, "Sign in", about);
    let (base, mut config) = (Url::parse(&tour.base)?, tour.config()?);
    // show 5
    let jar = Jar::new();
    config.cookies = Some(jar.clone());
    let client = Client::with_config(config)?;
    let form = client.post(base.join("/login")?).body("user=Ida&password=lantern");
    let room = form.header("Content-Type", "application/x-www-form-urlencoded").send()?;
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

fn ask_why(tour: &Tour) -> Result {
    let about = "Any status is data. What fails says in one line why, and answers questions about it.";
    tour.chapter(6, "Ask why", about);
    let (url, client) = (|path| tour.url(path), tour.client()?);
    // show 6
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

fn download(tour: &Tour) -> Result {
    let about = "Content passes through as it comes and is not gathered. One that is cut short is an error.";
    tour.chapter(7, "Download", about);
    let (url, client) = (tour.url(&format!("/download/{}", 16 * MIB)), tour.client()?);
    let mut meter = Meter::default();
    // show 7
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

fn upload(tour: &Tour) -> Result {
    tour.chapter(8, "Upload", "Whatever can be read can be sent. Without a known length it goes in chunks.");
    let (url, client) = (tour.url("/upload"), tour.client()?);
    let source = pattern_reader(4 * MIB);
    // show 8
    let body = Body::reader(source); // a File, a pipe, a decoder: any std::io::Read
    let response = client.request("PUT", url).body(body).send()?;
    let report: Value = serde_json::from_reader(response)?;
    // end
    let digest = sha256_hex(pattern_reader(4 * MIB))?;
    assert_eq!(report.get("bytes"), Some(&Value::from(4 * MIB)));
    assert_eq!(report.get("sha256"), Some(&Value::from(digest.as_str())));
    tour.fact("received", format!("{} bytes", 4 * MIB));
    tour.fact("sha256", format!("{digest}, on both sides"));
    Ok(())
}

/// The site, and the ways to talk about it.
struct Tour {
    site: Site,
    base: String,
    color: bool,
}

impl Tour {
    /// The defaults, and trust in the authority that signed the site's certificate.
    fn config(&self) -> Result<ClientConfig> {
        let mut config = ClientConfig::default();
        config.tls.roots.add_pem(self.site.ca_pem().as_bytes())?;
        Ok(config)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn client(&self) -> Result<Client> {
        Ok(Client::with_config(self.config()?)?)
    }

    fn chapter(&self, number: u32, title: &str, about: &str) {
        self.line(&format!("\n{}", self.styled(BOLD, &format!("{number}  {title}"))));
        self.step(&number.to_string(), about);
    }

    /// Says what comes and shows the lines of this file that do it: those between `// show NAME` and `// end`.
    fn step(&self, name: &str, about: &str) {
        for line in wrapped(about, WIDTH) {
            self.line(&format!("   {line}"));
        }
        let start = format!("    // show {name}");
        let lines = include_str!("tour.rs").lines().skip_while(|line| *line != start).skip(1);
        let lines: Vec<&str> = lines.take_while(|line| *line != "    // end").collect();
        assert!(!lines.is_empty(), "nothing to show for {name}");
        self.line("");
        for line in lines {
            let code = self.styled(CODE, line.strip_prefix("    ").unwrap_or(line));
            self.line(&format!("   {} {code}", self.styled(DIM, "|")));
        }
        self.line("");
    }

    /// Shows what came back, under a label; what is long goes on below its beginning.
    fn fact(&self, label: &str, value: impl Display) {
        let mut label = label;
        for line in wrapped(&value.to_string(), WIDTH - LABEL) {
            self.line(&format!("   {} {line}", self.styled(DIM, &format!("{label:<LABEL$}"))));
            label = "";
        }
    }

    fn styled(&self, style: &str, text: &str) -> String {
        if self.color { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn line(&self, text: &str) {
        // A reader who has seen enough (`| head`) is no failure.
        let _ = writeln!(io::stdout(), "{}", text.trim_end_matches(' '));
    }
}

const BOLD: &str = "1";
const DIM: &str = "2";
const CODE: &str = "36";
/// Columns of a paragraph, and of the labels in front of what came back.
const WIDTH: usize = 96;
const LABEL: usize = 14;

/// Color is for people at a terminal who did not decline it (<https://no-color.org>).
fn wants_color() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Breaks a text at spaces into lines of at most `width` characters, where its words allow it.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    Some(text.split_once(start)?.1.split_once(end)?.0)
}

/// Listens for one request, answers 204 to it as soon as it ends in `last`, and gives back what came, byte by byte.
fn witness(last: &'static str) -> Result<(String, JoinHandle<io::Result<String>>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let url = format!("http://{}/", listener.local_addr()?);
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept()?;
        let mut seen = Vec::new();
        while !seen.ends_with(last.as_bytes()) {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            seen.extend(byte);
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")?;
        String::from_utf8(seen).map_err(io::Error::other)
    });
    Ok((url, thread))
}

/// Takes content, keeps none of it, and measures it.
#[derive(Default)]
struct Meter {
    hash: Sha256,
    bytes: u64,
    largest: usize,
}

impl Write for Meter {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.hash.update(piece);
        self.bytes += piece.len() as u64;
        self.largest = self.largest.max(piece.len());
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
