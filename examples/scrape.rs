//! Reads the title, the links and a list of a page with the crate `scraper`.
//!
//! `cargo run --example scrape --features scrape`: the feature keeps its crates away from the other examples.

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use std::error::Error;

use http_client::{Client, Url};
use scraper::{Html, Selector};
use testkit::site::Site;

fn main() -> Result<(), Box<dyn Error>> {
    let site = Site::start();
    let response = Client::new().get(site.http_url()).send()?.error_for_status()?;
    let base: Url = response.url().cloned().ok_or("a client knows the URL")?;
    let page = Html::parse_document(&response.text()?);
    let select = |selector| Selector::parse(selector).map_err(|error| format!("{selector}: {error:?}"));

    let title: String = page.select(&select("title")?).flat_map(|title| title.text()).collect();
    println!("title: {title}");
    assert_eq!(title, "The Log of Curlew Rock Light");

    let nights: Vec<_> = page.select(&select("ol > li time")?).map(|time| time.inner_html()).collect();
    println!("nights: {}", nights.join(", "));
    assert_eq!(nights.len(), 5);

    println!("links:");
    let mut links = 0;
    for link in page.select(&select("a[href]")?) {
        let url = base.join(link.attr("href").unwrap_or_default())?;
        println!("  {} ({})", url.path(), link.inner_html());
        links += 1;
    }
    assert!(links > 5);
    Ok(())
}
