//! The table of Python's exceptions (`src/error/from_python.md`): each one is brought about, and is of the kind that it says.
#![cfg(all(feature = "json", feature = "tls"))]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "test code fails loudly")]

mod common;

use std::collections::BTreeSet;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use common::{ok, stage};
use http_client::conn::{ConnectError, Deadline, Resolve};
use http_client::{CancelToken, Client, ClientConfig, Connection, Error, ErrorKind, Misuse};
use testkit::peer::Script;
use testkit::site::Site;

const TABLE: &str = include_str!("../src/error/from_python.md");
/// What has no error here, or every one.
const WITHOUT: [&str; 3] = ["HTTPException", "UnimplementedFileMode", "UnicodeDecodeError"];

/// The classes that were checked.
#[derive(Default)]
struct Checked(BTreeSet<&'static str>);

impl Checked {
    #[track_caller]
    fn check(&mut self, class: &'static str, error: &Error) {
        let (_, kinds) = rows().find(|(classes, _)| classes.contains(&class)).expect(class);
        assert!(kinds.contains(&format!("{:?}", error.kind()).as_str()), "{class}: {kinds:?}, but {error:?}");
        self.0.insert(class);
    }
}

/// The classes of each row, and its kinds.
fn rows() -> impl Iterator<Item = (Vec<&'static str>, Vec<&'static str>)> {
    let quoted = |cell: &'static str| cell.split('`').skip(1).step_by(2).collect();
    TABLE.lines().skip(2).map(move |row| {
        let mut cells = row.trim_matches('|').split('|');
        (quoted(cells.next().unwrap()), quoted(cells.next().unwrap()))
    })
}

/// Sends a GET that is answered so, and reads the content.
fn answered(response: &str) -> Error {
    let stage = stage([Script::new().expect_head().reply(response).close()]);
    let mut connection = stage.connection();
    connection.request("GET", "/").unwrap();
    connection.response().and_then(http_client::Response::text).unwrap_err()
}

#[test]
fn each_exception_is_the_error_of_the_table() {
    let mut checked = Checked::default();
    of_calls_out_of_order(&mut checked);
    of_bad_answers(&mut checked);
    of_connections(&mut checked);
    let all: BTreeSet<_> = rows().flat_map(|(classes, _)| classes).collect();
    let known = checked.0.into_iter().chain(WITHOUT).collect();
    assert_eq!(all, known);
}

fn of_calls_out_of_order(checked: &mut Checked) {
    let mut stage = stage([Script::new()]);
    stage.config.auto_open = false;
    let mut connection = stage.connection();
    let misuse = |error: Error, expected: Misuse| {
        let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref());
        assert_eq!(source, Some(&expected), "{error}");
        error
    };
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

#[test]
fn text_that_is_none_is_no_error() {
    let stage =
        stage([Script::new().expect_head().reply(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na\xffb")]);
    assert_eq!(stage.client().get("http://a/").send().unwrap().text().unwrap(), "a\u{fffd}b");
}
