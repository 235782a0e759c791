//! Chooses every field line: order, letter case and repetition arrive as they were given, says a bare socket.

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};

use http_client::{Client, Connection};

fn main() -> Result<(), Box<dyn Error>> {
    // With a client: its default fields, then yours.
    let (address, seen) = witness()?;
    let request =
        Client::new().get(format!("http://{address}/")).header("X-Second", "2").header("x-first", "1");
    let response = request.without_header("User-Agent").without_decoding().send()?;
    let head = said("Client", seen)?;
    assert_eq!(head, format!("GET / HTTP/1.1\nHost: {address}\nAccept: */*\nX-Second: 2\nx-first: 1\n"));

    // What comes back keeps its order and case too; looking one up ignores case.
    println!("Back came:");
    for (name, value) in response.headers().iter() {
        println!("  {name}: {}", String::from_utf8_lossy(value));
    }
    assert_eq!(response.header("set-cookie"), Some("a=1"));
    let all: Vec<_> = response.headers().get_all("Set-Cookie").collect();
    assert_eq!(all, [b"a=1", b"b=2"]);

    // By hand, as putrequest, putheader and endheaders do: nothing but Host is added, and that only if you give none.
    let (address, seen) = witness()?;
    let mut conn = Connection::http(&address.to_string())?;
    conn.put_request("GET", "/by/hand")?;
    conn.put_header("x-LOUD", "yes")?
        .put_header("Host", "lighthouse.example")?
        .put_header("X-Loud", "again")?;
    conn.end_headers()?;
    conn.response()?;
    let head = said("Connection, line by line", seen)?;
    assert_eq!(head, "GET /by/hand HTTP/1.1\nx-LOUD: yes\nHost: lighthouse.example\nX-Loud: again\n");

    // No line can be smuggled in.
    let error = conn.put_request("GET", "/")?.put_header("X-Note", "a\r\nX-Evil: 1").err();
    println!("\nA line break in a value: {}", error.ok_or("it was let through")?);
    Ok(())
}

/// Listens for one request, answers it, and gives back the lines of its head as they came.
fn witness() -> io::Result<(SocketAddr, JoinHandle<io::Result<String>>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let thread = thread::spawn(move || {
        let (stream, _) = listener.accept()?;
        let (mut head, mut lines) = (String::new(), BufReader::new(&stream).lines());
        while let Some(line) = lines.next().transpose()?.filter(|line| !line.is_empty()) {
            head.push_str(&line);
            head.push('\n');
        }
        (&stream).write_all(
            b"HTTP/1.1 204 No Content\r\nSet-Cookie: a=1\r\nx-ship: M\r\nset-cookie: b=2\r\n\r\n",
        )?;
        Ok(head)
    });
    Ok((address, thread))
}

fn said(who: &str, seen: JoinHandle<io::Result<String>>) -> Result<String, Box<dyn Error>> {
    let head = seen.join().map_err(|_| "the witness panicked")??;
    println!("\n{who}; the wire saw:");
    head.lines().for_each(|line| println!("  {line}"));
    Ok(head)
}
