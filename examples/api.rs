//! Fetches JSON from an API into types of your own, and shows what happens where it is not what was expected.

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use std::error::Error;

use http_client::{Client, ClientConfig, ErrorKind};
use serde::{Deserialize, Serialize};
use testkit::site::Site;

#[derive(Debug, Deserialize)]
struct Night {
    date: String,
    wind: String,
    ships: u32,
}

#[derive(Serialize)]
struct Entry<'a> {
    keeper: &'a str,
    lit: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let site = Site::start();
    let mut config = ClientConfig::default();
    config.base_url = Some(site.http_url().parse()?);
    config.headers.set("Accept", "application/json")?;
    let client = Client::with_config(config)?;

    let nights: Vec<Night> = client.get("/data.json").send()?.error_for_status()?.json()?;
    for night in &nights {
        println!("{}: wind {:<5} {:>2} ships", night.date, night.wind, night.ships);
    }
    assert_eq!(nights.iter().map(|night| night.ships).sum::<u32>(), 23);

    // Values go out the same way. What comes back without a type is a serde_json::Value.
    let entry = Entry { keeper: "Ida", lit: true };
    let echo: serde_json::Value = client.post("/echo").json(&entry).send()?.error_for_status()?.json()?;
    println!("sent: {}", echo.get("text").ok_or("no text")?);
    assert_eq!(echo.get("text"), Some(&r#"{"keeper":"Ida","lit":true}"#.into()));

    // A page that is no JSON: the error says where reading stopped, and keeps the text.
    let error = client.get("/").send()?.json::<Vec<Night>>().err().ok_or("HTML was JSON")?;
    let cause = error.json().ok_or("no JSON error")?;
    println!("no JSON: {error}");
    println!("  it begins with {:?}", cause.text().lines().next().unwrap_or_default());
    assert_eq!((error.kind(), cause.line(), cause.column()), (ErrorKind::Json, 1, 1));

    // JSON of another shape is told apart from text that is none.
    let error = client.get("/data.json").send()?.json::<Vec<u32>>().err().ok_or("objects were numbers")?;
    println!("another shape: {error}");
    Ok(())
}
