//! What a keep-alive GET of 1 KiB may allocate.

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

use http_client::{Client, Connection};

const TIMES: usize = 100;

#[test]
fn a_keep_alive_get_on_a_connection_allocates_nothing() {
    let address = loopback::serve();
    let mut conn = Connection::http(&address.to_string()).unwrap();
    loopback::by_connection(&mut conn, 3);
    let counted = allocation_counter::measure(|| loopback::by_connection(&mut conn, TIMES));
    assert_eq!(counted.count_total, 0, "allocations in {TIMES} requests");
}

#[test]
fn a_keep_alive_get_on_a_client_allocates_six_times_at_most() {
    let url = format!("http://{}/some/path", loopback::serve());
    let client = Client::new();
    loopback::by_client(&client, &url, 3);
    let counted = allocation_counter::measure(|| loopback::by_client(&client, &url, TIMES));
    let each = counted.count_total as f64 / TIMES as f64;
    println!("Client: {each} allocations and {} bytes a request", counted.bytes_total / TIMES as u64);
    assert!(each <= 6.0, "{each} allocations a request");
}
