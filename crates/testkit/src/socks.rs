//! SOCKS servers on loopback, for interop tests: microsocks and Dante where they are installed, and a small one of our
//! own for SOCKS4a, which neither of them speaks.

mod relay;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::program::{self, Server};
pub use relay::Socks4aRelay;

/// The port that Dante's rules forbid.
pub const FORBIDDEN_PORT: u16 = 9;

/// A running SOCKS server. Dropping it ends the program and removes its directory.
#[derive(Debug)]
pub struct SocksServer(Server);

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
            let file = |name: &str| dir.join(name);
            fs::write(file("danted.conf"), dante_conf(port))
                .map_err(|error| format!("danted.conf: {error}"))?;
            command.arg("-f").arg(file("danted.conf")).arg("-p").arg(file("danted.pid")).args(["-N", "1"]);
            Ok(())
        })
    }

    /// Returns the address to connect to.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.0.addr()
    }

    /// Returns what the program has said so far.
    #[must_use]
    pub fn output(&self) -> String {
        self.0.output()
    }

    fn start(
        name: &str,
        package: &str,
        configure: impl Fn(&mut Command, u16, &Path) -> Result<(), String>,
    ) -> Result<Self, String> {
        let program = program::find(name).ok_or_else(|| {
            format!("{name} is not installed: `apt-get install {package}` (Debian, Ubuntu)")
        })?;
        Server::start(&program, name, configure).map(Self)
    }
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
