//! A driver that writes down all it sees.

use wire::{
    CloseReason, Event, Exchange, Headers, MessageBuf, ParseError, Persistence, Received, ResponseHead,
};

/// How the bytes arrive, and how the content is taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    /// Lengths of the pieces, in turns.
    pub(super) pieces: [usize; 2],
    /// The most content that is taken at once.
    pub(super) bite: usize,
    /// Whether content is read past the buffer where that is allowed.
    pub(super) direct: bool,
}

impl Manner {
    /// All at once.
    pub(super) const WHOLE: Self = Self { pieces: [usize::MAX; 2], bite: usize::MAX, direct: false };
}

/// What a driver sees of one response.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    /// The informational heads and the final one.
    pub(super) heads: Vec<ResponseHead>,
    pub(super) content: Vec<u8>,
    pub(super) end: End,
    pub(super) trailers: Option<Headers>,
    /// Bytes behind the response, if it came to an end.
    pub(super) left: Option<usize>,
    pub(super) persistence: Option<Persistence>,
}

/// Known with the head already.
pub(super) const HANDED_OVER: Option<Persistence> = Some(Persistence::Close(CloseReason::HandedOver));

#[derive(Clone, Debug, PartialEq)]
pub(super) enum End {
    Complete,
    /// Complete because the connection ended.
    Closed,
    HandedOver,
    Failed(ParseError),
}

/// Drives an exchange over `input` and then the end of the connection.
pub(super) fn drive(mut exchange: Exchange, input: &[u8], manner: Manner) -> Seen {
    let (mut heads, mut content, mut message) = (Vec::new(), Vec::new(), MessageBuf::default());
    let mut pieces = manner.pieces.into_iter().cycle();
    let (mut at, mut end, mut closed) = (0, 0, false);
    // Each step takes a byte, hands in a byte or gives a head.
    let mut steps = 2 * input.len() + 64;
    let result = loop {
        steps = steps.checked_sub(1).expect("each step makes progress");
        let early = exchange.persistence();
        assert!(matches!(early, None | HANDED_OVER), "{early:?} before the end");
        let here = input.get(at..end).expect("no more is used than was there");
        let result = match closed {
            true => exchange.receive_eof(&mut message),
            false => exchange.receive(here, &mut message),
        };
        let Received { used, event } = match result {
            Ok(received) => received,
            Err(error) => break Err(error),
        };
        assert!(used <= here.len(), "{used} bytes used of {}", here.len());
        at += used;
        match event {
            Event::NeedInput => {
                assert!(!closed, "more input is wanted after the end");
                let room = pieces.next().unwrap_or(1).min(input.len() - end);
                let direct = usize::try_from(exchange.direct_limit()).unwrap_or(usize::MAX).min(room);
                if manner.direct && at == end && direct > 0 {
                    content.extend_from_slice(input.get(at..at + direct).unwrap_or_default());
                    exchange.received_directly(direct as u64);
                    at += direct;
                    end = at;
                } else {
                    closed = room == 0;
                    end += room;
                }
            }
            Event::Informational | Event::Head => heads.push(message.head.clone()),
            Event::Content { len } => {
                let here = input.get(at..end).unwrap_or_default();
                assert!((1..=here.len()).contains(&len), "{len} bytes of content in {}", here.len());
                assert!(exchange.direct_limit() >= len as u64);
                let again = exchange.clone().receive(here, &mut message);
                assert_eq!(again, Ok(Received { used: 0, event }), "nothing was taken in between");
                let bite = len.min(manner.bite);
                content.extend_from_slice(here.get(..bite).unwrap_or_default());
                exchange.content_consumed(bite);
                at += bite;
            }
            event => break Ok(event),
        }
    };

    // What was said last is said ever after.
    let last = result.clone().map(|event| Received { used: 0, event });
    let trailers = result.is_ok().then(|| message.trailers.clone());
    for more in [&b""[..], b"HTTP/1.1 200 OK\r\n\r\n"] {
        assert_eq!(exchange.receive(more, &mut message), last);
        assert_eq!(exchange.receive_eof(&mut message), last);
    }
    assert_eq!(exchange.direct_limit(), 0);
    assert!(!exchange.may_send_content(), "content is wanted after the response");
    let end = match result {
        Ok(Event::Upgraded) => End::HandedOver,
        Ok(_) if closed => End::Closed,
        Ok(_) => End::Complete,
        Err(error) => End::Failed(error),
    };
    let left = trailers.is_some().then_some(input.len() - at);
    Seen { heads, content, end, trailers, left, persistence: exchange.persistence() }
}
