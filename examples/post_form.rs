//! Sends a form, JSON, a query, and content that comes from a reader; the site says what it received.

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use std::error::Error;

use http_client::{Body, Client, Connection, Response};
use serde_json::{Value, json};
use testkit::site::Site;

fn main() -> Result<(), Box<dyn Error>> {
    let site = Site::start(); // its page /echo tells what was asked
    let url = format!("{}/echo", site.http_url());
    let client = Client::new();

    let response = client.post(&url).form([("name", "Ida"), ("note", "salt & pepper")]).send()?;
    check("form", response, Some("application/x-www-form-urlencoded"), "name=Ida&note=salt+%26+pepper")?;

    let response = client.post(&url).json(&json!({"lamp": "lit"})).send()?;
    check("json", response, Some("application/json"), r#"{"lamp":"lit"}"#)?;

    // Whatever can be read can be sent; without a known length it goes in chunks.
    let body = Body::reader(&b"read piece by piece"[..]);
    check("reader", client.put(&url).body(body).send()?, None, "read piece by piece")?;

    // A query is encoded as forms are.
    let response = client.get(&url).query([("q", "fog horn"), ("page", "2")]).send()?;
    let echo: Value = response.json()?;
    println!("query: {}", text(&echo, "target"));
    assert_eq!(text(&echo, "target"), "/echo?q=fog+horn&page=2");

    // A connection sends the same.
    let mut conn = Connection::http(&site.http_addr().to_string())?;
    conn.request_with("POST", "/echo", &[], Body::form([("name", "Ida")]))?;
    check("by hand", conn.response()?, Some("application/x-www-form-urlencoded"), "name=Ida")?;
    Ok(())
}

fn check(
    what: &str,
    response: Response<'_>,
    kind: Option<&str>,
    content: &str,
) -> Result<(), Box<dyn Error>> {
    let echo: Value = response.json()?;
    let headers = echo.get("headers").and_then(Value::as_array).ok_or("no headers")?;
    let value = headers.iter().find_map(|line| match line.as_array()?.as_slice() {
        [name, value] if name == "content-type" => value.as_str(),
        _ => None,
    });
    let (method, came) = (text(&echo, "method"), text(&echo, "text"));
    println!("{what}: {method}, content-type {}, {came:?}", value.unwrap_or("none"));
    assert_eq!((value, came), (kind, content));
    Ok(())
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
