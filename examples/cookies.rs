//! Signs in, and asks for a page that only those who signed in may see: on one connection, and with a client.

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use std::error::Error;

use http_client::{Client, ClientConfig, Connection, Jar, Origin, StatusCode};
use testkit::site::Site;

fn main() -> Result<(), Box<dyn Error>> {
    let site = Site::start();

    // On a connection: a jar in its settings stores cookies, and sends them with the next request.
    let jar = Jar::new();
    let mut config = ClientConfig::default();
    config.cookies = Some(jar.clone());
    let mut conn = Connection::open(&Origin::http(&site.http_addr().to_string())?, config)?;
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    conn.request_with("POST", "/login", &form, "user=Ida&password=lantern")?;
    let response = conn.response()?;
    println!("login: {}, on to {}", response.status(), response.header("location").unwrap_or("nowhere"));
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    conn.request("GET", "/dashboard")?;
    let response = conn.response()?;
    println!("dashboard: {}", response.status());
    assert!(response.text()?.contains("Good evening, Ida."));

    // The jar can be looked into; values are shown to nobody who does not ask for them.
    let names: Vec<_> = jar.names().map(|cookie| cookie.name).collect();
    println!("the jar holds: {names:?}");
    assert_eq!(names, ["session"]);

    // With a client the same, and the redirect from login to dashboard is followed.
    let mut config = ClientConfig::default();
    config.cookies = Some(Jar::new());
    config.base_url = Some(site.http_url().parse()?);
    let client = Client::with_config(config)?;
    let response = client.post("/login").form([("user", "Ada"), ("password", "lantern")]).send()?;
    println!("client: {} at {}", response.status(), response.url().ok_or("no URL")?.path());
    assert!(response.text()?.contains("Good evening, Ada."));

    // One request without cookies, and another who has none.
    let response = client.get("/dashboard").cookies(false).send()?;
    println!("without cookies: {}", response.status());
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let stranger = Client::new().get(format!("{}/dashboard", site.http_url())).send()?;
    assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
    println!("cargo run --example cookie_jar shows how cookies are kept in a file");
    Ok(())
}
