//! The deadlines of a call against peers that take their time, byte by byte, under a manual clock.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code fails loudly")]

mod common;

use std::time::Duration;

use common::{get, stage};
use http_client::{ErrorKind, Limit, Phase};
use proptest::prelude::*;
use testkit::peer::Script;

const HEAD: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const REST: &str = "5\r\nhello\r\n0;last=1\r\nX-Trailer: seen\r\n\r\n";

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn t20_no_peer_however_slow_holds_a_call_beyond_its_total(
        pauses in prop::collection::vec(0_u64..3000, HEAD.len() + REST.len()),
        total in 1_u64..200_000,
        response in 1_u64..200_000,
        idle in 1_u64..3500,
    ) {
        let message = format!("{HEAD}{REST}");
        let script = message.bytes().zip(&pauses).fold(Script::new().expect(get("/")), |script, (byte, pause)| {
            script.stall(ms(*pause)).reply([byte])
        });
        let mut stage = stage([script]);
        stage.config.timeouts.total = Some(ms(total));
        stage.config.timeouts.response = Some(ms(response));
        stage.config.timeouts.idle = Some(ms(idle));
        let client = stage.client();
        let outcome = client.get("http://a/").send().and_then(http_client::Response::text);
        let elapsed = stage.clock.elapsed();
        prop_assert!(elapsed <= ms(total), "{elapsed:?}");

        // When each byte comes, if nothing ends it before.
        let arrivals: Vec<u64> = pauses.iter().scan(0, |at, pause| { *at += pause; Some(*at) }).collect();
        match outcome {
            Ok(text) => {
                prop_assert_eq!(text, "hello");
                prop_assert_eq!(elapsed, ms(arrivals[arrivals.len() - 1]));
            }
            Err(error) => {
                prop_assert_eq!(error.kind(), ErrorKind::Timeout);
                let timed_out = error.timed_out().unwrap();
                let had_head = timed_out.received >= HEAD.len() as u64;
                prop_assert_eq!(timed_out.phase, if had_head { Phase::Body } else { Phase::Response });
                prop_assert_eq!(timed_out.sent, get("/").len() as u64);
                // A byte that comes at the very end of the time may be read or not.
                let before = arrivals.iter().filter(|at| ms(**at) < elapsed).count() as u64;
                let until = arrivals.iter().filter(|at| ms(**at) <= elapsed).count() as u64;
                prop_assert!((before..=until).contains(&timed_out.received), "{}", timed_out.received);
                match timed_out.limit {
                    Limit::Total => prop_assert_eq!((elapsed, timed_out.elapsed), (ms(total), ms(total))),
                    Limit::Response => prop_assert_eq!((elapsed, timed_out.elapsed), (ms(response), ms(response))),
                    limit => prop_assert_eq!((limit, timed_out.elapsed), (Limit::Idle, ms(idle))),
                }
            }
        }
        drop(client);
        // What the peer still had to say does not matter.
        let _ = stage.peer.finish();
    }
}

#[test]
fn a_request_has_timeouts_of_its_own() {
    let stage = stage([Script::new().expect(get("/")), Script::new().expect(get("/"))]);
    let client = stage.client();
    let mut timeouts = stage.config.timeouts;
    timeouts.response = Some(ms(700));
    let error = client.get("http://a/").timeouts(timeouts).send().unwrap_err();
    assert_eq!((error.limit(), stage.clock.elapsed()), (Some(Limit::Response), ms(700)));
    let error = client.get("http://a/").timeout(ms(300)).send().unwrap_err();
    assert_eq!((error.limit(), stage.clock.elapsed()), (Some(Limit::Total), ms(1000)));
    stage.finish();
}

#[test]
fn one_response_has_a_timeout_of_its_own() {
    let slow = || Script::new().expect(get("/")).stall(ms(2000)).reply("HTTP/1.1 204 \r\n\r\n");
    let mut stage = stage([slow(), slow()]);
    stage.config.timeouts.response = Some(ms(1000));
    let mut connection = stage.connection();
    connection.request("GET", "/").unwrap();
    assert_eq!(connection.response_within(ms(3000)).unwrap().status().as_u16(), 204);
    connection.close().unwrap();
    connection.request("GET", "/").unwrap();
    let error = connection.response_within(ms(500)).unwrap_err();
    assert_eq!((error.limit(), stage.clock.elapsed()), (Some(Limit::Response), ms(2500)));
    drop(connection);
    stage.finish();
}
