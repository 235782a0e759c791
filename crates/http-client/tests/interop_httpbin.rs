//! The client against Python's httpbin under gunicorn and waitress. Both must be installed: `cargo xtask interop`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code fails loudly")]

use std::io::{Cursor, Read};
use std::time::{Duration, Instant};

use http_client::{
    Body, Client, ClientConfig, ErrorKind, Jar, Limit, Phase, RedirectPolicy, RefusedRedirect, Response,
};
use serde_json::{Value, json};
use testkit::httpbin::{Httpbin, Wsgi};

use Wsgi::{Gunicorn, Waitress};

fn start(wsgi: Wsgi) -> Httpbin {
    Httpbin::start(wsgi).unwrap_or_else(|report| panic!("{report}"))
}

/// Runs a story with each server.
fn with_both(story: impl Fn(Wsgi, &str)) {
    for wsgi in [Gunicorn, Waitress] {
        let server = start(wsgi);
        story(wsgi, &server.url());
    }
}

fn client(change: impl FnOnce(&mut ClientConfig)) -> Client {
    let mut config = ClientConfig::default();
    change(&mut config);
    Client::with_config(config).unwrap()
}

fn status(response: &Response<'_>) -> u16 {
    response.status().as_u16()
}

fn json_of(response: Response<'_>) -> Value {
    assert_eq!(response.header("content-type"), Some("application/json"));
    serde_json::from_slice(&response.bytes().unwrap()).unwrap()
}

#[test]
fn every_method_arrives_with_its_content() {
    with_both(|wsgi, base| {
        let client = client(|_| {});
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"] {
            let contents = if method == "TRACE" { &[""][..] } else { &["", "well met"] };
            for &content in contents {
                let url = format!("{base}/anything/{method}?a=1&b=%26");
                let request = client.request(method, url).header("X-Keeper", "Ida");
                let request = if content.is_empty() { request } else { request.body(content) };
                let echo = json_of(request.send().unwrap());
                let said = |name: &str| echo[name].clone();
                assert_eq!((said("method"), said("data")), (json!(method), json!(content)), "{wsgi:?}");
                assert_eq!(said("args"), json!({"a": "1", "b": "&"}));
                assert_eq!(echo["headers"]["X-Keeper"], "Ida");
            }
        }
        let head = client.head(format!("{base}/bytes/500")).send().unwrap();
        assert_eq!((status(&head), head.header("content-length")), (200, Some("500")));
        assert_eq!(head.bytes().unwrap(), b"");
        let options = client.request("OPTIONS", format!("{base}/put")).send().unwrap();
        assert!(options.header("allow").unwrap().contains("PUT"), "{options:?}");
        assert_eq!(status(&client.get(format!("{base}/post")).send().unwrap()), 405);
    });
}

#[test]
fn forms_and_streams_are_understood() {
    with_both(|wsgi, base| {
        let client = client(|_| {});
        let form = client.post(format!("{base}/post")).form([("name", "Ida & Ann"), ("light", "ü")]);
        let echo = json_of(form.send().unwrap());
        assert_eq!(echo["form"], json!({"name": "Ida & Ann", "light": "ü"}), "{wsgi:?}");

        let large = "0123456789".repeat(20_000);
        let sized = Body::sized(Cursor::new(large.clone()), 200_000);
        let echo = json_of(client.put(format!("{base}/put")).body(sized).send().unwrap());
        assert_eq!(echo["data"], json!(large), "{wsgi:?}");

        // The length is not known, so it goes in chunks.
        let chunked = Body::reader(Cursor::new(large.clone()));
        let echo = json_of(client.put(format!("{base}/put")).body(chunked).send().unwrap());
        assert_eq!(echo["data"], json!(large), "{wsgi:?}");
    });
}

#[test]
fn credentials_open_what_they_should() {
    with_both(|wsgi, base| {
        let client = client(|_| {});
        let basic = format!("{base}/basic-auth/ida/lan%3Atern");
        let hidden = format!("{base}/hidden-basic-auth/ida/lantern");
        for (request, expected) in [
            (client.get(&basic).basic_auth("ida", "lan:tern"), 200),
            (client.get(&basic).basic_auth("ida", "wrong"), 401),
            (client.get(&basic), 401),
            (client.get(&hidden).basic_auth("ida", "lantern"), 200),
            (client.get(&hidden), 404),
            (client.get(format!("{base}/bearer")).bearer_auth("t0ken"), 200),
            (client.get(format!("{base}/bearer")), 401),
        ] {
            let response = request.send().unwrap();
            assert_eq!(status(&response), expected, "{wsgi:?} {:?}", response.url());
            if expected == 200 {
                assert_eq!(json_of(response)["authenticated"], json!(true));
            }
        }
    });
}

#[test]
fn cookies_are_kept_and_given_up() {
    with_both(|wsgi, base| {
        let client = client(|config| config.cookies = Some(Jar::new()));
        // It answers by a redirect to the page that shows them.
        let shown = |path: &str| {
            let response = client.get(format!("{base}{path}")).send().unwrap();
            assert!(response.url().unwrap().path() == "/cookies", "{wsgi:?} {path}");
            json_of(response)["cookies"].clone()
        };
        assert_eq!(shown("/cookies"), json!({}));
        assert_eq!(shown("/cookies/set/lamp/lit"), json!({"lamp": "lit"}));
        assert_eq!(
            shown("/cookies/set?oil=full&wick=short"),
            json!({"lamp": "lit", "oil": "full", "wick": "short"})
        );
        assert_eq!(shown("/cookies/delete?oil"), json!({"lamp": "lit", "wick": "short"}));
    });
}

#[test]
fn redirects_are_followed_as_far_as_allowed() {
    with_both(|wsgi, base| {
        let client = client(|_| {});
        for path in ["/redirect/5", "/relative-redirect/5", "/absolute-redirect/5"] {
            let response = client.get(format!("{base}{path}")).send().unwrap();
            assert_eq!((status(&response), response.history().len()), (200, 5), "{wsgi:?} {path}");
            assert_eq!(response.url().unwrap().as_str(), format!("{base}/get"));
            assert_eq!(response.attempts().len(), 6);
        }
        let error = client.get(format!("{base}/relative-redirect/11")).send().unwrap_err();
        assert_eq!(error.redirect().unwrap().reason, RefusedRedirect::TooMany { limit: 10 }, "{error}");
        let request = client.get(format!("{base}/relative-redirect/3"));
        let response = request.redirect(RedirectPolicy::none()).send().unwrap();
        assert_eq!((status(&response), response.header("location")), (302, Some("/relative-redirect/2")));
        let request = client.get(format!("{base}/redirect-to?url=ftp://127.0.0.1/"));
        assert_eq!(request.send().unwrap_err().redirect().unwrap().reason, RefusedRedirect::Scheme);
    });
}

#[test]
fn a_redirect_elsewhere_takes_content_along_and_leaves_secrets_behind() {
    let (here, there) = (start(Gunicorn), start(Waitress));
    let client = client(|_| {});
    let to = |base: String, other: String, code: u16| {
        let url = format!("{base}/redirect-to?status_code={code}&url={other}/anything");
        let request = client.post(url).header("Content-Type", "text/plain").bearer_auth("t0ken");
        json_of(request.header("Cookie", "own=1").header("X-Kept", "yes").body("content").send().unwrap())
    };
    for (code, method, content) in [
        (301, "GET", ""),
        (302, "GET", ""),
        (303, "GET", ""),
        (307, "POST", "content"),
        (308, "POST", "content"),
    ] {
        for (base, other) in [(here.url(), there.url()), (there.url(), here.url())] {
            let stayed = to(base.clone(), String::new(), code);
            assert_eq!(stayed["headers"]["Authorization"], "Bearer t0ken");
            assert_eq!(stayed["headers"]["Cookie"], "own=1");
            let left = to(base, other, code);
            for echo in [&stayed, &left] {
                assert_eq!((&echo["method"], &echo["data"]), (&json!(method), &json!(content)), "{code}");
                assert_eq!(echo["headers"]["X-Kept"], "yes");
                assert_eq!(echo["headers"].get("Content-Type").is_some(), !content.is_empty(), "{code}");
            }
            for secret in ["Authorization", "Cookie"] {
                assert_eq!(left["headers"].get(secret), None, "{code}: {left}");
            }
        }
    }
}

#[test]
fn every_status_is_delivered_and_its_connection_kept() {
    with_both(|wsgi, base| {
        let client = client(|config| config.redirect = RedirectPolicy::none());
        let mut seen = 0;
        for code in [200, 201, 202, 203, 204, 205, 206, 300, 301, 302, 303, 304, 305, 307, 308]
            .into_iter()
            .chain([400, 401, 402, 403, 404, 406, 409, 410, 412, 416, 418, 422, 428, 429, 431, 451])
            .chain([500, 501, 502, 503, 504, 505, 511, 599])
        {
            let response = client.get(format!("{base}/status/{code}")).send().unwrap();
            assert_eq!(status(&response), code, "{wsgi:?}");
            let requests = response.info().requests();
            let length = response.content_length();
            let content = response.bytes().unwrap();
            assert!(length.is_none_or(|length| length == content.len() as u64), "{wsgi:?} {code}");
            assert!(code != 204 && code != 304 || content.is_empty(), "{wsgi:?} {code}");
            seen = seen.max(requests);
        }
        assert!(seen > 5, "{wsgi:?}: {seen} requests at most on one connection");
    });
}

#[test]
fn streams_come_piece_by_piece() {
    with_both(|wsgi, base| {
        let client = client(|_| {});
        let response = client.get(format!("{base}/stream/20")).send().unwrap();
        assert_eq!(response.header("transfer-encoding"), Some("chunked"), "{wsgi:?}");
        let lines: Vec<Value> =
            response.lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
        assert!(lines.iter().enumerate().all(|(n, line)| line["id"] == json!(n)));
        assert_eq!(lines.len(), 20);

        // The same seed gives the same bytes, in whatever pieces.
        let bytes = |path: &str| client.get(format!("{base}{path}")).send().unwrap().bytes().unwrap();
        let (once, pieces) =
            (bytes("/bytes/50000?seed=7"), bytes("/stream-bytes/50000?seed=7&chunk_size=77"));
        assert_eq!((once.len(), once == pieces), (50_000, true), "{wsgi:?}");
    });
}

#[test]
fn what_drips_ends_by_the_limit_that_it_breaks() {
    with_both(|wsgi, base| {
        let client = client(|config| config.timeouts.idle = Some(Duration::from_millis(400)));
        let drip = |query: &str| client.get(format!("{base}/drip?{query}"));
        let content = drip("numbytes=5&duration=0.5").send().unwrap().text().unwrap();
        assert_eq!(content, "*****", "{wsgi:?}");

        let error = drip("numbytes=3&duration=6").send().unwrap().bytes().unwrap_err();
        let facts = (error.kind(), error.phase(), error.limit());
        assert_eq!(facts, (ErrorKind::Timeout, Some(Phase::Body), Some(Limit::Idle)), "{wsgi:?} {error}");

        let started = Instant::now();
        let request = drip("numbytes=20&duration=4").timeout(Duration::from_millis(700));
        let error = request.send().unwrap().bytes().unwrap_err();
        assert_eq!(error.limit(), Some(Limit::Total), "{wsgi:?} {error}");
        let took = started.elapsed();
        assert!(took >= Duration::from_millis(650) && took < Duration::from_millis(1500), "{took:?}");
    });
}

#[test]
fn a_delay_is_waited_for_within_the_limit() {
    with_both(|wsgi, base| {
        let client = client(|config| config.timeouts.response = Some(Duration::from_millis(600)));
        let quick = client.get(format!("{base}/delay/0.2")).send().unwrap();
        assert!(quick.timings().wait >= Duration::from_millis(200), "{wsgi:?} {:?}", quick.timings());
        drop(quick);
        let error = client.get(format!("{base}/delay/3")).send().unwrap_err();
        let facts = (error.kind(), error.phase(), error.limit());
        assert_eq!(
            facts,
            (ErrorKind::Timeout, Some(Phase::Response), Some(Limit::Response)),
            "{wsgi:?} {error}"
        );
        // Whoever gave up is in nobody's way.
        assert_eq!(status(&client.get(format!("{base}/get")).send().unwrap()), 200);
    });
}

#[test]
fn ranges_and_tags_get_what_they_ask_for() {
    with_both(|wsgi, base| {
        let client = client(|_| {});
        let url = format!("{base}/range/1024");
        let whole = client.get(&url).send().unwrap().bytes().unwrap();
        assert_eq!(whole.len(), 1024);
        for (range, expected) in
            [("bytes=0-9", 0..10), ("bytes=1000-", 1000..1024), ("bytes=-24", 1000..1024)]
        {
            let part = client.get(&url).header("Range", range).send().unwrap();
            assert_eq!(status(&part), 206, "{wsgi:?} {range}");
            let said = format!("bytes {}-{}/1024", expected.start, expected.end - 1);
            assert_eq!(part.header("content-range"), Some(said.as_str()));
            assert_eq!(part.bytes().unwrap(), whole[expected], "{wsgi:?} {range}");
        }
        let beyond = client.get(&url).header("Range", "bytes=2000-").send().unwrap();
        assert_eq!((status(&beyond), beyond.header("content-range")), (416, Some("bytes */1024")));

        let tagged = format!("{base}/etag/lamp");
        assert_eq!(status(&client.get(&tagged).send().unwrap()), 200);
        let unchanged = client.get(&tagged).header("If-None-Match", "\"lamp\"").send().unwrap();
        assert_eq!((status(&unchanged), unchanged.bytes().unwrap().len()), (304, 0), "{wsgi:?}");
    });
}

#[test]
fn coded_content_says_how_it_is_coded() {
    with_both(|wsgi, base| {
        let client = client(|_| {});
        for (path, coding, begins) in
            [("/gzip", "gzip", &[0x1f, 0x8b][..]), ("/deflate", "deflate", &[0x78]), ("/brotli", "br", &[])]
        {
            let response =
                client.get(format!("{base}{path}")).header("Accept-Encoding", coding).send().unwrap();
            assert_eq!(response.header("content-encoding"), Some(coding), "{wsgi:?}");
            let mut content = Vec::new();
            let length = response.content_length();
            response.take(1 << 20).read_to_end(&mut content).unwrap();
            assert_eq!(length, Some(content.len() as u64), "{wsgi:?} {path}");
            assert!(content.starts_with(begins) && !content.starts_with(b"{"), "{wsgi:?} {path}");
        }
        for (path, word) in [("/gzip", "gzipped"), ("/deflate", "deflated"), ("/brotli", "brotli")] {
            let response = client.get(format!("{base}{path}")).send().unwrap();
            assert!(response.is_decoded(), "{wsgi:?} {path}");
            let said: Value = response.json().unwrap();
            assert_eq!(said[word], true, "{wsgi:?} {path}: {said}");
        }
        let text = client.get(format!("{base}/encoding/utf8")).send().unwrap().text().unwrap();
        assert!(text.contains("ᚻᛖ ᚳᚹᚫᚦ"), "{wsgi:?}");
    });
}
