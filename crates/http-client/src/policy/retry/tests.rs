use conn::{Deadline, FailedAddress};
use resilience::Pushback;
use wire::ResponseHead;

use super::*;
use crate::error::StatusError;

const GET: Of = Of { is_idempotent: true, is_replayable: true, repeats_throttled: false };
const POST: Of = Of { is_idempotent: false, is_replayable: true, repeats_throttled: false };
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

/// The class, if another attempt may follow, and the breaker's view.
fn seen(verdict: Verdict) -> (Option<FailureClass>, Outcome) {
    match verdict {
        Verdict::Done(outcome) => (None, outcome),
        Verdict::Failed(failure, outcome) => (Some(failure.class), outcome),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_status_has_its_class_and_its_outcome() {
    use FailureClass::{NotApplied, Throttled, Transient};
    let (alive, broken) = (Outcome::Success, Outcome::FAILURE);
    let later: &[(&str, &str)] = &[("Retry-After", "7")];
    let open_for = Outcome::Failure { open_for: Some(Duration::from_secs(7)) };
    for (status, lines, of, class, outcome) in [
        (200, &[][..], GET, None, alive),
        (204, &[], GET, None, alive),
        (301, &[], GET, None, alive),
        (304, &[], GET, None, alive),
        (400, &[], GET, None, alive),
        (401, &[], GET, None, alive),
        (404, &[], GET, None, alive),
        (404, later, GET, None, alive),
        (408, &[], GET, Some(Transient), alive),
        (409, &[], GET, None, alive),
        (410, &[], GET, None, alive),
        (413, &[], GET, None, alive),
        (413, later, GET, Some(Throttled), alive),
        (413, later, POST, Some(NotApplied), alive),
        (417, &[], GET, None, alive),
        (422, &[], GET, None, alive),
        (429, &[], GET, Some(Throttled), alive),
        (429, later, POST, Some(Throttled), alive),
        (429, later, Of { repeats_throttled: true, ..POST }, Some(NotApplied), alive),
        (451, &[], GET, None, alive),
        (500, &[], GET, Some(Transient), broken),
        (501, &[], GET, None, alive),
        (502, &[], GET, Some(Transient), broken),
        (503, &[], GET, Some(Transient), broken),
        (503, later, GET, Some(Throttled), open_for),
        (503, later, POST, Some(Throttled), open_for),
        (503, later, Of { repeats_throttled: true, ..POST }, Some(NotApplied), open_for),
        (504, &[], GET, Some(Transient), broken),
        (505, &[], GET, None, alive),
        (507, &[], GET, None, alive),
        (511, &[], GET, None, alive),
        (520, &[], GET, Some(Transient), broken),
        (522, &[], GET, Some(Transient), broken),
        (525, &[], GET, None, broken),
        (526, &[], GET, None, broken),
        (529, &[], GET, Some(Throttled), broken),
        (530, &[], GET, None, broken),
        (599, &[], GET, Some(Transient), broken),
    ] {
        assert_eq!(seen(respond(status, lines, of)), (class, outcome), "{status} {lines:?} {of:?}");
    }
}

#[test]
fn content_that_is_gone_is_told() {
    let gone = Of { is_replayable: false, ..GET };
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
        (vec![(retry, "1.5".to_owned())], None),
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
    let Verdict::Failed(failure, _) = respond(503, &[("Retry-After", "3")], GET) else { panic!("failed") };
    assert_eq!(failure.pushback, Pushback::After(second * 3));
}

fn timeout(limit: Limit, phase: Phase) -> Error {
    let now = std::time::Instant::now();
    let passed = Deadline::after(now, Some(Duration::ZERO), limit).during(phase);
    Error::transport(passed.remaining(now).unwrap_err().into())
}

fn dial(errors: &[io::ErrorKind]) -> Error {
    let address = ([192, 0, 2, 1], 80).into();
    let attempts = errors.iter().map(|kind| FailedAddress::new(address, (*kind).into())).collect();
    ConnectError::Dial { host: "a:80".into(), attempts }.into()
}

#[test]
fn every_error_has_its_class_and_its_outcome() {
    use FailureClass::{NotApplied, Permanent, Timeout, Transient};
    let broken = Outcome::FAILURE;
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
        (ParseError::BareLf.into(), fresh, Transient, broken),
        (ParseError::TruncatedHead { received: 1 }.into(), fresh, Transient, broken),
    ] {
        assert_eq!(seen(of_error(&error, lost, GET)), (Some(class), outcome), "{error} {lost:?}");
    }
    let cancelled = Error::from(ConnectError::Cancelled(conn::Cancelled));
    assert_eq!(of_error(&cancelled, None, GET), Verdict::Cancelled);
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
    ] {
        assert_eq!(safety(&method.parse().unwrap(), &headers, said), expected, "{method} {said:?}");
    }
}
