//! A stream some of whose bytes came before anybody wanted them.

use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::sync::Arc;

use conn::{Deadline, Interest, Interrupt, Liveness, PeerFacts, Transport};

/// Gives early bytes to the reader before those of the stream.
pub(super) struct Early {
    pub(super) inner: Box<dyn Transport>,
    pub(super) bytes: Vec<u8>,
    /// How many of them were read.
    pub(super) taken: usize,
}

impl Early {
    fn rest(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }
}

impl Read for Early {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.rest().is_empty() {
            return self.inner.read(buf);
        }
        let n = self.rest().read(buf)?;
        self.taken += n;
        Ok(n)
    }
}

impl Write for Early {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.inner.write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.inner.write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Transport for Early {
    fn set_deadline(&mut self, deadline: Deadline) {
        self.inner.set_deadline(deadline);
    }

    fn probe(&mut self) -> Liveness {
        if self.rest().is_empty() { self.inner.probe() } else { Liveness::Readable }
    }

    fn ready(&mut self, want: Interest, by: Deadline) -> io::Result<Interest> {
        if want.read && !self.rest().is_empty() { Ok(Interest::READ) } else { self.inner.ready(want, by) }
    }

    fn facts(&self) -> &Arc<PeerFacts> {
        self.inner.facts()
    }

    fn interrupter(&self) -> Option<Arc<dyn Interrupt>> {
        self.inner.interrupter()
    }

    fn read_spare(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        let rest = self.rest();
        if rest.is_empty() {
            return self.inner.read_spare(into);
        }
        let n = rest.len().min(into.capacity() - into.len());
        into.extend_from_slice(rest.get(..n).unwrap_or_default());
        self.taken += n;
        Ok(n)
    }

    fn send_file(&mut self, file: &File, at: u64, n: u64) -> Option<io::Result<u64>> {
        self.inner.send_file(file, at, n)
    }

    fn close(&mut self) -> io::Result<()> {
        self.inner.close()
    }
}
