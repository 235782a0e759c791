//! A keep-alive server on loopback that answers every request with 1 KiB, and the two clients that are measured on it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use http_client::{Client, Connection};

const CONTENT: [u8; 1024] = [b'x'; 1024];

/// Serves any number of connections, one at a time each, until the process ends.
pub(crate) fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map(Result::unwrap) {
            thread::spawn(move || {
                let mut answer =
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1024\r\n\r\n".to_vec();
                answer.extend_from_slice(&CONTENT);
                let (mut seen, mut buf) = (Vec::new(), [0; 4096]);
                while let Ok(n @ 1..) = stream.read(&mut buf) {
                    seen.extend_from_slice(&buf[..n]);
                    if seen.ends_with(b"\r\n\r\n") {
                        seen.clear();
                        stream.write_all(&answer).unwrap();
                    }
                }
            });
        }
    });
    address
}

/// Sends `times` requests over one connection and checks every answer.
pub(crate) fn by_connection(conn: &mut Connection, times: usize) {
    for _ in 0..times {
        conn.request("GET", "/some/path").unwrap();
        read_all(&mut conn.response().unwrap());
    }
}

/// Sends `times` requests through a client and checks every answer.
pub(crate) fn by_client(client: &Client, url: &str, times: usize) {
    for _ in 0..times {
        read_all(&mut client.get(url).send().unwrap());
    }
}

fn read_all(response: &mut impl Read) {
    let mut content = [0; 2048];
    let mut len = 0;
    loop {
        match response.read(&mut content[len..]).unwrap() {
            0 => break,
            n => len += n,
        }
    }
    assert_eq!(content[..len], CONTENT);
}
