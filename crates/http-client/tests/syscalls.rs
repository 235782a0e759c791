//! What a keep-alive GET of 1 KiB may cost in system calls: counted by strace over this very program, run again as a
//! child with few and with many requests.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "test code fails loudly"
)]

#[path = "common/loopback.rs"]
mod loopback;

use std::env;
use std::process::Command;

use http_client::{Client, Connection};

const FEW: usize = 20;
const MANY: usize = 220;

/// Tells the child what to do: who, how often, where.
const TASK: &str = "HTTP_CLIENT_SYSCALLS_TASK";

#[test]
fn a_keep_alive_get_on_a_connection_costs_one_write_and_one_read() {
    check("connection", 2);
}

#[test]
fn a_keep_alive_get_on_a_client_costs_a_probe_besides() {
    check("client", 3);
}

#[track_caller]
fn check(who: &str, expected: usize) {
    let address = loopback::serve();
    let (few, many) = (count(&format!("{who} {FEW} {address}")), count(&format!("{who} {MANY} {address}")));
    let requests = MANY - FEW;
    let calls = many.checked_sub(few).unwrap();
    println!("{who}: {calls} system calls in {requests} requests");
    // A few calls of the test harness itself come and go; one more a request would be as many as there are requests.
    assert!(calls.abs_diff(expected * requests) < requests / 10, "{calls} calls in {requests} requests");
}

/// Counts the system calls of a child that does `task`.
fn count(task: &str) -> usize {
    let log = tempfile::NamedTempFile::new().unwrap();
    let status = Command::new("strace")
        .args(["-f", "-qq", "-o"])
        .arg(log.path())
        .arg(env::current_exe().unwrap())
        .args(["--exact", "the_child_does_its_task", "--test-threads=1"])
        .env(TASK, task)
        .status()
        .expect("strace runs: apt-get install strace");
    assert!(status.success(), "the child failed");
    let lines = std::fs::read_to_string(log.path()).unwrap();
    // A call that is interrupted by another thread takes two lines.
    lines.lines().filter(|line| !line.contains("resumed>") && !line.contains("futex(")).count()
}

#[test]
fn the_child_does_its_task() {
    // Without a task this is the parent's own run of all tests.
    let Ok(task) = env::var(TASK) else { return };
    let [who, times, address] = task.split(' ').collect::<Vec<_>>()[..] else { panic!("a task: {task}") };
    let times = times.parse().unwrap();
    match who {
        "connection" => loopback::by_connection(&mut Connection::http(address).unwrap(), times),
        _ => loopback::by_client(&Client::new(), &format!("http://{address}/some/path"), times),
    }
}
