//! A small website on loopback, over http and https at once, for examples and tests.
//!
//! | Address | Answer |
//! |---|---|
//! | `/` | an HTML page with links |
//! | `/data.json` | a JSON list of records |
//! | `/login` | GET: a form. POST `user`, `password`: 303 to `/dashboard` and a `session` cookie if the password is `lantern`, else 403 |
//! | `/dashboard` | greets who is signed in, 401 otherwise |
//! | `/logout` | ends the session, 303 to `/` |
//! | `/redirect/{n}` | `n` times 302, then `/` |
//! | `/moved`, `/see-other` | 301, 303 to `/` |
//! | `/watch.txt` | 39,000 bytes of text in gzip, whatever was asked for |
//! | `/flaky?fail=2&key=a` | 503 with `Retry-After: 0` for the first `fail` requests with this `key`, then 200; `status=500` for another status without the field |
//! | `/slow?ms=200` | answers after a pause (10 s at most) |
//! | `/drip?bytes=10&ms=20` | the [`pattern`], one byte after each pause |
//! | `/download/{bytes}` | the [`pattern`] with Content-Length (1 GiB at most) |
//! | `/stream/{bytes}` | the same, chunked |
//! | `/echo`, `/echo/…` | the request as JSON: `method`, `target`, `version`, `headers` and `trailers` as `[name, value]` pairs, `length` of the content, and `text` if it is UTF-8 of 64 KiB at most |
//! | `/upload` | POST, PUT: JSON with the `bytes` received and their `sha256` |
//! | `/status/{code}` | that status |
//! | `/close` | 200 with `Connection: close` |
//! | `/empty` | 204 |
//!
//! In `/echo` field names are in lower case and lines of one name stand together, at the place of the first.

mod bodies;
mod content;
mod pages;
mod routes;
mod session;
#[cfg(test)]
mod tests;

pub use content::{PatternReader, fill_pattern, pattern, pattern_reader, sha256_hex};

use crate::certs::TestCa;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

/// How long a dropped site may take to end.
const GOODBYE: Duration = Duration::from_secs(5);

/// The running website. Dropping it closes every connection and ends its thread.
#[derive(Debug)]
pub struct Site {
    http: SocketAddr,
    https: SocketAddr,
    ca_pem: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Site {
    /// Starts the site on two free ports, with an authority of its own.
    ///
    /// # Panics
    ///
    /// Loopback gives no port, or no thread can be started.
    #[must_use]
    pub fn start() -> Self {
        let ca = TestCa::new();
        let tls = ca.server(&["localhost", "127.0.0.1", "::1"]).server_config();
        let (plain, http) = listen();
        let (secure, https) = listen();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("testkit-site".to_owned())
            .spawn(move || run(plain, secure, TlsAcceptor::from(Arc::new(tls)), stopped))
            .expect("a thread for the site");
        Self { http, https, ca_pem: ca.ca_pem(), stop: Some(stop), thread: Some(thread) }
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    #[must_use]
    pub fn http_url(&self) -> String {
        format!("http://{}", self.http)
    }

    /// `https://localhost:PORT`, without a slash at the end.
    #[must_use]
    pub fn https_url(&self) -> String {
        format!("https://localhost:{}", self.https.port())
    }

    /// Where http is served.
    #[must_use]
    pub fn http_addr(&self) -> SocketAddr {
        self.http
    }

    /// Where https is served.
    #[must_use]
    pub fn https_addr(&self) -> SocketAddr {
        self.https
    }

    /// The certificate to trust, in PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop.take();
        let Some(thread) = self.thread.take() else { return };
        let limit = Instant::now() + GOODBYE;
        while !thread.is_finished() {
            if Instant::now() > limit {
                // A leaked thread is better than a test that hangs.
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
        // A panic in there has been printed already, and drop must not raise another.
        let _ = thread.join();
    }
}

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port on loopback");
    listener.set_nonblocking(true).expect("a non-blocking listener");
    let addr = listener.local_addr().expect("the listener's address");
    (listener, addr)
}

fn run(plain: TcpListener, secure: TcpListener, tls: TlsAcceptor, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let app = routes::router();
        tokio::spawn(serve(plain, None, app.clone()));
        tokio::spawn(serve(secure, Some(tls), app));
        // The sender is only ever dropped.
        let _ = stopped.await;
    });
}

async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, app: Router) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener inside the runtime");
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: some will come back.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        // Only speed is lost without it.
        let _ = stream.set_nodelay(true);
        let (tls, app) = (tls.clone(), app.clone());
        tokio::spawn(async move {
            match tls {
                None => talk(stream, app).await,
                Some(tls) => {
                    // A client that distrusts the certificate is what some tests are about.
                    if let Ok(stream) = tls.accept(stream).await {
                        talk(stream, app).await;
                    }
                }
            }
        });
    }
}

async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, app: Router) {
    let service = TowerToHyperService::new(app);
    // Clients that leave in the middle of a message are everyday guests.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
