//! `cookies.txt` between this crate, curl and Python's `MozillaCookieJar`. Both must be installed: `cargo xtask interop`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code fails loudly")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime};

use cookies::{Entry, Format, Jar, Outcome};
use tempfile::TempDir;
use url::Url;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/mozilla.py");

/// All that `cookies.txt` can say, and what its readers are known to trip over.
const LINES: [&str; 9] = [
    "session=5f2b9c1e; Path=/; HttpOnly",
    "wide=1; Path=/; Domain=example.com; Max-Age=86400",
    "deep=2; Path=/shop; Max-Age=86400",
    "both=3; Path=/; Domain=www.example.com; HttpOnly; Max-Age=2592000",
    "empty=; Path=/",
    "quoted=\"a b\"; Path=/",
    "equals=a=b==; Path=/; Expires=Fri, 31 Dec 2100 23:59:59 GMT",
    "hash=#HttpOnly_x; Path=/",
    "far=1; Path=/elsewhere",
];
const SECURE: [&str; 2] = ["locked=4; Path=/; Secure; Max-Age=86400", "__Host-own=5; Path=/; Secure"];
const PAGE: &str = "http://www.example.com/shop/cart";

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// A jar that was filled over HTTPS.
fn filled(now: SystemTime) -> Jar {
    let jar = Jar::new();
    let lines = LINES.iter().chain(&SECURE).map(|line| line.as_bytes());
    let stored = jar.store(&url(&PAGE.replace("http:", "https:")), lines, now);
    assert_eq!(stored.count(Outcome::Stored), LINES.len() + SECURE.len());
    jar
}

/// What both sides can tell of a cookie; expiry to the ten seconds, for clocks go on meanwhile.
fn told(jar: &Jar) -> Vec<String> {
    let tell = |entry: Entry| {
        let since = entry.expires().map(|end| end.duration_since(SystemTime::UNIX_EPOCH).unwrap());
        let tens = since.map(|since| (since.as_secs() + 5) / 10);
        let (value, secure, http_only) = (entry.value(), entry.secure(), entry.http_only());
        format!("{:?} {value} {tens:?} {secure} {http_only}", entry.to_name())
    };
    let mut told: Vec<String> = jar.iter().map(tell).collect();
    told.sort();
    told
}

fn load(path: &Path, now: SystemTime) -> Jar {
    let loaded = Jar::load(path, now).unwrap();
    assert_eq!(loaded.imported.damaged, []);
    loaded.jar
}

/// A whole ten seconds, so that expiries fall between two of them.
fn now() -> SystemTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    SystemTime::UNIX_EPOCH + Duration::from_secs(since / 10 * 10)
}

/// Runs a program and returns what it printed.
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|error| {
        panic!("{program} does not start: {error}; install it with: apt-get install {program}")
    });
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn curl(arguments: &[&str]) -> String {
    run("curl", &[&["--silent", "--show-error", "--disable", "--noproxy", "*"], arguments].concat())
}

fn python(arguments: &[&str]) -> String {
    run("python3", &[&[SCRIPT], arguments].concat())
}

/// Answers one request with `Set-Cookie` lines. Returns the port, and later the request's `Cookie` field.
fn serve(lines: &'static [&'static str]) -> (u16, thread::JoinHandle<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut field = String::new();
        for line in BufReader::new(&stream).lines().map(Result::unwrap).take_while(|line| !line.is_empty()) {
            if let Some(value) = line.strip_prefix("Cookie: ") {
                field.push_str(value);
            }
        }
        let set: String = lines.iter().map(|line| format!("Set-Cookie: {line}\r\n")).collect();
        write!(&stream, "HTTP/1.1 200 OK\r\n{set}Content-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
        field
    });
    (port, server)
}

fn sorted(field: &str) -> Vec<&str> {
    let mut pairs: Vec<&str> = field.split("; ").filter(|pair| !pair.is_empty()).collect();
    pairs.sort_unstable();
    pairs
}

fn paths(dir: &TempDir) -> [String; 2] {
    ["ours.txt", "theirs.txt"].map(|name| dir.path().join(name).to_str().unwrap().to_owned())
}

#[test]
fn curl_reads_and_writes_the_same_cookies() {
    let (dir, now) = (tempfile::tempdir().unwrap(), now());
    let [ours, theirs] = paths(&dir);
    let jar = filled(now);
    assert_eq!(jar.save(&ours, now).unwrap().format, Format::Netscape);
    curl(&["--cookie", &ours, "--cookie-jar", &theirs, "file:///dev/null"]);
    assert_eq!(told(&load(Path::new(&theirs), now)), told(&jar));
}

#[test]
fn curl_sends_what_the_jar_would_send() {
    let (dir, now) = (tempfile::tempdir().unwrap(), now());
    let [ours, _] = paths(&dir);
    let jar = filled(now);
    jar.save(&ours, now).unwrap();
    for page in
        [PAGE, "http://www.example.com/", "http://example.com/shop/", "http://a.www.example.com/elsewhere"]
    {
        let (port, server) = serve(&[]);
        curl(&["--cookie", &ours, "--connect-to", &format!("::127.0.0.1:{port}"), page]);
        let header = jar.cookie_header(&url(page), now).unwrap_or_default();
        assert_eq!(sorted(&server.join().unwrap()), sorted(&header), "{page}");
    }
}

#[test]
fn what_curl_was_given_is_read() {
    let (dir, now) = (tempfile::tempdir().unwrap(), now());
    let [_, theirs] = paths(&dir);
    let (port, server) = serve(&LINES);
    curl(&["--cookie-jar", &theirs, "--connect-to", &format!("::127.0.0.1:{port}"), PAGE]);
    server.join().unwrap();
    let jar = Jar::new();
    jar.store(&url(PAGE), LINES.iter().map(|line| line.as_bytes()), now);
    let read = load(Path::new(&theirs), now);
    let names = |jar: &Jar| {
        let mut names: Vec<_> = jar.names().collect();
        names.sort();
        names
    };
    assert_eq!(names(&read), names(&jar));
    let sent = |jar: &Jar| jar.cookie_header(&url(PAGE), now).unwrap();
    assert_eq!(sorted(&sent(&read)), sorted(&sent(&jar)));
    for (ours, theirs) in jar.iter().map(|entry| (entry.expires(), read.get(&url(PAGE), entry.name(), now))) {
        // curl may know no limit of 400 days, and counts from when the line came.
        let Some(theirs) = theirs else { continue };
        assert_eq!(ours.is_some(), theirs.expires().is_some(), "{theirs:?}");
        assert!(theirs.expires() >= ours, "{theirs:?}");
    }
}

#[test]
fn python_reads_and_writes_the_same_cookies() {
    let (dir, now) = (tempfile::tempdir().unwrap(), now());
    let [ours, theirs] = paths(&dir);
    let jar = filled(now);
    // Python has words for a cookie without a name, curl has not.
    jar.store(&url(PAGE), [&b"nameless"[..]], now);
    jar.save(&ours, now).unwrap();
    python(&["copy", &ours, &theirs]);
    assert_eq!(told(&load(Path::new(&theirs), now)), told(&jar));
    for page in [PAGE, "http://www.example.com/", "http://example.com/shop/"] {
        let field = python(&["header", &ours, page]);
        let header = jar.cookie_header(&url(page), now).unwrap_or_default();
        assert_eq!(sorted(field.trim_end()), sorted(&header), "{page}");
    }
}

#[test]
fn what_python_was_given_is_read() {
    let (dir, now) = (tempfile::tempdir().unwrap(), now());
    let [_, theirs] = paths(&dir);
    python(&[&["store", &theirs, PAGE], LINES.as_slice()].concat());
    let read = load(Path::new(&theirs), now);
    let jar = Jar::new();
    jar.store(&url(PAGE), LINES.iter().map(|line| line.as_bytes()), now);
    let sent = |jar: &Jar, page: &str| jar.cookie_header(&url(page), now).unwrap_or_default();
    for page in [PAGE, "http://www.example.com/", "http://example.com/shop/"] {
        assert_eq!(sorted(&sent(&read, page)), sorted(&sent(&jar, page)), "{page}");
    }
}
