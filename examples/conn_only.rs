//! Byte streams without HTTP: `conn` alone dials, secures, bounds and keeps connections for any protocol. Here it speaks
//! the `daytime` protocol of RFC 867 to two servers of its own, one of them inside TLS.

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use std::error::Error;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use http_client::conn::{
    AddressPolicy, CancelToken, Connect, ConnectRequest, Connector, ConnectorConfig, Deadline, Limit, Origin,
    Overrides, Phase, Roots, Route,
};
use testkit::certs::TestCa;
use testkit::peer::{Script, ScriptedListener};

const DAYTIME: &str = "Tuesday, February 22, 1982 17:37:43-PST\r\n";

fn main() -> Result<(), Box<dyn Error>> {
    let ca = TestCa::new();
    let (plain, silent) = (daytime_server()?, TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?);
    let secure = ScriptedListener::start_tls(
        vec![Script::new().reply(DAYTIME).close()],
        ca.server(&["time.example"]).server_config(),
    );

    let mut config = ConnectorConfig::default();
    config.tls.roots = Roots::empty();
    config.tls.roots.add_pem(ca.ca_pem().as_bytes())?;
    // As curl's --resolve: the name is known here.
    config.resolver = Arc::new(Overrides::default().host("time.example", [Ipv4Addr::LOCALHOST.into()]));
    let connector = Connector::new(config.clone())?;

    println!("In the clear, and inside TLS:");
    for origin in [
        Origin::http(&format!("time.example:{}", plain.port()))?,
        Origin::https(&format!("time.example:{}", secure.addr().port()))?,
    ] {
        let route = Route::new(origin);
        let by = within(Duration::from_secs(5));
        let connected = connector.connect(&ConnectRequest::new(&route, by))?;
        let (mut stream, took) = (connected.transport, connected.timings);
        stream.set_deadline(by.during(Phase::Body));
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        println!("  {}: {}", route.origin(), text.trim());
        let tls = stream.facts().tls.as_ref().map_or("no TLS", |tls| &tls.version);
        println!(
            "    {tls}; looked up in {:?}, dialled in {:?}, TLS in {:?}",
            took.resolve, took.connect, took.tls
        );
    }

    println!("A server that says nothing ends at the deadline, or earlier when another thread says so:");
    let route = Route::new(Origin::http(&silent.local_addr()?.to_string())?);
    let mut stream =
        connector.connect(&ConnectRequest::new(&route, within(Duration::from_secs(5))))?.transport;
    stream.set_deadline(within(Duration::from_millis(100)).during(Phase::Response));
    println!("  {}", failure(stream.read(&mut [0]))?);
    let cancel = CancelToken::new();
    let _registered = stream.interrupter().map(|interrupter| cancel.on_cancel(interrupter));
    stream.set_deadline(within(Duration::from_secs(5)));
    let other = thread::spawn(move || cancel.cancel());
    println!("  {}", failure(stream.read(&mut [0]))?);
    other.join().map_err(|_| "the other thread failed")?;

    println!("What a stranger names is not dialled inside:");
    config.policy = AddressPolicy::public_only();
    let guarded = Connector::new(config)?;
    let inside = Route::new(Origin::http("time.example")?);
    println!("  {}", failure(guarded.connect(&ConnectRequest::new(&inside, Deadline::NEVER)))?);
    Ok(())
}

/// A deadline of this program's own.
fn within(time: Duration) -> Deadline {
    Deadline::after(Instant::now(), Some(time), Limit::Total)
}

/// The error that was to be shown.
fn failure<T, E: Error>(result: Result<T, E>) -> Result<String, &'static str> {
    result.err().map(|error| error.to_string()).ok_or("it was expected to fail")
}

/// Tells every visitor the time, always the same one.
fn daytime_server() -> Result<SocketAddr, std::io::Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for mut visitor in listener.incoming().flatten() {
            // Whoever has left does not want to know.
            let _ = visitor.write_all(DAYTIME.as_bytes());
        }
    });
    Ok(address)
}
