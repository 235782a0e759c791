//! Any sequence of calls on one exchange.

mod asked;

use wire::{
    BodyLength, CloseReason, Event, Exchange, Headers, Limit, MessageBuf, ParseError, Persistence, Received,
    RequestError, RequestHead, ResponseHead,
};

use asked::{Asked, trailers};

use super::drive::{End, HANDED_OVER, Manner, drive};
use super::reference::{Framed, Request, Verdict, chunks};
use super::rules;

/// Calls [`Exchange`] by a script and checks each answer against a model of what was said before.
///
/// The first line is the script, the rest the bytes of the response. The script begins with three choices:
///
/// | byte | chooses |
/// |---|---|
/// | 0 | the head: see `Asked::by` |
/// | 1 | the length: `e` empty, `u` unknown, `m` the most there is, else the byte less `0` |
/// | 2 | the rules: `t` tight limits, `l` all leniency, `b` both, `f` no folded lines, else the defaults |
///
/// Two bytes each follow, a call and its amount `n`, which is the byte less `0`:
///
/// | call | does |
/// |---|---|
/// | `f` | frames `n` bytes of content |
/// | `t` | finishes, with the trailers of number `n` |
/// | `w` | stops waiting for 100 (Continue) |
/// | `r` | receives, when `n` more bytes have come |
/// | `c` | takes `n` bytes of the content that was announced last, or fewer |
/// | `C` | pretends to have taken `n` bytes more than that |
/// | `d` | reads `n` bytes of content past the buffer, or fewer |
/// | `e` | ends the connection |
///
/// # Panics
/// A promise of [`Exchange`] is broken.
pub fn exchange_ops(data: &[u8]) {
    let line = data.iter().position(|&b| b == b'\n').unwrap_or(data.len());
    let (script, input) = data.split_at(line);
    let Some(([asked, length, choice], calls)) = script.split_first_chunk() else { return };
    let Some(mut run) = Run::begin(&Asked::by(*asked), *length, *choice, input.get(1..).unwrap_or_default())
    else {
        return;
    };
    run.check();
    for call in calls.chunks(2) {
        let [name, amount] = *call else { break };
        run.call(name, usize::from(amount.wrapping_sub(b'0')));
        run.check();
    }
    run.check_request();
    run.check_response();
}

/// An exchange and what is known of it without asking it.
struct Run<'a> {
    exchange: Exchange,
    /// As it was when it began.
    fresh: Exchange,
    message: MessageBuf,

    /// All that was written.
    out: Vec<u8>,
    framed: Framed,
    sent: Vec<u8>,
    waiting: bool,
    finished: Option<Headers>,

    input: &'a [u8],
    /// What has come and was not used yet is `input[at..end]`.
    at: usize,
    end: usize,
    /// Content that was announced and not taken.
    announced: usize,
    /// Everything has come and nothing more can be made of it.
    drained: bool,
    heads: Vec<ResponseHead>,
    has_final_head: bool,
    content: Vec<u8>,
    /// What is answered from now on.
    last: Option<Result<Received, ParseError>>,
    /// The response was driven as the contract wants.
    by_contract: bool,
}

impl<'a> Run<'a> {
    fn begin(asked: &Asked, length: u8, choice: u8, input: &'a [u8]) -> Option<Self> {
        let mut headers = Headers::new();
        for (name, value) in asked.fields {
            headers.append(name, value).expect("a valid field");
        }
        let mut head = RequestHead::new(&asked.method, asked.target, &headers).with_host("a");
        head.version = asked.version;
        head.close = asked.close;
        head.add_length = asked.add_length;
        let length = match length {
            b'e' => BodyLength::Empty,
            b'u' => BodyLength::Unknown,
            b'm' => BodyLength::Known(u64::MAX),
            byte => BodyLength::Known(byte.wrapping_sub(b'0').into()),
        };
        let (limits, leniency) = rules(choice);
        let mut out = Vec::new();
        let Ok(exchange) = Exchange::begin(&head, length, limits, &mut out) else {
            assert!(out.is_empty(), "refused, and yet written");
            return None;
        };
        let exchange = exchange.with_leniency(leniency);
        let request = Request::read(&out);
        assert!(request.body.is_empty());
        let framed = request.framed();
        match length {
            BodyLength::Known(n) if framed != Framed::Chunked => assert_eq!(framed, Framed::Length(n)),
            BodyLength::Empty => assert!(matches!(framed, Framed::Without | Framed::Length(0))),
            BodyLength::Unknown => assert!(matches!(framed, Framed::Chunked | Framed::Length(_))),
            BodyLength::Known(_) => {}
        }
        let waiting = exchange.awaits_continue();
        let expects = headers.contains("expect");
        let has_content = !matches!(framed, Framed::Without | Framed::Length(0));
        let may_wait = expects && length != BodyLength::Empty;
        assert!(may_wait || !waiting, "100 (Continue) is awaited without need");
        assert!(waiting || !(expects && has_content), "100 (Continue) was asked for and is not awaited");
        Some(Self {
            fresh: exchange.clone(),
            exchange,
            message: MessageBuf::default(),
            out,
            framed,
            sent: Vec::new(),
            waiting,
            finished: None,
            input,
            at: 0,
            end: 0,
            announced: 0,
            drained: false,
            heads: Vec::new(),
            has_final_head: false,
            content: Vec::new(),
            last: None,
            by_contract: true,
        })
    }

    fn call(&mut self, name: u8, amount: usize) {
        match name {
            b'f' => self.frame(amount),
            b't' => self.finish(trailers(amount)),
            b'w' => {
                self.exchange.stop_waiting();
                self.waiting = false;
            }
            b'r' => self.receive(amount),
            b'c' => self.take(amount.min(self.announced)),
            b'C' => {
                self.by_contract = false;
                self.exchange.content_consumed(self.announced.saturating_add(amount));
                self.at = self.at.saturating_add(self.announced).min(self.end);
                self.announced = 0;
            }
            b'd' => self.read_directly(amount),
            b'e' => {
                self.by_contract &= self.drained || self.last.is_some();
                let result = self.exchange.receive_eof(&mut self.message);
                let ended = |event| matches!(event, Event::Complete | Event::Upgraded);
                assert!(result.as_ref().map_or(true, |received| ended(received.event)), "more after the end");
                self.note(result);
            }
            _ => {}
        }
    }

    fn frame(&mut self, len: usize) {
        let huge = self.exchange.clone().frame(usize::MAX);
        assert_eq!(huge.map(|_| ()), self.may_frame(usize::MAX));
        let framed = self.exchange.frame(len);
        assert_eq!(framed.clone().map(|_| ()), self.may_frame(len));
        if let Ok(frame) = framed {
            // Content that looks like framing must not pass for it.
            let content: Vec<_> = b"0\r\n\r\n".iter().copied().cycle().take(len).collect();
            self.out.extend([frame.prefix(), &content, frame.suffix()].concat());
            self.sent.extend(content);
        }
    }

    fn may_frame(&self, len: usize) -> Result<(), RequestError> {
        let left = |announced: u64| announced - self.sent.len() as u64;
        match self.framed {
            _ if self.finished.is_some() => Err(RequestError::Finished),
            Framed::Without if len > 0 => Err(RequestError::ContentTooLong { announced: 0 }),
            Framed::Length(announced) if len as u64 > left(announced) => {
                Err(RequestError::ContentTooLong { announced })
            }
            _ => Ok(()),
        }
    }

    fn finish(&mut self, trailers: Option<Headers>) {
        let before = self.out.len();
        let result = self.exchange.finish(trailers.as_ref(), &mut self.out);
        let trailers = trailers.unwrap_or_default();
        let forbidden = ["content-length", "transfer-encoding", "host", "trailer"];
        let wanted = match self.framed {
            _ if self.finished.is_some() => Err(RequestError::Finished),
            Framed::Length(announced) if announced > self.sent.len() as u64 => {
                Err(RequestError::ContentTooShort { announced, missing: announced - self.sent.len() as u64 })
            }
            Framed::Without | Framed::Length(_) if !trailers.is_empty() => {
                Err(RequestError::TrailersNotChunked)
            }
            _ => trailers
                .iter()
                .find(|(name, _)| forbidden.contains(&name.to_ascii_lowercase().as_str()))
                .map_or(Ok(()), |(name, _)| Err(RequestError::Trailer { name: name.to_owned() })),
        };
        assert_eq!(result, wanted);
        if result.is_ok() {
            self.finished = Some(trailers);
        } else {
            assert_eq!(self.out.len(), before, "refused, and yet written");
        }
    }

    fn receive(&mut self, arriving: usize) {
        self.end = self.end.saturating_add(arriving).min(self.input.len());
        let here = self.input.get(self.at..self.end).expect("no more is used than was there");
        let result = self.exchange.receive(here, &mut self.message);
        self.note(result);
    }

    fn note(&mut self, result: Result<Received, ParseError>) {
        if let Some(last) = &self.last {
            assert_eq!(result, *last, "what was said last is said ever after");
            return;
        }
        (self.announced, self.drained) = (0, false);
        let Received { used, event } = match result {
            Ok(received) => received,
            Err(error) => {
                self.check_numbers(&error);
                self.last = Some(Err(error));
                return;
            }
        };
        assert!(used <= self.end - self.at, "{used} bytes used of {}", self.end - self.at);
        self.at += used;
        match event {
            Event::NeedInput => self.drained = self.end == self.input.len(),
            Event::Informational | Event::Head => {
                assert!(!self.has_final_head, "a head after the final one");
                let head = &self.message.head;
                self.has_final_head = event == Event::Head;
                assert_eq!(event == Event::Informational, matches!(head.status.as_u16(), 100 | 102..200));
                self.waiting &= self.has_final_head || head.status.as_u16() != 100;
                self.heads.push(head.clone());
            }
            Event::Content { len } => {
                assert!((1..=self.end - self.at).contains(&len), "{len} bytes of content");
                self.announced = len;
            }
            event => self.last = Some(Ok(Received { used: 0, event })),
        }
        assert!(self.has_final_head || !matches!(event, Event::Content { .. } | Event::Complete));
    }

    fn check_numbers(&self, error: &ParseError) {
        match error {
            ParseError::TruncatedBody { received, .. } if self.by_contract => {
                assert_eq!(*received, self.content.len() as u64);
            }
            ParseError::TooLarge { limit: Limit::Informational, allowed } => {
                assert_eq!(self.heads.len(), *allowed);
            }
            _ => {}
        }
    }

    fn take(&mut self, len: usize) {
        self.exchange.content_consumed(len);
        let taken = self.input.get(self.at..self.at + len).expect("no more is taken than was announced");
        self.content.extend_from_slice(taken);
        self.at += len;
        self.announced -= len;
    }

    fn read_directly(&mut self, most: usize) {
        let room = usize::try_from(self.exchange.direct_limit()).unwrap_or(usize::MAX);
        let len = most.min(room).min(self.input.len() - self.end);
        if self.at == self.end && len > 0 {
            self.content.extend_from_slice(self.input.get(self.at..self.at + len).unwrap_or_default());
            self.exchange.received_directly(len as u64);
            self.end += len;
            self.at = self.end;
        }
    }

    /// Checks what the exchange tells of itself.
    fn check(&self) {
        let Self { exchange, last, .. } = self;
        let is_finished = self.finished.is_some();
        let wanted = !self.waiting && !self.has_final_head && !is_finished && last.is_none();
        assert_eq!(exchange.may_send_content(), wanted, "whether content may be sent");
        if last.is_none() && !self.has_final_head {
            assert_eq!(exchange.awaits_continue(), self.waiting);
        }
        assert_eq!(exchange.framing().is_some(), self.has_final_head, "framing is known with the head");
        assert!(exchange.direct_limit() >= self.announced as u64);
        assert!(exchange.direct_limit() == 0 || self.has_final_head && last.is_none());
        let persistence = exchange.persistence();
        let as_told = match last {
            None => matches!(persistence, None | HANDED_OVER),
            Some(Err(_)) => persistence == Some(Persistence::Close(CloseReason::Failed)),
            Some(Ok(Received { event: Event::Upgraded, .. })) => persistence == HANDED_OVER,
            Some(Ok(_)) => {
                persistence.is_some() && (is_finished || persistence != Some(Persistence::KeepAlive))
            }
        };
        assert!(as_told, "{persistence:?} although {last:?}");
    }

    /// Checks that a server would find in what was written just what was to be sent.
    fn check_request(&self) {
        let request = Request::read(&self.out);
        let (limits, leniency) = rules(0);
        match self.framed {
            Framed::Without => assert!(request.body.is_empty()),
            Framed::Length(announced) => {
                assert_eq!(request.body, self.sent);
                assert!(self.finished.is_none() || announced == self.sent.len() as u64);
            }
            Framed::Chunked => {
                let trailers = self.finished.as_ref().map(|trailers| {
                    trailers.iter().map(|(name, value)| (name.into(), value.into())).collect()
                });
                let verdict =
                    trailers.map_or(Verdict::Cut, |trailers| Verdict::Complete { trailers, left: 0 });
                assert_eq!(chunks(request.body, &limits, &leniency), (self.sent.clone(), verdict));
            }
        }
    }

    /// Drives to the end what was left unfinished and compares with an exchange that sees everything at once.
    fn check_response(mut self) {
        while self.by_contract && self.last.is_none() {
            self.call(if self.drained { b'e' } else { b'r' }, usize::MAX);
            self.check();
            self.take(self.announced);
        }
        if !self.by_contract {
            return;
        }
        let seen = drive(self.fresh, self.input, Manner::WHOLE);
        let end = match seen.end {
            End::Complete | End::Closed => Ok(Event::Complete),
            End::HandedOver => Ok(Event::Upgraded),
            End::Failed(error) => Err(error),
        };
        assert_eq!(self.last, Some(end.map(|event| Received { used: 0, event })));
        assert_eq!((self.heads, self.content), (seen.heads, seen.content));
        if let Some(trailers) = seen.trailers {
            assert_eq!((self.message.trailers, Some(self.input.len() - self.at)), (trailers, seen.left));
        }
    }
}
