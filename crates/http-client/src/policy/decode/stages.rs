//! Codings undone one after another, each fed by the one below it.

use super::{Coding, Codings};
use crate::error::DecodeError;

/// What a stage holds of the output of the one below it.
const BUFFER: usize = 16 << 10;
/// Output that is free of the ratio: short content may be packed very well.
const FREE: u64 = 1 << 20;
/// Bytes after the end of the encoded content that are overlooked, as browsers do.
const MAX_TRAILING: u64 = 64 << 10;

/// Undoes one coding.
pub(super) trait Undo: Send {
    /// Takes from `input` and puts into `out`, which is not empty; tells how much of each. All of the input is taken
    /// unless something was put. After the end of what was encoded nothing is taken.
    fn run(&mut self, input: &[u8], out: &mut [u8]) -> Result<(usize, usize), DecodeError>;

    /// Tells whether the input may end here.
    fn may_end(&self) -> bool;
}

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// So many bytes were put; there may be more.
    Made(usize),
    /// Nothing further without more input.
    Hungry,
    /// The content is complete.
    End,
}

/// Undoes all codings of a response.
///
/// Call [`step`](Self::step) until it is `Hungry`, then [`feed`](Self::feed) what was received or tell its
/// [`end`](Self::end). After an error every step returns it again.
pub(crate) struct Decoder {
    /// The coding applied last, which is undone first, stands first.
    stages: Vec<Stage>,
    growth: Growth,
    failed: Option<DecodeError>,
}

/// How much the content may grow.
#[derive(Clone, Copy)]
struct Growth {
    received: u64,
    ratio: u64,
}

struct Stage {
    coding: Coding,
    undo: Box<dyn Undo>,
    input: Vec<u8>,
    taken: usize,
    /// No input follows.
    ended: bool,
    made: u64,
    trailing: u64,
}

impl Decoder {
    /// Makes a decoder that lets content grow to `ratio` times its length on the wire.
    pub(crate) fn new(codings: Codings, ratio: u64) -> Self {
        let stages = codings.undone().filter_map(Stage::new).collect();
        Self { stages, growth: Growth { received: 0, ratio }, failed: None }
    }

    /// Takes content as it was received.
    pub(crate) fn feed(&mut self, content: &[u8]) {
        self.growth.received = self.growth.received.saturating_add(content.len() as u64);
        if let Some(stage) = self.stages.first_mut() {
            stage.input.drain(..stage.taken);
            stage.taken = 0;
            stage.input.extend_from_slice(content);
        }
    }

    /// Takes note that the message is complete.
    pub(crate) fn end(&mut self) {
        if let Some(stage) = self.stages.first_mut() {
            stage.ended = true;
        }
    }

    /// Puts decoded content into `out`, which is not empty.
    pub(crate) fn step(&mut self, out: &mut [u8]) -> Result<Step, DecodeError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        // RFC 9110 §6.4: a message without content has none to decode, whatever its fields say.
        if self.growth.received == 0 && self.stages.first().is_none_or(|stage| stage.ended) {
            return Ok(Step::End);
        }
        pull(&mut self.stages, out, self.growth).inspect_err(|error| self.failed = Some(error.clone()))
    }
}

/// Takes a step of the last of the stages; it may take as many of those below as it needs.
fn pull(stages: &mut [Stage], out: &mut [u8], growth: Growth) -> Result<Step, DecodeError> {
    let Some((stage, below)) = stages.split_last_mut() else { return Ok(Step::Hungry) };
    loop {
        let made = stage.run(out)?;
        if made > 0 {
            growth.check(stage.made)?;
            return Ok(Step::Made(made));
        }
        if stage.ended {
            return if stage.undo.may_end() {
                Ok(Step::End)
            } else {
                Err(DecodeError::Truncated { coding: stage.coding.name() })
            };
        }
        if below.is_empty() {
            return Ok(Step::Hungry);
        }
        stage.input.resize(BUFFER, 0);
        stage.taken = BUFFER;
        match pull(below, &mut stage.input, growth)? {
            Step::Made(n) => {
                stage.input.truncate(n);
                stage.taken = 0;
            }
            Step::Hungry => return Ok(Step::Hungry),
            Step::End => stage.ended = true,
        }
    }
}

impl Growth {
    /// Each stage counts: what grows in the middle and shrinks again costs as much.
    fn check(self, made: u64) -> Result<(), DecodeError> {
        if made > FREE && made > self.received.saturating_mul(self.ratio) {
            return Err(DecodeError::Expansion { received: self.received, ratio: self.ratio });
        }
        Ok(())
    }
}

impl Stage {
    fn new(coding: Coding) -> Option<Self> {
        let undo = undo(coding)?;
        Some(Self { coding, undo, input: Vec::new(), taken: 0, ended: false, made: 0, trailing: 0 })
    }

    fn run(&mut self, out: &mut [u8]) -> Result<usize, DecodeError> {
        let input = self.input.get(self.taken..).unwrap_or_default();
        let (used, made) = self.undo.run(input, out)?;
        self.taken += used;
        self.made = self.made.saturating_add(made as u64);
        if made == 0 && used < input.len() {
            if !self.undo.may_end() {
                let reason = "it cannot be read on".into();
                return Err(DecodeError::Corrupt { coding: self.coding.name(), reason });
            }
            self.trailing = self.trailing.saturating_add((input.len() - used) as u64);
            self.taken = self.input.len();
            if self.trailing > MAX_TRAILING {
                let reason = "too many bytes follow its end".into();
                return Err(DecodeError::Corrupt { coding: self.coding.name(), reason });
            }
        }
        Ok(made)
    }
}

/// Makes what undoes a coding, if it is built in.
fn undo(coding: Coding) -> Option<Box<dyn Undo>> {
    match coding {
        #[cfg(feature = "gzip")]
        Coding::Gzip => Some(Box::new(super::inflate::Gzip::default())),
        #[cfg(feature = "gzip")]
        Coding::Deflate => Some(Box::new(super::inflate::Deflate::default())),
        #[cfg(feature = "brotli")]
        Coding::Brotli => Some(Box::new(super::brotli::Brotli::new())),
        #[cfg(feature = "zstd")]
        Coding::Zstd => Some(Box::new(super::zstd::Zstd::new())),
        #[cfg(not(all(feature = "gzip", feature = "brotli", feature = "zstd")))]
        _ => None,
    }
}
