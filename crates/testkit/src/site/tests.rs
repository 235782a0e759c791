use super::*;
use std::io::{Read, Write};
use std::net::TcpStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// Sends one request that asks to close, and returns the head and all bytes behind it.
fn ask(site: &Site, request: &str, more: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(site.http).unwrap();
    stream.set_read_timeout(Some(GOODBYE)).unwrap();
    ask_over(&mut stream, request, more)
}

fn ask_over(stream: &mut (impl Read + Write), request: &str, more: &str) -> (String, Vec<u8>) {
    write!(stream, "{request} HTTP/1.1\r\nHost: curlew.example\r\nConnection: close\r\n{more}").unwrap();
    if !more.contains("\r\n\r\n") {
        stream.write_all(b"\r\n").unwrap();
    }
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    let end = all.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
    let body = all.split_off(end);
    (String::from_utf8(all).unwrap().to_lowercase(), body)
}

fn get(site: &Site, target: &str) -> (String, Vec<u8>) {
    ask(site, &format!("GET {target}"), "")
}

fn unchunk(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|two| two == b"\r\n").expect("a chunk size");
        let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        let data = &body[end + 2..];
        if size == 0 {
            return whole;
        }
        whole.extend_from_slice(&data[..size]);
        body = &data[size + 2..];
    }
}

#[test]
fn pages_and_statuses_are_what_the_table_says() {
    let site = Site::start();
    #[track_caller]
    fn check(site: &Site, target: &str, status: u16, holds: &str) {
        let (head, body) = get(site, target);
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{target}: {head}");
        let all = head + &String::from_utf8_lossy(&body);
        assert!(all.contains(holds), "{target}: {all}");
    }
    check(&site, "/", 200, "<title>The Log of Curlew Rock Light</title>");
    check(&site, "/data.json", 200, "\"date\":\"1926-11-02\"");
    check(&site, "/redirect/3", 302, "location: /redirect/2\r\n");
    check(&site, "/redirect/1", 302, "location: /\r\n");
    check(&site, "/redirect/0", 200, "Curlew");
    check(&site, "/moved", 301, "location: /\r\n");
    check(&site, "/see-other", 303, "location: /\r\n");
    check(&site, "/flaky?key=a&fail=1", 503, "retry-after: 0\r\n");
    check(&site, "/flaky?key=b&fail=1", 503, "failure 1 of 1");
    check(&site, "/flaky?key=a&fail=1", 200, "well again");
    check(&site, "/flaky?fail=often", 400, "not a number");
    check(&site, "/flaky?key=c&fail=1&status=502", 502, "failure 1 of 1");
    check(&site, "/flaky?key=c&fail=1&status=502", 200, "well again");
    check(&site, "/watch.txt", 200, "content-encoding: gzip\r\n");
    check(&site, "/slow?ms=1", 200, "waited 1 ms");
    check(&site, "/status/418", 418, "418");
    check(&site, "/status/304", 304, "\r\n\r\n");
    check(&site, "/status/100", 400, "no final status");
    check(&site, "/status/999", 999, "999");
    check(&site, "/close", 200, "connection: close\r\n");
    check(&site, "/empty", 204, "\r\n\r\n");
    check(&site, "/nowhere", 404, "Only sea");
    check(&site, "/download/1073741825", 400, "no more than");
}

#[test]
fn downloads_are_the_pattern_in_each_framing() {
    let site = Site::start();
    let expected: Vec<u8> = pattern(200_001).collect();
    let (head, body) = get(&site, "/download/200001");
    assert!(head.contains("content-length: 200001\r\n"), "{head}");
    assert!(body == expected);
    let (head, body) = get(&site, "/stream/200001");
    assert!(head.contains("transfer-encoding: chunked\r\n"), "{head}");
    assert!(unchunk(&body) == expected);
    let (head, body) = get(&site, "/drip?bytes=9&ms=1");
    assert!(head.contains("content-length: 9\r\n"), "{head}");
    assert_eq!(body, expected[..9]);
    let (head, body) = ask(&site, "HEAD /download/5", "");
    assert!(head.contains("content-length: 5\r\n") && body.is_empty(), "{head}");
    let (head, body) = get(&site, "/download/0");
    assert!(head.contains("content-length: 0\r\n") && body.is_empty(), "{head}");
}

#[test]
fn uploads_and_echoes_report_what_came() {
    let site = Site::start();
    let (_, body) = ask(&site, "PUT /upload", "Content-Length: 3\r\n\r\nabc");
    let report: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(report["bytes"], 3);
    assert_eq!(report["sha256"], sha256_hex(&b"abc"[..]).unwrap());

    let chunked = "X-B: 1\r\nX-A: 2\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n\
                   3\r\nsea\r\n0\r\nX-Sum: 9\r\n\r\n";
    let (_, body) = ask(&site, "PATCH /echo/deep?q=1", chunked);
    let report: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(report["method"], "PATCH");
    assert_eq!(report["target"], "/echo/deep?q=1");
    assert_eq!(report["headers"][0], serde_json::json!(["host", "curlew.example"]));
    assert_eq!(report["headers"][2], serde_json::json!(["x-b", "1"]));
    assert_eq!(report["headers"][3], serde_json::json!(["x-a", "2"]));
    assert_eq!(report["length"], 3);
    assert_eq!(report["text"], "sea");
    assert_eq!(report["trailers"], serde_json::json!([["x-sum", "9"]]));
}

#[test]
fn a_keeper_signs_in_and_out() {
    fn form(password: &str) -> String {
        let fields = format!("user=Ada+%3CKeeper%3E&password={password}");
        let length = fields.len();
        let mime = "application/x-www-form-urlencoded";
        format!("Content-Type: {mime}\r\nContent-Length: {length}\r\n\r\n{fields}")
    }
    let site = Site::start();
    assert!(get(&site, "/dashboard").0.starts_with("http/1.1 401 "));
    assert!(ask(&site, "POST /login", &form("candle")).0.starts_with("http/1.1 403 "));
    let (head, _) = ask(&site, "POST /login", &form("lantern"));
    assert!(head.starts_with("http/1.1 303 ") && head.contains("location: /dashboard\r\n"), "{head}");
    let (_, cookie) = head.split_once("set-cookie: ").unwrap();
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert!(attributes.starts_with("path=/; httponly\r\n"), "{head}");
    let cookie = format!("Cookie: theme=dark; {pair}\r\n");
    let (head, body) = ask(&site, "GET /dashboard", &cookie);
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert!(String::from_utf8(body).unwrap().contains("Good evening, Ada &lt;Keeper&gt;."));
    assert!(ask(&site, "GET /logout", &cookie).0.contains("max-age=0"));
    assert!(ask(&site, "GET /dashboard", &cookie).0.starts_with("http/1.1 401 "));
}

#[test]
fn https_serves_the_same_under_the_announced_authority() {
    let site = Site::start();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(site.ca_pem().as_bytes()).unwrap()).unwrap();
    let provider = tokio_rustls::rustls::crypto::aws_lc_rs::default_provider();
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    for name in ["localhost", "127.0.0.1", "::1"] {
        let session = ClientConnection::new(Arc::new(config.clone()), ServerName::try_from(name).unwrap());
        let tcp = TcpStream::connect(site.https).unwrap();
        let (head, _) = ask_over(&mut StreamOwned::new(session.unwrap(), tcp), "GET /", "");
        assert!(head.starts_with("http/1.1 200 "), "{name}: {head}");
    }
}

#[test]
fn drop_is_quick_even_with_guests() {
    let site = Site::start();
    let mut idle = TcpStream::connect(site.http).unwrap();
    let mut busy = TcpStream::connect(site.http).unwrap();
    busy.write_all(b"GET /slow?ms=10000 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let before = Instant::now();
    drop(site);
    assert!(before.elapsed() < Duration::from_secs(1), "{:?}", before.elapsed());
    // Closed or reset: in any case nothing more comes.
    assert_eq!(idle.read(&mut [0]).unwrap_or(0), 0);
}
