//! Signs in to a small site, saves the cookies, loads them into another jar, and is still signed in.
//!
//! The jar's file is a `cookies.txt`, which curl (`curl -b cookies.txt`) and Python's `MozillaCookieJar` read too.

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use std::error::Error;
use std::time::SystemTime;

use http_client::{Client, ClientConfig, Jar, StatusCode, Url};
use testkit::site::Site;

fn main() -> Result<(), Box<dyn Error>> {
    let site = Site::start();
    let base = Url::parse(&format!("http://{}/", site.http_addr()))?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("cookies.txt");

    let jar = Jar::new();
    let answer = client(&jar)?
        .post(base.join("/login")?)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("user=Ida&password=lantern")
        .send()?;
    println!("signed in: {}", answer.status());
    let saved = jar.save(&file, SystemTime::now())?;
    println!("saved: {} cookie in {}", saved.written, file.display());

    // Another day, another process: nothing is shared but the file.
    let loaded = Jar::load(&file, SystemTime::now())?;
    assert!(loaded.imported.damaged.is_empty());
    let room = client(&loaded.jar)?.get(base.join("/dashboard")?).send()?;
    println!("with the loaded jar: {}", room.status());
    assert_eq!(room.status(), StatusCode::OK);
    assert!(room.text()?.contains("Ida"));

    let stranger = client(&Jar::new())?.get(base.join("/dashboard")?).send()?;
    println!("with an empty one: {}", stranger.status());
    assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
    Ok(())
}

fn client(jar: &Jar) -> Result<Client, http_client::Error> {
    let mut config = ClientConfig::default();
    config.cookies = Some(jar.clone());
    Client::with_config(config)
}
