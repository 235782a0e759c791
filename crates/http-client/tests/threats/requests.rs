//! Requests whose URL, framing or host could be taken for another.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_client::conn::{CancelToken, ConnectError, Deadline, Proxy, Resolve, Route};
use http_client::{Body, Client, ClientConfig, ErrorKind, Jar, RequestBuilder};
use testkit::peer::{Script, ScriptedListener};

use crate::common::{ok, stage};

#[test]
fn t13_framing_given_by_hand_is_right_or_nothing_is_sent() {
    type Framed = (&'static str, &'static [(&'static str, &'static str)], &'static str);
    let rows: [Framed; 15] = [
        ("POST", &[("Content-Length", "4")], "hello"),
        ("POST", &[("Content-Length", "6")], "hello"),
        ("POST", &[("Content-Length", "+5")], "hello"),
        ("POST", &[("Content-Length", "5, 5")], "hello"),
        ("POST", &[("Content-Length", "5"), ("Content-Length", "6")], "hello"),
        ("POST", &[("Content-Length", "18446744073709551621")], "hello"),
        ("POST", &[("Content-Length", "5"), ("Transfer-Encoding", "chunked")], "hello"),
        ("POST", &[("Transfer-Encoding", "xchunked")], "hello"),
        ("POST", &[("Transfer-Encoding", "chunked, gzip")], "hello"),
        ("GET", &[("Content-Length", "5")], ""),
        ("GET", &[("Transfer-Encoding", "gzip")], ""),
        ("HEAD", &[("Transfer-Encoding", "gzip")], ""),
        ("DELETE", &[("Transfer-Encoding", "gzip")], ""),
        ("GET", &[("Transfer-Encoding", "gzip")], "hello"),
        ("DELETE", &[("Transfer-Encoding", "gzip")], "hello"),
    ];
    for (method, fields, content) in rows {
        for streamed in [false, true] {
            let stage = stage([]);
            let client = stage.client();
            let body = match (content, streamed) {
                ("", _) => Body::empty(),
                (_, false) => Body::from(content),
                (_, true) => Body::sized(content.as_bytes(), content.len() as u64),
            };
            let add = |request: RequestBuilder, (name, value): &(&str, &str)| request.header(name, value);
            let request = fields.iter().fold(client.request(method, "http://a/"), add).body(body);
            let error = request.send().expect_err(&format!("{method} {fields:?} {content:?}"));
            assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{method} {fields:?} {content:?}: {error}");
            assert_eq!(stage.peer.connects(), 0, "{method} {fields:?} {content:?}");
        }
    }
}

#[test]
fn t44_who_is_dialled_asked_and_owns_the_cookies_is_one_host() {
    for (url, origin, target) in [
        ("http://A/", "http://a", "/"),
        ("http://a@b/", "http://b", "/"),
        ("http://a:81@b/", "http://b", "/"),
        ("http://a:81@b:82/", "http://b:82", "/"),
        ("http://a\\@b/", "http://a", "/@b/"),
        ("http:\\\\a\\b", "http://a", "/b"),
        ("http://a#@b/", "http://a", "/"),
        ("http://a?@b/", "http://a", "/?@b/"),
        ("http://a/@b", "http://a", "/@b"),
        ("http://a%2ecom/", "http://a.com", "/"),
        ("http://\u{ff41}/", "http://a", "/"),
        ("http://a\u{3002}com/", "http://a.com", "/"),
        ("http://a\t.com/\n", "http://a.com", "/"),
        ("http:/a/", "http://a", "/"),
        ("http:///a//b/", "http://a", "//b/"),
        ("http://[::1]@b/", "http://b", "/"),
        ("http://b@[::1]/", "http://[::1]", "/"),
        ("http://[2001:DB8:0::1]/", "http://[2001:db8::1]", "/"),
        ("http://0x7f.1/", "http://127.0.0.1", "/"),
        ("http://2130706433/", "http://127.0.0.1", "/"),
        ("http://a@b@c/", "http://c", "/"),
    ] {
        let set = "HTTP/1.1 200 OK\r\nSet-Cookie: id=7; Path=/\r\nContent-Length: 0\r\n\r\n";
        let mut stage = stage([Script::new().expect_head().reply(set).expect_head().reply(set)]);
        let jar = Jar::new();
        stage.config.cookies = Some(jar.clone());
        let client = stage.client();
        for _ in 0..2 {
            client.get(url).send().unwrap_or_else(|error| panic!("{url}: {error}")).bytes().unwrap();
        }
        assert_eq!(stage.peer.origins(), [origin], "{url}");
        let authority = origin.strip_prefix("http://").unwrap();
        let heads = stage.peer.connection(0).heads;
        let [first, second] = heads.as_slice() else { panic!("{url}: {heads:?}") };
        let first = std::str::from_utf8(first).unwrap();
        let begin = format!("GET {target} HTTP/1.1\r\nHost: {authority}\r\n");
        assert!(first.starts_with(&begin) && !first.contains("Cookie"), "{url}: {first}");
        assert_eq!(first.matches("Host:").count(), 1, "{url}: {first}");
        let second = std::str::from_utf8(second).unwrap();
        assert!(second.starts_with(&begin) && second.contains("\r\nCookie: id=7\r\n"), "{url}: {second}");
        let domains: Vec<_> = jar.names().map(|name| name.domain).collect();
        assert_eq!(domains, [authority.strip_suffix(":82").unwrap_or(authority)], "{url}");
        stage.finish();
    }
    for url in [
        "http://a%2fb/",
        "http://a%00b/",
        "http://a b/",
        "http://a%40b/",
        "http://a%23b/",
        "http://",
        "http://@/",
    ] {
        let stage = stage([]);
        let error = stage.client().get(url).send().expect_err(url);
        assert_eq!((error.kind(), stage.peer.connects()), (ErrorKind::InvalidRequest, 0), "{url}: {error}");
    }
}

/// Knows these addresses for every name, and remembers who was asked for.
#[derive(Clone, Default)]
struct Fixed {
    addresses: Vec<SocketAddr>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Resolve for Fixed {
    fn resolve(
        &self,
        host: &str,
        _: u16,
        _: Deadline,
        _: &CancelToken,
    ) -> Result<Vec<SocketAddr>, ConnectError> {
        self.asked.lock().unwrap().push(host.to_owned());
        Ok(self.addresses.clone())
    }
}

#[test]
fn t42_a_name_too_long_for_socks_reaches_no_proxy_and_is_not_looked_up_here() {
    let label = "h".repeat(63);
    for (last, fits) in [(61, true), (62, false), (63, false), (64, false), (200, false)] {
        let host = format!("{label}.{label}.{label}.{}", "i".repeat(last));
        let mut ask = b"\x05\x01\x00\x03".to_vec();
        ask.push(u8::try_from(host.len()).unwrap_or_default());
        ask.extend_from_slice(host.as_bytes());
        ask.extend_from_slice(&80_u16.to_be_bytes());
        let script = Script::new().expect(b"\x05\x01\x00").reply(b"\x05\x00").expect(ask);
        let script = script.reply(b"\x05\x00\x00\x01\0\0\0\0\0\0").expect_head().reply(ok(""));
        let listener = ScriptedListener::start(if fits { vec![script] } else { Vec::new() });
        let resolver = Fixed { addresses: vec![listener.addr()], ..Fixed::default() };
        let mut config = ClientConfig::default();
        config.resolver = Arc::new(resolver.clone());
        let proxy: Proxy = format!("socks5h://{}", listener.addr()).parse().unwrap();
        config.routes = Some(Arc::new(move |origin| Route::new(origin).through(proxy.clone())));
        let sent = Client::with_config(config).unwrap().get(format!("http://{host}/")).send();
        let kind = sent.err().map(|error| error.kind());
        assert_eq!(kind, (!fits).then_some(ErrorKind::InvalidRequest), "{} bytes", host.len());
        assert!(!resolver.asked.lock().unwrap().contains(&host), "it was looked up here");
        listener.finish().unwrap();
    }
}

#[test]
fn t46_a_name_with_no_address_and_one_with_a_thousand_end_in_time() {
    // A port that was free a moment ago: whoever dials it is refused.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let send = |addresses: Vec<SocketAddr>| {
        let resolver = Fixed { addresses, ..Fixed::default() };
        let mut config = ClientConfig::default();
        config.resolver = Arc::new(resolver.clone());
        config.timeouts.connect = Some(Duration::from_secs(5));
        let began = Instant::now();
        let error = Client::with_config(config).unwrap().get("http://many.example/").send().unwrap_err();
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
        assert_eq!(*resolver.asked.lock().unwrap(), ["many.example"]);
        error
    };
    let error = send(Vec::new());
    assert!(matches!(error.connect_error(), Some(ConnectError::NoAddress { .. })), "{error:?}");
    let error = send((0..1000).map(|_| free).collect());
    let Some(ConnectError::Dial { attempts, .. }) = error.connect_error() else { panic!("{error:?}") };
    assert!((1..=16).contains(&attempts.len()), "{} attempts", attempts.len());
}
