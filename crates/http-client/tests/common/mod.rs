//! Settings for clients that talk to scripted peers under a manual clock.
#![allow(dead_code, reason = "each test file uses its part of the stage")]

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use http_client::{Client, ClientConfig, Connection, Headers, Origin, Wiretap};
use testkit::clock::ManualClock;
use testkit::peer::{Script, ScriptedConnect};

pub(crate) struct Stage {
    pub(crate) clock: ManualClock,
    pub(crate) peer: ScriptedConnect,
    pub(crate) config: ClientConfig,
}

/// Sets the stage: peers that play these scripts, and settings without default fields.
pub(crate) fn stage(scripts: impl IntoIterator<Item = Script>) -> Stage {
    let clock = ManualClock::new();
    let peer = ScriptedConnect::new(clock.clone(), scripts);
    let mut config = ClientConfig::default();
    config.clock = Arc::new(clock.clone());
    config.connect = Some(Arc::new(peer.clone()));
    config.headers = Headers::new();
    config.decode = false;
    Stage { clock, peer, config }
}

impl Stage {
    pub(crate) fn connection(&self) -> Connection {
        Connection::open(&Origin::http("a").unwrap(), self.config.clone()).unwrap()
    }

    pub(crate) fn client(&self) -> Client {
        Client::with_config(self.config.clone()).unwrap()
    }

    /// Checks that every script was played to its end.
    #[track_caller]
    pub(crate) fn finish(self) {
        self.peer.finish().unwrap();
    }
}

/// What a GET for `path` looks like on these stages.
pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// A complete response of known length.
pub(crate) fn ok(content: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{content}", content.len())
}

/// A redirect without content.
pub(crate) fn redirect(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} \r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

/// Keeps what is written to it.
#[derive(Clone, Default)]
pub(crate) struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    pub(crate) fn tap(&self) -> Wiretap {
        Wiretap::to(self.clone())
    }

    /// Returns what was written since the last time.
    pub(crate) fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

impl Write for Paper {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
