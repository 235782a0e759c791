//! node's `http` on loopback, for interop tests.
//!
//! | Address | Answer |
//! |---|---|
//! | `/connection` | the number of its connection, from 1 |
//! | `/hints` | 103, 102 and 103 before the response |
//! | `/trailers` | chunks, then the trailers `X-Sum` and `X-Note` |
//! | `/unsolicited/at-once`, `/unsolicited/later` | a response, and one that nobody asked for: along with it, or 20 ms on |
//! | `/half-close`, `/close`, `/reset` | a response that promises keep-alive, and the end of that: by FIN, by closing, by RST 20 ms on |
//! | `/early` | 413 before the content is read, which stays unread; to an expectation too |
//! | `/count` | the length of the content and the trailers as JSON; to an expectation 100 after 50 ms |
//! | `/post`, `/posts` | counts requests by `X-Id`; how many there were, and how often the most frequent came |
//! | anything else | 404; 417 to an expectation |

use std::net::SocketAddr;
use std::time::Duration;

use crate::program::{self, Server};

const SERVER: &str = include_str!("node/server.js");

/// A running node. Dropping it ends the program.
#[derive(Debug)]
pub struct Node(Server);

impl Node {
    /// Starts node on a free port. It keeps idle connections, unless it is told to close all of them every so many
    /// milliseconds, of which it says nothing.
    ///
    /// # Errors
    /// The program is not installed, or does not serve; the text says what to do or what it complained about.
    pub fn start(sweep: Option<Duration>) -> Result<Self, String> {
        let program = program::find("node").ok_or(
            "node is not installed: `apt-get install nodejs` (Debian, Ubuntu), `brew install node` (macOS)",
        )?;
        Server::start(&program, "node", |command, port, dir| {
            let script = dir.join("server.js");
            std::fs::write(&script, SERVER).map_err(|error| format!("server.js: {error}"))?;
            let sweep = sweep.map_or(0, |every| every.as_millis());
            command.arg(script).arg(port.to_string()).arg(sweep.to_string());
            Ok(())
        })
        .map(Self)
    }

    /// Returns the address to connect to.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.0.addr()
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr())
    }

    /// Returns what the program has said so far: worth printing when a test fails.
    #[must_use]
    pub fn output(&self) -> String {
        self.0.output()
    }
}
