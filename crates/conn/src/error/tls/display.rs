//! The parts of a message that say what is known: times, names, purposes.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The last second that an HTTP date can name: the end of the year 9999.
const LAST_DATE: Duration = Duration::from_secs(253_402_300_799);

/// " 3 days ago".
pub(super) struct Ago(pub(super) Option<Duration>);

impl fmt::Display for Ago {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |time| write!(f, " {} ago", Rough(time)))
    }
}

/// ": its time begins in 3 days".
pub(super) struct In(pub(super) Option<Duration>);

impl fmt::Display for In {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |time| write!(f, ": its time begins in {}", Rough(time)))
    }
}

struct Rough(Duration);

impl fmt::Display for Rough {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (count, unit) = match seconds {
            0..3600 => (seconds / 60, "minute"),
            3600..86400 => (seconds / 3600, "hour"),
            _ => (seconds / 86400, "day"),
        };
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "{count} {unit}{plural}")
    }
}

/// "(Sun, 06 Nov 1994 08:49:37 GMT)" behind a separator.
pub(super) struct Date(pub(super) &'static str, pub(super) Option<SystemTime>);

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(time) = self.1 else { return Ok(()) };
        match time.duration_since(UNIX_EPOCH) {
            Ok(since) if since <= LAST_DATE => write!(f, "{}({})", self.0, httpdate::HttpDate::from(time)),
            _ => Ok(()),
        }
    }
}

/// ": it names a.example, b.example".
pub(super) struct Names<'a>(pub(super) Option<&'a [String]>);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => Ok(()),
            Some([]) => f.write_str(": it names no host (a common name alone does not count)"),
            Some(names) => write!(f, ": it names {}", names.join(", ")),
        }
    }
}

/// ": it is meant for client authentication".
pub(super) struct Purposes<'a>(pub(super) &'a [String]);

impl fmt::Display for Purposes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": it is meant for {}", self.0.join(", ")) }
    }
}

/// "sha256/..., sha256/...", or that there is none.
pub(super) struct Offered<'a>(pub(super) &'a [String]);

impl fmt::Display for Offered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("none") } else { f.write_str(&self.0.join(", ")) }
    }
}

/// "it answers in plain HTTP", or how it began.
pub(super) struct Began<'a>(pub(super) &'a str);

impl fmt::Display for Began<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.starts_with("HTTP/") {
            f.write_str("it answers in plain HTTP")
        } else {
            write!(f, "it began with {:?}", self.0)
        }
    }
}
