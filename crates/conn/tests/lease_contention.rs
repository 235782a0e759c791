//! What lending and giving back costs when many threads do it at once, as a ratio to one thread in the same run.
//!
//! `cargo test --release -p conn --test lease_contention -- --nocapture`

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::cast_precision_loss, reason = "test code")]

#[path = "lease/memory.rs"]
mod memory;

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use conn::{ConnectRequest, ConnectionPool, Deadline, Origin, PeerHint, PoolLimits, Route, SystemClock};
use memory::Memory;

const THREADS: usize = 64;
/// Leases over all threads.
const LEASES: usize = 640_000;
/// One thread's cost times this is too much for any machine: threads wait for each other's few hundred nanoseconds.
const TOO_MUCH: f64 = 10.0;

fn pool() -> ConnectionPool {
    let mut limits = PoolLimits::default();
    limits.idle_per_route = THREADS;
    limits.idle_total = THREADS;
    ConnectionPool::new(Arc::new(Memory::default()), limits, Arc::new(SystemClock))
}

/// Returns the time per lease that so many threads take together, over so many routes.
fn measure(threads: usize, routes: usize) -> Duration {
    let pool = pool();
    let host = |i: usize| Route::new(Origin::http(&format!("host-{i}.example")).unwrap());
    let routes: Vec<_> = (0..routes).map(host).collect();
    let start = Barrier::new(threads + 1);
    let began = thread::scope(|scope| {
        for i in 0..threads {
            let (pool, start, route) = (&pool, &start, &routes[i % routes.len()]);
            scope.spawn(move || {
                let request = ConnectRequest::new(route, Deadline::NEVER);
                pool.lease(&request).unwrap().give_back();
                start.wait();
                for _ in 0..LEASES / threads {
                    let mut leased = pool.lease(&request).unwrap();
                    leased.answered(PeerHint::default());
                    leased.give_back();
                }
            });
        }
        start.wait();
        Instant::now()
    });
    let took = began.elapsed();
    let snapshot = pool.snapshot();
    assert_eq!((snapshot.active, snapshot.waiting), (0, 0));
    assert!(snapshot.idle <= THREADS);
    took / u32::try_from(LEASES).unwrap()
}

#[test]
fn threads_seldom_wait_for_each_other() {
    measure(1, 1);
    let alone = measure(1, 1);
    println!("1 thread, 1 route: {alone:?} a lease");
    for routes in [1, THREADS] {
        let each = measure(THREADS, routes);
        let ratio = each.as_nanos() as f64 / alone.as_nanos() as f64;
        println!("{THREADS} threads, {routes} routes: {each:?} a lease, {ratio:.2} of one thread's");
        assert!(ratio < TOO_MUCH, "{ratio}");
    }
}
