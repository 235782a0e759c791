//! What the peers, and wire, make of the cases.

use std::io::Write as _;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use wire::{Framing, Headers, Limits, Method, ParseError};

use crate::drive::{asked, drive};
use crate::generator::Case;

/// What became of a case.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message {
    pub(crate) status: u64,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// None where the parser does not give them.
    pub(crate) trailers: Option<Vec<(String, String)>>,
    pub(crate) informational: Option<Vec<u64>>,
    pub(crate) left: u64,
}

impl Message {
    pub(crate) fn informational(&self) -> impl Iterator<Item = u64> {
        self.informational.iter().flatten().copied()
    }

    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// A message, or why there is none.
pub(crate) type Outcome = Result<Message, String>;

/// What wire says, with what a reason may hang on.
#[derive(Clone, Debug)]
pub(crate) struct Ours {
    pub(crate) outcome: Result<Message, ParseError>,
    pub(crate) framing: Option<Framing>,
}

const HINT: &str =
    "no python3 can import h11, install with: apt-get install python3-h11 (or pip install h11)";

/// A Python that has h11.
fn python() -> &'static str {
    let has_h11 = |program: &&str| {
        let mut command = Command::new(program);
        command.args(["-c", "import h11"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    ["python3", "/usr/bin/python3"].into_iter().find(has_h11).expect(HINT)
}

/// The outcomes of http.client and h11 for each case.
pub(crate) fn ask_peers(cases: &[Case]) -> Vec<[Outcome; 2]> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/differential/peers.py");
    let mut command = Command::new(python());
    let mut child = command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || {
            for case in cases {
                let line = json!({ "method": case.method, "input": STANDARD.encode(&case.input) });
                writeln!(stdin, "{line}").unwrap();
            }
        });
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "peers.py ended with {}", output.status);
    let answers = String::from_utf8(output.stdout).unwrap();
    let outcomes: Vec<_> = answers
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|answer| ["http.client", "h11"].map(|peer| outcome(&answer[peer])))
        .collect();
    assert_eq!(outcomes.len(), cases.len());
    outcomes
}

fn outcome(answer: &Value) -> Outcome {
    if answer["accepted"] != true {
        return Err(answer["why"].as_str().unwrap().to_owned());
    }
    let lines = |lines: &Value| -> Option<Vec<_>> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Some(lines.as_array()?.iter().map(|line| (text(&line[0]), text(&line[1]))).collect())
    };
    Ok(Message {
        status: answer["status"].as_u64().unwrap(),
        headers: lines(&answer["headers"]).unwrap(),
        body: STANDARD.decode(answer["body"].as_str().unwrap()).unwrap(),
        trailers: lines(&answer["trailers"]),
        informational: answer["informational"]
            .as_array()
            .map(|statuses| statuses.iter().map(|status| status.as_u64().unwrap()).collect()),
        left: answer["left"].as_u64().unwrap(),
    })
}

pub(crate) fn ask_wire(case: &Case) -> Ours {
    let exchange = asked(&Method::from_bytes(case.method.as_bytes()).unwrap(), &[], Limits::default());
    let seen = drive(&exchange, &case.input, &[]);
    Ours {
        framing: seen.as_ref().ok().and_then(|seen| seen.framing),
        outcome: seen.map(|seen| Message {
            status: u64::from(seen.status()),
            headers: latin_1(&seen.head.headers),
            body: seen.content,
            trailers: Some(latin_1(&seen.trailers)),
            informational: Some(
                seen.informational.iter().map(|head| u64::from(head.status.as_u16())).collect(),
            ),
            left: seen.left as u64,
        }),
    }
}

fn latin_1(headers: &Headers) -> Vec<(String, String)> {
    let text = |value: &[u8]| value.iter().map(|&byte| char::from(byte)).collect();
    headers.iter().map(|(name, value)| (name.to_owned(), text(value))).collect()
}
