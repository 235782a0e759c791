//! What is asked for under which policies, and what it meets.

use std::num::NonZeroU32;

use conn::{ConnectError, FailedAddress, TimedOut};
use proptest::collection::vec;
use proptest::option;
use proptest::sample::select;
use resilience::{Backoff, BreakerConfig, BudgetConfig, Jitter, OnOpen, RetryPolicy};

use super::*;
use crate::config::RedirectPolicy;

pub(super) const CONTENT: &[u8] = b"content";
const START: &str = "http://a/1";
const S: Duration = Duration::from_secs(1);

/// The settings of the client.
#[derive(Clone, Debug)]
pub(super) struct Policies {
    pub(super) attempts: u32,
    pub(super) wait: u64,
    pub(super) is_jittered: bool,
    pub(super) attempt_timeout: Option<u64>,
    pub(super) waits_for_breaker: Option<u64>,
    pub(super) budget: Option<u16>,
    pub(super) breaker: Option<u32>,
    pub(super) retry_throttled: bool,
    pub(super) total: Option<u64>,
    pub(super) redirects: u32,
}

/// One call.
#[derive(Clone, Debug)]
pub(super) struct Asks {
    pub(super) method: &'static str,
    pub(super) content: Content,
    pub(super) idempotent: Option<bool>,
    /// How many attempts a policy of its own gives it.
    pub(super) own: Option<u32>,
    /// It is dropped after so many steps.
    pub(super) dropped: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    None,
    Bytes,
    /// Can be read once.
    Reader,
    Factory,
}

/// What an attempt meets, after so many bytes of content were taken and so many seconds.
#[derive(Clone, Debug)]
pub(super) struct Meets {
    pub(super) pulls: usize,
    pub(super) seconds: u64,
    pub(super) what: What,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Answer {
        status: u16,
        retry_after: Option<Vec<u8>>,
        location: Option<&'static str>,
        facts: (bool, bool),
    },
    /// A connection that was there broke.
    Lost(Fails, (bool, u64, u64)),
    /// There was none.
    NoConnection(Fails),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Fails {
    Disconnected,
    TimedOut(Limit, Phase),
    Protocol,
    Truncated,
    Content,
    Cancelled,
    Dial,
    NoAddress,
}

pub(super) fn policies() -> impl Strategy<Value = Policies> {
    let retry = (1..5_u32, 0..5_u64, any::<bool>(), option::of(1..20_u64), option::of(0..60_u64));
    let hosts = (option::of(0..6_u16), option::of(1..5_u32), any::<bool>());
    (retry, hosts, option::of(1..100_u64), 0..4_u32).prop_map(
        |(
            (attempts, wait, is_jittered, attempt_timeout, waits_for_breaker),
            (budget, breaker, retry_throttled),
            total,
            redirects,
        )| Policies {
            attempts,
            wait,
            is_jittered,
            attempt_timeout,
            waits_for_breaker,
            budget,
            breaker,
            retry_throttled,
            total,
            redirects,
        },
    )
}

pub(super) fn asks() -> impl Strategy<Value = Asks> {
    let method = select(&["GET", "HEAD", "PUT", "DELETE", "POST", "POST", "PATCH"][..]);
    let content =
        select(&[Content::None, Content::Bytes, Content::Reader, Content::Reader, Content::Factory][..]);
    let said = option::weighted(0.2, any::<bool>());
    (method, content, said, option::weighted(0.2, 1..5_u32), option::weighted(0.3, 0..8_usize)).prop_map(
        |(method, content, idempotent, own, dropped)| Asks { method, content, idempotent, own, dropped },
    )
}

pub(super) fn meets() -> impl Strategy<Value = Meets> {
    let known =
        &[200, 301, 302, 303, 307, 308, 408, 413, 417, 421, 425, 429, 500, 501, 502, 503, 503, 529][..];
    let status = prop_oneof![4 => select(known), 1 => 200..=599_u16];
    let told = &["0", "1", "7", "40", "Thu, 01 Jan 1970 00:00:09 GMT", "1.5", "99999999999999999999"][..];
    let retry_after = prop_oneof![
        3 => select(told).prop_map(|told| told.as_bytes().to_vec()),
        1 => vec(prop_oneof![b' '..=b'~', 0x80..=0xff_u8], 0..8),
    ];
    let location = select(&["/2", "http://b/3", "http://a/4", "//b/5", "ftp://b/"][..]);
    let answer =
        (status, option::weighted(0.4, retry_after), option::weighted(0.8, location), any::<(bool, bool)>())
            .prop_map(|(status, retry_after, location, facts)| What::Answer {
                status,
                retry_after,
                location,
                facts,
            });
    let fails = [
        Fails::Disconnected,
        Fails::Disconnected,
        Fails::TimedOut(Limit::Response, Phase::Response),
        Fails::TimedOut(Limit::Attempt, Phase::Send),
        Fails::TimedOut(Limit::Total, Phase::Response),
        Fails::Protocol,
        Fails::Truncated,
        Fails::Content,
        Fails::Cancelled,
    ];
    let lost = (any::<bool>(), select(&[0_u64, 1, 900][..]), select(&[0_u64, 0, 1, 50][..]));
    let lost = (select(fails.to_vec()), lost).prop_map(|(fails, lost)| What::Lost(fails, lost));
    let none = [
        Fails::Dial,
        Fails::NoAddress,
        Fails::TimedOut(Limit::Connect, Phase::Connect),
        Fails::TimedOut(Limit::Connect, Phase::Pool),
    ];
    let what = prop_oneof![4 => answer, 3 => lost, 1 => select(none.to_vec()).prop_map(What::NoConnection)];
    (0..9_usize, 0..10_u64, what).prop_map(|(pulls, seconds, what)| Meets { pulls, seconds, what })
}

impl Fails {
    pub(super) fn error(self) -> Error {
        let late = |limit, phase| -> TimedOut {
            let now = Instant::now();
            Deadline::after(now, Some(Duration::ZERO), limit).during(phase).remaining(now).unwrap_err()
        };
        let host = || "a".to_owned();
        match self {
            Self::Disconnected => ParseError::NoResponse.into(),
            Self::TimedOut(limit, phase) => Error::transport(late(limit, phase).into()),
            Self::Protocol => ParseError::BareLf.into(),
            Self::Truncated => ParseError::TruncatedHead { received: 1 }.into(),
            Self::Content => Error::new(ErrorKind::Content, "the reader failed"),
            Self::Cancelled => Error::new(ErrorKind::Cancelled, Cancelled),
            Self::NoAddress => ConnectError::NoAddress { host: host() }.into(),
            Self::Dial => {
                let refused = std::io::ErrorKind::ConnectionRefused.into();
                let attempts = vec![FailedAddress::new(([192, 0, 2, 1], 80).into(), refused)];
                ConnectError::Dial { host: host(), attempts }.into()
            }
        }
    }
}

impl Policies {
    fn retry(&self, attempts: u32) -> RetryPolicy {
        let mut retry = RetryPolicy::default();
        retry.max_attempts = NonZeroU32::new(attempts).unwrap();
        let jitter = if self.is_jittered { Jitter::Full } else { Jitter::None };
        retry.backoff = Backoff::exponential(S * u32::try_from(self.wait).unwrap(), S * 10).jitter(jitter);
        retry.attempt_timeout = self.attempt_timeout.map(Duration::from_secs);
        if let Some(limit) = self.waits_for_breaker {
            retry.on_open = OnOpen::WaitUpTo(Duration::from_secs(limit));
        }
        retry
    }

    pub(super) fn config(&self) -> Arc<ClientConfig> {
        let mut config =
            ClientConfig { seed: Some(7), retry_throttled: self.retry_throttled, ..ClientConfig::default() };
        config.retry = Some(self.retry(self.attempts));
        config.retry_budget = self.budget.map(|capacity| {
            // Nothing comes back but what was not used.
            let mut budget = BudgetConfig::default();
            (budget.capacity, budget.ratio_permille, budget.trickle_permille) = (capacity, 0, 0);
            budget.refund_on_success = false;
            budget
        });
        let classic = |failures| BreakerConfig::classic(NonZeroU32::new(failures).unwrap(), S * 20);
        config.breaker = self.breaker.map(classic);
        config.timeouts.total = self.total.map(Duration::from_secs);
        config.redirect = RedirectPolicy::limited(self.redirects);
        Arc::new(config)
    }

    pub(super) fn request(&self, asks: &Asks) -> Request {
        let mut request = Request::new(asks.method, START).unwrap();
        request.body = match asks.content {
            Content::None => Body::empty(),
            Content::Bytes => Body::from(CONTENT),
            Content::Reader => Body::reader(CONTENT),
            Content::Factory => Body::factory(None, || Ok(CONTENT)),
        };
        request.headers.append("Expect", "100-continue").unwrap();
        request.idempotent = asks.idempotent;
        request.retry = asks.own.map(|attempts| self.retry(attempts));
        request
    }
}
