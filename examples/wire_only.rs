//! A complete HTTP client over a bare socket with nothing but `wire`: the protocol is the crate's, the I/O is yours.

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;

use http_client::wire::{BodyLength, Event, Exchange, Headers, Limits, MessageBuf, Method, RequestHead};
use testkit::site::Site;

fn main() -> Result<(), Box<dyn Error>> {
    let site = Site::start();
    let host = site.http_addr().to_string();
    for target in ["/data.json", "/stream/100000", "/status/404"] {
        let (status, content) = get(&host, target)?;
        println!("{status} {target}: {} bytes", content.len());
    }
    Ok(())
}

fn get(host: &str, target: &str) -> Result<(u16, Vec<u8>), Box<dyn Error>> {
    let mut stream = TcpStream::connect(host)?;
    let (headers, mut out) = (Headers::new(), Vec::new());
    let head = RequestHead::new(&Method::GET, target, &headers).with_host(host);
    let mut exchange = Exchange::begin(&head, BodyLength::Empty, Limits::default(), &mut out)?;
    exchange.finish(None, &mut out)?;
    stream.write_all(&out)?;

    let (mut input, mut content, mut message) = (Vec::new(), Vec::new(), MessageBuf::default());
    loop {
        let mut received = exchange.receive(&input, &mut message)?;
        input.drain(..received.used);
        if received.event == Event::NeedInput {
            let mut buf = [0; 4096];
            match stream.read(&mut buf)? {
                0 => received = exchange.receive_eof(&mut message)?,
                n => input.extend(buf.iter().take(n)),
            }
        }
        match received.event {
            Event::Content { len } => {
                content.extend(input.drain(..len));
                exchange.content_consumed(len);
            }
            Event::Complete => return Ok((message.head.status.as_u16(), content)),
            _ => {}
        }
    }
}
