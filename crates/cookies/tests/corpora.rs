//! The cases of the http-state working group, replayed: see `corpora/README.md`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code fails loudly")]

#[path = "corpora/judgements.rs"]
mod judgements;

use std::collections::BTreeMap;
use std::time::SystemTime;

use cookies::{Format, Jar, parse_date};
use judgements::DIFFERENT;
use serde_json::Value;
use url::Url;

fn records(file: &str) -> Vec<Value> {
    let path = format!("{}/tests/corpora/{file}.jsonl", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What the text stands for: ISO-8859-1.
fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

fn expected(value: &Value) -> Option<Vec<u8>> {
    value.as_str().map(bytes)
}

struct Case {
    id: String,
    /// What a request carries.
    sent: Option<Vec<u8>>,
    suite: Option<Vec<u8>>,
    bis: Option<Vec<u8>>,
}

fn replay(record: &Value) -> Case {
    let text = |name: &str| record[name].as_str().unwrap();
    let url = |name| Url::parse(text(name)).unwrap();
    let now = parse_date(&in_words(text("clock"))).unwrap();
    let jar = Jar::new();
    let lines: Vec<Vec<u8>> =
        record["set_cookie"].as_array().unwrap().iter().map(|line| bytes(line.as_str().unwrap())).collect();
    jar.store(&url("request_url"), lines.iter().map(Vec::as_slice), now);
    let sent = jar.cookie_header(&url("next_url"), now);
    // A jar that went through a file sends the same.
    let again = Jar::new();
    again.import(jar.export(Format::Json, now).text.as_bytes(), now).unwrap();
    assert_eq!(again.cookie_header(&url("next_url"), now), sent, "{}", text("id"));
    Case {
        id: text("id").to_owned(),
        sent: sent.map(String::into_bytes),
        suite: expected(&record["expected_cookie"]),
        bis: expected(&record["bis"]["expected_cookie"]),
    }
}

/// `2018-06-01T00:00:00Z` in the words of a cookie date.
fn in_words(clock: &str) -> String {
    let (date, time) = clock.trim_end_matches('Z').split_once('T').unwrap();
    let parts: Vec<&str> = date.split('-').collect();
    let month = ["", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        [parts[1].parse::<usize>().unwrap()];
    format!("{} {month} {} {time}", parts[2], parts[0])
}

#[test]
fn every_case_ends_as_rfc_6265bis_wants_and_what_differs_from_the_suite_has_its_reason() {
    let mut listed = BTreeMap::new();
    for (reason, ids) in DIFFERENT {
        assert!(!reason.is_empty());
        for id in *ids {
            assert_eq!(listed.insert(*id, *reason), None, "{id} is listed twice");
        }
    }
    let mut wrong = Vec::new();
    for case in records("http_state_cookies").iter().map(replay) {
        let show = |field: &Option<Vec<u8>>| field.as_ref().map(|field| field.escape_ascii().to_string());
        let reason = listed.remove(case.id.as_str());
        let differs = case.sent != case.suite;
        if differs != reason.is_some() || case.sent != case.bis {
            wrong.push(format!(
                "{}: sent {:?}, suite {:?}, bis {:?}, listed {reason:?}",
                case.id,
                show(&case.sent),
                show(&case.suite),
                show(&case.bis)
            ));
        }
    }
    assert!(listed.is_empty(), "no such case: {listed:?}");
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_date_is_read_as_the_suite_wants() {
    let mut wrong = Vec::new();
    for record in records("cookie_dates") {
        let found = parse_date(record["input"].as_str().unwrap());
        let wanted = record["expected"].as_str().map(|date| parse_date(date).unwrap());
        if found != wanted {
            wrong.push(format!("{record}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} dates:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_file_was_read() {
    assert_eq!(["http_state_cookies", "cookie_dates"].map(|file| records(file).len()), [222, 70]);
    assert_eq!(parse_date(&in_words("1970-01-01T00:00:00Z")), Some(SystemTime::UNIX_EPOCH));
}
