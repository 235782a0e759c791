//! What is asked for, and under which settings.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http_client::conn::Scheme;
use http_client::{Body, ClientConfig, Jar, Origin, RedirectPolicy, Request, Url};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// In every secret.
pub(crate) const MARK: &str = "s3cret";
/// What the user-info of a URL becomes.
pub(crate) const BASIC: &str = "dTpzM2NyZXQ=";
/// What the jar holds, for the host `a` alone.
pub(crate) const JARRED: &str = "jarred";
/// A `Host` of the caller's own.
pub(crate) const VHOST: &str = "vhost.example";

/// The content, and where it comes from. All of it can be sent again: a call that is stepped by hand reads none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    None,
    Bytes,
    Reader,
    Factory,
}

#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: &'static str,
    pub(crate) url: &'static str,
    pub(crate) content: Content,
    pub(crate) expects: bool,
    pub(crate) key: bool,
    pub(crate) idempotent: Option<bool>,
    pub(crate) total: Option<u64>,
    pub(crate) carries: Carries,
    pub(crate) redirects: Redirects,
}

/// What must not go everywhere.
#[derive(Clone, Debug)]
pub(crate) struct Carries {
    /// Secrets among the request's own fields.
    pub(crate) own: bool,
    /// A cookie among them.
    pub(crate) cookie: bool,
    /// Secrets among the default fields.
    pub(crate) defaults: bool,
    pub(crate) own_host: bool,
    pub(crate) default_host: bool,
    pub(crate) jar: bool,
    /// The jar takes part.
    pub(crate) cookies: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Redirects {
    pub(crate) limit: u32,
    pub(crate) allow_downgrade: bool,
    /// An origin to which secrets may go along.
    pub(crate) trusted: Option<&'static str>,
    /// The caller's own rule refuses the host `b`.
    pub(crate) shuns_b: bool,
    /// The request brings the policy, and the client's is another one.
    pub(crate) per_request: bool,
}

pub(crate) fn asked() -> impl Strategy<Value = Asked> {
    let method =
        select(&["GET", "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "POST", "POST", "PATCH", "BREW"][..]);
    let urls = &[
        "http://a/1?token=s3cret",
        "http://a/1",
        "https://a/1",
        "http://a:81/1#part",
        "https://a:81/1",
        "https://b:8443/1",
        "http://u:s3cret@a/1",
    ][..];
    let content = select(&[Content::None, Content::Bytes, Content::Reader, Content::Factory][..]);
    let rare = || proptest::bool::weighted(0.2);
    let said = (rare(), rare(), option::weighted(0.2, any::<bool>()), option::weighted(0.3, 1..60_u64));
    ((method, select(urls), content), said, carries(), redirects()).prop_map(
        |((method, url, content), (expects, key, idempotent, total), carries, redirects)| Asked {
            method,
            url,
            content,
            expects,
            key,
            idempotent,
            total,
            carries,
            redirects,
        },
    )
}

fn carries() -> impl Strategy<Value = Carries> {
    let secrets = (any::<bool>(), any::<bool>(), any::<bool>());
    let host = (proptest::bool::weighted(0.2), proptest::bool::weighted(0.2));
    (secrets, host, any::<bool>(), proptest::bool::weighted(0.8)).prop_map(
        |((own, cookie, defaults), (own_host, default_host), jar, cookies)| Carries {
            own,
            cookie,
            defaults,
            own_host,
            default_host,
            jar,
            cookies,
        },
    )
}

fn redirects() -> impl Strategy<Value = Redirects> {
    let trusted = select(&["http://a", "https://a", "http://b", "https://b:8443", "https://a:81"][..]);
    let shuns_b = proptest::bool::weighted(0.2);
    (0..6_u32, any::<bool>(), option::weighted(0.4, trusted), shuns_b, any::<bool>()).prop_map(
        |(limit, allow_downgrade, trusted, shuns_b, per_request)| Redirects {
            limit,
            allow_downgrade,
            trusted,
            shuns_b,
            per_request,
        },
    )
}

impl Redirects {
    fn policy(&self) -> RedirectPolicy {
        let mut policy = RedirectPolicy::limited(self.limit);
        policy.allow_downgrade = self.allow_downgrade;
        policy.keep_headers_for =
            self.trusted.iter().map(|url| origin(&Url::parse(url).unwrap()).unwrap()).collect();
        if self.shuns_b { policy.allowed_by(|_, to| to.host_str() != Some("b")) } else { policy }
    }
}

/// Returns the origin that a connection would be made to, if one can be.
pub(crate) fn origin(url: &Url) -> Option<Origin> {
    let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']');
    let scheme = if url.scheme() == "https" { Scheme::Https } else { Scheme::Http };
    Origin::new(scheme, host, url.port()).ok()
}

impl Asked {
    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        let mut config = ClientConfig::default();
        // A policy of the request's own goes before this one, which would refuse what that allows and the other way round.
        config.redirect = if self.redirects.per_request {
            RedirectPolicy::limited(if self.redirects.limit == 0 { 10 } else { 0 })
        } else {
            self.redirects.policy()
        };
        config.timeouts.total = self.total.map(Duration::from_secs);
        if self.carries.defaults {
            for name in ["authorization", "X-Default-Token", "Proxy-Authorization"] {
                config.headers.append(name, "default-s3cret").unwrap();
            }
            config.headers.append_secret("X-Vault", "default-s3cret").unwrap();
        }
        if self.carries.default_host {
            config.headers.append("Host", VHOST).unwrap();
        }
        if self.carries.jar {
            let jar = Jar::new();
            let cookie = [&b"jar-of-the-test=jarred; Path=/"[..]];
            jar.store(&Url::parse("http://a/").unwrap(), cookie, SystemTime::UNIX_EPOCH);
            config.cookies = Some(jar);
        }
        Arc::new(config)
    }

    pub(crate) fn request(&self) -> Request {
        let mut request = Request::new(self.method, self.url).unwrap();
        let Carries { own, cookie, own_host, cookies, .. } = self.carries;
        for (name, value, is_there) in [
            ("Authorization", "own-s3cret", own),
            ("X-Api-Key", "own-s3cret", own),
            ("Cookie", "own-s3cret", cookie),
            ("X-Plain", "yes", true),
            ("Referer", "http://a/0", true),
            ("hOST", VHOST, own_host),
            ("Expect", "100-continue", self.expects),
            ("Idempotency-Key", "7", self.key),
            ("Content-Type", "text/plain", self.content != Content::None),
        ] {
            if is_there {
                request.headers.append(name, value).unwrap();
            }
        }
        if own {
            request.headers.append_secret("X-Own-Vault", "own-s3cret").unwrap();
        }
        request.body = match self.content {
            Content::None => Body::empty(),
            Content::Bytes => Body::from("content"),
            Content::Reader => Body::reader(&b"content"[..]),
            Content::Factory => Body::factory(Some(7), || Ok(&b"content"[..])),
        };
        request.cookies = cookies;
        request.idempotent = self.idempotent;
        request.redirect = self.redirects.per_request.then(|| self.redirects.policy());
        request
    }
}
