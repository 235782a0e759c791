//! Streams in memory that carry nothing, and count themselves.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use conn::{
    Connect, ConnectError, ConnectRequest, Connected, Deadline, Interest, Liveness, PeerFacts, Transport,
};

/// Makes streams in memory. Clones count together.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Shared>);

#[derive(Default)]
struct Shared {
    made: AtomicUsize,
    closed: AtomicUsize,
    /// Called before every connect, probe and close.
    hook: Mutex<Option<Arc<Hook>>>,
}

type Hook = dyn Fn(Event) -> Result<(), ConnectError> + Send + Sync;

/// What a stream is about to go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "each test program uses its part")]
pub(crate) enum Event {
    Connect,
    Probe,
    Close,
}

#[allow(dead_code, reason = "each test program uses its part")]
impl Memory {
    /// Runs `hook` at every connect, probe and close: its error fails a connect, and makes a probe find the stream closed.
    pub(crate) fn hook(&self, hook: impl Fn(Event) -> Result<(), ConnectError> + Send + Sync + 'static) {
        *self.0.hook.lock().unwrap() = Some(Arc::new(hook));
    }

    pub(crate) fn made(&self) -> usize {
        self.0.made.load(Ordering::SeqCst)
    }

    pub(crate) fn open(&self) -> usize {
        // In this order: what is made between the two looks is not taken for closed.
        let closed = self.0.closed.load(Ordering::SeqCst);
        self.made() - closed
    }

    fn run(&self, event: Event) -> Result<(), ConnectError> {
        let hook = self.0.hook.lock().unwrap().clone();
        hook.map_or(Ok(()), |hook| hook(event))
    }
}

impl Connect for Memory {
    fn connect(&self, _: &ConnectRequest<'_>) -> Result<Connected, ConnectError> {
        self.run(Event::Connect)?;
        self.0.made.fetch_add(1, Ordering::SeqCst);
        Ok(Connected::new(Box::new(Stream { memory: self.clone(), facts: Arc::default() })))
    }
}

struct Stream {
    memory: Memory,
    facts: Arc<PeerFacts>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        let _ = self.memory.run(Event::Close);
        self.memory.0.closed.fetch_add(1, Ordering::SeqCst);
    }
}

impl Read for Stream {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
}

impl Write for Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Stream {
    fn set_deadline(&mut self, _: Deadline) {}

    fn probe(&mut self) -> Liveness {
        if self.memory.run(Event::Probe).is_ok() { Liveness::Idle } else { Liveness::Closed }
    }

    fn ready(&mut self, want: Interest, _: Deadline) -> io::Result<Interest> {
        Ok(want)
    }

    fn facts(&self) -> &Arc<PeerFacts> {
        &self.facts
    }

    fn close(&mut self) -> io::Result<()> {
        Ok(())
    }
}
