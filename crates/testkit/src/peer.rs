//! A peer that plays a script: in memory under a manual clock, or on a loopback socket in real time.

mod listener;
mod memory;

use std::time::Duration;

pub use listener::ScriptedListener;
pub use memory::{Connection, ScriptedConnect};

/// What the peer of one connection does, step by step. After the last step it stays connected and silent.
///
/// ```
/// use testkit::peer::Script;
///
/// let script = Script::new().expect("GET / HTTP/1.1\r\n\r\n").reply("HTTP/1.1 204 \r\n\r\n").close();
/// ```
#[derive(Clone, Debug, Default)]
pub struct Script {
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    Expect(Vec<u8>),
    ExpectHead,
    Reply(Vec<u8>),
    Stall(Duration),
    Close,
    Cut,
    Reset,
}

impl Script {
    /// Makes a script without steps.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits for exactly these bytes.
    #[must_use]
    pub fn expect(self, bytes: impl AsRef<[u8]>) -> Self {
        self.then(Step::Expect(bytes.as_ref().to_vec()))
    }

    /// Waits for everything up to an empty line, and records it as a head.
    #[must_use]
    pub fn expect_head(self) -> Self {
        self.then(Step::ExpectHead)
    }

    /// Sends these bytes in one piece.
    #[must_use]
    pub fn reply(self, bytes: impl AsRef<[u8]>) -> Self {
        self.reply_split(bytes, &[])
    }

    /// Sends these bytes one by one.
    #[must_use]
    pub fn reply_bytewise(self, bytes: impl AsRef<[u8]>) -> Self {
        let cuts: Vec<_> = (0..bytes.as_ref().len()).collect();
        self.reply_split(bytes, &cuts)
    }

    /// Sends these bytes in pieces that begin at the given offsets.
    ///
    /// # Panics
    /// The offsets do not rise, or reach beyond the bytes.
    #[must_use]
    pub fn reply_split(mut self, bytes: impl AsRef<[u8]>, cuts: &[usize]) -> Self {
        let bytes = bytes.as_ref();
        let ends = cuts.iter().copied().chain([bytes.len()]);
        let mut start = 0;
        for end in ends {
            let piece = bytes.get(start..end).expect("cuts that rise and stay within the bytes");
            if !piece.is_empty() {
                self = self.then(Step::Reply(piece.to_vec()));
            }
            start = end;
        }
        self
    }

    /// Does nothing for so long.
    #[must_use]
    pub fn stall(self, time: Duration) -> Self {
        self.then(Step::Stall(time))
    }

    /// Ends the stream, in TLS with a `close_notify`.
    #[must_use]
    pub fn close(self) -> Self {
        self.then(Step::Close)
    }

    /// Ends the stream, in TLS without a `close_notify`.
    #[must_use]
    pub fn cut(self) -> Self {
        self.then(Step::Cut)
    }

    /// Resets the connection.
    #[must_use]
    pub fn reset(self) -> Self {
        self.then(Step::Reset)
    }

    fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

impl Step {
    /// Takes what an expectation wants from what came in, and tells whether it is met.
    fn consume(&mut self, came: &mut Vec<u8>, heads: &mut Vec<Vec<u8>>) -> Result<bool, String> {
        match self {
            Self::Expect(wanted) => {
                let n = wanted.len().min(came.len());
                let (want, got) = (wanted.get(..n), came.get(..n));
                if want != got {
                    return Err(difference(wanted, came));
                }
                wanted.drain(..n);
                came.drain(..n);
                Ok(wanted.is_empty())
            }
            Self::ExpectHead => {
                let Some(at) = came.windows(4).position(|window| window == b"\r\n\r\n") else {
                    return Ok(false);
                };
                heads.push(came.drain(..at + 4).collect());
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Tells what a peer at this step waits for, if it waits for the client at all.
    fn wants(&self) -> Option<String> {
        match self {
            Self::Expect(wanted) => {
                Some(format!("{} more bytes: \"{}\"", wanted.len(), wanted.escape_ascii()))
            }
            Self::ExpectHead => Some("the end of a head".to_owned()),
            _ => None,
        }
    }
}

/// Shows where two byte strings part.
fn difference(wanted: &[u8], got: &[u8]) -> String {
    let same = wanted.iter().zip(got).take_while(|(a, b)| a == b).count();
    let show = |bytes: &[u8]| {
        let (before, after) = bytes.split_at(same.min(bytes.len()));
        format!("\"{}\" >>> \"{}\"", before.escape_ascii(), after.escape_ascii())
    };
    format!("unexpected bytes after {same}\n  expected {}\n  got      {}", show(wanted), show(got))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_shows_where_it_begins() {
        let mut step = Step::Expect(b"GET / HTTP/1.1\r\n".to_vec());
        let text = step.consume(&mut b"GET /x".to_vec(), &mut Vec::new()).unwrap_err();
        assert_eq!(
            text,
            "unexpected bytes after 5\n  expected \"GET /\" >>> \" HTTP/1.1\\r\\n\"\n  got      \"GET /\" >>> \"x\""
        );
    }

    #[test]
    fn a_reply_is_cut_where_it_is_asked_to() {
        let pieces = |script: Script| -> Vec<String> {
            let piece = |step| match step {
                Step::Reply(bytes) => String::from_utf8(bytes).unwrap(),
                other => panic!("{other:?}"),
            };
            script.steps.into_iter().map(piece).collect()
        };
        assert_eq!(pieces(Script::new().reply_split("abcd", &[1, 3])), ["a", "bc", "d"]);
        assert_eq!(pieces(Script::new().reply_bytewise("abc")), ["a", "b", "c"]);
    }
}
