//! The differences to other parsers that have a reason.

use wire::{Framing, ParseError};

use crate::Difference::{self, Content, OnlyPeerAccepts, OnlyWireAccepts};
use crate::asking::{Message, Ours, Outcome};
use crate::generator::Case;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Peer {
    HttpClient,
    H11,
}

/// A kind of difference, when it is this one, and why it is right.
pub(crate) struct Class {
    pub(crate) peer: Peer,
    pub(crate) reason: &'static str,
    when: When,
}

enum When {
    /// The peer accepts what wire refuses with such an error.
    Refused(fn(&ParseError) -> bool),
    /// One of these differences, in such a case.
    Differs(&'static [Difference], fn(&Case, &Ours, &Outcome) -> bool),
}

impl Class {
    pub(crate) fn explains(
        &self,
        difference: Difference,
        case: &Case,
        ours: &Ours,
        theirs: &Outcome,
    ) -> bool {
        match (&self.when, &ours.outcome) {
            (When::Refused(fits), Err(error)) => difference == OnlyPeerAccepts && fits(error),
            (When::Refused(_), Ok(_)) => false,
            (When::Differs(differences, fits), _) => {
                differences.contains(&difference) && fits(case, ours, theirs)
            }
        }
    }
}

const fn refused(peer: Peer, reason: &'static str, fits: fn(&ParseError) -> bool) -> Class {
    Class { peer, reason, when: When::Refused(fits) }
}

const fn differs(
    peer: Peer,
    reason: &'static str,
    differences: &'static [Difference],
    fits: fn(&Case, &Ours, &Outcome) -> bool,
) -> Class {
    Class { peer, reason, when: When::Differs(differences, fits) }
}

/// Whether wire is right where it accepts and both others refuse.
pub(crate) fn is_right_alone(_: &Case, ours: &Ours) -> bool {
    // RFC 9112 §6.3 (1): no body, whatever the length fields say. h11 checks them all the same, and http.client reads
    // chunks; of a 1xx, too.
    let has_no_body = ours.framing == Some(Framing::Empty);
    // RFC 9112 §6.3 (3): Transfer-Encoding overrides Content-Length, and the connection closes. Both look at the latter.
    let both =
        ours.framing == Some(Framing::Chunked) && accepted(ours).values("content-length").next().is_some();
    has_no_body || both || accepted(ours).informational().next().is_some()
}

/// The first class that fits is the reason.
pub(crate) const CLASSES: &[Class] = &[
    differs(
        Peer::HttpClient,
        "takes every 1xx but 100 for the final response, 101 too",
        &[OnlyPeerAccepts, OnlyWireAccepts, Content("status")],
        |_, ours, theirs| match (&ours.outcome, theirs) {
            (_, Ok(theirs)) => (101..200).contains(&theirs.status),
            // It is told to be chunked, and reads the head of the final response as a chunk.
            (Ok(ours), Err(why)) => {
                why.starts_with("IncompleteRead") && ours.informational().any(|status| status != 100)
            }
            _ => false,
        },
    ),
    refused(Peer::HttpClient, "takes LF alone", |error| *error == ParseError::BareLf),
    refused(
        Peer::HttpClient,
        "splits a status line at any white space, also before it, and reads what int() reads",
        |error| matches!(error, ParseError::StatusLine | ParseError::NotHttp),
    ),
    refused(Peer::HttpClient, "takes HTTP/0.9 with a head, and any HTTP/1.x", |error| {
        *error == ParseError::Version
    }),
    refused(Peer::HttpClient, "takes a status up to 999", |error| {
        matches!(error, ParseError::StatusCode(600..))
    }),
    refused(
        Peer::HttpClient,
        "leaves field lines to an e-mail parser: it skips what is none, or ends the fields there",
        |error| *error == ParseError::Field("its name is not a token before a colon"),
    ),
    refused(Peer::HttpClient, "passes control characters on", |error| {
        *error == ParseError::Field("its value contains a control character")
    }),
    refused(Peer::HttpClient, "takes the end of the connection for the end of the head", |error| {
        matches!(error, ParseError::TruncatedHead { .. })
    }),
    differs(
        Peer::HttpClient,
        "takes the end of the connection for the end of the trailers",
        &[OnlyPeerAccepts],
        // Not a byte of content is missing.
        |_, ours, theirs| {
            let Err(ParseError::TruncatedBody { received, expected: None }) = ours.outcome else {
                return false;
            };
            message(theirs).is_some_and(|theirs| theirs.body.len() as u64 == received)
        },
    ),
    refused(
        Peer::HttpClient,
        "reads the first Content-Length by int() and ignores what that does not take",
        |error| *error == ParseError::ContentLength,
    ),
    refused(
        Peer::HttpClient,
        "compares the first Transfer-Encoding with chunked and ignores what it does not know",
        |error| matches!(error, ParseError::TransferEncoding | ParseError::TransferEncodingInHttp10),
    ),
    refused(
        Peer::HttpClient,
        "reads chunk sizes by int(), their lines up to LF, and no CRLF behind the data",
        |error| matches!(error, ParseError::Chunk(_)),
    ),
    differs(
        Peer::HttpClient,
        "reads chunks behind a 204 and a 304",
        &[OnlyWireAccepts, Content("body"), Content("left")],
        |_, ours, theirs| {
            let tried_to = theirs.as_ref().map_or_else(|why| why.starts_with("IncompleteRead"), |_| true);
            ours.framing == Some(Framing::Empty)
                && tried_to
                && accepted(ours)
                    .values("transfer-encoding")
                    .any(|value| value.eq_ignore_ascii_case("chunked"))
        },
    ),
    differs(
        Peer::HttpClient,
        "knows no lists: neither the members nor the lines of a Content-Length or a Transfer-Encoding",
        &[OnlyPeerAccepts, OnlyWireAccepts, Content("body"), Content("left")],
        |case, ours, _| {
            // To it, a fold is part of the value.
            let lists: [&[u8]; 5] = [
                b"Content-Length: 5, 5",
                b"Content-Length: 5, 05",
                b": , chunked",
                b"\r\n \r\n",
                b"Transfer-Encoding:\r\n",
            ];
            let has_list = lists.iter().any(|list| contains(&case.input, list));
            has_list && matches!(ours.outcome, Ok(_) | Err(ParseError::TruncatedBody { .. }))
        },
    ),
    refused(Peer::H11, "takes LF alone", |error| *error == ParseError::BareLf),
    refused(Peer::H11, "takes DEL and its like in values and reasons", |error| {
        matches!(error, ParseError::Field("its value contains a control character") | ParseError::StatusLine)
    }),
    refused(Peer::H11, "takes any version of the form HTTP/digit.digit", |error| {
        *error == ParseError::Version
    }),
    refused(Peer::H11, "takes a status up to 999", |error| matches!(error, ParseError::StatusCode(600..))),
    refused(Peer::H11, "reads the chunks of HTTP/1.0", |error| {
        *error == ParseError::TransferEncodingInHttp10
    }),
    refused(
        Peer::H11,
        "looks into no chunk extension: neither for control characters nor for quotes left open",
        |error| {
            matches!(
                error,
                ParseError::Chunk("CR without LF after its size" | "a control character in an extension")
            )
        },
    ),
    differs(
        Peer::H11,
        "takes white space between a chunk size and its CRLF",
        &[OnlyPeerAccepts],
        |case, ours, _| {
            ours.outcome == Err(ParseError::Chunk("its size is not a hexadecimal number"))
                && (contains(&case.input, b" \r\n") || contains(&case.input, b"\t\r\n"))
        },
    ),
    differs(
        Peer::H11,
        "compares Content-Lengths as text: 05 is not 5",
        &[OnlyWireAccepts],
        |case, _, theirs| {
            why(theirs) == "RemoteProtocolError: conflicting Content-Length headers"
                && contains(&case.input, b" 05")
        },
    ),
    differs(
        Peer::H11,
        "checks the length fields of heads that have no body whatever they say",
        &[OnlyWireAccepts],
        |_, ours, theirs| {
            let has_no_body = ours.framing == Some(Framing::Empty);
            let informational = accepted(ours).informational().next().is_some();
            speaks_of_length(theirs) && (has_no_body || informational)
        },
    ),
    differs(
        Peer::H11,
        "checks a Content-Length that Transfer-Encoding overrides; wire closes the connection afterwards",
        &[OnlyWireAccepts],
        |_, ours, theirs| ours.framing == Some(Framing::Chunked) && why(theirs).contains("Content-Length"),
    ),
    differs(
        Peer::H11,
        "wants Transfer-Encoding in one line without empty members",
        &[OnlyWireAccepts],
        |_, ours, theirs| ours.framing == Some(Framing::Chunked) && why(theirs).contains("Transfer-Encoding"),
    ),
    differs(
        Peer::H11,
        "takes no white space before a chunk extension, as RFC 9112 §7.1.1 asks for",
        &[OnlyWireAccepts],
        |case, _, theirs| why(theirs).contains("illegal chunk header") && contains(&case.input, b" ;"),
    ),
    differs(Peer::H11, "takes at most 20 digits of a chunk size", &[OnlyWireAccepts], |case, _, theirs| {
        why(theirs).contains("illegal chunk header") && contains(&case.input, b"\n00000000000000000000")
    }),
    differs(
        Peer::H11,
        "shows several equal Content-Lengths as one, and Transfer-Encoding in lower case",
        &[Content("headers"), Content("trailers")],
        |_, ours, theirs| {
            same_but(ours, theirs, |name, value| match name.to_ascii_lowercase().as_str() {
                "content-length" => None,
                "transfer-encoding" => Some(value.to_ascii_lowercase()),
                _ => Some(value.to_owned()),
            })
        },
    ),
    differs(
        Peer::H11,
        "keeps white space before a fold, where any white space means the same",
        &[Content("headers"), Content("trailers")],
        |case, ours, theirs| {
            let squeeze = |value: &str| value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
            let folds: [&[u8]; 4] = [b" \r\n ", b" \r\n\t", b"\t\r\n ", b"\t\r\n\t"];
            folds.iter().any(|fold| contains(&case.input, fold))
                && same_but(ours, theirs, |_, value| Some(squeeze(value)))
        },
    ),
];

fn message(outcome: &Outcome) -> Option<&Message> {
    outcome.as_ref().ok()
}

fn accepted(ours: &Ours) -> &Message {
    ours.outcome.as_ref().unwrap()
}

/// Whether two messages are the same when each value is shown by `show`, or left out.
fn same_but(ours: &Ours, theirs: &Outcome, show: impl Fn(&str, &str) -> Option<String>) -> bool {
    let shown = |lines: &[(String, String)]| -> Vec<_> {
        lines.iter().filter_map(|(name, value)| Some((name.clone(), show(name, value)?))).collect()
    };
    let shown = |message: &Message| Message {
        headers: shown(&message.headers),
        trailers: message.trailers.as_deref().map(shown),
        ..message.clone()
    };
    message(theirs).is_some_and(|theirs| shown(accepted(ours)) == shown(theirs))
}

fn why(outcome: &Outcome) -> &str {
    outcome.as_ref().unwrap_err()
}

fn speaks_of_length(outcome: &Outcome) -> bool {
    ["Content-Length", "Transfer-Encoding"].iter().any(|name| why(outcome).contains(name))
}

fn contains(input: &[u8], part: &[u8]) -> bool {
    input.windows(part.len()).any(|window| window == part)
}
