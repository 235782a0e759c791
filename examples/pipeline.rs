//! Sends several requests first and reads the responses later, in order, on one connection.

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use std::error::Error;
use std::time::{Duration, Instant};

use http_client::{Client, ClientConfig, Connection, ErrorKind, Misuse, Origin};
use testkit::site::Site;

fn main() -> Result<(), Box<dyn Error>> {
    let site = Site::start();
    let origin = Origin::http(&site.http_addr().to_string())?;

    // Up to four may wait for their answers, unless the settings say otherwise.
    let mut conn = Connection::open(&origin, ClientConfig::default())?;
    let began = Instant::now();
    for path in ["/slow?ms=200", "/data.json", "/empty", "/echo/last"] {
        conn.request("GET", path)?;
        println!("{:>4} ms  sent {path}", began.elapsed().as_millis());
    }
    assert!(began.elapsed() < Duration::from_millis(200), "sending waits for nobody");
    let fifth = conn.request("GET", "/").err().ok_or("a fifth went out")?;
    println!("         a fifth: {fifth}");

    let mut statuses = Vec::new();
    for _ in 0..4 {
        let response = conn.response()?;
        statuses.push(response.status().as_u16());
        println!(
            "{:>4} ms  {}, {} bytes",
            began.elapsed().as_millis(),
            statuses.len(),
            response.bytes()?.len()
        );
    }
    assert_eq!(statuses, [200, 200, 204, 200]);

    // What is not idempotent waits its turn: nobody could tell whether it may be sent again.
    conn.request("GET", "/data.json")?;
    let error = conn.request("POST", "/echo").err().ok_or("a POST went out")?;
    println!("POST: {error}");
    assert_eq!(error.kind(), ErrorKind::Misuse);
    assert!(error.to_string().ends_with(&Misuse::NotIdempotent.to_string()));
    conn.response()?;

    // A server may end the connection early. What has no answer then comes back, to be sent again.
    for path in ["/slow?ms=50", "/close", "/data.json", "/empty"] {
        conn.request("GET", path)?;
    }
    println!("then: {}", conn.response()?.text()?.trim());
    println!("then: {}", conn.response()?.text()?.trim());
    assert!(conn.response().is_err());
    let client = Client::new();
    let mut again = Vec::new();
    for request in conn.unanswered() {
        println!("  not answered: {} {} ({:?})", request.method, request.target, request.fate);
        again.push(client.send(request.into_request()?)?.status().as_u16());
    }
    assert_eq!(again, [200, 204]);
    Ok(())
}
