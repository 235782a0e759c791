//! What must be true of a call, followed beside it and written without a look at its code.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::time::{Duration, Instant, SystemTime};

use http_client::call::{Attempt, Call};
use http_client::url::Position::{AfterPort, AfterQuery, BeforeHost, BeforePath};
use http_client::wire::ResponseHead;
use http_client::{Headers, Method, Url};
use proptest::prelude::*;

use super::asked::{Asked, BASIC, Content, JARRED, MARK, VHOST, origin};

pub(crate) struct Rules<'a> {
    asked: &'a Asked,
    pub(crate) now: Instant,
    started: Instant,
    url: Url,
    method: Method,
    pub(crate) attempts: u32,
    hops: u32,
    /// Some hop has led to another origin.
    has_left: bool,
    /// Secrets may still go along: every origin was the first one or is trusted.
    has_secrets: bool,
    /// Content goes along.
    has_content: bool,
    /// The last head asked for 100 (Continue).
    expects: bool,
    /// What the present hop was sent again for: a status, or 0 for a replay.
    pub(crate) again: HashSet<u16>,
    pub(crate) trace: String,
}

/// What has to follow a response.
#[derive(Clone, Debug)]
pub(crate) enum Next {
    Deliver,
    Refuse,
    Again,
    Follow(Url),
}

impl<'a> Rules<'a> {
    pub(crate) fn new(asked: &'a Asked, started: Instant) -> Self {
        let mut url = Url::parse(asked.url).unwrap();
        url.set_username("").unwrap();
        url.set_password(None).unwrap();
        Self {
            asked,
            now: started,
            started,
            url,
            method: asked.method.parse().unwrap(),
            attempts: 0,
            hops: 0,
            has_left: false,
            has_secrets: true,
            has_content: asked.content != Content::None,
            expects: false,
            again: HashSet::new(),
            trace: String::new(),
        }
    }

    pub(crate) fn is_idempotent(&self) -> bool {
        self.asked.idempotent.unwrap_or_else(|| self.method.is_idempotent() || self.asked.key)
    }

    /// Looks at an attempt and the head that it sends.
    pub(crate) fn attempt(&mut self, call: &Call, attempt: &Attempt) -> Result<(), TestCaseError> {
        self.attempts += 1;
        prop_assert_eq!(attempt.number, self.attempts);
        // Each hop once, and again for a replay and for each of the four statuses that ask for it.
        prop_assert!(self.attempts <= (self.asked.redirects.limit + 1) * 6, "{}", self.attempts);
        prop_assert_eq!(Some(attempt.route.origin().clone()), origin(&self.url));
        prop_assert_eq!(call.method(), &self.method);
        if let Some(total) = self.asked.total {
            let end = self.started + Duration::from_secs(total);
            for deadline in [
                attempt.deadlines.connect(self.now),
                attempt.deadlines.send(self.now),
                attempt.deadlines.response(self.now),
                attempt.deadlines.body(self.now),
            ] {
                prop_assert!(deadline.at().is_some_and(|at| at <= end), "{:?}", deadline);
            }
        }
        let mut out = Vec::new();
        let begun = call.begin(SystemTime::UNIX_EPOCH, &mut Headers::new(), &mut out);
        prop_assert!(begun.is_ok(), "{:?}", begun.map(drop));
        let head = String::from_utf8(out).unwrap();
        // The target shows its query to the server that named it; the fields alone can leak.
        let (line, fields) = head.split_once("\r\n").unwrap();
        let target = &self.url[BeforePath..AfterQuery];
        prop_assert_eq!(line, format!("{} {target} HTTP/1.1", self.method));
        self.secrets(fields)?;
        self.content(&fields.to_ascii_lowercase())?;
        writeln!(self.trace, "{} fresh={} {head}", attempt.number, attempt.fresh).unwrap();
        Ok(())
    }

    /// Looks for what must not go everywhere, and for what must.
    fn secrets(&self, fields: &str) -> Result<(), TestCaseError> {
        let carries = &self.asked.carries;
        let marked = carries.own || carries.cookie || carries.defaults;
        prop_assert_eq!(fields.contains(MARK), self.has_secrets && marked, "{}", fields);
        let from_url = self.asked.url.contains('@') && !carries.own;
        prop_assert_eq!(fields.contains(BASIC), self.has_secrets && from_url, "{}", fields);
        if fields.contains(MARK) || fields.contains(BASIC) {
            prop_assert!(!self.has_left || self.is_trusted(), "{} at {}", fields, self.url);
        }
        // The jar's cookie is for one host, whatever its port and scheme, and yields to one of the caller's.
        let is_open = carries.jar && carries.cookies && !(carries.cookie && self.has_secrets);
        prop_assert_eq!(fields.contains(JARRED), is_open && self.url.host_str() == Some("a"), "{}", fields);
        prop_assert!(!fields.contains("own=set") || is_open, "{}", fields);
        let lower = fields.to_ascii_lowercase();
        // None is made up, and one of the caller's own may tell what was asked for at the first origin.
        prop_assert_eq!(lower.contains("\r\nreferer: "), !self.has_left, "{}", fields);
        prop_assert!(fields.contains("X-Plain: yes"), "{}", fields);

        let hosts: Vec<_> = lower.lines().filter_map(|line| line.strip_prefix("host: ")).collect();
        let is_said = (carries.own_host || carries.default_host) && !self.has_left;
        let authority = self.url[BeforeHost..AfterPort].to_owned();
        prop_assert_eq!(hosts, [if is_said { VHOST.to_owned() } else { authority }], "{}", fields);
        Ok(())
    }

    fn content(&mut self, lower: &str) -> Result<(), TestCaseError> {
        let framing = match self.asked.content {
            Content::Reader => "transfer-encoding: chunked\r\n",
            _ => "content-length: 7\r\n",
        };
        for field in ["content-type: ", framing] {
            prop_assert_eq!(lower.contains(field), self.has_content, "{} in {}", field, lower);
        }
        self.expects = lower.contains("expect: 100-continue");
        prop_assert!(self.asked.expects || !self.expects, "{}", lower);
        prop_assert!(!self.again.contains(&417) || !self.expects, "{}", lower);
        Ok(())
    }

    fn is_trusted(&self) -> bool {
        self.asked
            .redirects
            .trusted
            .is_some_and(|trusted| Url::parse(trusted).unwrap().origin() == self.url.origin())
    }

    /// Says what has to follow, by RFC 9110 §15.4 and the statuses by which a server says that it has done nothing.
    pub(crate) fn expected(&self, head: &ResponseHead, (is_reused, is_sent): (bool, bool)) -> Next {
        let status = head.status.as_u16();
        let asks_again = match status {
            408 => is_reused || !is_sent,
            417 => self.expects,
            421 | 425 => true,
            _ => false,
        };
        if asks_again && !self.again.contains(&status) {
            return Next::Again;
        }
        let Some(location) = head.headers.get("location") else { return Next::Deliver };
        if !matches!(status, 301 | 302 | 303 | 307 | 308) || self.asked.redirects.limit == 0 {
            return Next::Deliver;
        }
        if self.hops == self.asked.redirects.limit {
            return Next::Refuse;
        }
        // What is not ASCII goes back byte by byte as it came.
        let text: String = location
            .iter()
            .map(|byte| if byte.is_ascii() { char::from(*byte).to_string() } else { format!("%{byte:02X}") })
            .collect();
        let joined = self.url.join(&text).ok();
        let Some(mut url) = joined.filter(|url| matches!(url.scheme(), "http" | "https")) else {
            return Next::Refuse;
        };
        let is_downgrade = (self.url.scheme(), url.scheme()) == ("https", "http");
        let is_shunned = self.asked.redirects.shuns_b && url.host_str() == Some("b");
        if is_shunned || is_downgrade && !self.asked.redirects.allow_downgrade {
            return Next::Refuse;
        }
        url.set_username("").unwrap();
        url.set_password(None).unwrap();
        // Some are good enough for a URL, and none that can be connected to.
        if origin(&url).is_some() { Next::Follow(url) } else { Next::Refuse }
    }

    pub(crate) fn follow(&mut self, status: u16, next: Url) {
        self.hops += 1;
        let leaves = next.origin() != self.url.origin();
        self.url = next;
        self.has_left |= leaves;
        self.has_secrets &= !leaves || self.is_trusted();
        let is_post = self.method == Method::POST;
        if status == 303 || matches!(status, 301 | 302) && is_post {
            self.has_content = false;
            if self.method != Method::HEAD {
                self.method = Method::GET;
            }
        }
        self.again.clear();
    }
}
