//! The tables of Python's exceptions (`src/error/from_python.md`, `from_requests.md`): each one is brought about, and is of the
//! kind that its table says.
#![cfg(all(feature = "gzip", feature = "json", feature = "tls"))]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "test code fails loudly")]

mod common;

use std::collections::BTreeSet;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use common::{ok, redirect, stage};
use http_client::conn::{ConnectError, Deadline, Resolve};
use http_client::{
    Body, CancelToken, Client, ClientConfig, Connection, DecodeError, Error, ErrorKind, Limit, Misuse, Proxy,
    RedirectPolicy, RefusedRedirect, Response, Route,
};
use testkit::peer::{Script, ScriptedListener};
use testkit::site::Site;

/// A table, and what of its classes was checked.
struct Checked {
    table: &'static str,
    classes: BTreeSet<&'static str>,
}

impl Checked {
    fn new(table: &'static str) -> Self {
        Self { table, classes: BTreeSet::new() }
    }

    #[track_caller]
    fn check(&mut self, class: &'static str, error: &Error) {
        let (_, kinds) = self.rows().find(|(classes, _)| classes.contains(&class)).expect(class);
        assert!(kinds.contains(&format!("{:?}", error.kind()).as_str()), "{class}: {kinds:?}, but {error:?}");
        self.classes.insert(class);
    }

    /// Checks that only these classes, which have no error here or every one, are left.
    #[track_caller]
    fn finish(self, without: &[&'static str]) {
        let all: BTreeSet<_> = self.rows().flat_map(|(classes, _)| classes).collect();
        let known = self.classes.into_iter().chain(without.iter().copied()).collect();
        assert_eq!(all, known);
    }

    /// The classes of each row, and its kinds.
    fn rows(&self) -> impl Iterator<Item = (Vec<&'static str>, Vec<&'static str>)> + use<> {
        let quoted = |cell: &'static str| cell.split('`').skip(1).step_by(2).collect();
        self.table.lines().skip(2).map(move |row| {
            let mut cells = row.trim_matches('|').split('|');
            (quoted(cells.next().unwrap()), quoted(cells.next().unwrap()))
        })
    }
}

/// Sends a GET that is answered so, and reads the content.
fn answered(response: &str) -> Error {
    let stage = stage([Script::new().expect_head().reply(response).close()]);
    let mut connection = stage.connection();
    connection.request("GET", "/").unwrap();
    connection.response().and_then(Response::text).unwrap_err()
}

#[test]
fn each_exception_is_the_error_of_the_table() {
    let mut checked = Checked::new(include_str!("../src/error/from_python.md"));
    of_calls_out_of_order(&mut checked);
    of_requests_behind_others(&mut checked);
    of_bad_answers(&mut checked);
    of_connections(&mut checked);
    checked.finish(&["HTTPException", "UnimplementedFileMode", "UnicodeDecodeError"]);
}

#[test]
fn each_exception_of_requests_is_the_error_of_its_table() {
    let mut checked = Checked::new(include_str!("../src/error/from_requests.md"));
    of_invalid_requests(&mut checked);
    of_answers_to_a_session(&mut checked);
    of_connections_of_a_session(&mut checked);
    checked.finish(&["RequestException"]);
}

#[track_caller]
fn misuse(error: Error, expected: Misuse) -> Error {
    assert_eq!(error.find(), Some(&expected), "{error}");
    error
}

fn of_calls_out_of_order(checked: &mut Checked) {
    let mut stage = stage([Script::new()]);
    stage.config.auto_open = false;
    let mut connection = stage.connection();
    checked.check("ResponseNotReady", &misuse(connection.response().unwrap_err(), Misuse::NoRequest));
    let error = connection.put_header("X-Order", "kept").map(drop).unwrap_err();
    checked.check("CannotSendHeader", &misuse(error, Misuse::NotBuilding));
    connection.put_request("GET", "/").unwrap();
    let error = misuse(connection.request("GET", "/").unwrap_err(), Misuse::RequestUnfinished);
    checked.check("CannotSendRequest", &error);
    checked.check("ImproperConnectionState", &error);
    connection.close().unwrap();
    checked.check("NotConnected", &misuse(connection.request("GET", "/").unwrap_err(), Misuse::Closed));

    let client = stage.client();
    for url in ["http://a:port/", "http://a b/", "ftp://a/"] {
        checked.check("InvalidURL", &client.get(url).send().unwrap_err());
    }
}

fn of_requests_behind_others(checked: &mut Checked) {
    let mut connection = stage([Script::new().expect_head()]).connection();
    connection.request("GET", "/").unwrap();
    let piped = Body::reader(io::empty());
    for (error, expected) in [
        (connection.put_request("GET", "/").map(drop).unwrap_err(), Misuse::ResponsePending),
        (connection.request("POST", "/").unwrap_err(), Misuse::NotIdempotent),
        (connection.request_with("PUT", "/", &[], piped).unwrap_err(), Misuse::ContentNotAtHand),
    ] {
        checked.check("CannotSendRequest", &misuse(error, expected));
    }
}

fn of_bad_answers(checked: &mut Checked) {
    checked.check("UnknownProtocol", &answered("HTTP/2.0 200 OK\r\n\r\n"));
    let coded = "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n";
    checked.check("UnknownTransferEncoding", &answered(coded));
    checked.check("IncompleteRead", &answered("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"));
    checked
        .check("IncompleteRead", &answered("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe"));
    checked.check("BadStatusLine", &answered("hello\r\n\r\n"));
    let long = "x".repeat(1 << 20);
    checked.check("LineTooLong", &answered(&format!("HTTP/1.1 200 OK\r\nX-Long: {long}\r\n\r\n")));
    checked.check("RemoteDisconnected", &answered(""));

    let stage = stage([Script::new().expect_head().reply(ok("<html>"))]);
    let client = stage.client();
    let error = client.get("http://a/").send().unwrap().json::<Vec<u32>>().unwrap_err();
    checked.check("json.JSONDecodeError", &error);
    assert_eq!(error.json().unwrap().text(), "<html>");
}

/// Knows no name.
struct Nobody;

impl Resolve for Nobody {
    fn resolve(
        &self,
        host: &str,
        _: u16,
        _: Deadline,
        _: &CancelToken,
    ) -> Result<Vec<SocketAddr>, ConnectError> {
        Err(ConnectError::Resolve { host: host.to_owned(), source: io::Error::other("unknown name") })
    }
}

fn of_connections(checked: &mut Checked) {
    let mut silent = stage([Script::new().expect_head().stall(Duration::from_secs(9))]);
    silent.config.timeouts.response = Some(Duration::from_secs(5));
    let error = silent.client().get("http://a/").send().unwrap_err();
    assert!(error.is_timeout());
    checked.check("TimeoutError", &error);
    checked.check("socket.timeout", &error);

    let mut config = ClientConfig::default();
    config.resolver = Arc::new(Nobody);
    let error = Client::with_config(config).unwrap().get("http://nowhere.example/").send().unwrap_err();
    assert!(matches!(error.connect_error(), Some(ConnectError::Resolve { .. })), "{error}");
    checked.check("socket.gaierror", &error);
    checked.check("socket.error", &error);

    let site = Site::start();
    // The near end of a connection: nobody listens there, and nobody else can take the port meanwhile.
    let taken = TcpStream::connect(site.http_addr()).unwrap();
    let error = Connection::http(&taken.local_addr().unwrap().to_string()).unwrap_err();
    assert!(matches!(error.connect_error(), Some(ConnectError::Dial { .. })), "{error}");
    checked.check("ConnectionRefusedError", &error);

    let reset = stage([Script::new().expect_head().reset()]);
    let error = reset.client().post("http://a/").body("hello").send().unwrap_err();
    checked.check("ConnectionResetError", &error);
    checked.check("BrokenPipeError", &error);
    checked.check("OSError", &error);

    let error = Connection::https(&site.http_addr().to_string()).unwrap_err();
    assert!(matches!(error.connect_error(), Some(ConnectError::Tls { .. })), "{error}");
    assert_eq!(error.kind(), ErrorKind::Connect);
    checked.check("ssl.SSLError", &error);
    let error = Connection::https(&format!("localhost:{}", site.https_addr().port())).unwrap_err();
    checked.check("ssl.SSLCertVerificationError", &error);
}

fn of_invalid_requests(checked: &mut Checked) {
    let client = Client::new();
    for (class, url) in
        [("MissingSchema", "a.example/"), ("InvalidSchema", "ftp://a/"), ("InvalidURL", "http://a b/")]
    {
        checked.check(class, &client.get(url).send().unwrap_err());
    }
    checked
        .check("InvalidHeader", &client.get("http://a/").header("X-Order", "kept\r\n?").send().unwrap_err());
}

fn of_answers_to_a_session(checked: &mut Checked) {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    checked.check("ChunkedEncodingError", &answered(&format!("{chunked}5\r\nhe")));
    checked.check("ChunkedEncodingError", &answered(&format!("{chunked}five\r\nhe")));

    let moved = redirect(302, "/");
    let mut stage = stage([Script::new().expect_head().reply(&moved).expect_head().reply(&moved)]);
    stage.config.redirect = RedirectPolicy::limited(1);
    let error = stage.client().get("http://a/").send().unwrap_err();
    assert_eq!(error.redirect().unwrap().reason, RefusedRedirect::TooMany { limit: 1 });
    checked.check("TooManyRedirects", &error);

    stage.peer.push(Script::new().expect_head().reply("HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n"));
    let sent = stage.client().get("http://a/").send();
    checked.check("HTTPError", &sent.and_then(Response::error_for_status).unwrap_err());

    stage.peer.push(Script::new().expect_head().reply(ok("<html>")));
    let error = stage.client().get("http://a/").send().unwrap().json::<Vec<u32>>().unwrap_err();
    checked.check("JSONDecodeError", &error);
    checked.check("InvalidJSONError", &error);

    stage.config.decode = true;
    let coded = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello";
    stage.peer.push(Script::new().expect_head().reply(coded));
    let error = stage.client().get("http://a/").send().unwrap().text().unwrap_err();
    assert!(error.find::<DecodeError>().is_some(), "{error}");
    checked.check("ContentDecodingError", &error);
}

fn of_connections_of_a_session(checked: &mut Checked) {
    let site = Site::start();
    let mut config = ClientConfig::default();
    config.timeouts.connect = Some(Duration::ZERO);
    let error = Client::with_config(config).unwrap().get(site.http_url()).send().unwrap_err();
    assert_eq!((error.limit(), error.is_connect()), (Some(Limit::Connect), true), "{error}");
    checked.check("ConnectTimeout", &error);
    checked.check("Timeout", &error);

    let silent = stage([Script::new().expect_head().stall(Duration::from_secs(99))]);
    let error = silent.client().get("http://a/").send().unwrap_err();
    assert_eq!(error.limit(), Some(Limit::Response));
    checked.check("ReadTimeout", &error);
    let silent = stage([Script::new().expect_head().reply("HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\n")]);
    let error = silent.client().get("http://a/").send().unwrap().text().unwrap_err();
    assert_eq!(error.limit(), Some(Limit::Idle));
    checked.check("ReadTimeout", &error);

    let taken = TcpStream::connect(site.http_addr()).unwrap();
    let error = Client::new().get(format!("http://{}/", taken.local_addr().unwrap())).send().unwrap_err();
    checked.check("ConnectionError", &error);
    let reset = stage([Script::new().expect_head().reset()]);
    let error = reset.client().post("http://a/").body("hello").send().unwrap_err();
    checked.check("ConnectionError", &error);

    for url in [format!("https://{}/", site.http_addr()), site.https_url().to_owned()] {
        let error = Client::new().get(url).send().unwrap_err();
        assert!(matches!(error.connect_error(), Some(ConnectError::Tls { .. })), "{error}");
        checked.check("SSLError", &error);
    }

    let refusal = "HTTP/1.1 407 \r\nContent-Length: 0\r\n\r\n";
    let listener = ScriptedListener::start(vec![Script::new().expect_head().reply(refusal)]);
    let proxy: Proxy = format!("http://{}", listener.addr()).parse().unwrap();
    let mut config = ClientConfig::default();
    config.routes = Some(Arc::new(move |origin| Route::new(origin).through(proxy.clone())));
    let error = Client::with_config(config).unwrap().get("http://a.example/").send().unwrap_err();
    assert!(error.tunnel().is_some(), "{error}");
    checked.check("ProxyError", &error);
}

#[test]
fn text_that_is_none_is_no_error() {
    let stage =
        stage([Script::new().expect_head().reply(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na\xffb")]);
    assert_eq!(stage.client().get("http://a/").send().unwrap().text().unwrap(), "a\u{fffd}b");
}
