//! Many requests at a time, on threads that end with the call.

use std::sync::mpsc::{self, Sender};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use conn::{CancelToken, Deadline, Limit, Origin, Phase, Registration};

use crate::builder::RequestBuilder;
use crate::client::Client;
use crate::error::Error;
use crate::policy::prepare;
use crate::policy::schedule::{Begun, Schedule};
use crate::request::Request;
use crate::response::Response;

/// Sends many requests at a time, over threads that end with the call; made by [`Client::batch`].
///
/// All requests are taken and held before the first is sent. Those to one origin begin in the order in which they are given; a
/// slow origin delays others only when all threads are busy. What follows a redirect counts for the origin where it began.
///
/// ```no_run
/// use std::time::Duration;
///
/// let client = http_client::Client::new();
/// let urls = ["https://example.com/a", "https://example.com/b", "https://example.org/"];
/// let requests = urls.map(|url| client.get(url));
/// let batch = client.batch().concurrency(8).per_origin(2).timeout(Duration::from_secs(30));
/// let lengths = batch.run(requests, |_, response| Ok::<_, http_client::Error>(response?.text()?.len()));
/// for (url, length) in urls.iter().zip(lengths) {
///     println!("{url}: {length:?}");
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is sent before run() or as_completed()"]
pub struct Batch<'c> {
    client: &'c Client,
    concurrency: usize,
    per_origin: usize,
    timeout: Option<Duration>,
    cancel: Option<CancelToken>,
}

/// What a [`Batch`] takes: a [`Request`], a [`RequestBuilder`], or what building one gave.
pub trait IntoRequest: sealed::Sealed {
    /// Returns the request, or why there is none.
    ///
    /// # Errors
    /// Whatever went wrong while building.
    fn into_request(self) -> Result<Request, Error>;
}

impl<'c> Batch<'c> {
    pub(crate) fn new(client: &'c Client) -> Self {
        Self { client, concurrency: 8, per_origin: 4, timeout: None, cancel: None }
    }

    /// Sets how many requests are on their way at a time, each on a thread. Default 8, at least 1.
    pub fn concurrency(self, threads: usize) -> Self {
        Self { concurrency: threads, ..self }
    }

    /// Sets how many of them may go to one origin at a time. Default 4, at least 1.
    pub fn per_origin(self, requests: usize) -> Self {
        Self { per_origin: requests, ..self }
    }

    /// Bounds the time of all together: a request that has not begun by then fails with
    /// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout), one that has is given no more time than is left. Default none.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    /// Ends all early when the token is cancelled, besides the client's own. A request with a token of its own listens to that one
    /// alone once it has begun.
    pub fn cancelled_by(self, token: &CancelToken) -> Self {
        Self { cancel: Some(token.clone()), ..self }
    }

    /// Takes all requests, sends them, hands each response with its number to `work` on the thread that received it, and returns
    /// what `work` made of them, in the order of the requests. Waits for all.
    ///
    /// # Panics
    /// `work` panicked; those under way have ended then, no other has begun.
    pub fn run<R, T>(
        &self,
        requests: impl IntoIterator<Item = R>,
        work: impl Fn(usize, Result<Response<'static>, Error>) -> T + Sync,
    ) -> Vec<T>
    where
        R: IntoRequest,
        T: Send,
    {
        let mut results = Vec::new();
        self.as_completed(requests, work, |index, result| {
            if results.len() <= index {
                results.resize_with(index + 1, || None);
            }
            if let Some(place) = results.get_mut(index) {
                *place = Some(result);
            }
        });
        // Every number was told once.
        results.into_iter().flatten().collect()
    }

    /// As [`run`](Self::run), but hands what `work` made to `done` on the calling thread, as one after the other is
    /// complete.
    ///
    /// ```no_run
    /// # let client = http_client::Client::new();
    /// let requests = (0..100).map(|page| client.get(format!("https://example.com/{page}")));
    /// let text = |_, response: Result<http_client::Response<'_>, _>| response?.text();
    /// client.batch().as_completed(requests, text, |page, text| println!("{page}: {text:?}"));
    /// ```
    ///
    /// # Panics
    /// As [`run`](Self::run); besides, `done` panicked.
    pub fn as_completed<R, T>(
        &self,
        requests: impl IntoIterator<Item = R>,
        work: impl Fn(usize, Result<Response<'static>, Error>) -> T + Sync,
        mut done: impl FnMut(usize, T),
    ) where
        R: IntoRequest,
        T: Send,
    {
        let mut schedule = Schedule::new(self.per_origin);
        let mut count = 0_usize;
        for request in requests {
            let request = request.into_request();
            let origin = request.as_ref().ok().and_then(|request| prepare::origin(&request.url).ok());
            schedule.push(origin, request);
            count += 1;
        }
        let queue = Queue { schedule: Mutex::new(schedule), ended: Condvar::new() };
        let began = self.client.config().clock.now();
        let (cancel, _linked) = self.cancels();
        let threads = self.concurrency.clamp(1, count.max(1));
        let worker = |tell: Sender<(usize, T)>| {
            queue.work(|index, request| {
                let result = request.and_then(|request| self.send(request, began, cancel.as_ref()));
                // Nobody listens any more where the caller panicked.
                tell.send((index, work(index, result))).is_ok()
            });
        };
        thread::scope(|scope| {
            let (tell, told) = mpsc::channel();
            let worker = &worker;
            let mut workers = Vec::new();
            for _ in 0..threads {
                let (tell, named) = (tell.clone(), thread::Builder::new().name("batch".into()));
                match named.spawn_scoped(scope, move || worker(tell)) {
                    Ok(handle) => workers.push(handle),
                    // As many as the system grants.
                    Err(error) => {
                        tracing::debug!(%error, threads = workers.len(), "no further thread");
                        break;
                    }
                }
            }
            if workers.is_empty() {
                worker(tell.clone());
            }
            drop(tell);
            for (index, result) in told {
                done(index, result);
            }
            for handle in workers {
                if let Err(panic) = handle.join() {
                    std::panic::resume_unwind(panic);
                }
            }
        });
    }

    /// Returns what ends every request that has no token of its own, as long as the links to it last: the batch's token, or
    /// where the client's can be cancelled too, one that either cancels.
    fn cancels(&self) -> (Option<CancelToken>, Vec<Registration>) {
        let clients = &self.client.config().cancel;
        match &self.cancel {
            Some(own) if clients.can_be_cancelled() => {
                let either = CancelToken::new();
                let links = vec![clients.cancels(&either), own.cancels(&either)];
                (Some(either), links)
            }
            own => (own.clone(), Vec::new()),
        }
    }

    /// Sends one request within the time of all.
    fn send(
        &self,
        mut request: Request,
        began: Instant,
        cancel: Option<&CancelToken>,
    ) -> Result<Response<'static>, Error> {
        let config = self.client.config();
        let label = |request: &Request| prepare::label_url(request.method.as_str(), &request.url);
        if let Some(token) = cancel {
            token
                .check()
                .map_err(|cancelled| Error::transport(cancelled.into()).for_request(label(&request)))?;
            request.cancel.get_or_insert_with(|| token.clone());
        }
        if self.timeout.is_some() {
            let deadline = Deadline::after(began, self.timeout, Limit::Total).during(Phase::Pool);
            let left = deadline
                .remaining(config.clock.now())
                .map_err(|passed| Error::transport(passed.into()).for_request(label(&request)))?;
            request.total = [request.timeouts(config).total, left].into_iter().flatten().min();
        }
        self.client.send(request)
    }
}

/// The requests that have not begun, shared by the threads.
struct Queue {
    schedule: Mutex<Schedule<Origin, Result<Request, Error>>>,
    ended: Condvar,
}

impl Queue {
    /// Takes one request after the other until none is left; `send` says whether to go on.
    fn work(&self, send: impl Fn(usize, Result<Request, Error>) -> bool) {
        while let Some(Begun { index, lane, item }) = self.next() {
            let mut running = Running { queue: self, lane, goes_on: false };
            running.goes_on = send(index, item);
        }
    }

    /// Waits for a request that may begin; none where none is left.
    fn next(&self) -> Option<Begun<Result<Request, Error>>> {
        let mut schedule = self.lock();
        loop {
            if let Some(begun) = schedule.begin() {
                return Some(begun);
            }
            if schedule.is_empty() {
                return None;
            }
            schedule = self.ended.wait(schedule).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Nothing panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, Schedule<Origin, Result<Request, Error>>> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request on its way. When it ends, by a panic too, the next of its origin may begin, or none any more.
struct Running<'q> {
    queue: &'q Queue,
    lane: usize,
    goes_on: bool,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut schedule = self.queue.lock();
        schedule.end(self.lane);
        if !self.goes_on {
            schedule.clear();
        }
        drop(schedule);
        self.queue.ended.notify_all();
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for crate::Request {}
    impl Sealed for crate::RequestBuilder {}
    impl Sealed for Result<crate::Request, crate::Error> {}
}

impl IntoRequest for Request {
    fn into_request(self) -> Result<Request, Error> {
        Ok(self)
    }
}

impl IntoRequest for RequestBuilder {
    fn into_request(self) -> Result<Request, Error> {
        self.build()
    }
}

impl IntoRequest for Result<Request, Error> {
    fn into_request(self) -> Result<Request, Error> {
        self
    }
}
