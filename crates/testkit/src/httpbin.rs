//! Python's `httpbin` on loopback, under gunicorn or waitress, for interop tests.

use std::env;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::program::{self, Server};

/// Where a Python that has the packages may be named.
const PYTHON: &str = "INTEROP_PYTHON";
/// Where `.ci/run` makes one, below the workspace.
const OWN_PYTHON: &str = "../../target/interop-python/bin/python3";

/// What serves the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wsgi {
    /// One worker process with threads, which keeps connections.
    Gunicorn,
    /// One process with threads.
    Waitress,
}

/// A running httpbin. Dropping it ends the program.
#[derive(Debug)]
pub struct Httpbin(Server);

impl Httpbin {
    /// Starts httpbin on a free port.
    ///
    /// # Errors
    /// No Python has the packages, or the server does not serve; the text says what to do or what it complained about.
    pub fn start(wsgi: Wsgi) -> Result<Self, String> {
        let (module, flags): (_, &[_]) = match wsgi {
            Wsgi::Gunicorn => ("gunicorn", &["--worker-class=gthread", "--threads=8", "--keep-alive=5"]),
            Wsgi::Waitress => ("waitress", &["--threads=8"]),
        };
        Server::start(&python()?, module, |command, port, dir| {
            let address = format!("127.0.0.1:{port}");
            match wsgi {
                Wsgi::Gunicorn => command.args(["-m", module, "--bind", &address]),
                Wsgi::Waitress => command.args(["-m", module, "--listen", &address]),
            };
            command.args(flags).arg("httpbin:app").current_dir(dir);
            Ok(())
        })
        .map(Self)
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr())
    }

    /// Returns the address to connect to.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.0.addr()
    }

    /// Returns what the server has said so far: worth printing when a test fails.
    #[must_use]
    pub fn output(&self) -> String {
        self.0.output()
    }
}

/// Finds a Python that has what is needed.
fn python() -> Result<PathBuf, String> {
    let named = env::var_os(PYTHON).map(PathBuf::from);
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join(OWN_PYTHON);
    let candidates = [named, Some(own), program::find("python3")];
    candidates.into_iter().flatten().find(|python| has_packages(python)).ok_or_else(|| {
        format!(
            "no Python has httpbin, gunicorn and waitress: `python3 -m venv target/interop-python && \
             target/interop-python/bin/pip install httpbin gunicorn waitress`, or name one in {PYTHON}"
        )
    })
}

fn has_packages(python: &Path) -> bool {
    // Imported by their names alone: the packages themselves take a second.
    let look = "import sys; from importlib.util import find_spec; \
                sys.exit(not all(map(find_spec, ['httpbin', 'gunicorn', 'waitress'])))";
    Command::new(python)
        .args(["-c", look])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
