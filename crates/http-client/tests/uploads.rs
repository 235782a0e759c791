//! Uploads over real sockets: servers that answer before they have read everything.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code fails loudly")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use http_client::{Body, Client, ClientConfig, Connection, ErrorKind};
use testkit::peer::{Script, ScriptedListener};

/// More than any socket holds.
const LARGE: u64 = 64 << 20;

/// Reads one head, does `answer`, and keeps the connection open until told to go.
fn serve(
    answer: impl FnOnce(&mut dyn Read, &mut dyn Write) + Send + 'static,
) -> (SocketAddr, mpsc::Sender<()>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (go, may_go) = mpsc::channel();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).unwrap();
        }
        answer(&mut reader, &mut stream);
        // It ends when the test drops its side.
        let _ = may_go.recv();
    });
    (address, go, server)
}

fn contents() -> [Body; 4] {
    let len = usize::try_from(LARGE).unwrap();
    let file = tempfile::tempfile().unwrap();
    file.set_len(LARGE).unwrap();
    [
        Body::from(file),
        Body::bytes(vec![b'x'; len]),
        Body::sized(std::io::repeat(b'x').take(LARGE), LARGE),
        Body::reader(std::io::repeat(b'x').take(LARGE)),
    ]
}

#[test]
fn t40_a_refusal_ends_an_upload_that_nobody_reads() {
    for body in contents() {
        let name = format!("{body:?}");
        let (address, go, server) = serve(|_, stream| {
            stream.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig").unwrap();
        });
        let began = Instant::now();
        let url = format!("http://{address}/");
        let response = Client::new().put(url).without_header("Expect").body(body).send().unwrap();
        assert_eq!((response.status().as_u16(), response.text().unwrap().as_str()), (413, "big"), "{name}");
        assert!(began.elapsed() < Duration::from_secs(20), "{name} waited for its idle timeout");
        drop(go);
        server.join().unwrap();
    }
}

#[test]
fn t40_a_connection_delivers_an_early_refusal_too() {
    let (address, go, server) = serve(|_, stream| {
        stream.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n").unwrap();
    });
    let mut conn = Connection::http(&address.to_string()).unwrap();
    let [body, ..] = contents();
    let began = Instant::now();
    conn.request_with("PUT", "/", &[], body).unwrap();
    assert_eq!(conn.response().unwrap().status().as_u16(), 413);
    assert!(began.elapsed() < Duration::from_secs(20), "it waited for its idle timeout");
    assert!(!conn.is_open(), "half a request cannot be followed by another");
    drop(go);
    server.join().unwrap();
}

#[test]
fn t40_a_post_that_is_reset_is_not_sent_again() {
    let refusal = "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig";
    for said in [refusal, ""] {
        let script = Script::new().expect_head();
        let script = if said.is_empty() { script.reset() } else { script.reply(said).reset() };
        // A second connection would have no script, and be told as a fault.
        let listener = ScriptedListener::start(vec![script]);
        let url = format!("http://{}/", listener.addr());
        let mut config = ClientConfig::standard();
        config.expect_above = None;
        let large = Body::bytes(vec![b'x'; usize::try_from(LARGE).unwrap()]);
        match Client::with_config(config).unwrap().post(url).body(large).send() {
            // The reset may overtake what came before it.
            Err(error) => {
                assert_eq!((error.kind(), error.attempts().len()), (ErrorKind::Disconnected, 1), "{error}");
            }
            Ok(response) => {
                assert!(!said.is_empty());
                assert_eq!((response.status().as_u16(), response.attempts().len()), (413, 1));
            }
        }
        assert_eq!(listener.heads().len(), 1);
        listener.finish().unwrap();
    }
}

#[test]
fn an_informational_response_and_an_early_200_stop_no_upload() {
    for body in contents() {
        let name = format!("{body:?}");
        let is_chunked = name.contains("Unknown");
        let (address, go, server) = serve(move |reader, stream| {
            stream.write_all(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n").unwrap();
            // Long enough that the client's writes wait.
            thread::sleep(Duration::from_millis(400));
            stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
            thread::sleep(Duration::from_millis(400));
            let mut buf = vec![0; 64 << 10];
            let (mut came, mut tail) = (0, Vec::new());
            while if is_chunked { !tail.ends_with(b"\r\n0\r\n\r\n") } else { came < LARGE } {
                let n = reader.read(&mut buf).unwrap();
                assert!(n > 0, "the upload ended after {came} bytes");
                came += n as u64;
                tail = buf[n.saturating_sub(16)..n].to_vec();
            }
            stream.write_all(b"4\r\ndone\r\n0\r\n\r\n").unwrap();
        });
        let url = format!("http://{address}/");
        let response = Client::new().put(url).without_header("Expect").body(body).send().unwrap();
        assert_eq!(response.text().unwrap(), "done", "{name}");
        drop(go);
        server.join().unwrap();
    }
}

/// Gives a byte now and then, for ever.
struct Live;

impl Read for Live {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        thread::sleep(Duration::from_millis(20));
        buf[0] = b'.';
        Ok(1)
    }
}

#[test]
fn t40_a_refusal_ends_an_upload_without_end() {
    let (address, go, server) = serve(|reader, stream| {
        stream.write_all(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n").unwrap();
        let _ = std::io::copy(reader, &mut std::io::sink());
    });
    let response = Client::new().put(format!("http://{address}/")).body(Body::reader(Live)).send().unwrap();
    assert_eq!(response.status().as_u16(), 401);
    drop(go);
    server.join().unwrap();
}

#[test]
fn a_file_that_becomes_shorter_fails_its_request() {
    let file = tempfile::tempfile().unwrap();
    file.set_len(LARGE).unwrap();
    let body = Body::from(file.try_clone().unwrap());
    file.set_len(LARGE / 2).unwrap();
    let (address, go, server) = serve(|reader, _| {
        let _ = std::io::copy(reader, &mut std::io::sink());
    });
    let url = format!("http://{address}/");
    let error = Client::new().put(url).without_header("Expect").body(body).send().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Content, "{error}");
    drop(go);
    server.join().unwrap();
}

#[cfg(feature = "tls")]
mod over_tls {
    use http_client::Response;
    use testkit::certs::TestCa;

    use super::*;

    fn put(script: Script, body: Body) -> (u16, ScriptedListener) {
        let (response, listener) = put_for(script, body);
        (response.status().as_u16(), listener)
    }

    fn put_for(script: Script, body: Body) -> (Response<'static>, ScriptedListener) {
        let ca = TestCa::new();
        let listener = ScriptedListener::start_tls(vec![script], ca.server(&["127.0.0.1"]).server_config());
        let mut config = ClientConfig::default();
        config.tls.roots.add_pem(ca.ca_pem().as_bytes()).unwrap();
        let client = Client::with_config(config).unwrap();
        let url = format!("https://{}/", listener.addr());
        (client.put(url).without_header("Expect").body(body).send().unwrap(), listener)
    }

    #[test]
    fn t40_a_refusal_ends_an_upload_that_nobody_reads() {
        let refusal = "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n";
        for body in contents() {
            let began = Instant::now();
            let script = Script::new().expect_head().reply(refusal).stall(Duration::from_secs(60));
            let (status, listener) = put(script, body);
            assert_eq!(status, 413);
            assert!(began.elapsed() < Duration::from_secs(20), "it waited for its idle timeout");
            drop(listener);
        }
    }

    #[test]
    fn t40_the_content_of_a_refusal_is_read_past_an_upload_that_is_stuck() {
        let content = "too large ".repeat(100);
        let head = format!("HTTP/1.1 413 Too Large\r\nContent-Length: {}\r\n\r\n", content.len());
        for ends in [true, false] {
            for body in contents() {
                let began = Instant::now();
                let pause = Duration::from_millis(600);
                let refusal = Script::new().expect_head().reply(&head).stall(pause).reply(&content);
                let script = if ends { refusal.reset() } else { refusal.stall(Duration::from_secs(60)) };
                let (mut response, listener) = put_for(script, body);
                let mut found = String::new();
                let read = response.read_to_string(&mut found);
                // A reset may overtake what came before it.
                assert!(ends || read.is_ok(), "{read:?}");
                assert!(found == content || ends && content.starts_with(&found), "{found}");
                assert!(began.elapsed() < Duration::from_secs(20), "it waited for its idle timeout");
                drop(listener);
            }
        }
    }

    /// A write that waits in turns must neither lose nor repeat what the session took.
    #[test]
    fn an_upload_that_waits_arrives_whole() {
        let content: Vec<u8> =
            (0..8_u32 << 20).map(|i| i.to_le_bytes().into_iter().fold(7, u8::wrapping_add)).collect();
        let pause = Duration::from_millis(700);
        let script = Script::new().expect_head().stall(pause).expect(&content).reply("HTTP/1.1 204 \r\n\r\n");
        let (status, listener) = put(script, Body::bytes(content));
        assert_eq!(status, 204);
        listener.finish().unwrap();
    }
}
