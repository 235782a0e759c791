//! Programs that tests start, and end.

use std::env;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

const START_LIMIT: Duration = Duration::from_secs(10);
/// Another program may take a free port between our look and the server's bind.
const BIND_ATTEMPTS: u32 = 5;
const STOP_LIMIT: Duration = Duration::from_secs(3);
pub(crate) const PAUSE: Duration = Duration::from_millis(5);

/// Finds an installed program.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    // /usr/sbin is not on every user's PATH.
    let more = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin"].map(PathBuf::from);
    env::split_paths(&path).chain(more).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// A server on a free port of loopback, with a directory of its own. Dropping it ends the program and removes the directory.
#[derive(Debug)]
pub(crate) struct Server {
    // The program must be gone before its directory goes: fields drop in this order.
    _child: Running,
    dir: TempDir,
    addr: SocketAddr,
}

impl Server {
    /// Starts a program and waits until its port is open. `configure` is given the command, the port and the directory,
    /// once for each port that is tried.
    ///
    /// # Errors
    /// The program does not start, or does not serve; the text has what it complained about.
    pub(crate) fn start(
        program: &Path,
        name: &str,
        configure: impl Fn(&mut Command, u16, &Path) -> Result<(), String>,
    ) -> Result<Self, String> {
        let text = |what: &'static str| move |error: io::Error| format!("{what}: {error}");
        let dir = tempfile::Builder::new()
            .prefix(&format!("testkit-{name}-"))
            .tempdir()
            .map_err(text("a directory"))?;
        let output = dir.path().join("output");
        for _ in 0..BIND_ATTEMPTS {
            let addr = free_address().map_err(text("a free port on loopback"))?;
            let log = File::create(&output).map_err(text("the program's output"))?;
            let mut command = Command::new(program);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
            configure(&mut command, addr.port(), dir.path())?;
            let mut child = Running(command.spawn().map_err(text("starting the program"))?);
            let limit = Instant::now() + START_LIMIT;
            while matches!(child.0.try_wait(), Ok(None)) && Instant::now() < limit {
                if TcpStream::connect(addr).is_ok() {
                    return Ok(Self { _child: child, dir, addr });
                }
                thread::sleep(PAUSE);
            }
        }
        let report = fs::read_to_string(output).unwrap_or_default();
        Err(format!("{name} does not serve: {}", report.trim()))
    }

    /// Returns the address to connect to.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns what the program has said so far.
    pub(crate) fn output(&self) -> String {
        fs::read_to_string(self.dir.path().join("output")).unwrap_or_default()
    }
}

fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// A program that has workers, which end with it only if it is asked kindly: dropping asks, and waits.
#[derive(Debug)]
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // std knows only SIGKILL, which would leave the workers behind; every shell has `kill` built in.
        let asked = Command::new("sh")
            .args(["-c", "kill -TERM \"$1\"", "sh", &self.0.id().to_string()])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        let limit = Instant::now() + STOP_LIMIT;
        while asked && Instant::now() < limit && matches!(self.0.try_wait(), Ok(None)) {
            thread::sleep(PAUSE);
        }
        // Both fail only for a process that has gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
