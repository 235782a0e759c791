use std::time::Duration;

use conn::{Limit, Origin, Route, TimedOut};

use super::*;

const S: Duration = Duration::from_secs(1);

fn open(scripts: impl IntoIterator<Item = Script>) -> (ScriptedConnect, ManualClock, Box<dyn Transport>) {
    let clock = ManualClock::new();
    let peers = ScriptedConnect::new(clock.clone(), scripts);
    let stream = connect(&peers).unwrap();
    (peers, clock, stream)
}

fn connect(peers: &ScriptedConnect) -> Result<Box<dyn Transport>, ConnectError> {
    let route = Route::new(Origin::http("example.com").unwrap());
    Ok(peers.connect(&ConnectRequest::new(&route, Deadline::NEVER))?.transport)
}

fn read(stream: &mut dyn Transport) -> io::Result<String> {
    let mut buf = Vec::with_capacity(64);
    stream.read_spare(&mut buf)?;
    Ok(String::from_utf8(buf).unwrap())
}

#[test]
fn an_exchange_follows_the_script_and_is_counted() {
    let script = Script::new().expect_head().expect("body").reply_split("hello", &[2]).close();
    let (peers, _, mut stream) = open([script]);
    stream.write_all(b"PUT /\r\n\r\n").unwrap();
    stream.write_all(b"body").unwrap();
    let pieces: Vec<_> = (0..3).map(|_| read(&mut stream).unwrap()).collect();
    assert_eq!(pieces, ["he", "llo", ""]);
    drop(stream);
    let log = peers.connection(0);
    assert_eq!((log.reads, log.writes, log.probes, log.is_closed), (3, 2, 0, true));
    assert_eq!(
        (log.written.as_slice(), log.heads),
        (&b"PUT /\r\n\r\nbody"[..], vec![b"PUT /\r\n\r\n".to_vec()])
    );
    assert_eq!(peers.finish(), Ok(()));
}

#[test]
fn a_stall_turns_the_clock_no_further_than_the_deadline() {
    let (_, clock, mut stream) = open([Script::new().stall(S * 5).reply("x")]);
    stream.set_deadline(Deadline::after(clock.now(), Some(S * 2), Limit::Idle).during(Phase::Body));
    let timed_out = TimedOut::in_io(&read(&mut stream).unwrap_err()).unwrap();
    assert_eq!((timed_out.phase, clock.elapsed()), (Phase::Body, S * 2));
    stream.set_deadline(Deadline::after(clock.now(), Some(S * 60), Limit::Idle));
    assert_eq!((read(&mut stream).unwrap().as_str(), clock.elapsed()), ("x", S * 5));
}

#[test]
fn a_read_that_nothing_can_answer_never_hangs() {
    let (peers, clock, mut stream) = open([Script::new().expect("ab")]);
    stream.write_all(b"a").unwrap();
    let error = read(&mut stream).unwrap_err();
    assert_eq!(error.to_string(), "the client reads although the peer waits for 1 more bytes: \"b\"");
    stream.set_deadline(Deadline::after(clock.now(), Some(S), Limit::Response));
    assert!(TimedOut::in_io(&read(&mut stream).unwrap_err()).is_some());
    assert_eq!(clock.elapsed(), S);
    assert!(peers.finish().unwrap_err().contains("still waits for 1 more bytes"));
}

#[test]
fn unexpected_bytes_fail_at_once_and_in_the_end() {
    for script in [Script::new().expect("ab"), Script::new()] {
        let (peers, _, mut stream) = open([script]);
        assert!(stream.write_all(b"xy").unwrap_err().to_string().starts_with("unexpected bytes after 0"));
        assert!(peers.finish().unwrap_err().contains("connection 0: unexpected bytes"));
    }
}

#[test]
fn a_probe_sees_what_nobody_asked_for() {
    let second = |script: Script| script.expect("a").reply("b");
    for (script, expected) in [
        (Script::new(), Liveness::Idle),
        (second(Script::new()), Liveness::Idle),
        (Script::new().reply("x"), Liveness::Readable),
        (Script::new().close(), Liveness::Closed),
        (Script::new().reset(), Liveness::Closed),
        (Script::new().stall(S).close(), Liveness::Idle),
    ] {
        let (peers, _, mut stream) = open([script]);
        assert_eq!(stream.probe(), expected);
        let _ = peers.finish();
    }
    let (_, clock, mut stream) = open([Script::new().stall(S).close()]);
    assert_eq!(stream.probe(), Liveness::Idle);
    clock.advance(S);
    assert_eq!(stream.probe(), Liveness::Closed);
}

#[test]
fn writing_to_a_closed_peer_is_lost_and_to_a_reset_one_fails() {
    let (peers, _, mut stream) = open([Script::new().close(), Script::new().reset()]);
    stream.write_all(b"lost").unwrap();
    assert_eq!(read(&mut stream).unwrap(), "");
    let mut stream = connect(&peers).unwrap();
    assert_eq!(stream.write(b"x").unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}

#[test]
fn connects_are_counted_and_fail_when_no_script_is_left() {
    let (peers, _, _stream) = open([Script::new()]);
    peers.push_error(ConnectError::NoAddress { host: "example.com".into() });
    assert!(matches!(connect(&peers), Err(ConnectError::NoAddress { .. })));
    let text = connect(&peers).err().unwrap().to_string();
    assert_eq!(text, "cannot connect to http://example.com: 192.0.2.1:1: no script is left");
    assert_eq!((peers.connects(), peers.origins().len()), (3, 3));
    peers.push(Script::new());
    assert_eq!(peers.finish(), Err("1 scripts were never asked for".to_owned()));
}

#[test]
#[should_panic(expected = "the peers are content")]
fn a_forgotten_finish_is_made_up_for() {
    let clock = ManualClock::new();
    drop(ScriptedConnect::new(clock, [Script::new()]));
}
