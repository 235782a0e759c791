//! Leaves a server alone that fails: each origin has a circuit breaker of its own.
//!
//! `cargo run --example breaker_day` shows one breaker through a long outage, in simulated time.

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use std::error::Error;
use std::num::NonZeroU32;
use std::thread;
use std::time::Duration;

use http_client::resilience::BreakerState;
use http_client::{BreakerConfig, Client, ClientConfig, ErrorKind, Origin, StatusCode};
use testkit::site::Site;

fn main() -> Result<(), Box<dyn Error>> {
    let (sick, well) = (Site::start(), Site::start());
    let url = |site: &Site, path: &str| format!("{}{path}", site.http_url());

    // Three failures in a row open it, for half a second; then one probe decides.
    let three = NonZeroU32::new(3).ok_or("zero")?;
    let mut config = ClientConfig::default();
    config.breaker = Some(BreakerConfig::classic(three, Duration::from_millis(500)));
    let client = Client::with_config(config)?;

    let host = client.host(&Origin::http(&sick.http_addr().to_string())?).ok_or("no policies")?;
    let breaker = host.breaker().ok_or("no breaker")?;
    breaker
        .on_transition(|news| println!("   the breaker: {:?} -> {:?}, {:?}", news.from, news.to, news.cause));

    for n in 1..=3 {
        let response = client.get(url(&sick, "/flaky?fail=3&status=500")).send()?;
        println!("call {n}: {}", response.status());
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
    assert_eq!(breaker.state(), BreakerState::Open);

    // Not a byte is sent to it now, and no time lost.
    let error = client.get(url(&sick, "/")).send().err().ok_or("it was let through")?;
    println!("call 4: {error}");
    assert_eq!(error.kind(), ErrorKind::Rejected);

    // The other origin does not suffer for it.
    println!("elsewhere: {}", client.get(url(&well, "/")).send()?.status());

    // When its time is over, one call is let through, and all are if it goes well.
    thread::sleep(Duration::from_millis(550));
    let response = client.get(url(&sick, "/flaky?fail=3&status=500")).send()?;
    println!("call 5: {}", response.status());
    assert_eq!((response.status(), breaker.state()), (StatusCode::OK, BreakerState::Closed));

    // It obeys you, too.
    breaker.force_open(std::time::Instant::now());
    assert!(client.get(url(&sick, "/")).send().is_err());
    breaker.reset(std::time::Instant::now());
    assert_eq!(client.get(url(&sick, "/")).send()?.status(), StatusCode::OK);
    Ok(())
}
