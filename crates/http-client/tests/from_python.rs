//! Every Rust snippet of `docs/from-python.md`, run against the site; the last tests hold the page against this file.
#![cfg(all(feature = "cookies", feature = "json", feature = "tls"))]
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "test code fails loudly, and the guide prints"
)]

use std::error::Error;
use std::fs::{self, File};
use std::io::Read;
use std::num::NonZeroU32;
use std::time::Duration;

use http_client::conn::Roots;
use http_client::resilience::{Backoff, Jitter};
use http_client::{
    Body, BreakerConfig, Client, ClientConfig, Connection, Error as HttpError, ErrorKind, Jar, Origin, Proxy,
    Redirect, RedirectPolicy, Response, RetryPolicy, StatusCode, Timeouts, Wiretap,
};
use serde_json::{Value, json};
use testkit::connect_proxy::ConnectProxy;
use testkit::peer::{Script, ScriptedListener};
use testkit::site::{Site, sha256_hex};

type Done = Result<(), Box<dyn Error>>;

fn start() -> (Site, String) {
    let site = Site::start();
    let host = site.http_addr().to_string();
    (site, host)
}

#[allow(dead_code, unused, reason = "it names hosts of the internet, so it is only compiled")]
fn connecting() -> Done {
    let mut conn = Connection::https("example.com")?;
    let mut conn = Connection::http("example.com:8080")?;

    let mut config = ClientConfig::default();
    config.timeouts = Timeouts::each(Duration::from_secs(5));
    let mut conn = Connection::open(&Origin::https("example.com")?, config)?;
    Ok(())
}

#[test]
fn roots_of_ones_own() -> Done {
    let (site, folder) = (Site::start(), tempfile::tempdir()?);
    let (host, ca_file) = (site.https_url().replace("https://", ""), &folder.path().join("ca.pem"));
    fs::write(ca_file, site.ca_pem())?;
    let mut config = ClientConfig::default();
    config.tls.roots = Roots::empty(); // without this line: the default ones, and yours
    config.tls.roots.add_pem(&fs::read(ca_file)?)?;
    let mut conn = Connection::open(&Origin::https(&host)?, config)?;
    conn.request("GET", "/")?;
    assert_eq!(conn.response()?.status(), StatusCode::OK);
    Ok(())
}

#[test]
fn request_and_response() -> Done {
    let (_site, host) = start();
    let mut conn = Connection::http(&host)?;
    conn.request("GET", "/")?;
    let response = conn.response()?;
    println!("{} {}", response.status().as_u16(), response.reason());
    println!("{}", response.text()?);
    conn.close()?;
    Ok(())
}

#[test]
fn content_of_every_kind() -> Done {
    let (_site, host) = start();
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("photo.jpg");
    fs::write(&path, "the lamp is lit")?;
    let pipe = &b"the lamp is lit"[..];

    let mut conn = Connection::http(&host)?;
    conn.request_with("POST", "/upload", &[("Content-Type", "text/plain")], "the lamp is lit")?;
    check_upload(conn.response()?);
    conn.request_with("PUT", "/upload", &[], b"the lamp is lit")?;
    check_upload(conn.response()?);
    conn.request_with("PUT", "/upload", &[], Body::file(&path)?)?; // its length is known
    check_upload(conn.response()?);
    conn.request_with("PUT", "/upload", &[], Body::sized(pipe, 15))?; // any Read
    check_upload(conn.response()?);
    conn.request_with("PUT", "/upload", &[], Body::reader(pipe))?; // in chunks
    check_upload(conn.response()?);

    conn.request_with("PUT", "/upload", &[], Body::iterator(["the lamp ", "is lit"]))?; // each is a chunk
    check_upload(conn.response()?);
    Ok(())
}

#[track_caller]
fn check_upload(response: Response<'_>) {
    let report: Value = response.json().unwrap();
    assert_eq!(report, json!({"bytes": 15, "sha256": sha256_hex(&b"the lamp is lit"[..]).unwrap()}));
}

#[test]
fn reading_a_response() -> Done {
    let (_site, host) = start();
    let mut conn = Connection::http(&host)?;
    conn.request("GET", "/")?;
    let mut response = conn.response()?;
    let kind = response.header("Content-Type").unwrap_or("none").to_owned();
    for (name, value) in response.headers().iter() {
        println!("{name}: {}", String::from_utf8_lossy(value));
    }
    let mut first = [0; 15];
    response.read_exact(&mut first)?;
    for line in response.lines() {
        println!("{}", line?);
    }
    assert_eq!((kind.as_str(), &first), ("text/html; charset=utf-8", b"<!doctype html>"));

    conn.request("GET", "/")?;
    let data: Vec<u8> = conn.response()?.bytes()?;
    assert!(data.starts_with(&first));
    conn.request("GET", "/")?;
    drop(conn.response()?); // without reading it; the connection serves the next request all the same
    conn.request("GET", "/")?;
    assert_eq!(conn.response()?.bytes()?, data);
    Ok(())
}

#[test]
fn a_request_line_by_line() -> Done {
    let head =
        "PUT /upload HTTP/1.1\r\nHost: lighthouse.example\r\nX-Order: kept\r\nContent-Length: 15\r\n\r\n";
    let script = Script::new().expect(head).expect("the lamp is lit").reply("HTTP/1.1 204 \r\n\r\n");
    let listener = ScriptedListener::start(vec![script]);
    let host = listener.addr().to_string();
    let mut conn = Connection::http(&host)?;
    conn.put_request("PUT", "/upload")?;
    conn.put_header("Host", "lighthouse.example")?;
    conn.put_header("X-Order", "kept")?;
    conn.put_header("Content-Length", "15")?;
    conn.end_headers()?;
    conn.send(b"the lamp is lit")?;
    let response = conn.response()?;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    listener.finish()?;
    Ok(())
}

#[test]
fn a_tunnel() -> Done {
    let (site, proxy) = (Site::start(), ConnectProxy::start());
    let (host, proxy_host) = (site.https_url().replace("https://", ""), proxy.addr().to_string());
    let mut config = ClientConfig::default();
    config.tls.roots.add_pem(site.ca_pem().as_bytes())?;
    let proxy = format!("http://{proxy_host}").parse::<Proxy>()?.with_credentials("ida", "lantern")?;
    let mut conn = Connection::through(&proxy, &Origin::https(&host)?, config)?;
    conn.request("GET", "/")?;
    assert!(conn.response()?.text()?.contains("<title>"));
    Ok(())
}

#[test]
fn a_bare_tunnel() -> Done {
    let asked = "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n";
    let proxy =
        ScriptedListener::start(vec![Script::new().expect(asked).reply("HTTP/1.1 200 \r\n\r\nhello")]);
    let proxy_host = proxy.addr().to_string();
    let mut conn = Connection::http(&proxy_host)?;
    conn.request("CONNECT", "example.com:443")?;
    let mut stream = conn.response()?.upgrade()?; // Read and Write, straight through the proxy
    let mut came = [0; 5];
    stream.read_exact(&mut came)?;
    assert_eq!(&came, b"hello");
    Ok(())
}

#[test]
fn queries_forms_and_json() -> Done {
    let (_site, host) = start();
    let client = Client::new();
    let url = format!("http://{host}/echo");
    let response = client.get(&url).query([("q", "fog horn"), ("page", "2")]).send()?;
    assert_eq!(response.json::<Value>()?["target"], "/echo?q=fog+horn&page=2");
    let response = client.post(&url).form([("user", "Ida"), ("password", "salt & pepper")]).send()?;
    assert_eq!(response.json::<Value>()?["text"], "user=Ida&password=salt+%26+pepper");
    let response = client.post(&url).json(&json!({"lamp": "lit"})).send()?;
    assert_eq!(response.json::<Value>()?["text"], r#"{"lamp":"lit"}"#);

    let mut conn = Connection::http(&host)?;
    conn.request_with("POST", "/echo", &[], Body::form([("user", "Ida")]))?; // or Body::json
    let echo: Value = conn.response()?.json()?;
    assert_eq!(echo["text"], "user=Ida");

    let nights: Value = client.get(format!("http://{host}/data.json")).send()?.error_for_status()?.json()?;
    println!("{}", nights[0]["date"]);
    assert_eq!(nights[0]["date"], "1926-11-02");
    let page = client.get(format!("http://{host}/")).send()?.json::<Value>();
    if let Err(error) = &page {
        println!("{error}: {}", error.json().map_or("", |json| json.text()));
    }
    assert!(page.unwrap_err().json().unwrap().text().starts_with("<!doctype html>"));
    Ok(())
}

#[test]
fn cookies() -> Done {
    let (_site, host) = start();
    let mut config = ClientConfig::default();
    config.cookies = Some(Jar::new());
    let mut conn = Connection::open(&Origin::http(&host)?, config)?;
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    conn.request_with("POST", "/login", &form, "user=Ida&password=lantern")?;
    println!("{}", conn.response()?.status()); // 303 See Other, with Set-Cookie
    conn.request("GET", "/dashboard")?;
    println!("{}", conn.response()?.text()?); // Good evening, Ida.
    conn.request("GET", "/dashboard")?;
    assert!(conn.response()?.text()?.contains("Good evening, Ida."));
    Ok(())
}

#[test]
fn redirects() -> Done {
    let (_site, host) = start();
    let mut config = ClientConfig::default();
    config.base_url = Some(format!("http://{host}/").parse()?);
    let client = Client::with_config(config)?;
    let response = client.get("/redirect/2").send()?;
    println!("{} after {} redirects", response.status(), response.history().len());
    assert_eq!((response.status(), response.history().len()), (StatusCode::OK, 2));

    let response = client.get("/moved").redirect(RedirectPolicy::none()).send()?;
    println!("{} to {:?}", response.status(), response.header("Location"));
    assert_eq!(response.status(), StatusCode::MOVED_PERMANENTLY);

    let mut conn = Connection::http(&host)?;
    conn.request("GET", "/moved")?;
    let verdict = conn.response()?.redirect(&RedirectPolicy::default());
    if let Redirect::Follow(hop) = verdict
        && hop.same_origin
    {
        conn.request(hop.method.clone(), hop.target())?; // by hand, on this connection
    }
    assert_eq!(conn.response()?.status(), StatusCode::OK);
    Ok(())
}

#[test]
fn watching_the_wire() -> Done {
    let (_site, host) = start();
    let mut conn = Connection::http(&host)?;
    conn.debug_level(1);
    conn.request("GET", "/")?;
    assert_eq!(conn.response()?.status(), StatusCode::OK);

    let folder = tempfile::tempdir()?;
    let path = folder.path().join("wire.log");
    conn.debug_to(Wiretap::to(File::create(&path)?)); // path is wire.log
    conn.request("GET", "/")?;
    let response = conn.response()?;
    assert_eq!(response.status(), StatusCode::OK);
    let log = fs::read_to_string(&path)?;
    assert!(log.contains(" > GET / HTTP/1.1\n") && log.contains(" < HTTP/1.1 200 OK\n"), "{log}");
    Ok(())
}

#[test]
fn requests_first_and_responses_later() -> Done {
    let (_site, host) = start();
    let mut conn = Connection::http(&host)?;
    conn.request("GET", "/data.json")?;
    conn.request("HEAD", "/")?;
    let first = conn.response()?.text()?;
    let second = conn.response()?; // HEAD: fields, and no content
    assert!(first.starts_with('[') && second.content_length() == Some(0));

    let client = Client::new();
    let requests = ["/", "/data.json", "/empty"].map(|path| client.get(format!("http://{host}{path}")));
    let statuses = client.batch().run(requests, |_, response| Ok::<_, HttpError>(response?.status()));
    assert_eq!(statuses.into_iter().collect::<Result<Vec<_>, _>>()?, [200, 200, 204]);
    Ok(())
}

#[test]
fn closing() -> Done {
    let (_site, host) = start();
    {
        let mut conn = Connection::http(&host)?;
        conn.request("GET", "/")?;
        println!("{}", conn.response()?.status());
    } // closed here
    let mut conn = Connection::http(&host)?;
    conn.close()?; // or here, and tells what goes wrong
    conn.request("GET", "/")?; // dials again, unless config.auto_open is false
    assert_eq!(conn.response()?.status(), StatusCode::OK);
    Ok(())
}

#[test]
fn timeouts() -> Done {
    let (_site, host) = start();
    let mut config = ClientConfig::default();
    config.timeouts = Timeouts::each(Duration::from_secs(5));
    let mut conn = Connection::open(&Origin::http(&host)?, config)?;
    conn.request("GET", "/slow?ms=5000")?;
    let late = conn.response_within(Duration::from_millis(50));
    if let Err(error) = &late {
        println!("{error}"); // timed out while waiting for the response
    }
    assert!(late.is_err_and(|error| error.is_timeout()));

    let client = Client::new();
    let url = format!("http://{host}/data.json");
    let response = client.get(url).timeout(Duration::from_secs(10)).send()?; // to the last byte
    assert_eq!(response.status(), StatusCode::OK);
    Ok(())
}

#[test]
fn errors() -> Done {
    let (_site, host) = start();
    let client = Client::new();
    let url = format!("http://{host}/nowhere");
    let sent = client.get(url).send().and_then(Response::error_for_status);
    let Err(error) = sent else { panic!("nowhere is somewhere") };
    match error.kind() {
        ErrorKind::Timeout => println!("too slow while in {:?}", error.phase()),
        ErrorKind::Connect | ErrorKind::Certificate => println!("no connection: {error}"),
        ErrorKind::Truncated => println!("the content ended too early"),
        ErrorKind::Status => println!("the server said {:?}", error.status()),
        _ => println!("{error}"),
    }
    assert_eq!(error.kind(), ErrorKind::Status);
    Ok(())
}

#[test]
fn retries() -> Done {
    let (_site, host) = start();
    let url = format!("http://{host}/flaky?fail=1");
    let mut policy = RetryPolicy::default();
    policy.max_attempts = NonZeroU32::new(6).ok_or("zero")?;
    let (first, longest) = (Duration::from_secs(1), Duration::from_secs(5));
    policy.backoff = Backoff::exponential(first, longest).jitter(Jitter::None); // 1, 2, 4, 5, 5 s
    let mut config = ClientConfig::default();
    config.retry = Some(policy);
    let client = Client::with_config(config)?;
    let response = client.get(url).send()?;
    println!("{} after {} attempts", response.status(), response.attempts().len());
    assert_eq!((response.status(), response.attempts().len()), (StatusCode::OK, 2));
    Ok(())
}

#[test]
fn a_breaker() -> Done {
    let (_site, host) = start();
    let url = format!("http://{host}/status/500");
    let five = NonZeroU32::new(5).ok_or("zero")?;
    let mut config = ClientConfig::default();
    config.breaker = Some(BreakerConfig::classic(five, Duration::from_secs(30)));
    let client = Client::with_config(config)?; // one breaker for each origin
    for _ in 0..6 {
        match client.get(&url).send() {
            Err(error) if error.kind() == ErrorKind::Rejected => println!("not even tried: {error}"),
            other => println!("{}", other?.status()),
        }
    }
    let error = client.get(&url).send().err().ok_or("it was let through")?;
    assert_eq!(error.kind(), ErrorKind::Rejected);
    Ok(())
}

/// The lines of a text as they stand next to each other, however far they are indented.
fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

#[test]
fn every_snippet_of_the_guide_is_one_that_runs() {
    let guide = include_str!("../../../docs/from-python.md");
    let sources = [
        include_str!("from_python.rs"),
        include_str!("../../../examples/log_to_file.rs"),
        include_str!("../../../examples/scrape.rs"),
    ];
    let here: Vec<&str> = sources.into_iter().flat_map(lines).collect();
    let snippets: Vec<&str> = guide
        .split("```rust\n")
        .skip(1)
        .map(|rest| rest.split_once("```").expect("an end of the block").0)
        .collect();
    assert!(snippets.len() >= 18, "{} snippets", snippets.len());
    for snippet in snippets {
        // `...` stands for lines that a test needs and a reader does not.
        let mut from = 0;
        for part in snippet.split("\n...\n") {
            let part = lines(part);
            let place = here.get(from..).unwrap_or_default();
            let found = place.windows(part.len()).position(|window| window == part);
            from += found.unwrap_or_else(|| panic!("runs nowhere:\n{}", part.join("\n"))) + part.len();
        }
    }
}

#[test]
fn the_tables_of_exceptions_are_those_of_the_reference() {
    let guide = include_str!("../../../docs/from-python.md");
    for table in [include_str!("../src/error/from_python.md"), include_str!("../src/error/from_requests.md")]
    {
        assert!(guide.contains(table), "docs/from-python.md has another table than the reference:\n{table}");
    }
}
