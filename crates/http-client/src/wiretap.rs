//! What goes over the wire, shown line by line without its secrets.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use conn::PeerFacts;
use tracing::Level;
use wire::{Headers, ResponseHead, shown_value};

/// How much of a run of content is shown.
const SHOWN: usize = 256;

/// Writes what goes over the wire, line by line, to standard error or a writer; clones share it.
///
/// ```text
/// 53412 * connected to 93.184.215.14:443, TLSv1.3
/// 53412 > GET /log?... HTTP/1.1
/// 53412 > Host: example.com
/// 53412 > Authorization: [redacted]
/// 53412 >
/// 53412 < HTTP/1.1 200 OK
/// 53412 < Content-Length: 5
/// 53412 <
/// ```
///
/// In front stands the port on our side, which tells connections apart (`-` where there is none), then what it is: sent `>`,
/// received `<`, or a remark `*`. Values of fields that carry credentials are left out, queries and user-info of URLs too;
/// control characters are escaped. Content is shown only by [`with_content`](Self::with_content).
///
/// The same lines, but no content, are events of `tracing`: target `http_client::wire`, level TRACE.
///
/// ```
/// use http_client::{Client, ClientConfig, Wiretap};
///
/// let mut config = ClientConfig::default();
/// config.wiretap = Some(Wiretap::stderr());
/// let client = Client::with_config(config)?;
/// # drop(client);
/// # Ok::<(), http_client::Error>(())
/// ```
#[derive(Clone)]
pub struct Wiretap {
    sink: Arc<Mutex<dyn Write + Send>>,
    with_content: bool,
}

impl Wiretap {
    /// Writes to standard error.
    #[must_use]
    pub fn stderr() -> Self {
        Self::to(io::stderr())
    }

    /// Writes to a writer, each head in one piece. When it fails the lines are lost, and no call fails for it. Each
    /// connection that is watched waits while it writes.
    pub fn to(writer: impl Write + Send + 'static) -> Self {
        Self { sink: Arc::new(Mutex::new(writer)), with_content: false }
    }

    /// Shows content too, as it is on the wire: of each piece its length and the first 256 bytes, escaped. No secret in it is
    /// left out.
    #[must_use]
    pub fn with_content(self) -> Self {
        Self { with_content: true, ..self }
    }
}

impl fmt::Debug for Wiretap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wiretap").field("with_content", &self.with_content).finish_non_exhaustive()
    }
}

/// Which way something goes.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    Sent,
    Received,
}

impl Way {
    fn sign(self) -> char {
        match self {
            Self::Sent => '>',
            Self::Received => '<',
        }
    }
}

/// Whoever looks at one connection: a tap, `tracing`, or both.
pub(crate) struct Watch<'t> {
    tap: Option<&'t Wiretap>,
    is_traced: bool,
    port: Option<u16>,
}

impl<'t> Watch<'t> {
    /// Returns none where nobody looks: nothing is put together then.
    pub(crate) fn new(tap: Option<&'t Wiretap>, facts: Option<&PeerFacts>) -> Option<Self> {
        let is_traced = tracing::enabled!(target: "http_client::wire", Level::TRACE);
        if tap.is_none() && !is_traced {
            return None;
        }
        let port = facts.and_then(|facts| facts.local).map(|local| local.port());
        Some(Self { tap, is_traced, port })
    }

    /// Shows the head of a request as it is sent; which of its fields are secret stands in those that it was made of.
    pub(crate) fn request(&self, head: &[u8], fields: &Headers) {
        self.show(Way::Sent.sign(), request_lines(head, fields));
    }

    /// Shows the head of a response.
    pub(crate) fn response(&self, head: &ResponseHead) {
        let status = format!("{:?} {} {}", head.version, head.status.as_u16(), head.reason);
        let fields = head.headers.iter().map(|(name, value)| field(name, value));
        let lines = [Cow::from(status)].into_iter().chain(fields).chain([Cow::from("")]);
        self.show(Way::Received.sign(), lines);
    }

    /// Shows content, where the tap does.
    pub(crate) fn content(&self, way: Way, content: &[u8]) {
        if content.is_empty() || !self.shows_content() {
            return;
        }
        let (shown, rest) = content.split_at(content.len().min(SHOWN));
        let more = if rest.is_empty() { "" } else { "..." };
        self.write(way.sign(), [format!("{} bytes: {}{more}", content.len(), shown.escape_ascii())]);
    }

    /// Remarks what is not sent or received itself.
    pub(crate) fn remark(&self, remark: &str) {
        self.show('*', [Cow::from(remark)]);
    }

    pub(crate) fn shows_content(&self) -> bool {
        self.tap.is_some_and(|tap| tap.with_content)
    }

    fn show<'l>(&self, sign: char, lines: impl IntoIterator<Item = Cow<'l, str>>) {
        let lines: Vec<_> = lines.into_iter().map(escaped).collect();
        if self.is_traced {
            for line in &lines {
                tracing::trace!(target: "http_client::wire", connection = self.port, "{sign} {line}");
            }
        }
        self.write(sign, lines);
    }

    fn write(&self, sign: char, lines: impl IntoIterator<Item = impl AsRef<str>>) {
        let Some(tap) = self.tap else { return };
        let mut text = String::new();
        for line in lines {
            let line = line.as_ref();
            let gap = if line.is_empty() { "" } else { " " };
            // Writing to a string cannot fail.
            let _ = match self.port {
                Some(port) => writeln!(text, "{port} {sign}{gap}{line}"),
                None => writeln!(text, "- {sign}{gap}{line}"),
            };
        }
        let mut sink = tap.sink.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = sink.write_all(text.as_bytes()).and_then(|()| sink.flush()) {
            tracing::debug!(%error, "the wiretap lost lines");
        }
    }
}

/// The lines of a request head as it was serialized.
fn request_lines<'h>(head: &'h [u8], fields: &Headers) -> impl Iterator<Item = Cow<'h, str>> {
    let head = head.strip_suffix(b"\r\n").unwrap_or(head);
    let field = |name: &str, value: &[u8]| -> Cow<'h, str> {
        // Under such a name a value is shown to nobody.
        let shown_as = if fields.is_secret(name) { "Authorization" } else { name };
        format!("{name}: {}", shown_value(shown_as, value)).into()
    };
    head.split(|byte| *byte == b'\n').enumerate().map(move |(number, line)| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Ok(line) = str::from_utf8(line) else {
            return match line.iter().position(|byte| *byte == b':') {
                Some(colon) => {
                    let (name, value) = line.split_at(colon);
                    field(&String::from_utf8_lossy(name), value.get(1..).unwrap_or_default().trim_ascii())
                }
                None => String::from_utf8_lossy(line),
            };
        };
        if number == 0 {
            return request_line(line);
        }
        match line.split_once(": ") {
            Some((name, value)) => field(name, value.as_bytes()),
            None => line.into(),
        }
    })
}

/// RFC 9112 §3: what stands between `?` and the version is the query, which may hold secrets.
fn request_line(line: &str) -> Cow<'_, str> {
    match (line.split_once('?'), line.rsplit_once(' ')) {
        (Some((before, _)), Some((_, version))) => format!("{before}?... {version}").into(),
        _ => line.into(),
    }
}

fn field<'v>(name: &str, value: &'v [u8]) -> Cow<'v, str> {
    format!("{name}: {}", shown_value(name, value)).into()
}

/// Escapes what would move the cursor of a terminal.
fn escaped(line: Cow<'_, str>) -> Cow<'_, str> {
    let is_control = |c: char| c.is_control() && c != '\t';
    if !line.contains(is_control) {
        return line;
    }
    let mut escaped = String::new();
    for c in line.chars() {
        if is_control(c) {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    escaped.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_shown_without_their_secrets() {
        let head = b"GET /log?token=s3cret&x HTTP/1.1\r\nHost: a\r\nauthorization: s3cret\r\nX-Empty: \r\n\
            Referer: http://ann:s3cret@b/c?s3cret\r\nX-Raw: \xff\x01\r\nx-own: s3cret\r\nCookie: \xffs3cret\r\n\r\n";
        let mut fields = Headers::new();
        fields.append_secret("X-Own", "s3cret").unwrap();
        let lines: Vec<_> = request_lines(head, &fields).map(escaped).collect();
        assert_eq!(
            lines,
            [
                "GET /log?... HTTP/1.1",
                "Host: a",
                "authorization: [redacted]",
                "X-Empty: ",
                "Referer: http://b/c?...",
                "X-Raw: \u{fffd}\\u{1}",
                "x-own: [redacted]",
                "Cookie: [redacted]",
                "",
            ]
        );
    }

    #[test]
    fn a_request_line_keeps_all_but_its_query() {
        for (line, shown) in [
            ("GET / HTTP/1.1", "GET / HTTP/1.1"),
            ("GET /?a?b HTTP/1.1", "GET /?... HTTP/1.1"),
            ("CONNECT a:1 HTTP/1.1", "CONNECT a:1 HTTP/1.1"),
            ("", ""),
        ] {
            assert_eq!(request_line(line), shown);
        }
    }
}
