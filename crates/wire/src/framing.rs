//! How the end of a message body is found (RFC 9112 §6): decided once for each direction.

use http::{Method, StatusCode, Version};

use crate::error::{ParseError, RequestError};
use crate::head::{LengthField, RequestHead, ResponseHead, is_digits};
use crate::headers::{is_token, trim_ows};

/// What the caller knows about the length of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// There is no content.
    Empty,
    /// So many bytes will be sent, no more and no fewer.
    Known(u64),
    /// The end is only known when it comes; the content goes out in chunks.
    Unknown,
}

/// How the wire delimits a message body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Framing {
    /// There is no body.
    Empty,
    /// The body has so many bytes.
    ContentLength(u64),
    /// The body comes in chunks.
    Chunked,
    /// The body ends when the connection does.
    CloseDelimited,
    /// The connection is a tunnel from here on.
    Tunnel,
    /// The connection speaks another protocol from here on.
    Upgraded,
}

/// What of a request decides how its response is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestFacts {
    /// The method is HEAD.
    pub head: bool,
    /// The method is CONNECT.
    pub connect: bool,
    /// The request asked for an upgrade.
    pub upgrade: bool,
}

impl RequestFacts {
    /// Reads the facts from a head.
    #[must_use]
    pub fn of(request: &RequestHead<'_>) -> Self {
        Self {
            head: *request.method == Method::HEAD,
            connect: *request.method == Method::CONNECT,
            upgrade: request.headers.has_token("connection", "upgrade")
                && request.headers.contains("upgrade"),
        }
    }
}

/// Decides how the body of a response is delimited (RFC 9112 §6.3).
///
/// ```
/// use wire::{Framing, RequestFacts, ResponseHead, response_framing};
///
/// let mut head = ResponseHead::default();
/// head.headers.append("Content-Length", "5, 5")?;
/// assert_eq!(response_framing(RequestFacts::default(), &head), Ok(Framing::ContentLength(5)));
///
/// head.headers.append("Transfer-Encoding", "chunked")?;
/// assert_eq!(response_framing(RequestFacts::default(), &head), Ok(Framing::Chunked));
/// # Ok::<(), wire::RequestError>(())
/// ```
///
/// # Errors
/// The length fields cannot be trusted, or 101 came unasked.
pub fn response_framing(asked: RequestFacts, head: &ResponseHead) -> Result<Framing, ParseError> {
    // RFC 9110 §15.2.2
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        return if asked.upgrade { Ok(Framing::Upgraded) } else { Err(ParseError::UnaskedUpgrade) };
    }
    // §6.3 (2)
    if asked.connect && head.status.is_success() {
        return Ok(Framing::Tunnel);
    }
    // §6.3 (1)
    let bodiless = matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if asked.head || bodiless || head.status.is_informational() {
        return Ok(Framing::Empty);
    }
    if head.headers.contains("transfer-encoding") {
        // §6.1: a server that speaks 1.0 cannot have meant it.
        if head.version == Version::HTTP_10 {
            return Err(ParseError::TransferEncodingInHttp10);
        }
        // §6.3 (4): nothing but chunked is understood here.
        let mut codings = head.headers.tokens("transfer-encoding");
        let chunked = codings.next().is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked"));
        return if chunked && codings.next().is_none() {
            // §6.3 (3): Transfer-Encoding overrides Content-Length; the connection is closed afterwards.
            Ok(Framing::Chunked)
        } else {
            Err(ParseError::TransferEncoding)
        };
    }
    // §6.3 (5), (6)
    if let Some(length) = content_length(head.headers.get_all("content-length"))
        .map_err(|NotOneNumber| ParseError::ContentLength)?
    {
        return Ok(Framing::ContentLength(length));
    }
    // §6.3 (8)
    Ok(Framing::CloseDelimited)
}

#[derive(Debug)]
struct NotOneNumber;

/// RFC 9110 §8.6: every member of every line is only digits, and all are equal.
fn content_length<'a>(values: impl Iterator<Item = &'a [u8]>) -> Result<Option<u64>, NotOneNumber> {
    let mut length = None;
    for member in values.flat_map(|value| value.split(|&b| b == b',')) {
        let number = decimal(trim_ows(member)).ok_or(NotOneNumber)?;
        if length.is_some_and(|length| length != number) {
            return Err(NotOneNumber);
        }
        length = Some(number);
    }
    Ok(length)
}

/// Reads 1*DIGIT up to 2^63 - 1, the largest length that every peer can hold.
fn decimal(digits: &[u8]) -> Option<u64> {
    if !is_digits(digits) {
        return None;
    }
    digits
        .iter()
        .try_fold(0_u64, |n, digit| n.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
        .filter(|&n| n <= i64::MAX.cast_unsigned())
}

/// Decides how the content of a request is delimited, and which field wire adds to say so.
pub(crate) fn request_framing(
    head: &RequestHead<'_>,
    length: BodyLength,
) -> Result<(Framing, Option<LengthField>), RequestError> {
    let refuse = |why| Err(RequestError::Framing(why));
    // RFC 9110 §8.6: what a response is forgiven, a list of equal numbers, must not be sent.
    let mut own_lengths = head.headers.get_all("content-length");
    let own_length = match (own_lengths.next(), own_lengths.next()) {
        (None, _) => None,
        (Some(value), None) if decimal(value).is_some() => decimal(value),
        _ => return refuse("Content-Length is not a single decimal number"),
    };
    let own_coding = head.headers.contains("transfer-encoding");
    // RFC 9112 §6.2
    if own_coding && own_length.is_some() {
        return refuse("both Content-Length and Transfer-Encoding were given");
    }
    if own_coding {
        return own_chunked(head, length);
    }
    let framing = match (length, own_length) {
        (BodyLength::Empty, None | Some(0)) => Framing::Empty,
        (BodyLength::Known(0), None) if matches!(*head.method, Method::CONNECT | Method::TRACE) => {
            Framing::Empty
        }
        (BodyLength::Known(n), None) => Framing::ContentLength(n),
        (BodyLength::Known(n), Some(own)) if n == own => Framing::ContentLength(n),
        (BodyLength::Unknown, Some(own)) => Framing::ContentLength(own),
        (BodyLength::Unknown, None) => Framing::Chunked,
        _ => return refuse("Content-Length is not the length of the content"),
    };
    // RFC 9110 §9.3.6, §9.3.8
    if framing != Framing::Empty && matches!(*head.method, Method::CONNECT | Method::TRACE) {
        return refuse("CONNECT and TRACE take no content");
    }
    // RFC 9112 §6.1
    if framing == Framing::Chunked && head.version == Version::HTTP_10 {
        return refuse("HTTP/1.0 needs content of known length");
    }
    let missing = own_length.is_none();
    let field = match framing {
        Framing::ContentLength(n) if missing => Some(LengthField::ContentLength(n)),
        Framing::Chunked => Some(LengthField::Chunked),
        // RFC 9110 §8.6: methods that define a meaning for content say when there is none.
        Framing::Empty if missing && matches!(*head.method, Method::POST | Method::PUT | Method::PATCH) => {
            Some(LengthField::ContentLength(0))
        }
        _ => None,
    };
    if field.is_some() && !head.add_length && framing != Framing::Empty {
        return refuse("content without a field that frames it");
    }
    Ok((framing, field.filter(|_| head.add_length)))
}

fn own_chunked(
    head: &RequestHead<'_>,
    length: BodyLength,
) -> Result<(Framing, Option<LengthField>), RequestError> {
    let refuse = |why| Err(RequestError::Framing(why));
    if head.version == Version::HTTP_10 {
        return refuse("Transfer-Encoding in an HTTP/1.0 request");
    }
    // RFC 9112 §6.1: chunked is applied last, and once. A hole in the list or half a quoted string could be read in two
    // ways.
    let (mut last, mut times) = (false, 0);
    for value in head.headers.get_all("transfer-encoding") {
        for coding in value.split(|&b| b == b',').map(trim_ows) {
            if !is_token(coding) {
                return refuse("Transfer-Encoding is not a list of codings");
            }
            last = coding.eq_ignore_ascii_case(b"chunked");
            times += usize::from(last);
        }
    }
    if !last || times != 1 {
        return refuse("the last transfer coding of a request must be chunked");
    }
    if length == BodyLength::Empty || matches!(*head.method, Method::CONNECT | Method::TRACE) {
        return refuse("Transfer-Encoding without content");
    }
    Ok((Framing::Chunked, None))
}

#[cfg(test)]
mod tests;
