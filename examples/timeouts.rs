//! Sets limits on time, and asks the error which of them passed, and during what.

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use std::error::Error;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use http_client::{Client, ClientConfig, Connection, Limit, Origin, Phase, Timeouts};
use testkit::site::Site;

fn main() -> Result<(), Box<dyn Error>> {
    let site = Site::start();
    let url = |path: &str| format!("{}{path}", site.http_url());
    let limit = Duration::from_millis(250);

    // Each step has its own limit. By default: connect 10 s, response 60 s, each read and write 60 s.
    let mut config = ClientConfig::default();
    config.timeouts = Timeouts::each(limit);
    let client = Client::with_config(config.clone())?;

    // Somebody listens there, and never says a word of TLS.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let failed = client.get(format!("https://{}/", silent.local_addr()?)).send().err();
    check("no handshake", failed, Phase::Tls, Limit::Connect)?;

    let failed = client.get(url("/slow?ms=2000")).send().err();
    check("no answer", failed, Phase::Response, Limit::Response)?;

    // Content that stops coming; what comes slowly but steadily may take as long as it likes ...
    let failed = client.get(url("/drip?bytes=5&ms=1000")).send()?.text().err();
    check("no content", failed, Phase::Body, Limit::Idle)?;
    assert_eq!(client.get(url("/drip?bytes=10&ms=20")).send()?.bytes()?.len(), 10);

    // ... unless the whole call has a limit, here for one request.
    let slowly = client.get(url("/drip?bytes=100&ms=20")).timeout(2 * limit);
    check("drips on", slowly.send()?.text().err(), Phase::Body, Limit::Total)?;

    // For one response on a connection: `getresponse(timeout=...)`, so to speak.
    let mut conn = Connection::open(&Origin::http(&site.http_addr().to_string())?, ClientConfig::default())?;
    conn.request("GET", "/slow?ms=2000")?;
    let failed = conn.response_within(limit).err();
    check("response_within", failed, Phase::Response, Limit::Response)
}

fn check(
    what: &str,
    failed: Option<http_client::Error>,
    phase: Phase,
    limit: Limit,
) -> Result<(), Box<dyn Error>> {
    let error = failed.ok_or("it was in time")?;
    println!("{what}: {error}");
    assert!(error.is_timeout());
    assert_eq!((error.phase(), error.limit()), (Some(phase), Some(limit)));
    Ok(())
}
