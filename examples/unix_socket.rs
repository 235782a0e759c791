//! HTTP over a Unix domain socket, as container engines and other local services speak it. The server is part of this
//! program: nothing to install.

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

#[cfg(unix)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use http_client::conn::{DialTo, Route};
    use http_client::{Client, ClientConfig, Connection, Origin};
    use std::sync::Arc;

    let directory = tempfile::tempdir()?;
    let path = directory.path().join("service.sock");
    service::start(&path)?;

    println!("One connection in the hand, over {}:", path.display());
    let route = Route::new(Origin::http("localhost")?).dialling(DialTo::Unix(path.clone()));
    let mut connection = Connection::along(route, ClientConfig::default())?;
    for target in ["/version", "/containers"] {
        connection.request("GET", target)?;
        let response = connection.response()?;
        let requests = response.info().requests();
        println!("  {} {target}, request {requests} on it: {}", response.status(), response.text()?);
    }

    println!("A client that leads one host to the socket and all others to the network:");
    let mut config = ClientConfig::default();
    config.routes = Some(Arc::new(move |origin: Origin| {
        let is_local = origin.authority() == "service.local";
        let route = Route::new(origin);
        if is_local { route.dialling(DialTo::Unix(path.clone())) } else { route }
    }));
    let client = Client::with_config(config)?;
    let response = client.get("http://service.local/version").send()?;
    println!(
        "  {} from {:?}",
        response.status(),
        response.info().path().unwrap_or(std::path::Path::new("?"))
    );
    Ok(())
}

#[cfg(unix)]
mod service {
    use std::io::{self, BufRead, BufReader, Write};
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::Path;
    use std::thread;

    /// Serves as long as the program runs.
    pub(crate) fn start(path: &Path) -> io::Result<()> {
        let listener = UnixListener::bind(path)?;
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || serve(&stream));
            }
        });
        Ok(())
    }

    fn serve(mut stream: &UnixStream) -> io::Result<()> {
        let mut lines = BufReader::new(stream).lines();
        while let Some(request) = lines.next() {
            let target = request?.split(' ').nth(1).unwrap_or_default().to_owned();
            while !lines.next().transpose()?.unwrap_or_default().is_empty() {}
            let content = match target.as_str() {
                "/version" => r#"{"version":"1.0"}"#,
                _ => "[]",
            };
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{content}", content.len())?;
        }
        Ok(())
    }
}

#[cfg(not(unix))]
fn main() {
    println!("there are no Unix domain sockets here");
}
