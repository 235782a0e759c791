//! An HTTP proxy that makes tunnels.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How long a side of a tunnel may be silent.
const SILENCE: Duration = Duration::from_secs(20);

/// A proxy on 127.0.0.1 that does what CONNECT asks, wherever that leads, and remembers the heads. Its threads end with their
/// connections.
#[derive(Debug)]
pub struct ConnectProxy {
    addr: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl ConnectProxy {
    /// Listens.
    ///
    /// # Panics
    /// The loopback interface cannot be listened on.
    #[must_use]
    #[expect(clippy::expect_used, reason = "without a listener there is no test")]
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("127.0.0.1 can be listened on");
        let addr = listener.local_addr().expect("the listener has an address");
        let heads = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heads);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let kept = Arc::clone(&kept);
                // Whoever breaks off has no use for the reason.
                thread::spawn(move || drop(serve(stream, &kept)));
            }
        });
        Self { addr, heads }
    }

    /// Returns the address to connect to.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns the heads of the requests so far.
    #[must_use]
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(mut client: TcpStream, heads: &Mutex<Vec<String>>) -> io::Result<()> {
    client.set_read_timeout(Some(SILENCE))?;
    let mut lines = BufReader::new(client.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if lines.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).map(str::to_owned);
    heads.lock().unwrap_or_else(PoisonError::into_inner).push(head);
    let Some(target) = target else { return client.write_all(b"HTTP/1.1 405 \r\nContent-Length: 0\r\n\r\n") };
    let Ok(server) = TcpStream::connect(target) else {
        return client.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\ndown");
    };
    server.set_read_timeout(Some(SILENCE))?;
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let (mut up, mut down) = (server.try_clone()?, client.try_clone()?);
    let upwards = thread::spawn(move || {
        let copied = io::copy(&mut lines, &mut up);
        let _ = up.shutdown(Shutdown::Write);
        copied
    });
    let mut server = server;
    let copied = io::copy(&mut server, &mut down);
    let _ = down.shutdown(Shutdown::Both);
    let _ = upwards.join();
    copied.map(drop)
}
