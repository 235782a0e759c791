//! `Call` against every mischief of servers and networks that a script can tell, without a socket and without a clock.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code fails loudly")]

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http_client::call::{Answered, Attempt, Call, Lost, Step, Verdict};
use http_client::conn::{ConnectError, Deadline, Limit};
use http_client::wire::{ParseError, ResponseHead};
use http_client::{
    Body, ClientConfig, Error, ErrorKind, Headers, Jar, Method, Misuse, RedirectPolicy, Request, StatusCode,
    Url,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// In every secret.
const MARK: &str = "s3cret";
/// What the jar holds, for the host `a` alone.
const JARRED: &str = "jarred";

/// What was asked for, and under which settings.
#[derive(Clone, Debug)]
struct Asked {
    method: &'static str,
    url: &'static str,
    has_content: bool,
    expects: bool,
    key: bool,
    idempotent: Option<bool>,
    limit: u32,
    allow_downgrade: bool,
    total: Option<u64>,
    jar: bool,
}

/// What an attempt meets, and how many seconds it takes.
#[derive(Clone, Debug)]
enum Meets {
    Answer {
        status: u16,
        location: Option<&'static str>,
        fields: &'static str,
        answered: (bool, bool),
        seconds: u64,
    },
    Failure {
        kind: ErrorKind,
        lost: Option<(bool, u64, u64)>,
        seconds: u64,
    },
}

fn asked() -> impl Strategy<Value = Asked> {
    let method = select(&["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "POST", "POST", "PATCH", "BREW"][..]);
    let url =
        select(&["http://a/1?token=s3cret", "https://a/1", "http://a:81/1#part", "https://b:8443/1"][..]);
    let rare = || proptest::bool::weighted(0.2);
    (
        (method, url, any::<bool>(), rare(), rare()),
        (
            option::weighted(0.2, any::<bool>()),
            0..6_u32,
            any::<bool>(),
            option::weighted(0.3, 1..60_u64),
            any::<bool>(),
        ),
    )
        .prop_map(
            |((method, url, has_content, expects, key), (idempotent, limit, allow_downgrade, total, jar))| {
                Asked {
                    method,
                    url,
                    has_content,
                    expects,
                    key,
                    idempotent,
                    limit,
                    allow_downgrade,
                    total,
                    jar,
                }
            },
        )
}

fn meets() -> impl Strategy<Value = Meets> {
    let status = select(
        &[
            200, 204, 206, 300, 301, 302, 303, 304, 307, 308, 400, 401, 408, 413, 417, 421, 425, 429, 500,
            503, 599,
        ][..],
    );
    let redirect = select(&[301, 302, 303, 307, 308][..]);
    let locations = &[
        "/2",
        "3?code=s3cret",
        "?q",
        "#there",
        "",
        "http://a/4",
        "https://a/5",
        "http://b/6",
        "//b/7",
        "http://A:80/8",
        "http://u:s3cret@b/9",
        "https://b:8443/10",
        "ftp://b/",
        "http://[bad",
        "http://",
        "javascript:s3cret",
        "\u{fc}",
    ][..];
    let fields = &["", "Retry-After: 1", "Set-Cookie: own=set", "Connection: close"][..];
    let answer = |status: BoxedStrategy<u16>, location: BoxedStrategy<Option<&'static str>>| {
        (status, location, select(fields), any::<(bool, bool)>(), 0..20_u64).prop_map(
            |(status, location, fields, answered, seconds)| Meets::Answer {
                status,
                location,
                fields,
                answered,
                seconds,
            },
        )
    };
    let kinds = [
        ErrorKind::Disconnected,
        ErrorKind::Disconnected,
        ErrorKind::Timeout,
        ErrorKind::Protocol,
        ErrorKind::Truncated,
        ErrorKind::Connect,
        ErrorKind::Misuse,
    ];
    let lost =
        option::weighted(0.8, (any::<bool>(), select(&[0_u64, 1, 900][..]), select(&[0_u64, 0, 1, 50][..])));
    let failure = (select(kinds.to_vec()), lost, 0..20_u64)
        .prop_map(|(kind, lost, seconds)| Meets::Failure { kind, lost, seconds });
    prop_oneof![
        2 => answer(status.boxed(), option::weighted(0.3, select(locations)).boxed()),
        4 => answer(redirect.boxed(), select(locations).prop_map(Some).boxed()),
        3 => failure,
    ]
}

fn error(kind: ErrorKind) -> Error {
    let host = "a".to_owned();
    let now = Instant::now();
    let late = Deadline::after(now, Some(Duration::ZERO), Limit::Connect).remaining(now).unwrap_err();
    let error = match kind {
        ErrorKind::Disconnected => Error::from(ParseError::NoResponse),
        ErrorKind::Timeout => Error::from(ConnectError::from(late)),
        ErrorKind::Protocol => Error::from(ParseError::BareLf),
        ErrorKind::Truncated => Error::from(ParseError::TruncatedHead { received: 1 }),
        ErrorKind::Connect => Error::from(ConnectError::NoAddress { host }),
        _ => Error::from(Misuse::Closed),
    };
    assert_eq!(error.kind(), kind);
    error
}

fn config(asked: &Asked) -> Arc<ClientConfig> {
    let mut config = ClientConfig::default();
    config.redirect = RedirectPolicy::limited(asked.limit);
    config.redirect.allow_downgrade = asked.allow_downgrade;
    config.timeouts.total = asked.total.map(Duration::from_secs);
    if asked.jar {
        let jar = Jar::new();
        jar.store(&Url::parse("http://a/").unwrap(), [&b"id=jarred; Path=/"[..]], SystemTime::UNIX_EPOCH);
        config.cookies = Some(jar);
    }
    Arc::new(config)
}

fn request(asked: &Asked) -> Request {
    let mut request = Request::new(asked.method, asked.url).unwrap();
    for (name, value) in
        [("Authorization", "s3cret"), ("X-Api-Key", "s3cret"), ("X-Plain", "yes"), ("Host", "a")]
    {
        // A Host of the caller's own is right for one of the URLs alone.
        if name != "Host" || asked.url.starts_with("http://a/") {
            request.headers.append(name, value).unwrap();
        }
    }
    if !asked.jar {
        request.headers.append("Cookie", "own=s3cret").unwrap();
    }
    if asked.expects {
        request.headers.append("Expect", "100-continue").unwrap();
    }
    if asked.key {
        request.headers.append("Idempotency-Key", "7").unwrap();
    }
    if asked.has_content {
        request.headers.append("Content-Type", "text/plain").unwrap();
        request.body = Body::from("content");
    }
    request.idempotent = asked.idempotent;
    request
}

/// What must be true of a call, followed beside it.
struct Rules<'a> {
    asked: &'a Asked,
    now: Instant,
    started: Instant,
    url: Url,
    method: Method,
    attempts: u32,
    hops: u32,
    left_home: bool,
    /// What the present hop was sent again for: a status, or 0 for a replay.
    again: HashSet<u16>,
    trace: String,
}

impl Rules<'_> {
    fn is_idempotent(&self) -> bool {
        self.asked.idempotent.unwrap_or_else(|| self.method.is_idempotent() || self.asked.key)
    }

    /// Looks at an attempt and the head that it sends.
    fn attempt(&mut self, call: &Call, attempt: &Attempt) -> Result<(), TestCaseError> {
        self.attempts += 1;
        prop_assert_eq!(attempt.number, self.attempts);
        // Each hop once, and again for a replay and for each of the four statuses that ask for it.
        prop_assert!(self.attempts <= (self.asked.limit + 1) * 6, "{}", self.attempts);
        prop_assert_eq!(attempt.route.origin().scheme().as_str(), self.url.scheme());
        prop_assert_eq!(Some(attempt.route.origin().host_str()), self.url.host_str());
        prop_assert_eq!(Some(attempt.route.origin().port()), self.url.port_or_known_default());
        prop_assert_eq!(call.method(), &self.method);
        if let Some(total) = self.asked.total {
            let end = self.started + Duration::from_secs(total);
            prop_assert!(attempt.deadlines.body(self.now).at().is_some_and(|at| at <= end));
        }
        let mut out = Vec::new();
        let begun = call.begin(SystemTime::UNIX_EPOCH, &mut Headers::new(), &mut out);
        prop_assert!(begun.is_ok(), "{:?}", begun.map(drop));
        let head = String::from_utf8(out).unwrap();
        // The target shows its query to the server that named it; the fields alone can leak.
        let (line, fields) = head.split_once("\r\n").unwrap();
        let path = &self.url[url_position()];
        prop_assert_eq!(line, format!("{} {path} HTTP/1.1", self.method));
        let lower = fields.to_ascii_lowercase();
        prop_assert_eq!(fields.contains(MARK), !self.left_home, "{}", head);
        prop_assert_eq!(fields.contains(JARRED), self.is_jarred(), "{}", head);
        prop_assert!(!lower.contains("referer:") && fields.contains("X-Plain: yes"), "{}", head);
        prop_assert_eq!(lower.matches("host:").count(), 1, "{}", head);
        let host = match self.url.port() {
            Some(port) => format!("host: {}:{port}\r\n", self.url.host_str().unwrap()),
            None => format!("host: {}\r\n", self.url.host_str().unwrap()),
        };
        prop_assert!(lower.contains(&host), "{}", head);
        writeln!(self.trace, "{} fresh={} {head}", attempt.number, attempt.fresh).unwrap();
        Ok(())
    }

    /// The jar's cookie is for one host, whatever its port and scheme.
    fn is_jarred(&self) -> bool {
        self.asked.jar && self.url.host_str() == Some("a")
    }

    /// Follows a redirect as RFC 9110 §15.4 has it.
    fn follow(&mut self, status: u16, location: &str) -> Result<(), TestCaseError> {
        self.hops += 1;
        prop_assert!(self.hops <= self.asked.limit);
        let mut next = self.url.join(location).unwrap();
        next.set_username("").unwrap();
        next.set_password(None).unwrap();
        prop_assert!(matches!(next.scheme(), "http" | "https"));
        prop_assert!(self.asked.allow_downgrade || (self.url.scheme(), next.scheme()) != ("https", "http"));
        self.left_home |= next.origin() != self.url.origin();
        if status == 303 && self.method != Method::HEAD
            || matches!(status, 301 | 302) && self.method == Method::POST
        {
            self.method = Method::GET;
        }
        self.url = next;
        self.again.clear();
        Ok(())
    }
}

fn url_position() -> std::ops::Range<url::Position> {
    use http_client::url::Position::{AfterQuery, BeforePath};
    BeforePath..AfterQuery
}

/// Plays a script over and over until the call ends, and returns all that it did.
fn play(asked: &Asked, script: &[Meets]) -> Result<String, TestCaseError> {
    let started = Instant::now();
    let mut call = Call::new(request(asked), config(asked), started).unwrap();
    let mut rules = Rules {
        asked,
        now: started,
        started,
        url: Url::parse(asked.url).unwrap(),
        method: asked.method.parse().unwrap(),
        attempts: 0,
        hops: 0,
        left_home: false,
        again: HashSet::new(),
        trace: String::new(),
    };
    for meets in script.iter().cycle() {
        let attempt = match call.step(rules.now) {
            Step::Attempt(attempt) => attempt,
            Step::Fail(error) => {
                prop_assert_eq!(error.attempts().len(), rules.attempts as usize);
                let told = format!("{error} {error:?} {:?}", error.attempts());
                prop_assert!(!told.contains(MARK) && !told.contains(JARRED), "{}", told);
                let again = matches!(call.step(rules.now), Step::Fail(_));
                prop_assert!(again, "what has failed stays so");
                writeln!(rules.trace, "{told}").unwrap();
                return Ok(rules.trace);
            }
            Step::Done => return Ok(rules.trace),
            other => return Err(TestCaseError::fail(format!("{other:?} without policies"))),
        };
        rules.attempt(&call, &attempt)?;
        let again = matches!(call.step(rules.now), Step::Attempt(same) if same.number == attempt.number);
        prop_assert!(again, "a step without a report is the same step");
        match meets {
            Meets::Answer { status, location, fields, answered, seconds } => {
                rules.now += Duration::from_secs(*seconds);
                let mut head = ResponseHead::default();
                head.status = StatusCode::from_u16(*status).unwrap();
                for (name, value) in
                    fields.split_once(": ").into_iter().chain(location.map(|to| ("Location", to)))
                {
                    head.headers.append(name, value).unwrap();
                }
                let answered = Answered::new(answered.0, answered.1);
                let verdict = call.on_response(&head, answered, rules.now, SystemTime::UNIX_EPOCH);
                let next = call.step(rules.now);
                writeln!(rules.trace, "{status} {verdict:?}").unwrap();
                match (verdict, next) {
                    (Verdict::Deliver, Step::Done) => {}
                    (Verdict::Discard, Step::Fail(error)) => {
                        prop_assert_eq!(error.kind(), ErrorKind::Redirect);
                        let is_last = error.redirect().is_some_and(|refused| refused.head == head);
                        prop_assert!(is_last, "the refusal carries the head: {}", error);
                    }
                    (Verdict::Discard, Step::Attempt(_)) if matches!(status, 408 | 417 | 421 | 425) => {
                        prop_assert!(rules.again.insert(*status), "{} twice in one hop", status);
                    }
                    (Verdict::Discard, Step::Attempt(_)) => {
                        prop_assert!(matches!(status, 301 | 302 | 303 | 307 | 308), "{}", status);
                        rules.follow(*status, location.unwrap())?;
                    }
                    (verdict, next) => {
                        return Err(TestCaseError::fail(format!("{status}: {verdict:?}, then {next:?}")));
                    }
                }
            }
            Meets::Failure { kind, lost, seconds } => {
                rules.now += Duration::from_secs(*seconds);
                let facts = lost.map(|(reused, sent, received)| Lost::new(reused, sent, received));
                call.on_failure(error(*kind), facts, rules.now);
                let may_go_on = *kind == ErrorKind::Disconnected
                    && lost.is_some_and(|(reused, sent, received)| {
                        reused && received == 0 && (sent == 0 || rules.is_idempotent())
                    })
                    && rules.again.insert(0);
                let goes_on = match call.step(rules.now) {
                    Step::Attempt(next) => {
                        prop_assert!(next.fresh, "a replay takes no pooled connection");
                        true
                    }
                    _ => false,
                };
                prop_assert_eq!(goes_on, may_go_on, "{:?} after {:?}", kind, lost);
                writeln!(rules.trace, "{kind:?} goes_on={goes_on}").unwrap();
            }
        }
    }
    Err(TestCaseError::fail("the script is empty"))
}

/// A report or a question that comes when nobody waits for it.
#[derive(Clone, Debug)]
enum Wild {
    Step,
    Report(Meets),
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_call_keeps_every_rule_whatever_it_meets(asked in asked(), script in vec(meets(), 1..12)) {
        let trace = play(&asked, &script)?;
        prop_assert_eq!(trace, play(&asked, &script)?, "the same script gives the same trace");
    }

    #[test]
    fn a_call_out_of_step_never_panics(
        asked in asked(),
        acts in vec(prop_oneof![Just(Wild::Step), meets().prop_map(Wild::Report)], 0..30),
    ) {
        let now = Instant::now();
        let mut call = Call::new(request(&asked), config(&asked), now).unwrap();
        let mut last = 0;
        for act in acts {
            match act {
                Wild::Step => if let Step::Attempt(attempt) = call.step(now) {
                    prop_assert!(attempt.number >= last, "attempts are counted upwards");
                    last = attempt.number;
                },
                Wild::Report(Meets::Answer { status, location, answered, .. }) => {
                    let mut head = ResponseHead::default();
                    head.status = StatusCode::from_u16(status).unwrap();
                    if let Some(location) = location {
                        head.headers.append("Location", location).unwrap();
                    }
                    let answered = Answered::new(answered.0, answered.1);
                    let _ = call.on_response(&head, answered, now, SystemTime::UNIX_EPOCH);
                }
                Wild::Report(Meets::Failure { kind, lost, .. }) => {
                    let lost = lost.map(|(reused, sent, received)| Lost::new(reused, sent, received));
                    call.on_failure(error(kind), lost, now);
                }
            }
        }
    }
}
