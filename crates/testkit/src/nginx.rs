//! A real nginx on loopback, for interop tests and benchmarks.
//!
//! | Address | Answer |
//! |---|---|
//! | `/` | an HTML page |
//! | `/100m.bin` | [`BIG`] bytes of the [`pattern`](crate::site::pattern) with Content-Length |
//! | `/100m-chunked.bin` | the same, chunked |
//! | `/upload/NAME` | PUT stores the file, GET returns it, DELETE removes it |
//! | `/post` | POST, PUT: reads everything, answers with the number of bytes |
//! | `/broken` | 500 |
//! | anything else | 404 |

mod config;
#[cfg(test)]
mod tests;

use crate::certs::TestCa;
use crate::program::{self, PAUSE, Running};
use crate::site::pattern_reader;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The length of the big file: 100 MiB.
pub const BIG: u64 = 100 * 1024 * 1024;

const START_LIMIT: Duration = Duration::from_secs(5);
/// Another program may take a free port between our look and nginx's bind.
const BIND_ATTEMPTS: u32 = 5;

/// A running nginx with a directory of its own. Dropping it ends the program and removes the directory.
#[derive(Debug)]
pub struct Nginx {
    // The child must be gone before its directory goes: fields drop in this order.
    child: Running,
    dir: TempDir,
    http: u16,
    https: u16,
    ca_pem: String,
}

/// How an nginx speaks TLS.
#[derive(Clone, Copy, Debug)]
pub struct NginxTls {
    /// As `ssl_protocols` has it. Default `TLSv1.2 TLSv1.3`.
    pub protocols: &'static str,
    /// Whether a client must show a certificate of the same authority. Default false.
    pub asks_clients: bool,
}

impl Default for NginxTls {
    fn default() -> Self {
        Self { protocols: "TLSv1.2 TLSv1.3", asks_clients: false }
    }
}

impl Nginx {
    /// Starts nginx with http and https (TLS 1.2 and 1.3) on free ports, its certificate signed by `ca`.
    ///
    /// # Errors
    ///
    /// The program is not installed, or does not serve within five seconds; the text says what to do or what nginx
    /// complained about.
    pub fn start(ca: &TestCa) -> Result<Self, String> {
        Self::start_with(ca, NginxTls::default())
    }

    /// As [`start`](Self::start), with TLS as it is asked for.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_with(ca: &TestCa, tls: NginxTls) -> Result<Self, String> {
        let nginx = program::find("nginx").ok_or(
            "nginx is not installed: `apt-get install nginx` (Debian, Ubuntu), `brew install nginx` (macOS)",
        )?;
        let dir = prepare(ca, tls).map_err(|error| format!("nginx's directory: {error}"))?;
        let mut last = String::new();
        for _ in 0..BIND_ATTEMPTS {
            let (http, https) = free_ports().map_err(|error| format!("a free port on loopback: {error}"))?;
            match launch(&nginx, dir.path(), http, https, tls) {
                Ok(child) => return Ok(Self { child, dir, http, https, ca_pem: ca.ca_pem() }),
                Err(Failure::PortTaken(report)) => last = report,
                Err(Failure::Other(report)) => return Err(report),
            }
        }
        Err(format!("nginx found its ports taken {BIND_ATTEMPTS} times: {last}"))
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    #[must_use]
    pub fn http_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.http)
    }

    /// `https://localhost:PORT`, without a slash at the end.
    #[must_use]
    pub fn https_url(&self) -> String {
        format!("https://localhost:{}", self.https)
    }

    /// The certificate to trust, in PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The process id of nginx's master process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// Where `PUT /upload/NAME` stores its content.
    #[must_use]
    pub fn uploaded(&self, name: &str) -> PathBuf {
        self.dir.path().join("upload").join(name)
    }

    /// The access log so far, one line for each request:
    /// `$connection $connection_requests $request_method $request_uri $status`.
    ///
    /// nginx writes the line after it has sent the response, so the last one may be a moment late: see
    /// [`access_log_of`](Self::access_log_of).
    #[must_use]
    pub fn access_log(&self) -> Vec<String> {
        self.log("access.log")
    }

    /// What TLS was to each request so far: `$ssl_protocol $ssl_session_reused $ssl_client_verify $ssl_client_s_dn`, with
    /// `.` and `r` for new and resumed sessions. Complete as soon as [`access_log_of`](Self::access_log_of) is.
    #[must_use]
    pub fn tls_log(&self) -> Vec<String> {
        self.log("tls.log")
    }

    fn log(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.dir.path().join(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits, two seconds at most, until the access log has `lines` lines, and returns what is there.
    #[must_use]
    pub fn access_log_of(&self, lines: usize) -> Vec<String> {
        let limit = Instant::now() + Duration::from_secs(2);
        loop {
            let log = self.access_log();
            if log.len() >= lines || Instant::now() > limit {
                return log;
            }
            thread::sleep(PAUSE);
        }
    }

    /// The error log so far: worth printing when a test fails.
    #[must_use]
    pub fn error_log(&self) -> String {
        fs::read_to_string(self.dir.path().join("error.log")).unwrap_or_default()
    }
}

enum Failure {
    PortTaken(String),
    Other(String),
}

/// Makes the directory and everything in it but the configuration, which needs the ports.
fn prepare(ca: &TestCa, tls: NginxTls) -> io::Result<TempDir> {
    let dir = tempfile::Builder::new().prefix("testkit-nginx-").tempdir()?;
    let at = |name: &str| dir.path().join(name);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700))?;
    }
    for name in ["html", "upload", "tmp"] {
        fs::create_dir(at(name))?;
    }
    let cert = ca.server(&["localhost", "127.0.0.1", "::1"]);
    fs::write(at("cert.pem"), cert.cert_pem)?;
    fs::write(at("key.pem"), cert.key_pem)?;
    if tls.asks_clients {
        fs::write(at("clients.pem"), ca.ca_pem())?;
    }
    fs::write(at("html/index.html"), config::INDEX)?;
    let mut big = File::create(at("html/100m.bin"))?;
    io::copy(&mut BufReader::with_capacity(1 << 20, pattern_reader(BIG)), &mut big)?;
    Ok(dir)
}

fn free_ports() -> io::Result<(u16, u16)> {
    // Both are held until both are known, or they might be the same.
    let (one, two) =
        (TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?, TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?);
    Ok((one.local_addr()?.port(), two.local_addr()?.port()))
}

fn launch(program: &Path, dir: &Path, http: u16, https: u16, tls: NginxTls) -> Result<Running, Failure> {
    let io_error = |what: &str, error: io::Error| Failure::Other(format!("{what}: {error}"));
    let output = dir.join("output");
    fs::write(
        dir.join("nginx.conf"),
        config::text(http, https, tls.protocols, tls.asks_clients, runs_as_root(dir)),
    )
    .map_err(|error| io_error("nginx.conf", error))?;
    let log = File::create(&output).map_err(|error| io_error("nginx's output", error))?;
    let child = Command::new(program)
        .arg("-p")
        .arg(dir)
        .args(["-c", "nginx.conf", "-g", "daemon off;"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .map_err(|error| io_error("starting nginx", error))?;
    let mut child = Running(child);

    let limit = Instant::now() + START_LIMIT;
    loop {
        let ended = child.0.try_wait().map_err(|error| io_error("waiting for nginx", error))?;
        let late = Instant::now() > limit;
        if ended.is_some() || late {
            let report = fs::read_to_string(&output).unwrap_or_default();
            let verdict = if late { "does not serve in time" } else { "ended at once" };
            let text = format!("nginx {verdict}: {}", report.trim());
            let taken = report.contains("Address already in use") || report.contains("still could not bind");
            return Err(if taken { Failure::PortTaken(text) } else { Failure::Other(text) });
        }
        // nginx writes its pid after it has bound its ports: so whoever accepts there is nginx and no stranger.
        let bound = fs::read_to_string(dir.join("nginx.pid")).is_ok_and(|pid| !pid.is_empty());
        if bound && [http, https].iter().all(|port| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_ok())
        {
            return Ok(child);
        }
        thread::sleep(PAUSE);
    }
}

/// Who we are, told by the owner of a directory that we have just made.
#[cfg(unix)]
fn runs_as_root(dir: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(dir).is_ok_and(|facts| facts.uid() == 0)
}

#[cfg(not(unix))]
fn runs_as_root(_: &Path) -> bool {
    false
}
