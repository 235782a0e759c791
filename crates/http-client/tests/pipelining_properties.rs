//! Requests and responses in any order against servers that end as they like: every request that was sent is answered by
//! its own response, comes back once, or waits.
#![allow(clippy::unwrap_used, reason = "test code fails loudly")]

mod common;

use std::error::Error as StdError;
use std::io::Read;
use std::mem;
use std::time::Duration;

use common::stage;
use http_client::{Connection, Error, Misuse, Origin};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use testkit::peer::Script;

/// How a server answers one request. It says which connection it was, and which request on that.
#[derive(Clone, Copy, Debug)]
enum Does {
    Answer,
    AnswerInChunks,
    AnswerBytewise,
    NoContent,
    AnswerAndClose,
    Old,
    CutShort,
    Garble,
    Reset,
    Stall,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Request(&'static str),
    /// Reads so much of the content.
    Response(usize),
    Pause,
    Unanswered,
    Close,
}

fn does() -> impl Strategy<Value = Does> {
    prop_oneof![
        4 => Just(Does::Answer),
        2 => Just(Does::AnswerInChunks),
        2 => Just(Does::AnswerBytewise),
        2 => Just(Does::NoContent),
        1 => Just(Does::AnswerAndClose),
        1 => Just(Does::Old),
        1 => Just(Does::CutShort),
        1 => Just(Does::Garble),
        1 => Just(Does::Reset),
        1 => Just(Does::Stall),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => select(&["GET", "GET", "GET", "HEAD", "PUT", "POST"][..]).prop_map(Step::Request),
        5 => select(&[0, 3, usize::MAX][..]).prop_map(Step::Response),
        1 => Just(Step::Pause),
        1 => Just(Step::Unanswered),
        1 => Just(Step::Close),
    ]
}

fn script(connection: usize, does: &[Does]) -> Script {
    does.iter().enumerate().fold(Script::new(), |script, (number, does)| {
        let script = script.expect_head();
        let id = format!("X-Id: {connection}-{number}\r\n");
        let known = format!("HTTP/1.1 200 OK\r\n{id}Content-Length: 5\r\n\r\n");
        match does {
            Does::Answer => script.reply(known + "hello"),
            Does::AnswerBytewise => script.reply_bytewise(known + "hello"),
            Does::AnswerInChunks => script.reply(format!(
                "HTTP/1.1 200 OK\r\n{id}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
            )),
            Does::NoContent => script.reply(format!("HTTP/1.1 204 \r\n{id}\r\n")),
            Does::AnswerAndClose => {
                script.reply(format!("HTTP/1.1 200 OK\r\n{id}Connection: close\r\nContent-Length: 0\r\n\r\n"))
            }
            Does::Old => script.reply(format!("HTTP/1.0 200 OK\r\n{id}\r\nhello")).close(),
            Does::CutShort => script.reply(known + "he").close(),
            Does::Garble => script.reply("HTTP/1.1 2OO OK\r\n\r\n"),
            Does::Reset => script.reset(),
            Does::Stall => script.stall(Duration::from_secs(1000)),
        }
    })
}

/// What must be true of a connection: where each request is that was sent.
#[derive(Default)]
struct Model {
    connects: usize,
    sent_on_this: usize,
    /// Each by its place on the connection, and by its target.
    waiting: Vec<((usize, usize), String)>,
    lost: Vec<((usize, usize), String)>,
}

impl Model {
    fn give_up(&mut self) {
        self.lost.append(&mut self.waiting);
    }
}

fn is_misuse(error: &Error) -> bool {
    error.source().is_some_and(<dyn StdError>::is::<Misuse>)
}

fn id_of(field: &str) -> (usize, usize) {
    let (connection, number) = field.split_once('-').unwrap();
    (connection.parse().unwrap(), number.parse().unwrap())
}

fn run(servers: &[Vec<Does>], steps: &[Step], any_method: bool) -> Result<(), TestCaseError> {
    let mut stage = stage(servers.iter().enumerate().map(|(connection, does)| script(connection, does)));
    stage.config.pipelining.any_method = any_method;
    stage.config.pipelining.depth = 3;
    stage.config.limits.drain = 4;
    let (peer, clock) = (stage.peer.clone(), stage.clock.clone());
    let Ok(mut conn) = Connection::open(&Origin::http("a").unwrap(), stage.config.clone()) else {
        return Ok(());
    };
    let mut model = Model { connects: 1, ..Model::default() };
    for (number, step) in steps.iter().enumerate() {
        match step {
            Step::Request(method) => {
                let target = format!("/{number}");
                let result = conn.request(*method, &target);
                if let Err(error) = &result
                    && is_misuse(error)
                {
                    prop_assert!(!model.waiting.is_empty(), "{error}");
                    continue;
                }
                if peer.connects() > model.connects {
                    (model.connects, model.sent_on_this) = (peer.connects(), 0);
                    model.lost.clear();
                    model.give_up();
                } else if model.waiting.is_empty() {
                    model.lost.clear();
                }
                if result.is_ok() {
                    model.waiting.push(((model.connects - 1, model.sent_on_this), target));
                    model.sent_on_this += 1;
                }
            }
            Step::Response(read) => match conn.response() {
                Ok(mut response) => {
                    let id = id_of(response.header("x-id").unwrap());
                    prop_assert!(!model.waiting.is_empty());
                    prop_assert_eq!(id, model.waiting.remove(0).0);
                    let mut content = Vec::new();
                    // It may be cut short.
                    let _ = response.by_ref().take(*read as u64).read_to_end(&mut content);
                    prop_assert!(b"hello".starts_with(&content), "{content:?}");
                }
                Err(error) if is_misuse(&error) => prop_assert!(model.waiting.is_empty(), "{error}"),
                Err(_) => {
                    prop_assert!(!model.waiting.is_empty());
                    model.give_up();
                }
            },
            Step::Pause => clock.advance(Duration::from_millis(5)),
            Step::Unanswered => {
                let back = conn.unanswered();
                if !conn.is_open() {
                    model.give_up();
                }
                let targets: Vec<_> = back.into_iter().map(|request| request.target).collect();
                let lost: Vec<_> = mem::take(&mut model.lost).into_iter().map(|(_, target)| target).collect();
                prop_assert_eq!(targets, lost);
            }
            Step::Close => {
                conn.close().unwrap();
                model.give_up();
            }
        }
        prop_assert!(model.waiting.len() <= 3);
    }
    // What was not expected of the servers is no fault of theirs.
    let _ = peer.finish();
    let _ = stage.peer.finish();
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn every_request_is_answered_by_its_own_response_or_comes_back(
        servers in vec(vec(does(), 1..6), 1..8),
        steps in vec(step(), 1..40),
        any_method in any::<bool>(),
    ) {
        run(&servers, &steps, any_method)?;
    }
}
