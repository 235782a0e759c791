//! The request head as it is written and the response head as it is read.

use http::{Method, StatusCode, Version};

use crate::error::{ParseError, RequestError};
use crate::headers::{Headers, is_value, trim_ows};
use crate::leniency::Rules;
use crate::limits::Limit;
use crate::section::{CONTROL, FOLD, NO_NAME, without_line_end};

/// A request head, borrowed from whoever builds it.
///
/// The fields are written as they stand. wire adds only `Host`, `Content-Length` or `Transfer-Encoding`, and
/// `Connection`, each only if it is missing and may be suppressed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a Method,
    /// The request target in origin-form (`/path?query`), absolute-form, authority-form (CONNECT) or `*` (OPTIONS).
    pub target: &'a str,
    /// HTTP/1.1 or HTTP/1.0. Default HTTP/1.1.
    pub version: Version,
    /// The field lines.
    pub headers: &'a Headers,
    /// What `Host` says, written first unless `headers` has a Host; `None` adds none.
    pub host: Option<&'a str>,
    /// Whether to ask that the connection be closed afterwards. Default false.
    pub close: bool,
    /// Whether to add the field that frames the content. Without it, content can only be sent if `headers` frames it.
    /// Default true.
    pub add_length: bool,
    /// Whether to add `Connection` where `close` or the version asks for it. Default true.
    pub add_connection: bool,
}

impl<'a> RequestHead<'a> {
    /// Makes a head for HTTP/1.1 without `Host`.
    #[must_use]
    pub fn new(method: &'a Method, target: &'a str, headers: &'a Headers) -> Self {
        Self {
            method,
            target,
            version: Version::HTTP_11,
            headers,
            host: None,
            close: false,
            add_length: true,
            add_connection: true,
        }
    }

    /// Sets what `Host` says.
    #[must_use]
    pub fn with_host(self, host: &'a str) -> Self {
        Self { host: Some(host), ..self }
    }

    /// Writes the head with the framing field that was decided for its content.
    pub(crate) fn encode(&self, length: Option<LengthField>, out: &mut Vec<u8>) -> Result<(), RequestError> {
        check_target(self.method, self.target)?;
        let minor = match self.version {
            Version::HTTP_11 => b'1',
            Version::HTTP_10 => b'0',
            _ => return Err(RequestError::Version),
        };
        let mut own_hosts = self.headers.get_all("host");
        let own_host = own_hosts.next();
        // RFC 9112 §3.2: more than one Host is an error wherever it arrives.
        if own_hosts.next().is_some() {
            return Err(RequestError::SeveralHosts);
        }
        let host = self.host.filter(|_| own_host.is_none());
        if host.map(str::as_bytes).or(own_host).is_some_and(|host| !is_authority(host)) {
            return Err(RequestError::Host);
        }

        out.extend_from_slice(self.method.as_str().as_bytes());
        out.push(b' ');
        out.extend_from_slice(self.target.as_bytes());
        out.extend_from_slice(b" HTTP/1.");
        out.extend_from_slice(&[minor, b'\r', b'\n']);
        // RFC 9110 §7.2: Host comes first.
        if let Some(host) = host {
            write_field(out, b"Host", host.as_bytes());
        }
        for (name, value) in self.headers.raw() {
            write_field(out, name, value);
        }
        match length {
            Some(LengthField::ContentLength(n)) => {
                out.extend_from_slice(b"Content-Length: ");
                write_decimal(out, n);
                out.extend_from_slice(b"\r\n");
            }
            Some(LengthField::Chunked) => write_field(out, b"Transfer-Encoding", b"chunked"),
            None => {}
        }
        if self.add_connection && !self.headers.contains("connection") {
            match (self.close, self.version) {
                (true, _) => write_field(out, b"Connection", b"close"),
                (false, Version::HTTP_10) => write_field(out, b"Connection", b"keep-alive"),
                _ => {}
            }
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }
}

/// The framing field that wire adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LengthField {
    ContentLength(u64),
    Chunked,
}

pub(crate) fn write_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn write_decimal(out: &mut Vec<u8>, n: u64) {
    // Appending to a Vec<u8> cannot fail.
    let _ = std::io::Write::write_fmt(out, format_args!("{n}"));
}

/// RFC 9112 §3.2: the four forms of a request target, and which method takes which.
fn check_target(method: &Method, target: &str) -> Result<(), RequestError> {
    let refuse = |why| Err(RequestError::Target(why));
    if target.is_empty() {
        return refuse("it is empty");
    }
    if !target.bytes().all(|b| b.is_ascii_graphic()) {
        return refuse("white space, control characters and non-ASCII must be percent-encoded");
    }
    if target.contains('#') {
        return refuse("it has a fragment");
    }
    if *method == Method::CONNECT {
        // RFC 9112 §3.2.3: authority-form, the port always there.
        return if is_host_and_port(target) { Ok(()) } else { refuse("CONNECT takes host:port") };
    }
    if target == "*" {
        // RFC 9112 §3.2.4
        return if *method == Method::OPTIONS { Ok(()) } else { refuse("* is for OPTIONS alone") };
    }
    // RFC 9112 §3.2.1, §3.2.2
    if target.starts_with('/') {
        return Ok(());
    }
    let Some((scheme, rest)) = target.split_once("://") else {
        return refuse("it begins neither with / nor with http:// or https://");
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let is_http = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    if is_http && !authority.is_empty() && is_authority(authority.as_bytes()) {
        return Ok(());
    }
    refuse("it is no http or https URL with a host and without user-info")
}

/// An authority has no white space, no octet outside ASCII, and nothing that would end it; RFC 9110 §4.2.4: user-info is
/// never sent. It is empty where the target has none (RFC 9112 §3.2).
fn is_authority(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| b.is_ascii_graphic() && !matches!(b, b'/' | b'?' | b'#' | b'@' | b'\\'))
}

fn is_host_and_port(target: &str) -> bool {
    let Some((host, port)) = target.rsplit_once(':') else { return false };
    let is_bracketed = host.starts_with('[') && host.ends_with(']');
    let is_host = !host.is_empty() && (is_bracketed || !host.contains(':')) && is_authority(host.as_bytes());
    // `parse` alone would take a sign.
    is_host && is_digits(port.as_bytes()) && port.parse::<u16>().is_ok_and(|port| port != 0)
}

pub(crate) fn is_digits(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit)
}

/// A response head.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResponseHead {
    /// HTTP/1.1 or HTTP/1.0; a higher minor version counts as HTTP/1.1.
    pub version: Version,
    /// The status code, 100 to 599.
    pub status: StatusCode,
    /// The reason phrase; may be empty. Read as UTF-8, else as ISO-8859-1.
    pub reason: String,
    /// The field lines, folded ones joined by one space.
    pub headers: Headers,
}

impl Default for ResponseHead {
    /// An empty head, to be filled by [`Exchange::receive`](crate::Exchange::receive).
    fn default() -> Self {
        Self {
            version: Version::HTTP_11,
            status: StatusCode::OK,
            reason: String::new(),
            headers: Headers::new(),
        }
    }
}

impl ResponseHead {
    /// Fills this head from the bytes of one, up to and with its empty line. Keeps capacity.
    pub(crate) fn parse(&mut self, bytes: &[u8], rules: &Rules) -> Result<(), ParseError> {
        let end = bytes.iter().position(|&b| b == b'\n').ok_or(ParseError::StatusLine)?;
        let (line, fields) = bytes.split_at_checked(end + 1).unwrap_or_default();
        let (version, status, reason) = parse_status_line(without_line_end(line))?;
        (self.version, self.status) = (version, status);
        self.reason.clear();
        match std::str::from_utf8(reason) {
            Ok(text) => self.reason.push_str(text),
            Err(_) => self.reason.extend(reason.iter().map(|&b| char::from(b))),
        }
        self.headers.clear();
        parse_fields(fields, rules, &mut self.headers)
    }

    /// Fills this head from input that begins with a whole and faultless one, and returns its length. Whatever else it
    /// is, is for the caller to find out: nothing is decided here.
    pub(crate) fn parse_at_once(&mut self, input: &[u8], rules: &Rules) -> Option<usize> {
        let input = input.get(..rules.limits.head_bytes).unwrap_or(input);
        let end = input.iter().position(|&b| b == b'\n')? + 1;
        let (line, section) = input.split_at_checked(end)?;
        let (version, status, reason) = parse_status_line(line.strip_suffix(b"\r\n")?).ok()?;
        let reason = std::str::from_utf8(reason).ok()?;
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_ON_STACK];
        let fields = fields.get_mut(..rules.limits.fields.min(FIELDS_ON_STACK))?;
        let Ok(httparse::Status::Complete((len, fields))) = httparse::parse_headers(section, fields) else {
            return None;
        };
        let section = section.get(..len)?;
        let text = section.strip_suffix(b"\r\n")?;
        // httparse takes LF alone: every line must end with CRLF, so that every name but the first comes behind one.
        if !text.is_empty() && !text.ends_with(b"\r\n") {
            return None;
        }
        if !self.headers.fill(text, fields) {
            return None;
        }
        (self.version, self.status) = (version, status);
        self.reason.clear();
        self.reason.push_str(reason);
        Some(end + len)
    }
}

/// RFC 9112 §4: HTTP-version SP status-code SP [ reason-phrase ]. The SP before a missing reason may be missing too, as
/// many servers leave it out.
pub(crate) fn parse_status_line(line: &[u8]) -> Result<(Version, StatusCode, &[u8]), ParseError> {
    let rest = line.strip_prefix(b"HTTP/").ok_or(ParseError::NotHttp)?;
    let [major, b'.', minor, b' ', code @ ..] = rest else {
        return Err(if rest.starts_with(b"1.") { ParseError::StatusLine } else { ParseError::Version });
    };
    let version = match (major, minor) {
        (b'1', b'0') => Version::HTTP_10,
        // RFC 9110 §2.5: a higher minor version is handled as the highest that we know.
        (b'1', b'1'..=b'9') => Version::HTTP_11,
        _ => return Err(ParseError::Version),
    };
    let (code, reason) = match code {
        [a, b, c] => ([*a, *b, *c], &[][..]),
        [a, b, c, b' ', reason @ ..] => ([*a, *b, *c], reason),
        _ => return Err(ParseError::StatusLine),
    };
    if !is_digits(&code) {
        return Err(ParseError::StatusLine);
    }
    let number = code.iter().fold(0, |n, digit| n * 10 + u16::from(digit - b'0'));
    let status =
        StatusCode::from_u16(number).ok().filter(|_| number < 600).ok_or(ParseError::StatusCode(number))?;
    // RFC 9112 §4: HTAB, SP, visible octets and obs-text.
    if !is_value(reason) {
        return Err(ParseError::StatusLine);
    }
    Ok((version, status, reason))
}

/// Parses a section of field lines that ends with its empty line, and appends them.
///
/// The caller has made sure that the lines end as the rules want it.
pub(crate) fn parse_fields(section: &[u8], rules: &Rules, into: &mut Headers) -> Result<(), ParseError> {
    let parsed = parse_plain_fields(section, rules, into);
    // httparse takes no fold.
    if parsed.is_ok() || !section.windows(2).any(|pair| matches!(pair, [b'\n', b' ' | b'\t'])) {
        return parsed;
    }
    if rules.leniency.obs_fold { parse_plain_fields(&unfold(section), rules, into) } else { Err(FOLD) }
}

/// RFC 9112 §5.2: a user agent replaces obs-fold by SP.
fn unfold(section: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(section.len());
    let mut rest = section;
    while let Some((&byte, tail)) = rest.split_first() {
        match rest {
            [b'\r', b'\n', b' ' | b'\t', tail @ ..] | [b'\n', b' ' | b'\t', tail @ ..] => {
                while let [head @ .., b' ' | b'\t'] = &plain[..] {
                    plain.truncate(head.len());
                }
                plain.push(b' ');
                rest = trim_ows_start(tail);
            }
            _ => {
                plain.push(byte);
                rest = tail;
            }
        }
    }
    plain
}

fn trim_ows_start(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// Most heads have fewer fields; more of them cost one allocation.
const FIELDS_ON_STACK: usize = 48;

fn parse_plain_fields(section: &[u8], rules: &Rules, into: &mut Headers) -> Result<(), ParseError> {
    let mut few = [httparse::EMPTY_HEADER; FIELDS_ON_STACK];
    match httparse::parse_headers(
        section,
        few.get_mut(..rules.limits.fields.min(FIELDS_ON_STACK)).unwrap_or_default(),
    ) {
        Err(httparse::Error::TooManyHeaders) if rules.limits.fields > FIELDS_ON_STACK => {
            let lines = section.iter().filter(|&&b| b == b'\n').count();
            let mut many = vec![httparse::EMPTY_HEADER; lines.min(rules.limits.fields)];
            take_fields(httparse::parse_headers(section, &mut many), rules, into)
        }
        parsed => take_fields(parsed, rules, into),
    }
}

fn take_fields(
    parsed: httparse::Result<(usize, &[httparse::Header<'_>])>,
    rules: &Rules,
    into: &mut Headers,
) -> Result<(), ParseError> {
    let fields = match parsed {
        Ok(httparse::Status::Complete((_, fields))) => fields,
        Ok(httparse::Status::Partial) => return Err(ParseError::Field("the section has no end")),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(ParseError::TooLarge { limit: Limit::Fields, allowed: rules.limits.fields });
        }
        Err(httparse::Error::HeaderName) => {
            return Err(NO_NAME);
        }
        Err(_) => return Err(CONTROL),
    };
    for field in fields {
        into.push_checked(field.name, trim_ows(field.value));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
