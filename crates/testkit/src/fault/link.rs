//! One connection through the fault proxy: two streams, and a course for each direction.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use socket2::SockRef;

use super::{Fault, Flow, PATIENCE, Passed, Plan, Stage};

#[derive(Debug)]
pub(super) struct Link {
    client: Slot,
    server: Slot,
    up: Mutex<Course>,
    down: Mutex<Course>,
    /// One direction is over.
    half_over: AtomicBool,
}

/// A stream, until it is taken out to be closed. Who uses it holds a copy of the pointer no longer than for one call:
/// the last one that goes closes the socket, and only then a reset leaves.
type Slot = Mutex<Option<Arc<TcpStream>>>;

/// How far the bytes of one direction have come.
#[derive(Debug, Default)]
struct Course {
    flow: Flow,
    /// Passed since the flow was set, and at all.
    since: u64,
    passed: u64,
}

/// What the next bytes may do.
enum Verdict {
    /// Pass, this many of them, after a pause.
    Pass(usize, Duration),
    Fail(Fault),
}

impl Course {
    fn judge(&self, waiting: usize) -> Verdict {
        let piece = self.flow.piece.unwrap_or(usize::MAX).min(waiting);
        let piece = match self.flow.fault {
            Some((at, fault)) if at <= self.since => return Verdict::Fail(fault),
            Some((at, _)) => piece.min(usize::try_from(at - self.since).unwrap_or(usize::MAX)),
            None => piece,
        };
        Verdict::Pass(piece, self.flow.every)
    }

    fn pass(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.since += bytes;
        self.passed += bytes;
    }
}

/// Why nothing passes any more.
enum End {
    /// The sender has ended its direction.
    Finished,
    /// The sender's connection is broken.
    SenderLost,
    /// The receiver takes no more.
    ReceiverLost,
    Fault(Fault),
    /// The proxy stops, or the connection is over.
    Over,
}

impl Link {
    pub(super) fn new(client: TcpStream, plan: Plan) -> Self {
        // A socket without these options works too, only slower.
        let _ = prepare(&client);
        let course = |flow| Mutex::new(Course { flow, ..Course::default() });
        Self {
            client: Mutex::new(Some(Arc::new(client))),
            server: Mutex::default(),
            up: course(plan.up),
            down: course(plan.down),
            half_over: AtomicBool::new(false),
        }
    }

    pub(super) fn reach(&self, server: TcpStream) -> io::Result<()> {
        prepare(&server)?;
        *lock(&self.server) = Some(Arc::new(server));
        Ok(())
    }

    pub(super) fn change(&self, plan: Plan) {
        for (course, flow) in [(&self.up, plan.up), (&self.down, plan.down)] {
            let mut course = lock(course);
            course.flow = flow;
            course.since = 0;
        }
    }

    pub(super) fn passed(&self) -> Passed {
        Passed { up: lock(&self.up).passed, down: lock(&self.down).passed }
    }

    /// Ends both streams now, whatever is under way.
    pub(super) fn stop(&self) {
        for slot in [&self.client, &self.server] {
            if let Some(stream) = lock(slot).take() {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }

    pub(super) fn pass_up(&self, stage: &Stage) {
        match pass(&self.client, &self.server, &self.up, stage) {
            End::Finished | End::SenderLost => end(&self.server, Shutdown::Write),
            End::ReceiverLost => drain(&self.client),
            End::Fault(Fault::HalfClose) => {
                end(&self.server, Shutdown::Write);
                drain(&self.client);
            }
            End::Fault(Fault::Close) => {
                self.close();
                drain(&self.client);
            }
            End::Fault(Fault::Reset) => self.reset(),
            End::Fault(Fault::Stall) => {
                stage.pause(PATIENCE);
            }
            End::Over => {}
        }
        self.one_is_over();
    }

    pub(super) fn pass_down(&self, stage: &Stage) {
        match pass(&self.server, &self.client, &self.down, stage) {
            End::Finished => end(&self.client, Shutdown::Write),
            End::ReceiverLost => end(&self.server, Shutdown::Both),
            End::Fault(Fault::HalfClose) => {
                end(&self.client, Shutdown::Write);
                drain(&self.server);
            }
            // The other direction drops what comes, since the server takes no more.
            End::Fault(Fault::Close) => self.close(),
            End::Fault(Fault::Reset) | End::SenderLost => self.reset(),
            End::Fault(Fault::Stall) => {
                stage.pause(PATIENCE);
            }
            End::Over => {}
        }
        self.one_is_over();
    }

    fn close(&self) {
        end(&self.client, Shutdown::Write);
        end(&self.server, Shutdown::Both);
    }

    fn reset(&self) {
        let (client, server) = (lock(&self.client).take(), lock(&self.server).take());
        if let Some(client) = client {
            let _ = SockRef::from(&client).set_linger(Some(Duration::ZERO));
            // Wakes the other direction without a byte to the client.
            let _ = client.shutdown(Shutdown::Read);
        }
        if let Some(server) = server {
            let _ = server.shutdown(Shutdown::Both);
        }
    }

    fn one_is_over(&self) {
        if self.half_over.swap(true, Ordering::AcqRel) {
            lock(&self.client).take();
            lock(&self.server).take();
        }
    }
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn borrow(slot: &Slot) -> Option<Arc<TcpStream>> {
    lock(slot).clone()
}

fn end(slot: &Slot, how: Shutdown) {
    // Fails where the peer was faster.
    let _ = borrow(slot).map(|stream| stream.shutdown(how));
}

/// Reads and drops until the sender ends: unread bytes would turn the end into a reset.
fn drain(slot: &Slot) {
    while let Some(stream) = borrow(slot) {
        match (&*stream).read(&mut [0; 4096]) {
            Ok(1..) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            _ => return,
        }
    }
}

/// Passes bytes on until the course or a stream ends.
fn pass(from: &Slot, to: &Slot, course: &Mutex<Course>, stage: &Stage) -> End {
    let mut buf = [0; 16 * 1024];
    loop {
        if let Verdict::Fail(fault) = lock(course).judge(1) {
            return End::Fault(fault);
        }
        let Some(source) = borrow(from) else { return End::Over };
        let read = (&*source).read(&mut buf);
        drop(source);
        let mut waiting = match read {
            Ok(0) => return End::Finished,
            Ok(n) => buf.get(..n).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => return End::SenderLost,
        };
        while !waiting.is_empty() {
            let verdict = lock(course).judge(waiting.len());
            let (now, pause) = match verdict {
                Verdict::Pass(now, pause) => (now, pause),
                Verdict::Fail(fault) => return End::Fault(fault),
            };
            if !pause.is_zero() && !stage.pause(pause) {
                return End::Over;
            }
            let (piece, rest) = waiting.split_at(now);
            lock(course).pass(now);
            let Some(sink) = borrow(to) else { return End::Over };
            if (&*sink).write_all(piece).is_err() {
                return End::ReceiverLost;
            }
            waiting = rest;
        }
    }
}
