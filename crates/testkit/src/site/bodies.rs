//! Response bodies that are made while they are sent, and the reading of request bodies.

use super::content::fill_pattern;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::HeaderMap;
use hyper::body::{Frame, SizeHint};
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

const PIECE: u64 = 64 * 1024;

/// The download pattern, made piece by piece as the connection takes it.
pub(super) struct PatternBody {
    at: u64,
    end: u64,
    length_known: bool,
}

impl PatternBody {
    /// Announces its length, which gives a Content-Length.
    pub(super) fn sized(len: u64) -> Self {
        Self { at: 0, end: len, length_known: true }
    }

    /// Keeps its length to itself, which gives the chunked coding.
    pub(super) fn unannounced(len: u64) -> Self {
        Self { at: 0, end: len, length_known: false }
    }
}

impl HttpBody for PatternBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let len = (self.end - self.at).min(PIECE);
        if len == 0 {
            return Poll::Ready(None);
        }
        let mut piece = vec![0; usize::try_from(len).unwrap_or_default()];
        fill_pattern(self.at, &mut piece);
        self.at += len;
        Poll::Ready(Some(Ok(Frame::data(piece.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.length_known && self.at == self.end
    }

    fn size_hint(&self) -> SizeHint {
        if self.length_known { SizeHint::with_exact(self.end - self.at) } else { SizeHint::default() }
    }
}

/// The same pattern, one byte after each pause.
pub(super) struct DripBody {
    at: u64,
    end: u64,
    pause: Duration,
    timer: Pin<Box<Sleep>>,
}

impl DripBody {
    pub(super) fn new(len: u64, pause: Duration) -> Self {
        Self { at: 0, end: len, pause, timer: Box::pin(sleep(pause)) }
    }
}

impl HttpBody for DripBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.at == self.end {
            return Poll::Ready(None);
        }
        ready!(self.timer.as_mut().poll(cx));
        let next = Instant::now() + self.pause;
        self.timer.as_mut().reset(next);
        let mut byte = [0];
        fill_pattern(self.at, &mut byte);
        self.at += 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::copy_from_slice(&byte)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.end - self.at)
    }
}

/// Reads a request body to its end, hands each piece to `take`, and returns the trailers.
pub(super) async fn read_all(mut body: Body, mut take: impl FnMut(&[u8])) -> Result<HeaderMap, axum::Error> {
    let mut trailers = HeaderMap::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        match frame?.into_data() {
            Ok(data) => take(&data),
            Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
        }
    }
    Ok(trailers)
}
