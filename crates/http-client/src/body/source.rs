//! Where the driver takes content from.

use std::fs::File;
use std::io::{self, Read};

use super::Watch;

/// Content, lent to be sent once.
pub(crate) struct Source<'a> {
    pub(super) from: Content<'a>,
    pub(super) watch: Option<&'a mut Watch>,
    pub(super) total: Option<u64>,
    pub(super) passed: u64,
}

pub(super) enum Content<'a> {
    Bytes(&'a [u8]),
    Reader {
        reader: &'a mut dyn Read,
        begun: &'a mut bool,
    },
    /// A file that stands at `at`.
    File {
        file: &'a File,
        at: u64,
        length: u64,
    },
    Made(Box<dyn Read + 'a>),
}

/// Notes that a reader was read from.
pub(super) struct Noted<'a> {
    pub(super) reader: &'a mut dyn Read,
    pub(super) begun: &'a mut bool,
}

impl Read for Noted<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        *self.begun = true;
        self.reader.read(buf)
    }
}

impl Source<'_> {
    /// Tells whether all content is in memory.
    pub(crate) fn is_at_hand(&self) -> bool {
        matches!(self.from, Content::Bytes(_))
    }

    /// Returns the file that all content comes from, and which part of it.
    pub(crate) fn file(&self) -> Option<(&File, u64, u64)> {
        match self.from {
            Content::File { file, at, length } => Some((file, at, length)),
            _ => None,
        }
    }

    /// Takes note of content that was sent past [`each`](Self::each).
    pub(crate) fn note(&mut self, n: u64) {
        self.passed = self.passed.saturating_add(n);
        if let Some(watch) = &mut self.watch {
            watch(self.passed, self.total);
        }
    }

    /// Hands the content to `send`, run by run of at most `room` bytes, or all bytes at once where nobody watches and they
    /// are in memory. `send` says whether it wants more.
    ///
    /// # Errors
    /// Those of the reader, as the inner one, and those of `send`.
    pub(crate) fn each<E>(
        &mut self,
        room: usize,
        mut send: impl FnMut(&[u8]) -> Result<bool, E>,
    ) -> Result<io::Result<()>, E> {
        let Self { from, watch, total, passed } = self;
        let at_once = watch.is_none();
        let left = total.map_or(u64::MAX, |total| total.saturating_sub(*passed));
        let (mut noted, mut part);
        let mut send = |run: &[u8]| {
            let wants_more = send(run)?;
            *passed += run.len() as u64;
            if let Some(watch) = watch {
                watch(*passed, *total);
            }
            Ok(wants_more)
        };
        let reader: &mut dyn Read = match from {
            Content::Bytes(bytes) if at_once => return send(bytes).map(|_| Ok(())),
            Content::Bytes(bytes) => bytes,
            Content::Reader { reader, begun } => {
                noted = Noted { reader: *reader, begun };
                &mut noted
            }
            Content::File { file, .. } => {
                part = &**file;
                &mut part
            }
            Content::Made(reader) => reader,
        };
        // A reader that goes on, as the stream of another connection, is not asked for more than was announced.
        let mut reader = Read::take(reader, left);
        let mut run = vec![0; usize::try_from(left).unwrap_or(room).min(room)];
        loop {
            match reader.read(&mut run) {
                Ok(0) => return Ok(Ok(())),
                Ok(n) => {
                    if !send(run.get(..n).unwrap_or_default())? {
                        return Ok(Ok(()));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Ok(Err(error)),
            }
        }
    }
}
