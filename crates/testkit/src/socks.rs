//! SOCKS servers on loopback, for interop tests: microsocks and Dante where they are installed, and a small one of our
//! own for SOCKS4a, which neither of them speaks.

mod relay;

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::program::{self, PAUSE, Running};
pub use relay::Socks4aRelay;

/// The port that Dante's rules forbid.
pub const FORBIDDEN_PORT: u16 = 9;

const START_LIMIT: Duration = Duration::from_secs(5);
/// Another program may take a free port between our look and the server's bind.
const BIND_ATTEMPTS: u32 = 5;

/// A running SOCKS server. Dropping it ends the program and removes its directory.
#[derive(Debug)]
pub struct SocksServer {
    // The program must be gone before its directory goes: fields drop in this order.
    _child: Running,
    dir: TempDir,
    addr: SocketAddr,
}

impl SocksServer {
    /// Starts microsocks, a SOCKS5 server, which asks for user and password if they are given.
    ///
    /// # Errors
    /// The program is not installed or does not serve; the text says what to do or what it complained about.
    pub fn microsocks(credentials: Option<(&str, &str)>) -> Result<Self, String> {
        Self::start("microsocks", "microsocks", |command, port, _| {
            command.args(["-i", "127.0.0.1", "-p", &port.to_string()]);
            if let Some((user, password)) = credentials {
                command.args(["-u", user, "-P", password]);
            }
            Ok(())
        })
    }

    /// Starts Dante, a server for SOCKS4 and SOCKS5 without authentication, which forbids [`FORBIDDEN_PORT`].
    ///
    /// # Errors
    /// As [`microsocks`](Self::microsocks).
    pub fn dante() -> Result<Self, String> {
        Self::start("danted", "dante-server", |command, port, dir| {
            let file = |name: &str| dir.path().join(name);
            fs::write(file("danted.conf"), dante_conf(port))
                .map_err(|error| format!("danted.conf: {error}"))?;
            command.arg("-f").arg(file("danted.conf")).arg("-p").arg(file("danted.pid")).args(["-N", "1"]);
            Ok(())
        })
    }

    /// Returns the address to connect to.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns what the program has said so far.
    #[must_use]
    pub fn output(&self) -> String {
        fs::read_to_string(self.dir.path().join("output")).unwrap_or_default()
    }

    fn start(
        name: &str,
        package: &str,
        configure: impl Fn(&mut Command, u16, &TempDir) -> Result<(), String>,
    ) -> Result<Self, String> {
        let program = program::find(name).ok_or_else(|| {
            format!("{name} is not installed: `apt-get install {package}` (Debian, Ubuntu)")
        })?;
        let text = |what: &'static str| move |error: std::io::Error| format!("{what}: {error}");
        let dir = tempfile::Builder::new().prefix("testkit-socks-").tempdir().map_err(text("a directory"))?;
        let mut last = String::new();
        for _ in 0..BIND_ATTEMPTS {
            let addr = free_address().map_err(text("a free port on loopback"))?;
            let output = File::create(dir.path().join("output")).map_err(text("the program's output"))?;
            let mut command = Command::new(&program);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output);
            configure(&mut command, addr.port(), &dir)?;
            let mut child = Running(command.spawn().map_err(text("starting the program"))?);
            let limit = Instant::now() + START_LIMIT;
            while matches!(child.0.try_wait(), Ok(None)) && Instant::now() < limit {
                if TcpStream::connect(addr).is_ok() {
                    return Ok(Self { _child: child, dir, addr });
                }
                thread::sleep(PAUSE);
            }
            last = fs::read_to_string(dir.path().join("output")).unwrap_or_default();
        }
        Err(format!("{name} does not serve: {}", last.trim()))
    }
}

fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn dante_conf(port: u16) -> String {
    // Names are looked up by the system; `log` says who asked for what.
    format!(
        "logoutput: stderr
internal: 127.0.0.1 port = {port}
external: lo
socksmethod: none
clientmethod: none
client pass {{
  from: 127.0.0.0/8 to: 0.0.0.0/0
}}
socks block {{
  from: 0.0.0.0/0 to: 127.0.0.0/8 port = {FORBIDDEN_PORT}
}}
socks pass {{
  from: 127.0.0.0/8 to: 0.0.0.0/0
  protocol: tcp
  log: connect error
}}
"
    )
}
