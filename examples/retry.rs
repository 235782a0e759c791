//! Tries again with exponential backoff: 1, 2, 4, 5, 5 seconds, here a hundred times as fast.

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use std::error::Error;
use std::num::NonZeroU32;
use std::time::Duration;

use http_client::resilience::{Backoff, Jitter};
use http_client::{Client, ClientConfig, RetryPolicy, StatusCode, Why};
use testkit::site::Site;

fn main() -> Result<(), Box<dyn Error>> {
    let site = Site::start();
    let second = Duration::from_millis(10); // Duration::from_secs(1) outside of this example

    // Doubling from 1 s up to 5 s. Jitter spreads those who failed together; here it is off, so that one sees the steps.
    let mut policy = RetryPolicy::default();
    policy.max_attempts = NonZeroU32::new(6).ok_or("zero")?;
    policy.backoff = Backoff::exponential(second, 5 * second).jitter(Jitter::None);
    let mut config = ClientConfig::default();
    config.retry = Some(policy);
    let client = Client::with_config(config)?;

    // A page that fails five times before it is well.
    let response = client.get(format!("{}/flaky?fail=5&status=502", site.http_url())).send()?;
    let mut waited = Vec::new();
    for attempt in response.attempts() {
        println!("after {:>2} ms: {:?}", attempt.waited.as_millis(), attempt.outcome);
        if attempt.why == Why::Retry {
            waited.push(attempt.waited);
        }
    }
    assert_eq!(response.status(), StatusCode::OK);
    for (waited, planned) in waited.iter().zip([1, 2, 4, 5, 5]) {
        assert!(*waited >= planned * second, "{waited:?}");
    }
    assert_eq!(waited.len(), 5);

    // A POST may have been acted on, so it is sent once, unless you say that twice is harmless.
    let post = || client.post(format!("{}/flaky?fail=1&status=502&key=post", site.http_url()));
    let once = post().send()?;
    println!("POST: {} after {} attempt", once.status(), once.attempts().len());
    assert_eq!((once.status(), once.attempts().len()), (StatusCode::BAD_GATEWAY, 1));
    let url = format!("{}/flaky?fail=1&status=502&key=put", site.http_url());
    let again = client.post(url).idempotent(true).send()?;
    println!("POST that may be repeated: {} after {} attempts", again.status(), again.attempts().len());
    assert_eq!((again.status(), again.attempts().len()), (StatusCode::OK, 2));

    // When the last attempt fails too, its response is yours; ClientConfig::standard() has sensible settings of all this.
    let down = client.get(format!("{}/status/500", site.http_url())).send()?;
    println!("given up: {} after {} attempts", down.status(), down.attempts().len());
    assert_eq!(down.attempts().len(), 6);
    Ok(())
}
