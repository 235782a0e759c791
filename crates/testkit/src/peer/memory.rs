//! The scripted peer in memory: no sockets, no threads, and time passes only where the client waits.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use conn::{
    Clock, Connect, ConnectError, ConnectRequest, Connected, Deadline, FailedAddress, Interest, Liveness,
    PeerFacts, Phase, Transport,
};

use super::{Script, Step};
use crate::clock::ManualClock;

/// Connects to scripted peers: each connection takes the next script. Clones share them.
///
/// When the last clone goes without [`finish`](Self::finish), broken expectations panic.
#[derive(Clone)]
pub struct ScriptedConnect(Arc<Shared>);

struct Shared {
    clock: ManualClock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    plans: VecDeque<Result<Script, ConnectError>>,
    origins: Vec<String>,
    connections: Vec<Arc<Mutex<Peer>>>,
    is_finished: bool,
}

/// What happened on one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connection {
    /// Every byte that the client wrote.
    pub written: Vec<u8>,
    /// The heads that the script waited for.
    pub heads: Vec<Vec<u8>>,
    /// How often the client read.
    pub reads: usize,
    /// How often the client wrote.
    pub writes: usize,
    /// How often the client probed.
    pub probes: usize,
    /// Whether the client closed or dropped the connection.
    pub is_closed: bool,
}

impl ScriptedConnect {
    /// Plays the scripts in order, one per connection, under this clock.
    #[must_use]
    pub fn new(clock: ManualClock, scripts: impl IntoIterator<Item = Script>) -> Self {
        let plans = scripts.into_iter().map(Ok).collect();
        let state = Mutex::new(State { plans, ..State::default() });
        Self(Arc::new(Shared { clock, state }))
    }

    /// Lets another connection play this script, after those before.
    pub fn push(&self, script: Script) {
        lock(&self.0.state).plans.push_back(Ok(script));
    }

    /// Lets another connection fail so, after those before.
    pub fn push_error(&self, error: ConnectError) {
        lock(&self.0.state).plans.push_back(Err(error));
    }

    /// Counts the calls of `connect`, failed ones too.
    #[must_use]
    pub fn connects(&self) -> usize {
        lock(&self.0.state).origins.len()
    }

    /// Returns the origin of every call of `connect`, in order.
    #[must_use]
    pub fn origins(&self) -> Vec<String> {
        lock(&self.0.state).origins.clone()
    }

    /// Tells what has happened so far on connection `index`, counted from 0.
    ///
    /// # Panics
    /// There was no such connection.
    #[must_use]
    pub fn connection(&self, index: usize) -> Connection {
        let state = lock(&self.0.state);
        let peer = state.connections.get(index).expect("a connection of this index was made");
        lock(peer).log.clone()
    }

    /// Tells what has happened so far on every connection that was made.
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        lock(&self.0.state).connections.iter().map(|peer| lock(peer).log.clone()).collect()
    }

    /// Tells whether every script was used and every expectation met.
    ///
    /// # Errors
    /// What was not, per connection.
    pub fn finish(&self) -> Result<(), String> {
        let mut state = lock(&self.0.state);
        state.is_finished = true;
        state.verdict()
    }
}

impl State {
    fn verdict(&self) -> Result<(), String> {
        let mut faults = Vec::new();
        for (i, peer) in self.connections.iter().enumerate() {
            let peer = lock(peer);
            if let Some(failure) = &peer.failure {
                faults.push(format!("connection {i}: {failure}"));
            } else if let Some(wanted) = peer.steps.iter().find_map(Step::wants) {
                faults.push(format!("connection {i}: the peer still waits for {wanted}"));
            }
        }
        if !self.plans.is_empty() {
            faults.push(format!("{} scripts were never asked for", self.plans.len()));
        }
        if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !state.is_finished && !std::thread::panicking() {
            state.verdict().expect("the peers are content");
        }
    }
}

impl fmt::Debug for ScriptedConnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedConnect").field("connects", &self.connects()).finish_non_exhaustive()
    }
}

impl Connect for ScriptedConnect {
    fn connect(&self, to: &ConnectRequest<'_>) -> Result<Connected, ConnectError> {
        let mut state = lock(&self.0.state);
        let origin = to.route.origin().to_string();
        state.origins.push(origin.clone());
        to.deadline.during(Phase::Connect).remaining(self.0.clock.now())?;
        let script = state.plans.pop_front().unwrap_or_else(|| Err(refused(origin)))?;
        let peer = Arc::new(Mutex::new(Peer { steps: script.steps.into(), ..Peer::default() }));
        state.connections.push(Arc::clone(&peer));
        let clock = self.0.clock.clone();
        let stream = Stream { peer, clock, deadline: Deadline::NEVER, facts: Arc::default() };
        Ok(Connected::new(Box::new(stream)))
    }
}

fn refused(origin: String) -> ConnectError {
    let attempt = FailedAddress::new(
        ([192, 0, 2, 1], 1).into(),
        io::Error::new(io::ErrorKind::ConnectionRefused, "no script is left"),
    );
    ConnectError::Dial { host: origin, attempts: vec![attempt] }
}

#[derive(Default)]
struct Peer {
    steps: VecDeque<Step>,
    /// Written by the client, not yet read by the peer.
    came: Vec<u8>,
    stalls_until: Option<Instant>,
    failure: Option<String>,
    log: Connection,
}

impl Peer {
    /// Plays every step that needs neither the client nor time.
    fn settle(&mut self, now: Instant) -> io::Result<()> {
        while self.failure.is_none() {
            let is_done = match self.steps.front_mut() {
                Some(Step::Stall(time)) => {
                    let until = *self.stalls_until.get_or_insert(now + *time);
                    let is_over = now >= until;
                    if is_over {
                        self.stalls_until = None;
                    }
                    is_over
                }
                Some(step @ (Step::Expect(_) | Step::ExpectHead)) => {
                    match step.consume(&mut self.came, &mut self.log.heads) {
                        Ok(is_done) => is_done,
                        Err(text) => {
                            self.failure = Some(text);
                            false
                        }
                    }
                }
                Some(_) => false,
                None => {
                    if !self.came.is_empty() {
                        self.failure = Some(super::difference(b"", &self.came));
                    }
                    false
                }
            };
            if !is_done {
                break;
            }
            self.steps.pop_front();
        }
        self.failure.as_ref().map_or(Ok(()), |text| Err(io::Error::other(text.clone())))
    }

    fn is_readable(&self) -> bool {
        matches!(self.steps.front(), Some(Step::Reply(_) | Step::Close | Step::Cut | Step::Reset))
    }
}

struct Stream {
    peer: Arc<Mutex<Peer>>,
    clock: ManualClock,
    deadline: Deadline,
    facts: Arc<PeerFacts>,
}

impl Stream {
    /// Lets time pass until something can be read.
    fn wait(&self, by: Deadline) -> io::Result<()> {
        loop {
            let now = self.clock.now();
            let left = by.remaining(now);
            let mut peer = lock(&self.peer);
            peer.settle(now)?;
            if peer.is_readable() {
                return Ok(());
            }
            let stall = peer.stalls_until.map(|until| until - now);
            match (stall, left?) {
                (Some(stall), None) => self.clock.advance(stall),
                (Some(stall), Some(left)) => self.clock.advance(stall.min(left)),
                (None, Some(left)) => self.clock.advance(left),
                (None, None) => {
                    let wanted = peer.steps.front().and_then(Step::wants);
                    let wanted = wanted.unwrap_or_else(|| "nothing: its script is over".to_owned());
                    return Err(io::Error::other(format!(
                        "the client reads although the peer waits for {wanted}"
                    )));
                }
            }
        }
    }

    fn receive(&self, room: usize) -> io::Result<Vec<u8>> {
        lock(&self.peer).log.reads += 1;
        self.deadline.remaining(self.clock.now())?;
        if room == 0 {
            return Ok(Vec::new());
        }
        self.wait(self.deadline)?;
        let mut peer = lock(&self.peer);
        match peer.steps.front_mut() {
            Some(Step::Reply(piece)) => {
                let taken = piece.drain(..room.min(piece.len())).collect();
                if piece.is_empty() {
                    peer.steps.pop_front();
                }
                Ok(taken)
            }
            Some(Step::Reset) => Err(io::ErrorKind::ConnectionReset.into()),
            _ => Ok(Vec::new()),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let taken = self.receive(buf.len())?;
        let (filled, _) = buf.split_at_mut(taken.len());
        filled.copy_from_slice(&taken);
        Ok(taken.len())
    }
}

impl Write for Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let now = self.clock.now();
        let mut peer = lock(&self.peer);
        peer.log.writes += 1;
        self.deadline.remaining(now)?;
        peer.settle(now)?;
        if peer.log.is_closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if matches!(peer.steps.front(), Some(Step::Reset)) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        peer.log.written.extend_from_slice(buf);
        // A peer that has closed no longer reads, but the first write to it still succeeds.
        if !matches!(peer.steps.front(), Some(Step::Close | Step::Cut)) {
            peer.came.extend_from_slice(buf);
        }
        peer.settle(now)?;
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Stream {
    fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = deadline;
    }

    fn probe(&mut self) -> Liveness {
        let mut peer = lock(&self.peer);
        peer.log.probes += 1;
        match (peer.settle(self.clock.now()), peer.steps.front()) {
            (Ok(()), Some(Step::Reply(_))) => Liveness::Readable,
            (Err(_), _) | (_, Some(Step::Close | Step::Cut | Step::Reset)) => Liveness::Closed,
            _ => Liveness::Idle,
        }
    }

    fn ready(&mut self, want: Interest, by: Deadline) -> io::Result<Interest> {
        if want.read && !want.write {
            self.wait(by)?;
            return Ok(Interest::READ);
        }
        let mut peer = lock(&self.peer);
        peer.settle(self.clock.now())?;
        Ok(Interest { read: want.read && peer.is_readable(), write: want.write })
    }

    fn facts(&self) -> &Arc<PeerFacts> {
        &self.facts
    }

    fn read_spare(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        let taken = self.receive(into.capacity() - into.len())?;
        into.extend_from_slice(&taken);
        Ok(taken.len())
    }

    fn close(&mut self) -> io::Result<()> {
        lock(&self.peer).log.is_closed = true;
        Ok(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        lock(&self.peer).log.is_closed = true;
    }
}

/// A test that panicked elsewhere is no reason to hide what it did.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
