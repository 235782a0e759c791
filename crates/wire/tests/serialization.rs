//! Other clients' test cases on what may be sent, replayed (schema S): see `corpora/README.md`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "test code fails loudly"
)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use url::{Position, Url};
use wire::{BodyLength, Event, Exchange, Headers, Limits, MessageBuf, Method, RequestHead};

/// Cases that are about more than one message: a proxy's CONNECT is the business of who opens the tunnel.
const NOT_OF_ONE_MESSAGE: [&str; 3] = ["connect_line", "connect_header", "proxy_headers"];

#[test]
fn what_may_be_sent_is_sent_and_the_rest_is_refused() {
    let (mut wrong, mut judged) = (Vec::new(), 0);
    for record in records() {
        let elsewhere = |key: &&str| record.to_string().contains(&format!("\"{key}\""));
        if NOT_OF_ONE_MESSAGE.iter().any(elsewhere) {
            continue;
        }
        judged += 1;
        let sent = serialize(&record["request"]);
        if let Err(why) = judge(&record["expect"], &sent) {
            wrong.push(format!("{} ({}): {why}", record["id"], record["name"]));
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(judged, 205);
}

fn records() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpora/request_serialization.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(&line.replace("{addr}", "127.0.0.1:8080")).unwrap())
        .collect()
}

/// What went over the wire, and why it stopped, if it did.
struct Sent {
    bytes: Vec<u8>,
    refused: Option<String>,
}

fn serialize(request: &Value) -> Sent {
    let mut bytes = Vec::new();
    let refused = try_serialize(request, &mut bytes).err();
    Sent { bytes, refused }
}

fn try_serialize(request: &Value, out: &mut Vec<u8>) -> Result<(), String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let method: Method = text(&request["method"]).parse().map_err(|error| format!("{error}"))?;
    let (target, host) = target_and_host(&method, request)?;
    let headers = fields(&request["headers"])?;
    let trailers = fields(&request["trailers"])?;

    let runs: Vec<Vec<u8>> = match request["body"]["kind"].as_str() {
        Some("bytes") => vec![STANDARD.decode(text(&request["body"]["b64"])).unwrap()],
        Some(_) => {
            let runs = request["body"]["chunks_b64"].as_array().unwrap().iter();
            runs.map(|run| STANDARD.decode(run.as_str().unwrap()).unwrap()).collect()
        }
        None => Vec::new(),
    };
    let length = match request["body"]["kind"].as_str() {
        None => BodyLength::Empty,
        Some("bytes") if runs[0].is_empty() => BodyLength::Empty,
        Some("bytes") => BodyLength::Known(runs[0].len() as u64),
        Some(_) => BodyLength::Unknown,
    };
    let head = RequestHead::new(&method, &target, &headers).with_host(&host);
    let mut exchange =
        Exchange::begin(&head, length, Limits::default(), out).map_err(|error| error.to_string())?;
    for run in &runs {
        let frame = exchange.frame(run.len()).map_err(|error| error.to_string())?;
        out.extend_from_slice(frame.prefix());
        out.extend_from_slice(run);
        out.extend_from_slice(frame.suffix());
    }
    exchange.finish(Some(&trailers), out).map_err(|error| error.to_string())
}

/// The URL is parsed as the facade parses it; what its parser escapes or refuses never comes here.
fn target_and_host(method: &Method, request: &Value) -> Result<(String, String), String> {
    if let Some(raw) = request["raw_target"].as_str() {
        return Ok((raw.to_owned(), "example.com".to_owned()));
    }
    let url = request["url"].as_str().unwrap();
    if *method == Method::CONNECT {
        return Ok((url.to_owned(), url.to_owned()));
    }
    let url = Url::parse(url).map_err(|error| error.to_string())?;
    let host = url.host_str().ok_or("no host")?;
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    Ok((url[Position::BeforePath..Position::AfterQuery].to_owned(), host))
}

fn fields(lines: &Value) -> Result<Headers, String> {
    let mut headers = Headers::new();
    for line in lines.as_array().into_iter().flatten() {
        let (name, value) = (line[0].as_str().unwrap(), line[1].as_str().unwrap());
        let value: Vec<u8> = value.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        headers.append(name, value).map_err(|error| error.to_string())?;
    }
    Ok(headers)
}

fn judge(expect: &Value, sent: &Sent) -> Result<(), String> {
    let outcome = expect["outcome"].as_str().unwrap();
    if let Some(why) = &sent.refused {
        // Of a length that turns out wrong on the way, the head is gone and nothing more than was promised may follow.
        let checks = expect["checks"].as_array().unwrap();
        let most = checks.iter().find(|check| check[0] == "wire_body_max_len");
        if let Some(most) = most {
            let len = message(&sent.bytes)?.body.len() as u64;
            return if len <= most[1].as_u64().unwrap() {
                Ok(())
            } else {
                Err(format!("{len} bytes were sent"))
            };
        }
        let gone = checks.iter().any(|check| check[0] == "connection_closed");
        return match outcome {
            "send" => Err(format!("refused: {why}")),
            _ if sent.bytes.is_empty() || gone => Ok(()),
            _ => Err(format!("refused only after {} bytes: {why}", sent.bytes.len())),
        };
    }
    if outcome == "reject" {
        return Err(format!("sent: {}", String::from_utf8_lossy(&sent.bytes)));
    }
    let message = message(&sent.bytes)?;
    for check in expect["checks"].as_array().unwrap() {
        message.check(check)?;
    }
    Ok(())
}

/// A request taken apart again, by nothing of the crate.
struct Message<'a> {
    line: String,
    fields: Vec<(String, String)>,
    body: &'a [u8],
    bytes: &'a [u8],
}

fn message(bytes: &[u8]) -> Result<Message<'_>, String> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").ok_or("no end of the head")?;
    // ISO-8859-1, as the case files write bytes.
    let head: String = bytes[..end].iter().map(|&b| char::from(b)).collect();
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap().to_owned();
    let field = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
    let fields = lines.map(|line| field(line).unwrap()).collect();
    Ok(Message { line, fields, body: &bytes[end + 4..], bytes })
}

impl Message<'_> {
    fn values(&self, name: &str) -> Vec<&str> {
        self.fields
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    fn check(&self, check: &Value) -> Result<(), String> {
        let text = |i: usize| check[i].as_str().unwrap_or_default();
        let no_controls = |text: &str| text.bytes().all(|b| b.is_ascii_graphic());
        let right = match text(0) {
            "line" => self.line == text(1),
            "header" | "header_ci" => {
                self.values(text(1)).iter().any(|value| value.eq_ignore_ascii_case(text(2)))
            }
            "no_header" => self.values(text(1)).is_empty(),
            "header_count" => self.values(text(1)).len() as u64 == check[2].as_u64().unwrap(),
            "first_header" => self.fields[0].0 == text(1),
            "host_is" => self.values("host")[0].split(':').next() == Some(text(1)),
            "body_b64" => self.content()? == STANDARD.decode(text(1)).unwrap(),
            "wire_body_b64" => self.body.eq_ignore_ascii_case(&STANDARD.decode(text(1)).unwrap()),
            "body_len" => self.content()?.len() as u64 == check[1].as_u64().unwrap(),
            "wire_chunked_valid" | "wire_framing_valid" => self.content().is_ok(),
            "target_no_raw_ctl" => no_controls(self.line.split(' ').nth(1).unwrap()),
            "host_no_raw_ctl" => self.values("host").iter().all(|host| no_controls(host)),
            "one_request_line" => self.line.split(' ').count() == 3 && self.line.ends_with(" HTTP/1.1"),
            "wire_not_contains" => !String::from_utf8_lossy(self.bytes).contains(text(1)),
            other => return Err(format!("no such check: {other}")),
        };
        if right { Ok(()) } else { Err(format!("{check} fails: {}", String::from_utf8_lossy(self.bytes))) }
    }

    /// The content without its framing: exactly one field frames it, and it matches. The chunks of a request are those of
    /// a response, so the reading half takes them apart.
    fn content(&self) -> Result<Vec<u8>, String> {
        let (lengths, codings) = (self.values("content-length"), self.values("transfer-encoding"));
        match (&lengths[..], &codings[..]) {
            ([], []) if self.body.is_empty() => Ok(Vec::new()),
            ([length], []) if length.parse() == Ok(self.body.len()) => Ok(self.body.to_vec()),
            ([], [coding]) if coding.ends_with("chunked") => dechunk(self.body),
            _ => Err(format!("framed by {lengths:?} and {codings:?}, {} bytes", self.body.len())),
        }
    }
}

fn dechunk(body: &[u8]) -> Result<Vec<u8>, String> {
    let headers = Headers::new();
    let head = RequestHead::new(&Method::GET, "/", &headers);
    let mut exchange = Exchange::begin(&head, BodyLength::Empty, Limits::default(), &mut Vec::new()).unwrap();
    let input = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", body].concat();
    let (mut at, mut content, mut message) = (0, Vec::new(), MessageBuf::default());
    loop {
        let received = exchange.receive(&input[at..], &mut message).map_err(|error| error.to_string())?;
        at += received.used;
        match received.event {
            Event::Content { len } => {
                content.extend_from_slice(&input[at..at + len]);
                at += len;
                exchange.content_consumed(len);
            }
            Event::Complete if at == input.len() => return Ok(content),
            Event::Complete | Event::NeedInput => {
                return Err("the chunks do not end where the body does".to_owned());
            }
            _ => {}
        }
    }
}
