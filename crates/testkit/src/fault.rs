//! A bad network on loopback: a proxy that passes bytes on until it is told to fail, and addresses that never connect.
//!
//! Faults stand at positions in the stream of bytes, not in time, so that a test says exactly what arrived. What is passed
//! on is not looked at: it may be TLS.

mod dead_end;
mod link;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub use dead_end::{BlackHole, Refusing};
use link::Link;

/// How long a fault or a silent end lasts at most. A test is over by then.
const PATIENCE: Duration = Duration::from_secs(10);
/// One more connection is dropped as soon as it is accepted.
const MAX_CONNECTIONS: usize = 64;

/// What goes wrong on one connection. Default nothing.
///
/// ```
/// use std::time::Duration;
/// use testkit::fault::{Fault, Flow, Plan};
///
/// let plan = Plan::new().down(Flow::new().drip(1, Duration::from_millis(20)).at(100, Fault::Reset));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan {
    delay: Duration,
    up: Flow,
    down: Flow,
}

impl Plan {
    /// Plans nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Accepts and stalls: no byte passes in either direction.
    #[must_use]
    pub fn stall() -> Self {
        let stalled = Flow::new().at(0, Fault::Stall);
        Self::new().up(stalled).down(stalled)
    }

    /// Waits after the connection was accepted before the server is dialled.
    #[must_use]
    pub fn delay(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Sets what happens to the bytes from the client to the server.
    #[must_use]
    pub fn up(self, up: Flow) -> Self {
        Self { up, ..self }
    }

    /// Sets what happens to the bytes from the server to the client.
    #[must_use]
    pub fn down(self, down: Flow) -> Self {
        Self { down, ..self }
    }
}

/// What happens to the bytes of one direction. Default nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flow {
    piece: Option<usize>,
    every: Duration,
    fault: Option<(u64, Fault)>,
}

/// How the bytes of one direction end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Truncation: the client's connection ends without an error, the server's too. What the client still sends is dropped.
    Close,
    /// This direction ends, the other one goes on. What still comes in this direction is dropped.
    HalfClose,
    /// The client's connection is reset.
    Reset,
    /// No more byte of this direction passes, nor is it read, so that its sender is held up at last.
    Stall,
}

impl Flow {
    /// Passes everything on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Passes no more than so many bytes on at once.
    #[must_use]
    pub fn pieces(self, bytes: usize) -> Self {
        Self { piece: Some(bytes.max(1)), ..self }
    }

    /// Passes no more than so many bytes on at once, each time after a pause.
    #[must_use]
    pub fn drip(self, bytes: usize, every: Duration) -> Self {
        Self { every, ..self.pieces(bytes) }
    }

    /// Fails when so many bytes have passed; with 0 at once.
    #[must_use]
    pub fn at(self, byte: u64, fault: Fault) -> Self {
        Self { fault: Some((byte, fault)), ..self }
    }
}

/// A proxy on 127.0.0.1 that passes bytes on to a server, but for the faults that are planned. When it is dropped, it ends
/// all its connections and waits for its threads.
#[derive(Debug)]
pub struct FaultProxy {
    addr: SocketAddr,
    stage: Arc<Stage>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Stage {
    target: SocketAddr,
    state: Mutex<State>,
    stopped: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_stopping: bool,
    /// For the connections to come, the next one last.
    plans: Vec<Plan>,
    links: Vec<Arc<Link>>,
    threads: Vec<JoinHandle<()>>,
}

/// How many bytes have passed on one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// From the client to the server.
    pub up: u64,
    /// From the server to the client.
    pub down: u64,
}

impl FaultProxy {
    /// Listens in front of `target`. The first connection gets the first plan, and so on; those beyond the last are
    /// passed on whole.
    ///
    /// # Panics
    /// The loopback interface cannot be listened on.
    #[must_use]
    pub fn start(target: SocketAddr, plans: impl IntoIterator<Item = Plan>) -> Self {
        let mut plans: Vec<_> = plans.into_iter().collect();
        plans.reverse();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port on the loopback interface");
        let addr = listener.local_addr().expect("the listener's address");
        let state = Mutex::new(State { plans, ..State::default() });
        let stage = Arc::new(Stage { target, state, stopped: Condvar::new() });
        let acceptor = {
            let stage = Arc::clone(&stage);
            thread::spawn(move || stage.accept(&listener))
        };
        Self { addr, stage, acceptor: Some(acceptor) }
    }

    /// Returns the address to connect to.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Gives the connections that are open another plan. Its positions count from here; one that is reached already
    /// counts when the next byte comes.
    pub fn change(&self, plan: Plan) {
        for link in &self.stage.lock().links {
            link.change(plan);
        }
    }

    /// Tells how many bytes have passed, for each connection in the order in which they came.
    #[must_use]
    pub fn passed(&self) -> Vec<Passed> {
        self.stage.lock().links.iter().map(|link| link.passed()).collect()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        let Some(acceptor) = self.acceptor.take() else { return };
        self.stage.lock().is_stopping = true;
        self.stage.stopped.notify_all();
        // If nobody can be connected to, there is nobody to wake.
        if TcpStream::connect_timeout(&self.addr, PATIENCE).is_ok() {
            let _ = acceptor.join();
        }
        let threads = {
            let mut state = self.stage.lock();
            state.links.iter().for_each(|link| link.stop());
            std::mem::take(&mut state.threads)
        };
        for thread in threads {
            let _ = thread.join();
        }
    }
}

impl Stage {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits, but no longer than the proxy lives. Tells whether it still does.
    fn pause(&self, time: Duration) -> bool {
        let waiting = self.stopped.wait_timeout_while(self.lock(), time, |state| !state.is_stopping);
        !waiting.unwrap_or_else(PoisonError::into_inner).0.is_stopping
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        while let Ok((client, _)) = listener.accept() {
            let mut state = self.lock();
            if state.is_stopping {
                return;
            }
            state.threads.retain(|thread| !thread.is_finished());
            // Each connection has up to three threads.
            if state.threads.len() >= 3 * MAX_CONNECTIONS {
                continue;
            }
            let plan = state.plans.pop().unwrap_or_default();
            let link = Arc::new(Link::new(client, plan));
            state.links.push(Arc::clone(&link));
            let stage = Arc::clone(self);
            state.threads.push(thread::spawn(move || {
                // A server that cannot be reached ends the client's connection, which is all that it can see.
                let _ = stage.serve(&link, plan.delay);
            }));
        }
    }

    /// Dials the server, and passes bytes in both directions until they end.
    fn serve(self: &Arc<Self>, link: &Arc<Link>, delay: Duration) -> io::Result<()> {
        if !delay.is_zero() && !self.pause(delay) {
            return Ok(());
        }
        let outcome = TcpStream::connect_timeout(&self.target, PATIENCE).and_then(|to| link.reach(to));
        if let Err(error) = outcome {
            link.stop();
            return Err(error);
        }
        let mut state = self.lock();
        if state.is_stopping {
            return Ok(());
        }
        let (stage, up) = (Arc::clone(self), Arc::clone(link));
        state.threads.push(thread::spawn(move || up.pass_up(&stage)));
        drop(state);
        link.pass_down(self);
        Ok(())
    }
}
