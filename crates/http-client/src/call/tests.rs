mod properties;

use std::time::Duration;

use wire::ParseError;

use conn::Timeouts;

use super::*;

fn call(method: &str, body: Body) -> (Call, Instant) {
    let now = Instant::now();
    let mut request = Request::new(method, "http://a/b?c").unwrap();
    request.body = body;
    (Call::new(request, Arc::default(), now).unwrap(), now)
}

fn broken() -> Error {
    ParseError::NoResponse.into()
}

/// Runs attempts that all end as `lost` and tells how many there were and whether the last was fresh.
fn attempts(mut call: Call, now: Instant, lost: Option<Lost>) -> (usize, bool) {
    let (mut count, mut last) = (0, false);
    loop {
        match call.step(now) {
            Step::Attempt(attempt) => {
                (count, last) = (count + 1, attempt.fresh);
                assert!(count < 10, "a call must end");
                call.on_failure(broken(), lost, now);
            }
            Step::Fail(error) => {
                assert_eq!(error.attempts().len(), count);
                return (count, last);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_lost_request_is_replayed_once_on_a_fresh_connection() {
    let reused = Some(Lost::new(true, 9, 0));
    let unsent = Some(Lost::new(true, 0, 0));
    let fresh = Some(Lost::new(false, 9, 0));
    for (method, lost, expected) in [
        ("GET", reused, (2, true)),
        ("PUT", reused, (2, true)),
        ("POST", reused, (1, false)),
        ("POST", unsent, (2, true)),
        ("GET", fresh, (1, false)),
        ("GET", None, (1, false)),
    ] {
        let (call, now) = call(method, Body::from("x"));
        assert_eq!(attempts(call, now, lost), expected, "{method} {lost:?}");
    }
}

#[test]
fn only_a_connection_that_broke_is_lost() {
    for (error, replayed) in [
        (broken(), true),
        (Error::from(ParseError::BareLf), false),
        (Error::from(ParseError::TruncatedHead { received: 1 }), false),
        (Error::new(ErrorKind::Timeout, "too late"), false),
    ] {
        let (mut call, now) = call("GET", Body::empty());
        let _ = call.step(now);
        call.on_failure(error.clone(), Some(Lost::new(true, 9, 0)), now);
        assert_eq!(matches!(call.step(now), Step::Attempt(_)), replayed, "{error}");
    }
}

#[test]
fn content_that_is_gone_cannot_be_replayed() {
    let (mut call, now) = call("PUT", Body::reader(&b"x"[..]));
    call.content().unwrap().each(8, |_| Ok::<_, std::convert::Infallible>(true)).unwrap().unwrap();
    assert_eq!(attempts(call, now, Some(Lost::new(true, 9, 0))), (1, false));
}

#[test]
fn a_step_asked_twice_is_the_same_attempt() {
    let (mut call, now) = call("GET", Body::empty());
    for _ in 0..3 {
        assert!(matches!(call.step(now), Step::Attempt(_)));
    }
    assert_eq!(call.attempts, 1);
    let answered = Answered::new(false, true);
    let verdict = call.on_response(&ResponseHead::default(), answered, now, SystemTime::UNIX_EPOCH);
    assert_eq!(verdict, Verdict::Deliver);
    assert!(matches!(call.step(now), Step::Done));
}

#[test]
fn the_total_deadline_spans_the_attempts() {
    let (mut call, now) = call("GET", Body::empty());
    let mut timeouts = Timeouts::default();
    timeouts.total = Some(Duration::from_secs(5));
    call.request.timeouts = Some(timeouts);
    let _ = call.step(now);
    call.on_failure(broken(), Some(Lost::new(true, 0, 0)), now);
    let later = now + Duration::from_secs(4);
    let Step::Attempt(attempt) = call.step(later) else { panic!("replayed") };
    assert_eq!(attempt.deadlines.response(later).at(), Some(now + Duration::from_secs(5)));
}

#[test]
fn the_head_has_host_first_then_defaults_then_own_fields() {
    let (mut call, _) = call("POST", Body::from("hello"));
    call.request.headers.append("X-Order", "kept").unwrap();
    call.request.decode = false;
    let mut out = Vec::new();
    call.begin(SystemTime::UNIX_EPOCH, &mut Headers::new(), &mut out).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let expected = format!(
        "POST /b?c HTTP/1.1\r\nHost: a\r\nUser-Agent: http-client/{version}\r\nAccept: */*\r\n\
         X-Order: kept\r\nContent-Length: 5\r\n\r\n"
    );
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}
