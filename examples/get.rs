//! Gets a page, once over a connection in your hands, as Python's `http.client` does, and once with a client.

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use std::error::Error;
use std::io::Read;

use http_client::{Client, Connection, StatusCode};
use testkit::site::Site;

fn main() -> Result<(), Box<dyn Error>> {
    let site = Site::start(); // a small website inside this program
    let host = site.http_addr().to_string();

    // A connection in your hands: send, then ask for the response.
    let mut conn = Connection::http(&host)?;
    conn.request("GET", "/")?;
    let mut response = conn.response()?;
    println!("{} {}", response.status().as_u16(), response.reason());
    println!("content-type: {}", response.header("content-type").unwrap_or("none"));
    assert_eq!(response.status(), StatusCode::OK);

    // A response is a std::io::Read: take some of it ...
    let mut start = [0; 15];
    response.read_exact(&mut start)?;
    assert_eq!(&start, b"<!doctype html>");
    // ... and then the rest, line by line.
    let lines = response.lines().collect::<Result<Vec<_>, _>>()?;
    println!("and {} lines more, of which the second is", lines.len());
    println!("  {}", lines.get(1).ok_or("a page of one line")?);

    // HEAD has no content. It goes over the same connection.
    conn.request("HEAD", "/")?;
    let response = conn.response()?;
    println!("HEAD: all fields, content-length {}", response.header("content-length").unwrap_or("none"));
    assert!(response.bytes()?.is_empty());
    conn.close()?;

    // A client asks any origin, follows redirects, and keeps connections for the next request.
    let client = Client::new();
    let page = client.get(format!("http://{host}/moved")).send()?.text()?;
    println!("a client: {} bytes of text", page.len());
    assert!(page.contains("<title>The Log of Curlew Rock Light</title>"));

    // A status is data, not an error, unless you ask for one.
    let missing = client.get(format!("http://{host}/nowhere")).send()?;
    println!("missing: {}", missing.status());
    let error = missing.error_for_status().err().ok_or("nowhere is somewhere")?;
    println!("as an error: {error}");
    assert_eq!(error.status(), Some(StatusCode::NOT_FOUND));
    Ok(())
}
