use conn::{Deadline, FailedAddress};
use resilience::Pushback;
use wire::ResponseHead;

use super::*;
use crate::error::StatusError;

const OF: Of = Of { is_replayable: true, repeats_throttled: false, unapplied: false, was_malformed: false };
/// 2024-01-01 00:00:00 UTC.
const NOW: Duration = Duration::from_secs(1_704_067_200);

fn fields(lines: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in lines {
        headers.append(name, value).unwrap();
    }
    headers
}

fn respond(status: u16, lines: &[(&str, &str)], of: Of) -> Verdict {
    of_response(StatusCode::from_u16(status).unwrap(), &fields(lines), of, SystemTime::UNIX_EPOCH + NOW)
}

/// The class, if another attempt may follow, whether it is believed not to have been applied, and the breaker's view.
fn seen(verdict: Verdict) -> (Option<FailureClass>, bool, Outcome) {
    match verdict {
        Verdict::Done(outcome) => (None, false, outcome),
        Verdict::Failed(failure, outcome) => (Some(failure.class), failure.not_applied, outcome),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_status_has_its_class_and_its_outcome() {
    use FailureClass::{NotApplied, Throttled, Transient};
    let (alive, broken) = (Outcome::Success, Outcome::FAILURE);
    let later: &[(&str, &str)] = &[("Retry-After", "7")];
    let open_for = Outcome::Failure { open_for: Some(Duration::from_secs(7)) };
    let trusting = Of { repeats_throttled: true, ..OF };
    let gone = Of { is_replayable: false, ..OF };
    let (said, unsaid) = (true, false);
    // Whoever answers so is alive, and would say the same again.
    for status in [
        200, 201, 204, 206, 299, 300, 301, 302, 303, 304, 307, 308, 399, 400, 401, 402, 403, 404, 405, 406,
        407, 409, 410, 411, 412, 413, 414, 415, 416, 417, 422, 423, 424, 426, 428, 431, 451, 499, 501, 505,
        506, 507, 508, 510,
    ] {
        assert_eq!(seen(respond(status, &[], OF)), (None, unsaid, alive), "{status}");
    }
    for (status, lines, of, class, not_applied, outcome) in [
        (404, later, OF, None, unsaid, alive),
        (408, &[][..], OF, Some(Transient), unsaid, Outcome::Ignored),
        (408, &[], Of { unapplied: true, ..OF }, Some(NotApplied), unsaid, Outcome::Ignored),
        (413, later, OF, Some(Throttled), said, alive),
        (413, later, gone, Some(Throttled), said, alive),
        (421, &[], OF, None, unsaid, Outcome::Ignored),
        (425, &[], OF, None, unsaid, Outcome::Ignored),
        (429, &[], OF, Some(Throttled), unsaid, alive),
        (429, later, OF, Some(Throttled), unsaid, alive),
        (429, &[], trusting, Some(Throttled), said, alive),
        (429, later, trusting, Some(Throttled), said, alive),
        (500, &[], OF, Some(Transient), unsaid, broken),
        (500, &[], trusting, Some(Transient), unsaid, broken),
        (502, &[], OF, Some(Transient), unsaid, broken),
        (503, &[], OF, Some(Transient), unsaid, broken),
        (503, &[], trusting, Some(Transient), unsaid, broken),
        (503, later, OF, Some(Throttled), unsaid, open_for),
        (503, later, trusting, Some(Throttled), said, open_for),
        (504, &[], OF, Some(Transient), unsaid, broken),
        (511, &[], OF, None, unsaid, Outcome::Ignored),
        (520, &[], OF, Some(Transient), unsaid, broken),
        (521, &[], OF, Some(Transient), unsaid, broken),
        (522, &[], OF, Some(Transient), unsaid, broken),
        (523, &[], OF, Some(Transient), unsaid, broken),
        (524, &[], OF, Some(Transient), unsaid, broken),
        (525, &[], OF, None, unsaid, broken),
        (526, &[], OF, None, unsaid, broken),
        (527, &[], OF, Some(Transient), unsaid, broken),
        (529, &[], OF, Some(Throttled), unsaid, broken),
        (529, &[], trusting, Some(Throttled), said, broken),
        (530, &[], OF, None, unsaid, broken),
        (599, &[], OF, Some(Transient), unsaid, broken),
    ] {
        let found = respond(status, lines, of);
        assert_eq!(seen(found), (class, not_applied, outcome), "{status} {lines:?} {of:?}");
        // Patience is asked for by a server that works.
        let elsewhere = class.is_some_and(|class| class != Throttled);
        assert_eq!(needs_another_connection(found), elsewhere, "{status}");
    }
}

#[test]
fn content_that_is_gone_is_told() {
    let gone = Of { is_replayable: false, ..OF };
    let Verdict::Failed(failure, _) = respond(503, &[], gone) else { panic!("failed") };
    assert!(!failure.replayable);
    let error = Error::from(ParseError::NoResponse);
    let Verdict::Failed(failure, _) = of_error(&error, Some(Lost::new(false, 9, 0)), gone) else {
        panic!("failed")
    };
    assert!(!failure.replayable);
}

#[test]
fn retry_after_is_read_by_the_servers_clock() {
    let second = Duration::from_secs(1);
    let (date, retry) = ("Date", "Retry-After");
    let long_ago = "Wed, 01 Jan 2020 00:00:00 GMT".to_owned();
    let at = |minute: u8| format!("Mon, 01 Jan 2024 00:0{minute}:00 GMT");
    for (lines, expected) in [
        (vec![], None),
        (vec![(retry, "120".to_owned())], Some(second * 120)),
        (vec![(retry, " \t0 ".to_owned())], Some(Duration::ZERO)),
        (vec![(retry, "99999999999999999999999".to_owned())], Some(Duration::from_secs(u64::MAX))),
        (vec![(retry, "-1".to_owned())], None),
        (vec![(retry, "+1".to_owned())], None),
        (vec![(retry, "1.5".to_owned())], Some(second * 2)),
        (vec![(retry, "2.0".to_owned())], Some(second * 2)),
        (vec![(retry, "99999999999999999999999.5".to_owned())], Some(Duration::from_secs(u64::MAX))),
        (vec![(retry, "1.".to_owned())], None),
        (vec![(retry, ".5".to_owned())], None),
        (vec![(retry, "1.5.0".to_owned())], None),
        (vec![(retry, "1,5".to_owned())], None),
        (vec![(retry, "soon".to_owned())], None),
        (vec![(retry, String::new())], None),
        (vec![(retry, at(2))], Some(second * 120)),
        (vec![(retry, "Monday, 01-Jan-24 00:02:00 GMT".to_owned())], Some(second * 120)),
        (vec![(retry, "Mon Jan  1 00:02:00 2024".to_owned())], Some(second * 120)),
        (vec![(retry, long_ago.clone())], Some(Duration::ZERO)),
        // The server is a minute ahead.
        (vec![(date, at(1)), (retry, at(3))], Some(second * 120)),
        // It lives in another year: then our own clock.
        (vec![(date, long_ago), (retry, at(3))], Some(second * 180)),
        (vec![(date, "never".to_owned()), (retry, at(3))], Some(second * 180)),
        (vec![(retry, "5".to_owned()), (retry, "9".to_owned()), (retry, "x".to_owned())], Some(second * 9)),
    ] {
        let lines: Vec<_> = lines.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(retry_after(&fields(&lines), SystemTime::UNIX_EPOCH + NOW), expected, "{lines:?}");
    }
    let Verdict::Failed(failure, _) = respond(503, &[("Retry-After", "3")], OF) else { panic!("failed") };
    assert_eq!(failure.pushback, Pushback::After(second * 3));
}

fn timeout(limit: Limit, phase: Phase) -> Error {
    let now = std::time::Instant::now();
    let passed = Deadline::after(now, Some(Duration::ZERO), limit).during(phase);
    Error::transport(passed.remaining(now).unwrap_err().into())
}

fn dial(errors: &[io::ErrorKind]) -> Error {
    dial_errors(errors.iter().map(|kind| (*kind).into()))
}

fn dial_error(error: io::Error) -> Error {
    dial_errors([error])
}

fn dial_errors(errors: impl IntoIterator<Item = io::Error>) -> Error {
    let address = ([192, 0, 2, 1], 80).into();
    let attempts = errors.into_iter().map(|error| FailedAddress::new(address, error)).collect();
    ConnectError::Dial { host: "a:80".into(), attempts }.into()
}

#[test]
fn every_error_has_its_class_and_its_outcome() {
    use FailureClass::{NotApplied, Permanent, Timeout, Transient};
    let broken = Outcome::FAILURE;
    let too_large = ParseError::TooLarge { limit: wire::Limit::HeadBytes, allowed: 9 };
    let (reused, fresh) = (Some(Lost::new(true, 9, 0)), Some(Lost::new(false, 9, 0)));
    let tls = |source| Error::from(ConnectError::Tls { host: "a".into(), source });
    let tunnel = |source: TunnelError| {
        let (proxy, target) = ("http://p:1".into(), "a:80".into());
        Error::from(ConnectError::Tunnel { proxy, target, source: Box::new(source) })
    };
    let refused = |status: u16| {
        let mut head = ResponseHead::default();
        head.status = StatusCode::from_u16(status).unwrap();
        TunnelError::Refused(Box::new(StatusError { head, content: Vec::new(), is_cut: false }))
    };
    for (error, lost, class, outcome) in [
        (Error::new(ErrorKind::InvalidRequest, "x"), None, Permanent, Outcome::Ignored),
        (Error::new(ErrorKind::Content, "x"), fresh, Permanent, Outcome::Ignored),
        (Error::new(ErrorKind::Redirect, "x"), None, Permanent, Outcome::Ignored),
        (ConnectError::NoAddress { host: "a".into() }.into(), None, Permanent, Outcome::Ignored),
        (
            ConnectError::Resolve { host: "a".into(), source: io::ErrorKind::Other.into() }.into(),
            None,
            NotApplied,
            broken,
        ),
        (
            ConnectError::Resolve { host: "a".into(), source: io::ErrorKind::NotFound.into() }.into(),
            None,
            Permanent,
            Outcome::Ignored,
        ),
        (dial(&[io::ErrorKind::ConnectionRefused]), None, NotApplied, broken),
        (dial(&[io::ErrorKind::AddrNotAvailable]), None, NotApplied, Outcome::Ignored),
        (
            dial(&[io::ErrorKind::AddrNotAvailable, io::ErrorKind::ConnectionRefused]),
            None,
            NotApplied,
            broken,
        ),
        (tls(TlsError::PeerClosed { source: None }), None, NotApplied, broken),
        (tls(TlsError::UnknownIssuer), None, Permanent, Outcome::Ignored),
        (tunnel(refused(502)), None, NotApplied, broken),
        (tunnel(refused(407)), None, Permanent, Outcome::Ignored),
        (tunnel(TunnelError::Io(io::ErrorKind::ConnectionReset.into())), None, NotApplied, broken),
        (tunnel(ParseError::NoResponse.into()), None, NotApplied, broken),
        (tunnel(ParseError::BareLf.into()), None, Permanent, Outcome::Ignored),
        (tunnel(TunnelError::Zone), None, Permanent, Outcome::Ignored),
        (timeout(Limit::Connect, Phase::Connect), None, NotApplied, broken),
        (timeout(Limit::Connect, Phase::Tls), None, NotApplied, broken),
        (timeout(Limit::Connect, Phase::Pool), None, Permanent, Outcome::Ignored),
        (timeout(Limit::Total, Phase::Response), fresh, Permanent, Outcome::Ignored),
        (timeout(Limit::Attempt, Phase::Response), fresh, Timeout, broken),
        (timeout(Limit::Response, Phase::Response), fresh, Timeout, broken),
        (timeout(Limit::Idle, Phase::Send), fresh, Timeout, broken),
        (ParseError::NoResponse.into(), fresh, Transient, broken),
        (ParseError::NoResponse.into(), reused, Transient, Outcome::Ignored),
        (ParseError::NoResponse.into(), Some(Lost::new(false, 0, 0)), NotApplied, broken),
        (ParseError::NoResponse.into(), Some(Lost::new(true, 0, 0)), NotApplied, Outcome::Ignored),
        (ParseError::NoResponse.into(), Some(Lost::new(true, 9, 1)), Transient, broken),
        (too_large.into(), fresh, Permanent, Outcome::Ignored),
        (timeout(Limit::Connect, Phase::Resolve), None, NotApplied, broken),
        (timeout(Limit::Connect, Phase::Proxy), None, NotApplied, broken),
        (timeout(Limit::Attempt, Phase::Body), fresh, Timeout, broken),
        (Error::new(ErrorKind::Json, "x"), fresh, Permanent, Outcome::Ignored),
        (Error::new(ErrorKind::TooLarge, "x"), fresh, Permanent, Outcome::Ignored),
        (Error::new(ErrorKind::Truncated, "x"), fresh, Transient, broken),
        (dial_error(io::Error::from_raw_os_error(24)), None, NotApplied, Outcome::Ignored),
        (dial_error(io::Error::from_raw_os_error(23)), None, NotApplied, Outcome::Ignored),
        (dial_error(io::Error::from_raw_os_error(105)), None, NotApplied, Outcome::Ignored),
        (tunnel(refused(503)), None, NotApplied, broken),
        (tunnel(refused(403)), None, Permanent, Outcome::Ignored),
        (tunnel(ParseError::TruncatedHead { received: 1 }.into()), None, NotApplied, broken),
        (ParseError::BareLf.into(), fresh, Transient, broken),
        (ParseError::TruncatedHead { received: 1 }.into(), fresh, Transient, broken),
    ] {
        assert_eq!(seen(of_error(&error, lost, OF)), (Some(class), false, outcome), "{error} {lost:?}");
    }
    // Once more it may be an accident, twice it is how the server speaks.
    let again = of_error(&ParseError::BareLf.into(), fresh, Of { was_malformed: true, ..OF });
    assert_eq!(seen(again), (Some(Permanent), false, broken));
    let cancelled = Error::from(ConnectError::Cancelled(conn::Cancelled));
    assert_eq!(of_error(&cancelled, None, OF), Verdict::Cancelled);
}

#[test]
fn idempotence_comes_from_the_method_a_key_or_the_caller() {
    let key = fields(&[("Idempotency-Key", "7")]);
    for (method, headers, said, expected) in [
        ("GET", Headers::new(), None, ReplaySafety::Idempotent),
        ("POST", Headers::new(), None, ReplaySafety::OnlyIfNotApplied),
        ("POST", key.clone(), None, ReplaySafety::Idempotent),
        ("POST", key, Some(false), ReplaySafety::OnlyIfNotApplied),
        ("POST", Headers::new(), Some(true), ReplaySafety::Idempotent),
        ("PUT", Headers::new(), Some(false), ReplaySafety::OnlyIfNotApplied),
        ("DELETE", Headers::new(), None, ReplaySafety::Idempotent),
        ("QUERY", Headers::new(), None, ReplaySafety::Idempotent),
        ("PATCH", fields(&[("X-Idempotency-Key", "7")]), None, ReplaySafety::Idempotent),
    ] {
        assert_eq!(safety(&method.parse().unwrap(), &headers, said), expected, "{method} {said:?}");
    }
}
