//! Sends many requests at a time over threads, with a limit for each origin, and one deadline for all.

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use std::error::Error;
use std::time::{Duration, Instant};

use http_client::{Client, Error as HttpError, Response};
use testkit::site::Site;

fn main() -> Result<(), Box<dyn Error>> {
    let site = Site::start();
    let client = Client::new();
    let url = |path: &str| format!("{}{path}", site.http_url());

    // Results come in the order of the requests, whichever is answered first. One that fails harms no other.
    let paths = ["/slow?ms=150", "/data.json", "/nowhere", "/slow?ms=100", "/download/1000"];
    let batch = client.batch().concurrency(8).per_origin(4);
    let length = |_, response: Result<Response<'_>, HttpError>| -> Result<_, HttpError> {
        let response = response?;
        Ok((response.status().as_u16(), response.bytes()?.len()))
    };
    let began = Instant::now();
    let results = batch.run(paths.map(|path| client.get(url(path))), length);
    for (path, result) in paths.iter().zip(&results) {
        match result {
            Ok((status, bytes)) => println!("{path}: {status}, {bytes} bytes"),
            Err(error) => println!("{path}: {error}"),
        }
    }
    println!("all five in {} ms", began.elapsed().as_millis());
    let statuses: Vec<_> = results.into_iter().map(|result| result.map(|(status, _)| status)).collect();
    assert_eq!(statuses.iter().flatten().collect::<Vec<_>>(), [&200, &200, &404, &200, &200]);

    // Or each as soon as it is complete.
    let mut order = Vec::new();
    let waits = [500, 10, 250].map(|ms| client.get(url(&format!("/slow?ms={ms}"))));
    batch.as_completed(waits, length, |number, _| order.push(number));
    println!("as completed: {order:?}");
    assert_eq!(order, [1, 2, 0]);

    // Within a time for all together: what is late fails, the others are there.
    let hasty = client.batch().timeout(Duration::from_millis(500));
    let results = hasty.run(["/data.json", "/slow?ms=5000"].map(|path| client.get(url(path))), length);
    let [Ok((200, _)), Err(late)] = results.as_slice() else { return Err("not as promised".into()) };
    println!("late: {late}");
    assert!(late.is_timeout());
    Ok(())
}
