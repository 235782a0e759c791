//! Any request: refused, or just that request on the wire.

use wire::{BodyLength, Exchange, Headers, Limits, Method, RequestError, RequestHead, Version};

use super::reference::{Framed, Line, Request, Verdict, chunks, is_token, is_value, trim};
use super::rules;

/// Stands between the parts of an input.
const SEPARATOR: u8 = 0x1f;

/// Stands in the buffer before the request.
const BEFORE: &[u8] = b"before";

/// The most content that is made up.
const CONTENT: usize = 64;

/// Writes a request with [`Exchange`] and checks that it is refused with nothing written, or that a naive server takes
/// just that one request out of what was written.
///
/// The parts of the input are separated by 0x1F:
///
/// | part | is |
/// |---|---|
/// | 0 | switches: `0` HTTP/1.0, `2` HTTP/2, `c` close, `h` no host, `l` no framing field added, `n` no Connection added |
/// | 1 | the length of the content: a decimal number, `u` unknown, else empty |
/// | 2, 3, 4 | the method, the target and the host |
/// | others | field lines, and trailers after an empty part |
///
/// # Panics
/// A promise of [`Exchange`] is broken.
pub fn request(data: &[u8]) {
    let mut parts = data.split(|&b| b == SEPARATOR);
    let mut part = || parts.next().unwrap_or_default();
    let [switches, length, method, target, host] = [part(), part(), part(), part(), part()];
    let has = |switch: u8| switches.contains(&switch);
    let headers = lines(&mut parts);
    let trailers = lines(&mut parts);

    let token = is_token(method);
    let method = Method::from_bytes(method);
    assert_eq!(method.is_ok(), token, "a method is a token");
    let (Ok(method), Ok(target), Ok(host)) = (method, std::str::from_utf8(target), std::str::from_utf8(host))
    else {
        return;
    };
    let length = match std::str::from_utf8(length) {
        Ok("u") => BodyLength::Unknown,
        Ok(text) => text.parse().map_or(BodyLength::Empty, BodyLength::Known),
        Err(_) => BodyLength::Empty,
    };
    let mut head = RequestHead::new(&method, target, &headers);
    head.version = match () {
        () if has(b'2') => Version::HTTP_2,
        () if has(b'0') => Version::HTTP_10,
        () => Version::HTTP_11,
    };
    head.host = (!has(b'h')).then_some(host);
    head.close = has(b'c');
    head.add_length = !has(b'l');
    head.add_connection = !has(b'n');

    let mut out = BEFORE.to_vec();
    match Exchange::begin(&head, length, Limits::default(), &mut out) {
        Err(error) => {
            assert_eq!(out, BEFORE, "refused, and yet written");
            assert!(!is_plain(&head, length), "{error}: refused without need");
        }
        Ok(exchange) => {
            check_head(&Request::read(out.get(BEFORE.len()..).unwrap_or_default()), &head, length);
            send(exchange, &head, &trailers, out);
        }
    }
}

/// Takes parts up to an empty one as field lines; those that are none are refused.
fn lines<'a>(parts: &mut impl Iterator<Item = &'a [u8]>) -> Headers {
    let mut headers = Headers::new();
    for line in parts.take_while(|part| !part.is_empty()) {
        let colon = line.iter().position(|&b| b == b':').unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default();
        let Ok(name) = std::str::from_utf8(name) else { continue };
        let wanted = is_token(name.as_bytes()) && is_value(trim(value));
        assert_eq!(headers.append(name, value).is_ok(), wanted, "{name:?}: {value:?}");
    }
    headers
}

/// Whether nothing about a request is out of the ordinary.
fn is_plain(head: &RequestHead<'_>, length: BodyLength) -> bool {
    let is_good = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
    !matches!(*head.method, Method::CONNECT | Method::TRACE)
        && (head.target.starts_with('/') || head.target == "*" && *head.method == Method::OPTIONS)
        && is_good(head.target)
        && head.host.is_none_or(|host| is_good(host) && !host.contains(['/', '?', '@', '\\']))
        && head.version != Version::HTTP_2
        && (length != BodyLength::Unknown || head.version == Version::HTTP_11)
        && (length == BodyLength::Empty || head.add_length)
        && !["host", "content-length", "transfer-encoding"].iter().any(|name| head.headers.contains(name))
}

/// Checks that the request that was read is the one that was written, and that nothing but what is allowed was added.
fn check_head(read: &Request<'_>, head: &RequestHead<'_>, length: BodyLength) {
    assert!(read.body.is_empty(), "bytes behind the head");
    assert_eq!((read.method, read.target), (head.method.as_str(), head.target));
    assert_eq!(read.version, format!("{:?}", head.version));

    let given: Vec<Line> = head.headers.iter().map(|(name, value)| (name.into(), value.into())).collect();
    let own_host = head.headers.contains("host");
    let host = head.host.filter(|_| !own_host).map(|host| (b"Host".to_vec(), host.as_bytes().to_vec()));
    let wanted: Vec<Line> = host.into_iter().chain(given).collect();
    assert!(read.values("host").count() <= 1, "more than one Host");
    assert!(read.values("host").all(is_authority), "a Host that is none");
    let Some((kept, added)) = read.fields.split_at_checked(wanted.len()) else {
        panic!("fields are missing")
    };
    assert_eq!(kept, wanted, "fields are kept as they are, and in order");
    let mut may_add = vec![];
    if head.add_length {
        may_add.extend([&b"Content-Length"[..], b"Transfer-Encoding"]);
    }
    if head.add_connection {
        may_add.push(b"Connection");
    }
    for (name, _) in added {
        assert!(may_add.contains(&&name[..]), "{:?} was added", name.escape_ascii().to_string());
        let name = std::str::from_utf8(name).unwrap_or_default();
        assert_eq!(read.values(name).count(), 1, "{name} stands there more than once");
    }

    let own_connection = head.headers.contains("connection");
    let connection = match head.version {
        _ if own_connection || !head.add_connection => None,
        _ if head.close => Some(&b"close"[..]),
        Version::HTTP_10 => Some(&b"keep-alive"[..]),
        _ => None,
    };
    assert!(own_connection || read.values("connection").eq(connection), "another Connection is wanted");
    assert!(is_target(head.target, head.method), "not a target for {}", head.method);
    let has_content = !matches!(length, BodyLength::Empty | BodyLength::Known(0));
    assert!(
        !has_content || !matches!(*head.method, Method::CONNECT | Method::TRACE),
        "content where none may be"
    );
    match (length, read.framed()) {
        // RFC 9110 §8.6: where content has a meaning, its absence is told.
        (BodyLength::Empty, Framed::Without) => {
            let meaning = matches!(*head.method, Method::POST | Method::PUT | Method::PATCH);
            assert!(!meaning || !head.add_length, "no Content-Length: 0");
        }
        (BodyLength::Empty, Framed::Length(0))
        | (BodyLength::Known(_) | BodyLength::Unknown, Framed::Chunked)
        | (BodyLength::Unknown, Framed::Length(_)) => {}
        (BodyLength::Known(n), Framed::Length(length)) if n == length => {}
        (length, framed) => panic!("{length:?} was asked for, {framed:?} is on the wire"),
    }
}

/// RFC 9112 §3.2: the form of a target hangs on the method.
fn is_target(target: &str, method: &Method) -> bool {
    let in_full = || {
        let (scheme, rest) = target.split_once("://")?;
        let authority = rest.split(['/', '?']).next().filter(|authority| !authority.is_empty())?;
        Some(matches!(&*scheme.to_ascii_lowercase(), "http" | "https") && is_authority(authority.as_bytes()))
    };
    let with_port = || {
        let (host, port) = target.rsplit_once(':')?;
        let is_one = !host.contains(':') || host.starts_with('[') && host.ends_with(']');
        let number = port.bytes().all(|b| b.is_ascii_digit()).then(|| port.parse::<u16>().ok())??;
        Some(!host.is_empty() && is_one && number > 0 && is_authority(host.as_bytes()))
    };
    let fits = match *method {
        Method::CONNECT => with_port(),
        Method::OPTIONS if target == "*" => Some(true),
        _ if target.starts_with('/') => Some(true),
        _ => in_full(),
    };
    fits == Some(true) && !target.contains('#')
}

/// Nothing in an authority ends it early, and no user-info stands in it (RFC 9110 §4.2.4).
fn is_authority(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| b.is_ascii_graphic() && !b"/?#@\\".contains(b))
}

/// Sends content and trailers and checks that they come out as they went in.
fn send(mut exchange: Exchange, head: &RequestHead<'_>, trailers: &Headers, mut out: Vec<u8>) {
    let start = out.len();
    let framed = Request::read(out.get(BEFORE.len()..).unwrap_or_default()).framed();
    let len = match framed {
        Framed::Without => 0,
        Framed::Length(n) => match usize::try_from(n) {
            Ok(n) if n <= CONTENT => n,
            _ => return,
        },
        // As much as the target is long: anything will do.
        Framed::Chunked => CONTENT.min(head.target.len()),
    };
    // Content that looks like framing must not pass for it.
    let content: Vec<u8> = b"0\r\n\r\n".iter().copied().cycle().take(len).collect();
    for run in content.chunks(7) {
        let frame = exchange.frame(run.len()).expect("no more than was announced");
        out.extend([frame.prefix(), run, frame.suffix()].concat());
    }
    let before = out.len();
    match exchange.finish(Some(trailers), &mut out) {
        Ok(()) => check_body(out.get(start..).unwrap_or_default(), framed, &content, trailers),
        Err(error) => {
            assert_eq!(out.len(), before, "refused, and yet written");
            assert!(
                matches!(error, RequestError::TrailersNotChunked | RequestError::Trailer { .. }),
                "{error}"
            );
            exchange.finish(None, &mut out).expect("nothing is missing");
            check_body(out.get(start..).unwrap_or_default(), framed, &content, &Headers::new());
        }
    }
}

fn check_body(body: &[u8], framed: Framed, content: &[u8], trailers: &Headers) {
    for name in ["content-length", "transfer-encoding", "host", "trailer", "connection", "authorization"] {
        assert!(!trailers.contains(name), "{name} in the trailers");
    }
    if framed != Framed::Chunked {
        assert_eq!(body, content);
        return;
    }
    let (mut limits, leniency) = rules(0);
    (limits.fields, limits.trailer_bytes) = (usize::MAX, usize::MAX);
    let trailers = trailers.iter().map(|(name, value)| (name.into(), value.into())).collect();
    assert_eq!(chunks(body, &limits, &leniency), (content.to_vec(), Verdict::Complete { trailers, left: 0 }));
}
