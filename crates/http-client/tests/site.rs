//! The client over real TCP and TLS on loopback, against a server that is not ours (hyper).
#![expect(clippy::unwrap_used, reason = "test code fails loudly")]

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use http_client::conn::{Connect, ConnectError, ConnectRequest, Connected, Connector, ConnectorConfig};
use http_client::{Body, Client, ClientConfig, Connection, Limit, Origin, Phase, Response, Timeouts};
use testkit::site::{Site, pattern, pattern_reader, sha256_hex};

/// Settings that trust the site and never dial twice behind our back.
fn trusting(site: &Site) -> ClientConfig {
    let mut config = ClientConfig::default();
    config.tls.roots.add_pem(site.ca_pem().as_bytes()).unwrap();
    config.auto_open = false;
    config
}

/// A connection that stays this one: a request after it was closed is an error.
fn open(base: &str, config: &ClientConfig) -> Connection {
    let (scheme, authority) = base.split_once("://").unwrap();
    let origin = if scheme == "https" { Origin::https(authority) } else { Origin::http(authority) };
    Connection::open(&origin.unwrap(), config.clone()).unwrap()
}

/// Runs a story over http and over https.
fn over_both(story: impl Fn(&str, &ClientConfig)) {
    let site = Site::start();
    let config = trusting(&site);
    for base in [site.http_url(), site.https_url()] {
        story(&base, &config);
    }
}

/// Connects as usual and counts how often.
struct Counting {
    inner: Connector,
    connects: AtomicUsize,
}

impl Connect for Counting {
    fn connect(&self, to: &ConnectRequest<'_>) -> Result<Connected, ConnectError> {
        self.connects.fetch_add(1, Ordering::Relaxed);
        self.inner.connect(to)
    }
}

/// A client, and what counts its connections.
fn counted(config: &ClientConfig) -> (Client, Arc<Counting>) {
    let mut settings = ConnectorConfig::default();
    settings.tls = config.tls.clone();
    let inner = Connector::new(settings).unwrap();
    let counting = Arc::new(Counting { inner, connects: AtomicUsize::new(0) });
    let mut config = config.clone();
    config.connect = Some(counting.clone());
    (Client::with_config(config).unwrap(), counting)
}

#[track_caller]
fn assert_pattern(response: Response<'_>, len: u64) {
    assert_eq!(response.status().as_u16(), 200);
    assert_eq!(sha256_hex(response).unwrap(), sha256_hex(pattern_reader(len)).unwrap(), "{len} bytes");
}

#[test]
fn a_page_comes_by_connection_and_by_client() {
    over_both(|base, config| {
        let check = |response: Response<'_>| {
            assert_eq!((response.status().as_u16(), response.reason()), (200, "OK"));
            assert_eq!(response.header("content-type"), Some("text/html; charset=utf-8"));
            let page = response.text().unwrap();
            assert!(page.contains("<title>The Log of Curlew Rock Light</title>"), "{page}");
        };
        let mut conn = open(base, config);
        let tls = conn.peer().unwrap().tls.clone();
        assert_eq!(tls.is_some(), base.starts_with("https:"), "{tls:?}");
        conn.request("GET", "/").unwrap();
        check(conn.response().unwrap());
        conn.close().unwrap();
        let client = Client::with_config(config.clone()).unwrap();
        check(client.get(format!("{base}/")).send().unwrap());
    });
}

#[test]
fn an_untrusted_site_is_refused_before_anything_is_sent() {
    let site = Site::start();
    let error = Client::new().get(format!("{}/", site.https_url())).send().unwrap_err();
    assert_eq!(error.kind(), http_client::ErrorKind::Certificate, "{error}");
    assert!(error.is_connect() && error.to_string().contains("its issuer is unknown"), "{error}");
}

#[test]
fn the_server_sees_the_request_that_was_made() {
    over_both(|base, config| {
        let mut conn = open(base, config);
        conn.request_with("POST", "/echo/a?b=c", &[("X-Order", "kept")], "héllo").unwrap();
        let echo = conn.response().unwrap().text().unwrap();
        for part in [
            r#""method":"POST""#,
            r#""target":"/echo/a?b=c""#,
            r#""version":"HTTP/1.1""#,
            r#""length":6"#,
            r#""text":"héllo""#,
            r#"["x-order","kept"]"#,
            r#"["content-length","6"]"#,
        ] {
            assert!(echo.contains(part), "{part} in {echo}");
        }

        let client = Client::with_config(config.clone()).unwrap();
        let builder = client.post(format!("{base}/echo")).header("X-A", "1").header("X-A", "2");
        let echo = builder.body(Body::reader(&b"in chunks"[..])).send().unwrap().text().unwrap();
        for part in [
            r#"["x-a","1"],["x-a","2"]"#,
            r#"["transfer-encoding","chunked"]"#,
            r#""text":"in chunks""#,
            r#""trailers":[]"#,
        ] {
            assert!(echo.contains(part), "{part} in {echo}");
        }
    });
}

#[test]
fn downloads_are_whole_and_leave_the_connection_for_the_next_one() {
    over_both(|base, config| {
        let (client, counting) = counted(config);
        let mut conn = open(base, config);
        for len in [0, 1, 8191, 100_000, 3_000_001] {
            for path in [format!("/download/{len}"), format!("/stream/{len}")] {
                conn.request("GET", &path).unwrap();
                assert_pattern(conn.response().unwrap(), len);
                let response = client.get(format!("{base}{path}")).send().unwrap();
                let announced = response.header("content-length").map(|length| length.parse().unwrap());
                assert_eq!(announced, path.starts_with("/download").then_some(len), "{path}");
                assert_pattern(response, len);
            }
        }
        assert_eq!(counting.connects.load(Ordering::Relaxed), 1, "{base}");
    });
}

#[test]
fn content_that_drips_is_read_as_it_comes() {
    over_both(|base, config| {
        let mut conn = open(base, config);
        conn.request("GET", "/drip?bytes=20&ms=1").unwrap();
        let mut response = conn.response().unwrap();
        let mut first = [0; 7];
        response.read_exact(&mut first).unwrap();
        let whole: Vec<u8> = first.into_iter().chain(response.bytes().unwrap()).collect();
        assert!(pattern(20).eq(whole), "{base}");
        assert!(conn.is_open());
    });
}

#[test]
fn a_slow_answer_ends_at_the_timeout_and_tells_where() {
    over_both(|base, config| {
        let client = Client::with_config(config.clone()).unwrap();
        client.get(format!("{base}/empty")).send().unwrap();
        let limit = Duration::from_millis(80);
        for (path, phase) in [("/slow?ms=9000", Phase::Response), ("/drip?bytes=900&ms=10", Phase::Body)] {
            let begun = Instant::now();
            let sent = client.get(format!("{base}{path}")).timeout(limit).send();
            let error = sent.and_then(Response::bytes).unwrap_err();
            let took = begun.elapsed();
            assert_eq!((error.phase(), error.limit()), (Some(phase), Some(Limit::Total)), "{error}");
            assert!(error.is_timeout() && error.to_string().starts_with("GET "), "{error}");
            // The upper bound is for machines that are very busy; the page itself takes nine seconds.
            assert!((limit..Duration::from_secs(3)).contains(&took), "{took:?}");
        }
        let mut timeouts = Timeouts::default();
        timeouts.response = Some(limit);
        let error = client.get(format!("{base}/slow?ms=9000")).timeouts(timeouts).send().unwrap_err();
        assert_eq!(error.limit(), Some(Limit::Response), "{error}");
        let after = client.get(format!("{base}/slow?ms=1")).send().unwrap();
        assert_eq!(after.text().unwrap(), "waited 1 ms\n");
    });
}

#[test]
fn uploads_arrive_whole_from_every_kind_of_body() {
    const LEN: u64 = 2_000_003;
    let expected = format!(r#"{{"bytes":{LEN},"sha256":"{}"}}"#, sha256_hex(pattern_reader(LEN)).unwrap());
    let file = || {
        let mut file = tempfile::tempfile().unwrap();
        std::io::copy(&mut pattern_reader(LEN), &mut file).unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        Body::from(file)
    };
    over_both(|base, config| {
        let (client, counting) = counted(config);
        let mut conn = open(base, config);
        let bodies: [&dyn Fn() -> Body; 4] = [
            &|| Body::reader(pattern_reader(LEN)),
            &|| Body::sized(pattern_reader(LEN), LEN),
            &|| pattern(LEN).collect::<Vec<_>>().into(),
            &file,
        ];
        for body in bodies {
            conn.request_with("PUT", "/upload", &[], body()).unwrap();
            assert_eq!(conn.response().unwrap().text().unwrap(), expected);
            let response = client.post(format!("{base}/upload")).body(body()).send().unwrap();
            assert_eq!(response.text().unwrap(), expected);
        }
        let put = conn.put_request("PUT", "/upload").unwrap().put_header("Transfer-Encoding", "chunked");
        put.unwrap().end_headers().unwrap();
        let mut reader = pattern_reader(LEN);
        let mut piece = vec![0; 77_777];
        while let n @ 1.. = reader.read(&mut piece).unwrap() {
            conn.send(&piece[..n]).unwrap();
        }
        conn.finish().unwrap();
        assert_eq!(conn.response().unwrap().text().unwrap(), expected);
        assert_eq!(counting.connects.load(Ordering::Relaxed), 1, "{base}");
    });
}

#[test]
fn an_upload_may_wait_for_100_continue() {
    over_both(|base, config| {
        let mut conn = open(base, config);
        let begun = Instant::now();
        conn.request_with("PUT", "/upload", &[("Expect", "100-continue")], "cargo").unwrap();
        assert!(conn.response().unwrap().text().unwrap().contains(r#""bytes":5"#));
        assert!(begun.elapsed() < Timeouts::default().expect_continue, "the server's word is heeded");
        assert!(conn.is_open());
    });
}

#[test]
fn every_kind_of_answer_leaves_the_connection_for_the_next_one() {
    over_both(|base, config| {
        let mut conn = open(base, config);
        let (client, counting) = counted(config);
        for (method, target, status, content) in [
            ("GET", "/download/5", 200, Some(5)),
            ("HEAD", "/download/1000", 200, Some(0)),
            ("GET", "/stream/70000", 200, Some(70_000)),
            ("HEAD", "/stream/70000", 200, Some(0)),
            ("GET", "/empty", 204, Some(0)),
            ("GET", "/status/204", 204, Some(0)),
            ("GET", "/status/205", 205, Some(0)),
            ("GET", "/status/304", 304, Some(0)),
            ("HEAD", "/", 200, Some(0)),
            ("GET", "/status/404", 404, None),
            ("GET", "/no/such/place", 404, None),
            ("HEAD", "/no/such/place", 404, Some(0)),
            ("GET", "/status/500", 500, None),
            ("GET", "/status/599", 599, None),
            ("POST", "/echo", 200, None),
            ("OPTIONS", "/echo", 200, None),
            ("DELETE", "/echo", 200, None),
            ("BREW", "/echo", 200, None),
            ("GET", "/redirect/1", 302, Some(0)),
            ("GET", "/download/0", 200, Some(0)),
        ] {
            conn.request(method, target).unwrap();
            let by_hand = conn.response().unwrap();
            let url = format!("{base}{target}");
            let pooled = client.request(method, &url).send();
            let both = [Some(by_hand), (status != 302).then(|| pooled.unwrap())];
            for response in both.into_iter().flatten() {
                assert_eq!(response.status().as_u16(), status, "{method} {target}");
                if (method, target) == ("HEAD", "/download/1000") {
                    assert_eq!(response.header("content-length"), Some("1000"));
                }
                let bytes = response.bytes().unwrap();
                assert!(content.is_none_or(|len| bytes.len() == len), "{method} {target}: {}", bytes.len());
                assert!(content.is_some() || !bytes.is_empty(), "{method} {target} says something");
            }
            assert!(conn.is_open(), "{method} {target}");
        }
        assert_eq!(counting.connects.load(Ordering::Relaxed), 1, "{base}");

        conn.request("GET", "/close").unwrap();
        assert_eq!(conn.response().unwrap().text().unwrap(), "goodbye\n");
        assert!(!conn.is_open(), "the server said close");
        let goodbye = client.get(format!("{base}/close")).send().unwrap();
        assert_eq!(goodbye.text().unwrap(), "goodbye\n");
        client.get(format!("{base}/empty")).send().unwrap();
        assert_eq!(counting.connects.load(Ordering::Relaxed), 2, "{base}");
    });
}

#[test]
fn a_response_dropped_early_is_followed_by_the_right_one() {
    over_both(|base, config| {
        let mut config = config.clone();
        config.auto_open = true;
        let mut conn = open(base, &config);
        let client = Client::with_config(config).unwrap();
        for path in ["/download/100", "/stream/100", "/download/5000000", "/stream/5000000", "/drip?ms=1"] {
            for read in [0, 1] {
                conn.request("GET", path).unwrap();
                conn.response().unwrap().read_exact(&mut vec![0; read]).unwrap();
                conn.request("GET", "/download/9").unwrap();
                assert_pattern(conn.response().unwrap(), 9);

                let mut response = client.get(format!("{base}{path}")).send().unwrap();
                response.read_exact(&mut vec![0; read]).unwrap();
                drop(response);
                assert_pattern(client.get(format!("{base}/download/9")).send().unwrap(), 9);
            }
        }
    });
}

#[test]
fn one_connection_carries_many_requests_in_a_row() {
    over_both(|base, config| {
        let mut conn = open(base, config);
        for len in 0..200 {
            let kind = if len % 2 == 0 { "download" } else { "stream" };
            conn.request("GET", &format!("/{kind}/{len}")).unwrap();
            let response = conn.response().unwrap();
            assert!(pattern(len).eq(response.bytes().unwrap()), "{base}: {len} bytes");
        }
    });
}

#[test]
fn threads_share_a_client_and_get_their_own_answers() {
    const THREADS: u64 = 8;
    over_both(|base, config| {
        let (client, counting) = counted(config);
        thread::scope(|scope| {
            for number in 0..THREADS {
                let client = client.clone();
                scope.spawn(move || {
                    for turn in 0..25 {
                        let len = number * 1000 + turn;
                        match turn % 3 {
                            0 => {
                                let word = format!("thread {number}, turn {turn}");
                                let echo = client.post(format!("{base}/echo")).body(word.as_str()).send();
                                let echo = echo.unwrap().text().unwrap();
                                assert!(echo.contains(&format!(r#""text":"{word}""#)), "{echo}");
                            }
                            1 => {
                                assert_pattern(
                                    client.get(format!("{base}/download/{len}")).send().unwrap(),
                                    len,
                                );
                            }
                            _ => {
                                assert_pattern(
                                    client.get(format!("{base}/stream/{len}")).send().unwrap(),
                                    len,
                                );
                            }
                        }
                    }
                });
            }
        });
        let connects = counting.connects.load(Ordering::Relaxed) as u64;
        assert!((1..=THREADS).contains(&connects), "{connects} connections for {THREADS} threads");
    });
}
