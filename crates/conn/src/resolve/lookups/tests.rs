use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::deadline::{Limit, Phase};

const LONG: Duration = Duration::from_secs(20);

/// A look-up that blocks until the gate opens, and counts.
#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    changed: Condvar,
    calls: AtomicUsize,
    running: AtomicUsize,
    peak: AtomicUsize,
}

impl Gate {
    fn pass(&self, host: &str) -> io::Result<Vec<SocketAddr>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.peak.fetch_max(running, Ordering::SeqCst);
        drop(self.changed.wait_while(self.open.lock().unwrap(), |open| !*open).unwrap());
        self.running.fetch_sub(1, Ordering::SeqCst);
        match host {
            "bad.example" => Err(io::Error::new(io::ErrorKind::NotFound, "no such host")),
            "empty.example" => Ok(Vec::new()),
            "panic.example" => panic!("as the test wants"),
            _ => Ok(vec![([192, 0, 2, 1], 0).into()]),
        }
    }

    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.changed.notify_all();
    }
}

fn limits(threads: usize) -> ResolverLimits {
    ResolverLimits { threads, ..ResolverLimits::default() }
}

fn gated(limits: ResolverLimits) -> (Lookups, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    let blocking = Arc::clone(&gate);
    (Lookups::new(limits, Box::new(move |host| blocking.pass(host))), gate)
}

fn within(time: Duration) -> Deadline {
    Deadline::after(SystemClock.now(), Some(time), Limit::Connect).during(Phase::Resolve)
}

/// Lets others go on until something holds; it is an error if it never does.
#[track_caller]
fn until(holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < LONG, "it never came to be");
        thread::yield_now();
    }
}

#[test]
fn the_deadline_holds_while_the_look_up_blocks() {
    let (lookups, gate) = gated(limits(1));
    let (begun, allowed) = (Instant::now(), Duration::from_millis(30));
    let error = lookups.look_up("slow.example", within(allowed), CancelToken::never()).unwrap_err();
    let took = begun.elapsed();
    assert!(took >= allowed && took < Duration::from_millis(300), "{took:?}");
    let timed_out = error.is_timeout().unwrap();
    assert_eq!((timed_out.phase, timed_out.allowed), (Phase::Resolve, allowed));

    gate.open();
    until(|| lookups.0.lock().flights.is_empty());
    assert_eq!(lookups.look_up("slow.example", within(LONG), CancelToken::never()).unwrap().len(), 1);
    assert_eq!(gate.calls.load(Ordering::SeqCst), 2, "the answer that came too late is dropped");
}

#[test]
fn who_asks_for_one_name_at_the_same_time_shares_a_look_up() {
    for host in ["one.example", "bad.example"] {
        let (lookups, gate) = gated(limits(4));
        let answers: Vec<_> = thread::scope(|scope| {
            let askers: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| lookups.look_up(host, within(LONG), CancelToken::never())))
                .collect();
            until(|| lookups.0.lock().flights.get(host).is_some_and(|flight| flight.waiters == 8));
            gate.open();
            askers.into_iter().map(|asker| asker.join().unwrap()).collect()
        });
        assert_eq!(gate.calls.load(Ordering::SeqCst), 1, "{host}");
        for answer in answers {
            match answer {
                Ok(addresses) => assert_eq!((host, addresses.len()), ("one.example", 1)),
                Err(ConnectError::Resolve { source, .. }) => {
                    assert_eq!((host, source.kind()), ("bad.example", io::ErrorKind::NotFound));
                    assert_eq!(source.to_string(), "no such host");
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn there_are_never_more_threads_than_allowed() {
    let (lookups, gate) = gated(limits(4));
    thread::scope(|scope| {
        for n in 0..50 {
            let lookups = &lookups;
            scope.spawn(move || {
                lookups.look_up(&format!("h{n}.example"), within(LONG), CancelToken::never()).unwrap()
            });
        }
        until(|| lookups.0.lock().flights.len() == 50 && gate.running.load(Ordering::SeqCst) == 4);
        let state = lookups.0.lock();
        assert_eq!((state.threads, state.queue.len()), (4, 46));
        drop(state);
        gate.open();
    });
    assert_eq!((gate.calls.load(Ordering::SeqCst), gate.peak.load(Ordering::SeqCst)), (50, 4));
}

#[test]
fn a_thread_without_work_serves_the_next_name() {
    let (lookups, gate) = gated(limits(4));
    gate.open();
    for n in 0..20 {
        lookups.look_up(&format!("h{n}.example"), within(LONG), CancelToken::never()).unwrap();
        until(|| lookups.0.lock().idle == 1);
    }
    assert_eq!(lookups.0.lock().threads, 1);
}

#[test]
fn a_panic_in_the_look_up_is_an_error_and_costs_no_thread() {
    let (lookups, gate) = gated(limits(1));
    gate.open();
    for _ in 0..3 {
        let error = lookups.look_up("panic.example", within(LONG), CancelToken::never()).unwrap_err();
        let ConnectError::Resolve { source, .. } = error else { panic!("{error}") };
        assert_eq!(source.to_string(), "the look-up panicked");
    }
    assert!(lookups.look_up("good.example", within(LONG), CancelToken::never()).is_ok());
    assert_eq!(lookups.0.lock().threads, 1);
}

#[test]
fn a_name_without_addresses_says_so() {
    let (lookups, gate) = gated(limits(1));
    gate.open();
    let error = lookups.look_up("empty.example", within(LONG), CancelToken::never()).unwrap_err();
    assert!(matches!(error, ConnectError::NoAddress { host } if host == "empty.example"));
}

#[test]
fn the_queue_is_bounded_and_who_gives_up_leaves_it() {
    let (lookups, gate) = gated(ResolverLimits { queued: 1, ..limits(1) });
    thread::scope(|scope| {
        scope.spawn(|| lookups.look_up("running.example", within(LONG), CancelToken::never()).unwrap());
        until(|| gate.running.load(Ordering::SeqCst) == 1);
        let gives_up = scope.spawn(|| {
            lookups.look_up("queued.example", within(Duration::from_millis(40)), CancelToken::never())
        });
        until(|| lookups.0.lock().queue.len() == 1);
        let error = lookups.look_up("third.example", within(LONG), CancelToken::never()).unwrap_err();
        let ConnectError::Resolve { source, .. } = error else { panic!("{error}") };
        assert_eq!(source.kind(), io::ErrorKind::ResourceBusy);

        assert!(gives_up.join().unwrap().unwrap_err().is_timeout().is_some());
        assert_eq!(lookups.0.lock().queue.len(), 0);
        scope.spawn(|| lookups.look_up("third.example", within(LONG), CancelToken::never()).unwrap());
        until(|| lookups.0.lock().queue.len() == 1);
        gate.open();
    });
    assert_eq!(gate.calls.load(Ordering::SeqCst), 2, "the name that nobody waits for is not looked up");
}

#[test]
fn a_name_is_kept_in_the_queue_while_somebody_waits_for_it() {
    let (lookups, gate) = gated(limits(1));
    thread::scope(|scope| {
        scope.spawn(|| lookups.look_up("running.example", within(LONG), CancelToken::never()).unwrap());
        until(|| gate.running.load(Ordering::SeqCst) == 1);
        let stays = scope.spawn(|| lookups.look_up("queued.example", within(LONG), CancelToken::never()));
        until(|| lookups.0.lock().queue.len() == 1);
        let gives_up =
            lookups.look_up("queued.example", within(Duration::from_millis(5)), CancelToken::never());
        assert!(gives_up.unwrap_err().is_timeout().is_some());
        gate.open();
        assert!(stays.join().unwrap().is_ok());
    });
}

#[test]
fn threads_end_when_they_have_had_no_work_and_come_back_with_it() {
    let (lookups, gate) = gated(ResolverLimits { idle: Duration::from_millis(1), ..limits(2) });
    gate.open();
    for _ in 0..3 {
        lookups.look_up("a.example", within(LONG), CancelToken::never()).unwrap();
        until(|| lookups.0.lock().threads == 0);
    }
}

#[test]
fn threads_end_at_once_when_nobody_can_ask_any_more() {
    let (lookups, gate) = gated(ResolverLimits { idle: Duration::MAX, ..limits(2) });
    gate.open();
    lookups.look_up("a.example", within(LONG), CancelToken::never()).unwrap();
    let shared = Arc::clone(&lookups.0);
    drop(lookups);
    until(|| shared.lock().threads == 0);
}

#[test]
fn who_cancels_returns_while_the_look_up_goes_on_behind() {
    let (lookups, gate) = gated(limits(1));
    let token = CancelToken::new();
    thread::scope(|scope| {
        let waits = scope.spawn(|| lookups.look_up("slow.example", within(LONG), &token));
        let stays = scope.spawn(|| lookups.look_up("slow.example", within(LONG), CancelToken::never()));
        until(|| lookups.0.lock().flights.get("slow.example").is_some_and(|flight| flight.waiters == 2));
        token.cancel();
        assert!(matches!(waits.join().unwrap(), Err(ConnectError::Cancelled(_))));
        gate.open();
        assert_eq!(stays.join().unwrap().unwrap().len(), 1, "the other is not disturbed");
    });
    let error = lookups.look_up("other.example", within(LONG), &token).unwrap_err();
    assert!(matches!(error, ConnectError::Cancelled(_)));
}

#[test]
fn without_a_thread_those_who_wait_are_told() {
    let (lookups, _gate) = gated(limits(1));
    let (landing, starts_thread) = lookups.0.join("a.example").unwrap();
    assert!(starts_thread);
    lookups.0.lost_thread(io::ErrorKind::OutOfMemory.into());
    let answer = landing.wait(within(LONG), CancelToken::never()).unwrap();
    assert_eq!(answer.unwrap_err().kind(), io::ErrorKind::OutOfMemory);
    let state = lookups.0.lock();
    assert_eq!((state.threads, state.queue.len(), state.flights.len()), (0, 0, 0));
}
