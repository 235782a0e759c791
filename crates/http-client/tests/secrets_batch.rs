//! What is secret stays so on the threads of a batch too. They see only what traces the whole process: a program of its own,
//! with one test.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code fails loudly")]

mod common;
#[path = "common/sinks.rs"]
mod sinks;

use common::{redirect, stage};
use http_client::{ErrorKind, Jar, RetryPolicy, Url};
use sinks::{PASSWORD, Sinks, USER};
use testkit::peer::Script;

#[test]
fn a_batch_shows_no_secret() {
    let sinks = Sinks::default();
    tracing::subscriber::set_global_default(sinks.subscriber()).unwrap();
    let set = "HTTP/1.1 200 \r\nSet-Cookie: id=s3cret-set; Path=/\r\nX-Csrf-Token: s3cret\r\nContent-Length: 0\r\n\r\n";
    let busy = "HTTP/1.1 503 \r\nRetry-After: 0\r\nContent-Length: 6\r\n\r\ns3cret";
    // One after the other, so that each request meets its script; each on a thread of the batch all the same.
    let mut stage = stage([
        Script::new().expect_head().reply(set),
        Script::new().expect_head().reply(redirect(302, "http://c/?code=s3cret-location")),
        Script::new().expect_head().reply(set),
        Script::new().expect_head().reply(busy).expect_head().reply(set),
        Script::new().expect_head().reply("HTTP/1.1 200 \r\nContent-Length: s3cret\r\n\r\n").close(),
        Script::new().expect_head().reply("HTTP/1.1 200 \r\nContent-Length: 10\r\n\r\ns3cret").close(),
    ]);
    let jar = Jar::new();
    let own = [&b"session=s3cret-jar; Path=/"[..]];
    jar.store(&Url::parse("http://a/").unwrap(), own, std::time::SystemTime::UNIX_EPOCH);
    stage.config.cookies = Some(jar);
    stage.config.wiretap = Some(sinks.tap());
    stage.config.headers.append("X-Api-Key", "s3cret-default").unwrap();
    let client = stage.client();
    let hosts = ["a", "b", "d", "e", "f", "g"];
    let requests: Vec<_> = hosts
        .iter()
        .map(|host| {
            let request = client.get(format!("http://{host}/?token=s3cret-query")).basic_auth(USER, PASSWORD);
            if *host == "d" { request.retry(RetryPolicy::default()) } else { request }
        })
        .collect();
    let batch = client.batch().concurrency(1);
    sinks.show("batch", &batch);
    let own_thread = std::thread::current().id();
    let kinds = batch.run(requests, |_, response| {
        assert_ne!(std::thread::current().id(), own_thread, "nothing was proven of other threads");
        let read = response.and_then(|response| {
            sinks.show_response(&response);
            response.bytes()
        });
        read.map(|content| content.len()).map_err(|error| {
            sinks.show_error(&error);
            error.kind()
        })
    });
    let expected =
        [Ok(0), Ok(0), Ok(0), Err(ErrorKind::Protocol), Err(ErrorKind::Truncated), Err(ErrorKind::Connect)];
    assert_eq!(kinds, expected);
    let written = String::from_utf8(stage.peer.connection(0).written).unwrap();
    for secret in ["s3cret-query", "s3cret-jar", "s3cret-default", &sinks::secrets()[1]] {
        assert!(written.contains(secret), "{secret}: {written}");
    }
    sinks.hold_no_secret();
    let (traced, tapped) = sinks.wire_lines();
    assert!(traced.len() > 40, "{traced:#?}");
    assert_eq!(traced, tapped);
    stage.finish();
}
