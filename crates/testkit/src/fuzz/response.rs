//! Any bytes as a response, however they arrive.

use wire::{
    BodyLength, Exchange, Headers, Leniency, Limits, Method, Persistence, RequestHead, ResponseHead, Version,
};

use super::drive::{End, Manner, Seen, drive};
use super::rules;

/// Feeds a response to [`Exchange`] whole, byte by byte and in pieces, and checks that all tell the same and that
/// what is told can be true.
///
/// The first four bytes choose, the rest is the response:
///
/// | byte | chooses |
/// |---|---|
/// | 0 | the request: `H` HEAD, `C` CONNECT, `U` one that asks for an upgrade, `P` a PUT that is never finished, `E` the same with `Expect: 100-continue`, `0` GET in HTTP/1.0, else GET |
/// | 1 | the limits: `t` tight ones, else the default; and what is put up with: `l` everything, `b` the same with tight limits, `f` not even folded lines |
/// | 2 | the length of every odd piece: its lower four bits, at least 1 |
/// | 3 | the length of every even piece: 16 times its lower four bits, at least 1 |
///
/// # Panics
/// A promise of [`Exchange`] is broken.
pub fn response(data: &[u8]) {
    let (choices, input) = data.split_at(data.len().min(4));
    let choice = |at: usize| choices.get(at).copied().unwrap_or_default();
    let asked = Asked::from(choice(0));
    let (limits, leniency) = rules(choice(1));
    let small = usize::from(choice(2) & 15).max(1);
    let large = (usize::from(choice(3) & 15) * 16).max(1);

    let run = |input: &[u8], manner: Manner| drive(begin(asked, limits, leniency), input, manner);
    let everything = Manner::WHOLE;
    let whole = run(input, everything);
    check(&whole, asked, &limits, input);
    for manner in [
        Manner { pieces: [1, 1], bite: 1, direct: false },
        Manner { pieces: [small, large], bite: usize::MAX, direct: false },
        Manner { pieces: [large, small], bite: small, direct: false },
        Manner { pieces: [small, large], bite: large, direct: true },
    ] {
        let split = run(input, manner);
        assert!(split == whole, "{manner:?} tells another story\n{split:#?}\n{whole:#?}");
    }

    // Where it ends by itself, neither more nor fewer bytes may end there.
    if let (Some(left), End::Complete | End::HandedOver) = (whole.left, &whole.end) {
        let taken = input.len() - left;
        let alone = run(input.get(..taken).unwrap_or_default(), everything);
        assert!(alone == Seen { left: Some(0), ..whole }, "what follows was looked at\n{alone:#?}");
        let cut = run(input.get(..taken - 1).unwrap_or_default(), everything);
        assert!(
            matches!(cut.end, End::Failed(_)),
            "a response cut short was taken for a whole one\n{cut:#?}"
        );
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Get,
    Get10,
    Head,
    Connect,
    Upgrade,
    /// A PUT whose content never comes.
    Put,
    /// The same, waiting for 100 (Continue).
    Expect,
}

impl From<u8> for Asked {
    fn from(choice: u8) -> Self {
        match choice {
            b'0' => Self::Get10,
            b'H' => Self::Head,
            b'C' => Self::Connect,
            b'U' => Self::Upgrade,
            b'P' => Self::Put,
            b'E' => Self::Expect,
            _ => Self::Get,
        }
    }
}

fn begin(asked: Asked, limits: Limits, leniency: Leniency) -> Exchange {
    let (method, target, length) = match asked {
        Asked::Get | Asked::Get10 | Asked::Upgrade => (Method::GET, "/", BodyLength::Empty),
        Asked::Head => (Method::HEAD, "/", BodyLength::Empty),
        Asked::Connect => (Method::CONNECT, "a:443", BodyLength::Empty),
        Asked::Put | Asked::Expect => (Method::PUT, "/", BodyLength::Known(5)),
    };
    let fields: &[_] = match asked {
        Asked::Upgrade => &[("Connection", "upgrade"), ("Upgrade", "b")],
        Asked::Expect => &[("Expect", "100-continue")],
        _ => &[],
    };
    let mut headers = Headers::new();
    for (name, value) in fields {
        headers.append(name, value).expect("a valid field");
    }
    let mut head = RequestHead::new(&method, target, &headers);
    head.host = Some("a");
    if asked == Asked::Get10 {
        head.version = Version::HTTP_10;
    }
    let mut out = Vec::new();
    let mut exchange = Exchange::begin(&head, length, limits, &mut out).expect("a valid request");
    if length == BodyLength::Empty {
        exchange.finish(None, &mut out).expect("nothing is missing");
    }
    exchange.with_leniency(leniency)
}

/// Checks that what was seen can be true.
fn check(seen: &Seen, asked: Asked, limits: &Limits, input: &[u8]) {
    let Seen { heads, content, end, persistence, .. } = seen;
    let kept = *persistence == Some(Persistence::KeepAlive);
    assert!(persistence.is_some(), "undecided at the end");
    assert!(!kept || *end == End::Complete, "kept although {end:?}");
    assert!(!kept || !matches!(asked, Asked::Put | Asked::Expect), "kept amid a request");
    assert!(content.len() <= input.len());
    assert!(heads.len() <= limits.informational + 1);
    let trailers = seen.trailers.iter();
    for headers in heads.iter().map(|head| &head.headers).chain(trailers) {
        assert!(headers.len() <= limits.fields);
    }
    let Some((last, earlier)) = heads.split_last() else {
        assert!(matches!(end, End::Failed(_)) && content.is_empty(), "{end:?} without a head");
        return;
    };
    let only_passing = |head: &ResponseHead| head.status.is_informational() && head.status.as_u16() != 101;
    assert!(earlier.iter().all(only_passing), "a second head after the final one");
    assert!(!only_passing(last) || matches!(end, End::Failed(_)), "{end:?} without a final head");

    let status = last.status.as_u16();
    assert!((100..600).contains(&status));
    let bodiless = asked == Asked::Head || matches!(status, 100..200 | 204 | 304);
    let handed_over = asked == Asked::Connect && last.status.is_success() || status == 101;
    assert!(content.is_empty() || !(bodiless || handed_over), "content where there is none");
    assert!(!matches!(end, End::HandedOver) || handed_over && (status != 101 || asked == Asked::Upgrade));
    let framed_by = |name| last.headers.contains(name);
    let length: Option<usize> = last.headers.get_str("content-length").and_then(|length| length.parse().ok());
    if let (Some(length), End::Complete) = (length, end)
        && !(bodiless || framed_by("transfer-encoding"))
    {
        assert_eq!(content.len(), length, "Content-Length is kept to");
    }
    let unframed = !framed_by("content-length") && !framed_by("transfer-encoding");
    assert!(*end != End::Closed || unframed, "{end:?} although the length was told");
}
