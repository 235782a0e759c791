//! Writes what the client does, and what goes wrong, into a file: a `tracing` subscriber takes the events.

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use std::error::Error;
use std::fs::File;
use std::sync::Mutex;

use http_client::{Client, ClientConfig};
use testkit::site::Site;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("http.log");
    // Events of level DEBUG and above; append with OpenOptions where the file is to be kept.
    fmt()
        .with_writer(Mutex::new(File::create(&path)?))
        .with_max_level(LevelFilter::DEBUG)
        .with_ansi(false)
        .init();

    let site = Site::start();
    let client = Client::with_config(ClientConfig::standard())?;
    client.get(format!("{}/flaky?fail=1&status=502", site.http_url())).send()?.text()?;

    // Your own events go to the same place.
    let url = format!("{}/nowhere?token=s3cret", site.http_url());
    let sent = client.get(url).bearer_auth("s3cret").send().and_then(http_client::Response::error_for_status);
    if let Err(error) = sent {
        tracing::error!(%error, attempts = error.attempts().len(), "the log could not be read");
    }

    let log = std::fs::read_to_string(&path)?;
    println!("{} lines in {}:", log.lines().count(), path.display());
    let of_client = log.lines().filter(|line| line.contains(" http_client") || line.contains("ERROR"));
    of_client.for_each(|line| println!("  {line}"));
    assert!(log.contains("waiting before the next attempt"), "the retry is not told");
    assert!(log.contains("the server answered 404 Not Found"), "the error is not told");
    assert!(!log.contains("s3cret"), "a secret got into the log");
    Ok(())
}
