//! Many requests at a time: how many, in which order, until when.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code fails loudly")]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use common::{ok, stage};
use http_client::{CancelToken, Client, ClientConfig, Error, ErrorKind, Limit, Phase, Request, Response};
use testkit::peer::{Script, ScriptedListener};

/// A server whose responses wait until `together` requests are there, and which counts how many there ever were.
struct Together {
    address: SocketAddr,
    most: Arc<AtomicUsize>,
}

fn together(together: usize) -> Together {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (most, here) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let barrier = Arc::new(Barrier::new(together));
    let counted = Arc::clone(&most);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (most, here, barrier) = (Arc::clone(&counted), Arc::clone(&here), Arc::clone(&barrier));
            thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                while let Some(Ok(line)) = lines.next() {
                    if line.is_empty() {
                        most.fetch_max(here.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        barrier.wait();
                        here.fetch_sub(1, Ordering::SeqCst);
                        stream.write_all(ok("here").as_bytes()).unwrap();
                    }
                }
            });
        }
    });
    Together { address, most }
}

fn client() -> Client {
    let mut config = ClientConfig::default();
    config.timeouts.total = Some(Duration::from_secs(20));
    Client::with_config(config).unwrap()
}

fn text(_: usize, response: Result<Response<'static>, Error>) -> Result<String, Error> {
    response?.text()
}

#[test]
fn results_come_in_the_order_of_the_requests() {
    let stage = stage((0..2).map(|_| Script::new().expect_head().reply(ok("content"))));
    let client = stage.client();
    let request = |url: &str| client.get(url);
    let requests = [request("http://a/"), request("no url"), request("http://b/"), request("ftp://b/")];
    let results = client.batch().run(requests, |index, response| (index, text(index, response)));
    assert!(results.iter().map(|(index, _)| *index).eq(0..4));
    let kinds: Vec<_> = results.into_iter().map(|(_, result)| result.map_err(|error| error.kind())).collect();
    let (content, invalid) = (Ok("content".to_owned()), Err(ErrorKind::InvalidRequest));
    assert_eq!(kinds, [content.clone(), invalid.clone(), content, invalid]);
    assert!(client.batch().run(Vec::<Request>::new(), text).is_empty());
}

#[test]
fn so_many_go_to_one_origin_and_others_do_not_wait() {
    let (one, other) = (together(2), together(2));
    let client = client();
    let urls = (0..8).map(|_| one.address).chain((0..8).map(|_| other.address));
    let requests = urls.map(|address| client.get(format!("http://{address}/")));
    let results = client.batch().concurrency(16).per_origin(2).run(requests, text);
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!((one.most.load(Ordering::SeqCst), other.most.load(Ordering::SeqCst)), (2, 2));
    assert_eq!(client.pool().connects, 4);
}

#[test]
fn no_more_threads_run_than_allowed() {
    let server = together(3);
    let client = client();
    let requests = (0..9).map(|_| client.get(format!("http://{}/", server.address)));
    let results = client.batch().concurrency(3).per_origin(9).run(requests, text);
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(server.most.load(Ordering::SeqCst), 3);
}

#[test]
fn what_is_complete_is_told_at_once_on_the_calling_thread() {
    let stage = stage((0..2).map(|_| Script::new().expect_head().reply(ok(""))));
    let client = stage.client();
    let (go, gone) = mpsc::channel();
    let gone = std::sync::Mutex::new(gone);
    let work = |index, response: Result<Response<'static>, Error>| {
        if index == 0 {
            // The first is not complete before the second was told.
            gone.lock().unwrap().recv_timeout(Duration::from_secs(20)).unwrap();
        }
        response.unwrap().status().as_u16()
    };
    let (here, mut told) = (thread::current().id(), Vec::new());
    client.batch().as_completed([client.get("http://a/"), client.get("http://b/")], work, |index, status| {
        assert_eq!((status, thread::current().id()), (200, here));
        told.push(index);
        let _ = go.send(());
    });
    assert_eq!(told, [1, 0]);
}

#[test]
fn one_time_limit_holds_for_all() {
    let stage = stage([Script::new().expect_head().stall(Duration::from_secs(9))]);
    let client = stage.client();
    let requests = (0..3).map(|_| client.get("http://a/?token=s3cret"));
    let limit = Duration::from_secs(5);
    let results = client.batch().concurrency(1).timeout(limit).run(requests, text);
    let errors: Vec<Error> = results.into_iter().map(Result::unwrap_err).collect();
    assert!(
        errors.iter().all(|error| error.kind() == ErrorKind::Timeout && error.limit() == Some(Limit::Total))
    );
    let phases: Vec<_> = errors.iter().map(Error::phase).collect();
    assert_eq!(phases, [Some(Phase::Response), Some(Phase::Pool), Some(Phase::Pool)]);
    assert_eq!((stage.clock.elapsed(), stage.peer.connects()), (limit, 1));
    let last =
        "GET http://a/?...: timed out while waiting for a free connection: the total limit of 5s has passed";
    assert_eq!(errors.last().unwrap().to_string(), last);
}

#[test]
fn a_token_ends_all() {
    let listener = ScriptedListener::start(vec![Script::new().expect_head().stall(Duration::from_secs(20))]);
    let (client, token) = (client(), CancelToken::new());
    let requests = (0..3).map(|_| client.get(format!("http://{}/", listener.addr())));
    let batch = client.batch().concurrency(1).cancelled_by(&token);
    let results = thread::scope(|scope| {
        scope.spawn(|| {
            while listener.heads().is_empty() {
                thread::yield_now();
            }
            token.cancel();
        });
        batch.run(requests, text)
    });
    let kinds: Vec<_> = results.into_iter().map(|result| result.unwrap_err().kind()).collect();
    assert_eq!(kinds, [ErrorKind::Cancelled; 3]);
}

#[test]
fn a_panic_in_the_work_ends_the_batch_and_goes_on_to_the_caller() {
    let (server, client) = (together(1), client());
    let worked = AtomicUsize::new(0);
    let requests = (0..100).map(|_| client.get(format!("http://{}/", server.address)));
    let batch = client.batch().concurrency(1);
    let work = |_, _| {
        worked.fetch_add(1, Ordering::SeqCst);
        panic!("in work")
    };
    let ended = panic::catch_unwind(AssertUnwindSafe(|| batch.as_completed(requests, work, |_, ()| ())));
    assert_eq!(ended.unwrap_err().downcast_ref(), Some(&"in work"));
    assert_eq!(worked.load(Ordering::SeqCst), 1);
}

/// Tells when it is dropped.
struct Told(Arc<AtomicBool>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn the_token_of_the_client_ends_a_batch_that_has_one_too() {
    for of_client in [true, false] {
        let mut stage = stage([]);
        stage.config.cancel = CancelToken::new();
        let own = CancelToken::new();
        (if of_client { &stage.config.cancel } else { &own }).cancel();
        let client = stage.client();
        let results = client
            .batch()
            .cancelled_by(&own)
            .run([client.get("http://a/x")], |_, response| response.map(|_| ()).unwrap_err());
        assert_eq!(results[0].kind(), ErrorKind::Cancelled, "{of_client}");
        assert!(results[0].to_string().starts_with("GET http://a/x"), "{}", results[0]);
        assert_eq!(stage.peer.connects(), 0);
    }
}

#[test]
fn a_panic_of_whoever_takes_the_results_ends_the_batch_and_goes_on_to_the_caller() {
    let (server, client) = (together(1), client());
    let (worked, panics, gone) = (AtomicUsize::new(0), AtomicBool::new(false), Arc::default());
    let wait_for = |flag: &AtomicBool| {
        while !flag.load(Ordering::SeqCst) {
            thread::yield_now();
        }
    };
    let work = |index, _| {
        worked.fetch_add(1, Ordering::SeqCst);
        match index {
            0 => None,
            // Whoever took the first result takes no other: this one is dropped with what it waits in.
            1 => {
                wait_for(&panics);
                Some(Told(Arc::clone(&gone)))
            }
            // From here on nobody can be told.
            _ => {
                wait_for(&gone);
                None
            }
        }
    };
    let requests = (0..100).map(|_| client.get(format!("http://{}/", server.address)));
    let batch = client.batch().concurrency(1);
    let ended = panic::catch_unwind(AssertUnwindSafe(|| {
        batch.as_completed(requests, work, |_, _| {
            panics.store(true, Ordering::SeqCst);
            panic!("in done")
        });
    }));
    assert_eq!(ended.unwrap_err().downcast_ref(), Some(&"in done"));
    assert!((2..=3).contains(&worked.load(Ordering::SeqCst)), "{worked:?}");
}
