//! Reads the case files (schema R) and feeds one case to an exchange.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use wire::{
    BodyLength, Event, Exchange, Framing, Headers, Limits, MessageBuf, Method, ParseError, Persistence,
    RequestFacts, RequestHead, response_framing,
};

pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) name: String,
    method: Method,
    pub(crate) input: Vec<u8>,
    pub(crate) class: Class,
    pub(crate) when_open: Option<Open>,
    /// What the suite that the case comes from does with it; none where it leaves the message incomplete.
    pub(crate) origin_accepts: Option<bool>,
    expect: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    MustAccept,
    PreferAccept,
    Either,
    PreferReject,
    MustReject,
}

impl Class {
    pub(crate) fn is_free(self) -> bool {
        !matches!(self, Self::MustAccept | Self::MustReject)
    }
}

/// What is known before the end of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Open {
    Complete,
    NeedMore,
    Reject,
}

/// What became of a case.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) open: Open,
    pub(crate) verdict: Verdict,
    /// A final head was delivered.
    pub(crate) head: bool,
    pub(crate) left: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    Accepted(Message),
    Refused(ParseError),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Message {
    status: u16,
    version: String,
    headers: Headers,
    pub(crate) framing: &'static str,
    pub(crate) body: Vec<u8>,
    trailers: Headers,
    interim: Vec<(u16, Headers)>,
    pub(crate) reuse: bool,
}

impl Outcome {
    pub(crate) fn is_accepted(&self) -> bool {
        matches!(self.verdict, Verdict::Accepted(_))
    }

    pub(crate) fn why(&self) -> String {
        match &self.verdict {
            Verdict::Accepted(message) => format!("{message:?}").chars().take(300).collect(),
            Verdict::Refused(error) => error.to_string(),
        }
    }
}

pub(crate) fn cases(file: &str) -> Vec<Case> {
    let path = format!("{}/tests/corpora/{file}_responses.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| case(serde_json::from_str(line).unwrap())).collect()
}

fn case(record: Value) -> Case {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let expect = record["expect"].clone();
    let input = match record["input_b64"].as_str() {
        Some(encoded) => STANDARD.decode(encoded).unwrap(),
        None => {
            let parts = record["input_gen"].as_array().unwrap().iter();
            parts
                .flat_map(|part| {
                    let bytes = STANDARD.decode(part[0].as_str().unwrap()).unwrap();
                    bytes.repeat(usize::try_from(part[1].as_u64().unwrap()).unwrap())
                })
                .collect()
        }
    };
    Case {
        id: text(&record["id"]),
        name: text(&record["name"]),
        method: text(&record["request_method"]).parse().unwrap(),
        input,
        class: match expect["class"].as_str().unwrap() {
            "must_accept" => Class::MustAccept,
            "prefer_accept" => Class::PreferAccept,
            "either" => Class::Either,
            "prefer_reject" => Class::PreferReject,
            _ => Class::MustReject,
        },
        when_open: expect["when_open"].as_str().map(|open| match open {
            "complete" => Open::Complete,
            "need_more" => Open::NeedMore,
            _ => Open::Reject,
        }),
        origin_accepts: match record["upstream"]["verdict"].as_str().unwrap() {
            "accept" => Some(true),
            "reject" => Some(false),
            _ => None,
        },
        expect,
    }
}

/// Feeds the input in pieces that end at `cuts`, then the end of the connection.
pub(crate) fn feed(case: &Case, input: &[u8], cuts: &[usize]) -> Outcome {
    let (mut exchange, asked) = begin(case);
    let (mut message, mut buf) = (Message::default(), MessageBuf::default());
    let (mut at, mut head, mut open) = (0, false, None);
    let mut ends = cuts.iter().copied().filter(|&cut| cut < input.len()).chain([input.len()]);
    let mut end = ends.next().unwrap();
    let verdict = loop {
        let received = match exchange.receive(&input[at..end], &mut buf) {
            Ok(received) => received,
            Err(error) => break Verdict::Refused(error),
        };
        at += received.used;
        let mut event = received.event;
        if event == Event::NeedInput {
            if let Some(next) = ends.next() {
                end = next;
                continue;
            }
            open.get_or_insert(Open::NeedMore);
            match exchange.receive_eof(&mut buf) {
                Ok(received) => event = received.event,
                Err(error) => break Verdict::Refused(error),
            }
        }
        match event {
            Event::Informational => {
                message.interim.push((buf.head.status.as_u16(), buf.head.headers.clone()));
            }
            Event::Head => {
                head = true;
                message.status = buf.head.status.as_u16();
                message.version = format!("{:?}", buf.head.version).replace("HTTP/", "");
                message.headers = buf.head.headers.clone();
                message.framing = match response_framing(asked, &buf.head).unwrap() {
                    Framing::Empty => "none",
                    Framing::ContentLength(_) => "length",
                    Framing::Chunked => "chunked",
                    Framing::CloseDelimited => "close",
                    Framing::Tunnel => "tunnel",
                    _ => "upgrade",
                };
            }
            Event::Content { len } => {
                message.body.extend_from_slice(&input[at..at + len]);
                at += len;
                exchange.content_consumed(len);
            }
            Event::Complete | Event::Upgraded => {
                message.trailers = buf.trailers.clone();
                message.reuse = exchange.persistence() == Some(Persistence::KeepAlive) && at == input.len();
                break Verdict::Accepted(std::mem::take(&mut message));
            }
            _ => panic!("no progress at the end of the connection"),
        }
    };
    let open =
        open.unwrap_or(if matches!(verdict, Verdict::Accepted(_)) { Open::Complete } else { Open::Reject });
    // How far the driver came before a refusal depends on what it had.
    let left = if matches!(verdict, Verdict::Accepted(_)) { input.len() - at } else { 0 };
    Outcome { open, verdict, head, left }
}

fn begin(case: &Case) -> (Exchange, RequestFacts) {
    let mut headers = Headers::new();
    // The case files say by their expectation whether the request asked for an upgrade.
    if case.expect["value"]["framing"] == "upgrade" {
        headers.append("Connection", "upgrade").unwrap();
        headers.append("Upgrade", "test").unwrap();
    }
    let target = if case.method == Method::CONNECT { "a:443" } else { "/" };
    let head = RequestHead::new(&case.method, target, &headers);
    let mut exchange = Exchange::begin(&head, BodyLength::Empty, Limits::default(), &mut Vec::new()).unwrap();
    exchange.finish(None, &mut Vec::new()).unwrap();
    (exchange, RequestFacts::of(&head))
}

/// Cuts that differ from case to case and are the same in every run.
pub(crate) fn random_cuts(seed: u64, len: usize, times: usize) -> Vec<Vec<usize>> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = move |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % bound
    };
    let one = |next: &mut dyn FnMut(usize) -> usize| {
        let mut cuts: Vec<_> = (0..1 + next(4)).map(|_| next(len + 1)).collect();
        cuts.sort_unstable();
        cuts
    };
    (0..times).map(|_| one(&mut next)).collect()
}

impl Case {
    /// Tells whether the outcome is what the RFC, as read by the case, allows.
    pub(crate) fn judge(&self, outcome: &Outcome) -> Result<(), String> {
        match (&outcome.verdict, self.class) {
            (Verdict::Refused(error), Class::MustAccept) => Err(format!("refused: {error}")),
            (Verdict::Refused(error), Class::PreferAccept) if !self.is_chosen_otherwise() => {
                Err(format!("refused: {error}"))
            }
            (Verdict::Accepted(_), Class::MustReject) => Err(format!("accepted: {}", outcome.why())),
            (Verdict::Accepted(_), Class::PreferReject) if !self.is_chosen_otherwise() => {
                Err(format!("accepted: {}", outcome.why()))
            }
            (Verdict::Refused(_), _) if self.expect["stage"] == "head" && outcome.head => {
                Err("a head was delivered although the head is wrong".to_owned())
            }
            (Verdict::Refused(_), _) => Ok(()),
            (Verdict::Accepted(message), _) => self.compare(message, outcome.left),
        }
    }

    fn compare(&self, message: &Message, left: usize) -> Result<(), String> {
        let must_not = &self.expect["must_not"];
        let names = must_not["header_present"].as_array().into_iter().flatten();
        for name in names.filter_map(Value::as_str) {
            if message.headers.contains(name) {
                return Err(format!("the field {name} is there"));
            }
        }
        let parts = must_not["value_contains"].as_array().into_iter().flatten();
        for part in parts.filter_map(Value::as_str) {
            let part = latin_1(part);
            if message.headers.iter().any(|(_, value)| value.windows(part.len()).any(|w| w == part)) {
                return Err(format!("a value contains {part:?}"));
            }
        }
        let value = &self.expect["value"];
        if value.is_null() {
            return Ok(());
        }
        let check = |what: &str, right: bool| {
            if right { Ok(()) } else { Err(format!("{what} differs: {message:?}, {left} left, {value}")) }
        };
        check("status", value["status"] == message.status)?;
        check("framing", value["framing"] == message.framing)?;
        if let Some(version) = value["version"].as_str() {
            // A higher minor version is handled as 1.1 (RFC 9110 §2.5).
            check("version", version == message.version || (version > "1.1" && message.version == "1.1"))?;
        }
        if let Some(headers) = value["headers"].as_array() {
            check("headers", same_lines(headers, &message.headers))?;
        }
        if let Some(count) = value["num_headers"].as_u64() {
            check("the number of fields", count == message.headers.len() as u64)?;
        }
        if let Some(body) = value["body_b64"].as_str() {
            check("content", STANDARD.decode(body).unwrap() == message.body)?;
        }
        if let Some(len) = value["body_len"].as_u64() {
            check("the content's length", len == message.body.len() as u64)?;
        }
        if let Some(trailers) = value["trailers"].as_array() {
            check("trailers", same_lines(trailers, &message.trailers))?;
        }
        if let Some(interim) = value["interim"].as_array() {
            let statuses = interim.iter().map(|head| head["status"].as_u64().unwrap());
            check("interim", statuses.eq(message.interim.iter().map(|(status, _)| u64::from(*status))))?;
        }
        if let Some(leftover) = value["leftover_b64"].as_str() {
            check("what is left", STANDARD.decode(leftover).unwrap().len() == left)?;
        }
        match value["reuse"].as_bool() {
            Some(reuse) => check("reuse", reuse == message.reuse),
            None => Ok(()),
        }
    }

    /// Points on which mature parsers differ and this one has chosen; each is documented in the crate.
    fn is_chosen_otherwise(&self) -> bool {
        CHOSEN.iter().any(|(_, ids)| ids.contains(&self.id.as_str()))
    }

    /// A refusal may come before the point where the case asks for it.
    pub(crate) fn is_settled_earlier(&self, outcome: &Outcome) -> bool {
        outcome.open == Open::Reject && !matches!(self.class, Class::MustAccept)
    }
}

use crate::judgements::CHOSEN;

fn same_lines(expected: &[Value], found: &Headers) -> bool {
    expected.len() == found.len()
        && expected.iter().zip(found.iter()).all(|(line, (name, value))| {
            line[0].as_str() == Some(name) && squeeze(&latin_1(line[1].as_str().unwrap())) == squeeze(value)
        })
}

/// Any run of SP stands for a fold.
fn squeeze(value: &[u8]) -> Vec<u8> {
    let mut squeezed = value.to_vec();
    squeezed.dedup_by(|a, b| *a == b' ' && *b == b' ');
    squeezed
}

fn latin_1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}
