//! Which address is dialled when: Happy Eyeballs (RFC 8305) as a machine that takes `now` and says what to do.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How many addresses of one name are tried at most: a name may have thousands, and each costs a socket.
pub(crate) const MOST_TRIED: usize = 16;

/// The least time between two addresses (RFC 8305 section 5: it "MUST NOT be less than 10 milliseconds").
const LEAST_STAGGER: Duration = Duration::from_millis(10);

/// Puts addresses into the order of dialling: the families alternate, beginning with the first as resolved (RFC 8305
/// section 4, with a First Address Family Count of 1). Each address stands once.
pub(crate) fn interleave(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first_is_v4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (mut first, mut second): (VecDeque<_>, VecDeque<_>) =
        addresses.iter().partition(|address| address.is_ipv4() == first_is_v4);
    let mut ordered = Vec::with_capacity(addresses.len().min(MOST_TRIED));
    while ordered.len() < MOST_TRIED && !(first.is_empty() && second.is_empty()) {
        for family in [&mut first, &mut second] {
            while let Some(address) = family.pop_front() {
                if !ordered.contains(&address) {
                    ordered.push(address);
                    break;
                }
            }
        }
    }
    ordered.truncate(MOST_TRIED);
    ordered
}

/// What a driver has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Begin to connect to this address, and ask again.
    Start(SocketAddr),
    /// Wait until an open attempt ends or this instant comes, if there is one; then ask again.
    Wait(Option<Instant>),
    /// Every address has failed.
    Exhausted,
}

/// Starts one address after the other: the next when the stagger has passed or as soon as one fails, while those before
/// it go on. The driver ends it by an attempt that succeeds or a deadline that passes.
#[derive(Debug)]
pub(crate) struct Dial {
    waiting: VecDeque<SocketAddr>,
    open: Vec<SocketAddr>,
    stagger: Duration,
    due: Due,
}

#[derive(Clone, Copy, Debug)]
enum Due {
    Now,
    At(Instant),
    /// The stagger ends beyond the clock.
    AfterFailure,
}

impl Dial {
    /// Plans to dial `addresses` in the order of [`interleave`].
    pub(crate) fn new(addresses: &[SocketAddr], stagger: Duration) -> Self {
        Self {
            waiting: interleave(addresses).into(),
            open: Vec::new(),
            stagger: stagger.max(LEAST_STAGGER),
            due: Due::Now,
        }
    }

    /// Says what to do at `now`.
    pub(crate) fn next(&mut self, now: Instant) -> Next {
        if self.waiting.is_empty() {
            return if self.open.is_empty() { Next::Exhausted } else { Next::Wait(None) };
        }
        match self.due {
            Due::At(due) if now < due => return Next::Wait(Some(due)),
            Due::AfterFailure => return Next::Wait(None),
            Due::Now | Due::At(_) => {}
        }
        let Some(address) = self.waiting.pop_front() else { return Next::Exhausted };
        self.open.push(address);
        self.due = now.checked_add(self.stagger).map_or(Due::AfterFailure, Due::At);
        Next::Start(address)
    }

    /// Learns that a started address failed: the next one starts at once.
    pub(crate) fn on_failure(&mut self, address: SocketAddr) {
        let before = self.open.len();
        self.open.retain(|open| *open != address);
        if self.open.len() < before {
            self.due = Due::Now;
        }
    }
}

#[cfg(test)]
mod tests;
