//! Follows redirects and tells the way; or follows none; or asks a connection, which never does, where one would lead.

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use std::error::Error;

use http_client::{Client, ClientConfig, Connection, ErrorKind, Redirect, RedirectPolicy, StatusCode};
use testkit::site::Site;

fn main() -> Result<(), Box<dyn Error>> {
    let site = Site::start();
    // With a base URL a client is asked for paths, as a connection is.
    let mut config = ClientConfig::default();
    config.base_url = Some(site.http_url().parse()?);
    let client = Client::with_config(config)?;

    // A client follows up to 10, and keeps the head of each.
    let response = client.get("/redirect/3").send()?;
    for passed in response.history() {
        let location = passed.head.headers.get_str("location").unwrap_or_default();
        println!("{} at {}, on to {location}", passed.head.status, passed.url.path());
    }
    println!("{} at {}", response.status(), response.url().ok_or("no URL")?.path());
    assert_eq!((response.history().len(), response.status()), (3, StatusCode::OK));

    // 303 turns a POST into a GET without content, as it should.
    let response = client.post("/see-other").body("a note for the log").send()?;
    assert_eq!(response.status(), StatusCode::OK);

    // None, for one request: the redirect is the response.
    let response = client.get("/moved").redirect(RedirectPolicy::none()).send()?;
    println!("none: {}, to {}", response.status(), response.header("location").unwrap_or("nowhere"));
    assert_eq!(response.status(), StatusCode::MOVED_PERMANENTLY);

    // Too many are an error that carries the last head.
    let error =
        client.get("/redirect/9").redirect(RedirectPolicy::limited(4)).send().err().ok_or("followed 9")?;
    println!("too many: {error}");
    assert_eq!((error.kind(), error.status()), (ErrorKind::Redirect, Some(StatusCode::FOUND)));

    // Only where a rule of yours allows it.
    let at_home = RedirectPolicy::default().allowed_by(|from, to| from.origin() == to.origin());
    assert_eq!(client.get("/redirect/2").redirect(at_home).send()?.status(), StatusCode::OK);

    // A connection follows none, and its response tells where one would lead.
    let mut conn = Connection::http(&site.http_addr().to_string())?;
    conn.request("GET", "/redirect/1")?;
    match conn.response()?.redirect(&RedirectPolicy::default()) {
        Redirect::Follow(hop) if hop.same_origin => {
            println!("a connection is told: {} {}", hop.method, hop.target());
            conn.request(hop.method.clone(), hop.target())?;
            assert_eq!(conn.response()?.status(), StatusCode::OK);
        }
        other => return Err(format!("{other:?}").into()),
    }
    Ok(())
}
