//! A small server for SOCKS4a: the servers that Debian packages do not speak it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);
const GRANTED: u8 = 90;
const REJECTED: u8 = 91;

/// A SOCKS4 and SOCKS4a server on 127.0.0.1 that looks names up itself, for a bounded number of connections.
#[derive(Debug)]
pub struct Socks4aRelay {
    addr: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Socks4aRelay {
    /// Serves this many connections.
    ///
    /// # Panics
    /// The loopback interface cannot be listened on.
    #[must_use]
    pub fn start(connections: usize) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port on the loopback interface");
        let addr = listener.local_addr().expect("the listener's address");
        let asked = Arc::new(Mutex::default());
        let record = Arc::clone(&asked);
        thread::spawn(move || {
            for client in listener.incoming().take(connections) {
                let record = Arc::clone(&record);
                // A client that breaks off is the test's to see.
                thread::spawn(move || client.and_then(|client| serve(&client, &record)));
            }
        });
        Self { addr, asked }
    }

    /// Returns the address to connect to.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Tells what was asked for, as `user@host:port`, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(client: &TcpStream, record: &Mutex<Vec<String>>) -> io::Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_nodelay(true)?;
    let mut from = BufReader::new(client);
    let mut request = [0; 8];
    from.read_exact(&mut request)?;
    let [4, 1, high, low, a, b, c, d] = request else {
        return Err(io::Error::other("no CONNECT of SOCKS4"));
    };
    let port = u16::from_be_bytes([high, low]);
    let user = text(&mut from)?;
    let host = match [a, b, c, d] {
        [0, 0, 0, 1..=255] => text(&mut from)?,
        address => Ipv4Addr::from(address).to_string(),
    };
    record.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{user}@{host}:{port}"));
    let mut to = client;
    let Ok(server) = TcpStream::connect((host.as_str(), port)) else {
        return to.write_all(&[0, REJECTED, 0, 0, 0, 0, 0, 0]);
    };
    server.set_nodelay(true)?;
    to.write_all(&[0, GRANTED, 0, 0, 0, 0, 0, 0])?;
    thread::scope(|scope| {
        scope.spawn(|| {
            let _ = io::copy(&mut &server, &mut &*client);
            let _ = client.shutdown(Shutdown::Write);
        });
        let _ = io::copy(&mut from, &mut &server);
        let _ = server.shutdown(Shutdown::Write);
    });
    Ok(())
}

/// Reads up to the next NUL.
fn text(from: &mut impl BufRead) -> io::Result<String> {
    let mut bytes = Vec::new();
    from.take(1024).read_until(0, &mut bytes)?;
    bytes.pop();
    String::from_utf8(bytes).map_err(io::Error::other)
}
