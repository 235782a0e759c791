//! Everything that anybody could see of a call, and the search for secrets in it.
#![allow(dead_code, reason = "each test file uses its part of it")]

use std::error::Error as StdError;
use std::fmt::{Debug, Write as _};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use http_client::{Client, Error, RedirectPolicy, Response, Wiretap};
use tracing::Subscriber;
use tracing_subscriber::filter::LevelFilter;

/// In every secret, wherever it stands.
pub(crate) const MARK: &str = "s3cret";
pub(crate) const USER: &str = "ida";
pub(crate) const PASSWORD: &str = "s3cret-basic";
pub(crate) const URL: &str = "http://a/in?token=s3cret-query&page=2";

/// Collects all that anybody could see.
#[derive(Clone, Default)]
pub(crate) struct Sinks {
    seen: Arc<Mutex<Vec<u8>>>,
    tapped: Arc<Mutex<Vec<u8>>>,
}

impl Write for Sinks {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.seen.lock().unwrap().write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes to the sinks, and apart from them too.
struct Tap(Sinks);

impl Write for Tap {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.tapped.lock().unwrap().extend_from_slice(buf);
        self.0.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sinks {
    pub(crate) fn tap(&self) -> Wiretap {
        Wiretap::to(Tap(self.clone()))
    }

    pub(crate) fn show(&self, what: &str, value: &dyn Debug) {
        let mut sinks = self.clone();
        writeln!(sinks, "{what}: {value:?}").unwrap();
        writeln!(sinks, "{what}: {value:#?}").unwrap();
    }

    pub(crate) fn show_response(&self, response: &Response<'_>) {
        self.show("response", response);
        self.show("headers", response.headers());
        self.show("history", &response.history());
        self.show("attempts", &response.attempts());
        self.show("info", response.info());
        self.show("verdict", &response.redirect(&RedirectPolicy::default()));
    }

    pub(crate) fn show_error(&self, error: &Error) {
        let mut sinks = self.clone();
        writeln!(sinks, "error: {error}").unwrap();
        self.show("error", error);
        self.show("attempts", &error.attempts());
        self.show("redirect", &error.redirect());
        self.show("response", &error.response());
        self.show("tunnel", &error.tunnel());
        let mut cause = error.source();
        while let Some(source) = cause {
            writeln!(sinks, "cause: {source}").unwrap();
            self.show("cause", &source);
            cause = source.source();
        }
    }

    /// Makes what writes every event to the sinks.
    pub(crate) fn subscriber(&self) -> impl Subscriber + Send + Sync + use<> {
        let writer = self.clone();
        tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish()
    }

    /// Runs a story with everything traced, and checks that something was seen and nothing secret was, and that whoever
    /// traces sees the lines of the tap.
    #[track_caller]
    pub(crate) fn watch(story: impl FnOnce(&Self)) {
        let sinks = Self::default();
        tracing::subscriber::with_default(sinks.subscriber(), || story(&sinks));
        sinks.hold_no_secret();
        let (traced, tapped) = sinks.wire_lines();
        assert_eq!(traced, tapped, "the sinks differ");
    }

    /// Returns the lines of what went over the wire as they were traced, and as they were tapped.
    pub(crate) fn wire_lines(&self) -> (Vec<String>, Vec<String>) {
        let seen = self.seen();
        let traced =
            seen.lines().filter_map(|line| line.split_once(" TRACE http_client::wire: ")).map(|(_, line)| {
                let (line, port) = line.split_once(" connection=").unwrap_or((line, "-"));
                format!("{port} {line}").trim_end().to_owned()
            });
        let tapped = String::from_utf8(self.tapped.lock().unwrap().clone()).unwrap();
        (traced.collect(), tapped.lines().map(|line| line.trim_end().to_owned()).collect())
    }

    fn seen(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).into_owned()
    }

    #[track_caller]
    pub(crate) fn hold_no_secret(&self) {
        let seen = self.seen();
        assert!(seen.contains("DEBUG"), "nothing was traced:\n{seen}");
        for line in seen.lines() {
            for secret in secrets() {
                assert!(!line.contains(&secret), "{secret} is seen in: {line}");
            }
        }
        // Lists of bytes go over many lines.
        let dense = seen.replace(char::is_whitespace, "").to_lowercase();
        for list in byte_lists() {
            assert!(!dense.contains(&list), "{list} is seen in:\n{seen}");
        }
    }
}

/// Each form in which a secret could be seen.
pub(crate) fn secrets() -> Vec<String> {
    let headers = Client::new().get(URL).basic_auth(USER, PASSWORD).build().unwrap().headers;
    let basic = headers.get_str("authorization").unwrap().strip_prefix("Basic ").unwrap().to_owned();
    vec![MARK.to_owned(), basic, "czNjcmV0".to_owned()]
}

/// The secret as its bytes are shown one by one, without blanks: in decimal and in hexadecimal, with commas and without.
pub(crate) fn byte_lists() -> [String; 4] {
    let list = |show: fn(&mut String, u8), between: &str| {
        let shown = MARK.bytes().map(|byte| {
            let mut text = String::new();
            show(&mut text, byte);
            text
        });
        shown.collect::<Vec<_>>().join(between)
    };
    let decimal = |text: &mut String, byte| write!(text, "{byte}").unwrap();
    let hex = |text: &mut String, byte| write!(text, "{byte:02x}").unwrap();
    let prefixed = |text: &mut String, byte| write!(text, "{byte:#04x}").unwrap();
    [list(decimal, ","), list(hex, ","), list(hex, ""), list(prefixed, ",")]
}
