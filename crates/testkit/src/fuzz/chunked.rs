//! Any bytes as a chunked body, against a decoder that sees it whole.

use wire::{BodyLength, Exchange, Headers, Limits, Method, ParseError, RequestHead};

use super::drive::{End, Manner, drive};
use super::reference::{Verdict, chunks};
use super::rules;

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Bodies up to this length are cut everywhere.
const SHORT: usize = 24;

/// Feeds a chunked body to [`Exchange`] and checks that content, trailers, verdict and what is left over are those of a
/// naive decoder, wherever the body is cut.
///
/// The first three bytes choose, the rest is the body:
///
/// | byte | chooses |
/// |---|---|
/// | 0 | the rules: `t` tight limits, `l` all leniency, `b` both, `f` no folded lines, else the defaults |
/// | 1 | the length of every odd piece, at least 1 |
/// | 2 | the length of every even piece, at least 1 |
///
/// # Panics
/// The two tell different stories.
pub fn chunked(data: &[u8]) {
    let (choices, body) = data.split_at(data.len().min(3));
    let choice = |at: usize| choices.get(at).copied().unwrap_or_default();
    let (limits, leniency) = rules(choice(0));
    let (content, verdict) = chunks(body, &limits, &leniency);

    let input = [HEAD, body].concat();
    let [odd, even] = [choice(1), choice(2)].map(|len| usize::from(len).max(1));
    let mut manners = vec![
        Manner::WHOLE,
        Manner { pieces: [1, 1], bite: 1, direct: false },
        Manner { pieces: [odd, even], bite: even, direct: false },
        Manner { pieces: [even, odd], bite: usize::MAX, direct: true },
    ];
    if body.len() <= SHORT {
        let cut = |at| Manner { pieces: [HEAD.len() + at, usize::MAX], bite: usize::MAX, direct: false };
        manners.extend((0..body.len()).map(cut));
    }
    let exchange = begin(limits).with_leniency(leniency);
    for manner in manners {
        let seen = drive(exchange.clone(), &input, manner);
        let same = match &verdict {
            Verdict::Complete { trailers, left } => {
                let lines = seen.trailers.iter().flat_map(Headers::iter);
                seen.end == End::Complete
                    && seen.left == Some(*left)
                    && lines.eq(trailers.iter().map(|(name, value)| {
                        (std::str::from_utf8(name).expect("names are ASCII"), value.as_slice())
                    }))
            }
            Verdict::Cut => {
                seen.end
                    == End::Failed(ParseError::TruncatedBody {
                        received: content.len() as u64,
                        expected: None,
                    })
            }
            Verdict::TooLarge => matches!(seen.end, End::Failed(ParseError::TooLarge { .. })),
            Verdict::Bad => matches!(
                seen.end,
                End::Failed(ParseError::Chunk(_) | ParseError::Field(_) | ParseError::BareLf)
            ),
        };
        assert!(
            same && seen.content == content,
            "{manner:?}: {verdict:?} is wanted with {content:?}\n{seen:#?}"
        );
    }
}

fn begin(limits: Limits) -> Exchange {
    let headers = Headers::new();
    let head = RequestHead::new(&Method::GET, "/", &headers);
    let mut out = Vec::new();
    let mut exchange = Exchange::begin(&head, BodyLength::Empty, limits, &mut out).expect("a valid request");
    exchange.finish(None, &mut out).expect("nothing is missing");
    exchange
}
