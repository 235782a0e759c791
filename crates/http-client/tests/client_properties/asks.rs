//! What is asked for, and under which policies and limits.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http_client::resilience::{Backoff, BreakerConfig, BudgetConfig};
use http_client::{Body, Client, ClientConfig, Origin, RedirectPolicy, RequestBuilder, RetryPolicy};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

pub(crate) const HEAD_BYTES: usize = 600;
pub(crate) const FIELDS: usize = 12;
pub(crate) const INFORMATIONAL: usize = 5;

#[derive(Clone, Debug)]
pub(crate) struct Policies {
    pub(crate) attempts: u32,
    wait: u64,
    pub(crate) budget: Option<u16>,
    pub(crate) breaker: Option<u32>,
    pub(crate) retry_throttled: bool,
    pub(crate) total: Option<u64>,
    pub(crate) redirects: u32,
    /// Secrets may go to this origin too.
    pub(crate) trusted: Option<&'static str>,
    /// There are secrets among the default fields.
    has_secrets: bool,
    pub(crate) buffered: u64,
    pub(crate) expansion: u64,
    drain: u64,
}

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Asks {
    pub(crate) method: &'static str,
    pub(crate) content: Option<(Kind, usize)>,
    pub(crate) idempotent: Option<bool>,
    has_secret: bool,
    pub(crate) expects: bool,
    pub(crate) reads: Reads,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bytes,
    /// Can be read once.
    Reader,
    Factory,
}

/// What becomes of the content of a response.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reads {
    Whole,
    AsItComes,
    Nothing,
}

pub(crate) fn policies() -> impl Strategy<Value = Policies> {
    let retry = (1..6_u32, 0..5_u64, option::of(0..5_u16), option::of(1..6_u32), any::<bool>());
    let redirect = (0..5_u32, option::weighted(0.3, select(&["http://b", "http://a:81"][..])), any::<bool>());
    let limits =
        (select(&[0_u64, 100, 5000][..]), select(&[1_u64, 10, 100][..]), select(&[0_u64, 100, 1000][..]));
    (retry, option::of(1..200_u64), redirect, limits).prop_map(
        |(
            (attempts, wait, budget, breaker, retry_throttled),
            total,
            (redirects, trusted, has_secrets),
            (buffered, expansion, drain),
        )| Policies {
            attempts,
            wait,
            budget,
            breaker,
            retry_throttled,
            total,
            redirects,
            trusted,
            has_secrets,
            buffered,
            expansion,
            drain,
        },
    )
}

pub(crate) fn asks() -> impl Strategy<Value = Asks> {
    let method = select(&["GET", "GET", "PUT", "DELETE", "HEAD", "POST", "POST", "PATCH"][..]);
    let kind = select(&[Kind::Bytes, Kind::Reader, Kind::Factory][..]);
    // Short content leaves together with its head, long content by itself.
    let content = option::of((kind, select(&[0_usize, 0, 10_000][..])));
    let reads = select(&[Reads::Whole, Reads::Whole, Reads::AsItComes, Reads::Nothing][..]);
    (
        method,
        content,
        option::weighted(0.2, any::<bool>()),
        any::<bool>(),
        proptest::bool::weighted(0.1),
        reads,
    )
        .prop_map(|(method, content, idempotent, has_secret, expects, reads)| Asks {
            method,
            content,
            idempotent,
            has_secret,
            expects,
            reads,
        })
}

impl Policies {
    pub(crate) fn set(&self, config: &mut ClientConfig) {
        let mut retry = RetryPolicy::default();
        retry.max_attempts = NonZeroU32::new(self.attempts).unwrap();
        retry.backoff = Backoff::constant(Duration::from_secs(self.wait));
        config.retry = Some(retry);
        config.retry_throttled = self.retry_throttled;
        config.retry_budget = self.budget.map(|capacity| {
            let mut budget = BudgetConfig::default();
            (budget.capacity, budget.ratio_permille, budget.trickle_permille) = (capacity, 0, 0);
            budget
        });
        let classic =
            |failures| BreakerConfig::classic(NonZeroU32::new(failures).unwrap(), Duration::from_secs(30));
        config.breaker = self.breaker.map(classic);
        config.timeouts.total = self.total.map(Duration::from_secs);
        config.seed = Some(7);
        config.redirect = RedirectPolicy::limited(self.redirects);
        let authority = |url: &&str| Origin::http(url.strip_prefix("http://").unwrap()).unwrap();
        config.redirect.keep_headers_for = self.trusted.iter().map(authority).collect();
        if self.has_secrets {
            config.headers.append("X-Api-Key", "default-s3cret").unwrap();
        }
        (config.limits.buffered, config.limits.expansion) = (self.buffered, self.expansion);
        config.limits.drain = self.drain;
        let message = &mut config.limits.message;
        (message.head_bytes, message.fields, message.informational) = (HEAD_BYTES, FIELDS, INFORMATIONAL);
        config.decode = true;
    }
}

/// Stands once in the content of this call.
pub(crate) fn mark(id: usize) -> String {
    format!("<content {id}>")
}

impl Asks {
    pub(crate) fn is_idempotent(&self) -> bool {
        self.idempotent.unwrap_or(!matches!(self.method, "POST" | "PATCH"))
    }

    /// Makes the request, which counts informational responses.
    pub(crate) fn request(&self, client: &Client, id: usize, informed: &Arc<AtomicUsize>) -> RequestBuilder {
        let informed = Arc::clone(informed);
        let mut request = client
            .request(self.method, "http://a/")
            .header("X-Id", format!("<{id}>"))
            .on_informational(move |_| {
                informed.fetch_add(1, Ordering::Relaxed);
            });
        if let Some(said) = self.idempotent {
            request = request.idempotent(said);
        }
        if self.has_secret {
            request = request.header("Authorization", "own-s3cret");
        }
        if self.expects {
            request = request.header("Expect", "100-continue");
        }
        let Some((kind, more)) = self.content else { return request };
        let content: Arc<[u8]> = (mark(id) + &"y".repeat(more)).into_bytes().into();
        let length = content.len() as u64;
        request.body(match kind {
            Kind::Bytes => Body::bytes(&*content),
            Kind::Reader => Body::sized(std::io::Cursor::new(content), length),
            Kind::Factory => {
                Body::factory(Some(length), move || Ok(std::io::Cursor::new(Arc::clone(&content))))
            }
        })
    }
}
