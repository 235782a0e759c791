use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::Instant;

use super::*;

const LIMIT: Duration = Duration::from_secs(5);

/// A server that sends what comes back, and ends when the client ends.
struct Echo(SocketAddr);

impl Echo {
    fn start(connections: usize) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let addr = listener.local_addr().unwrap();
        thread::spawn(move || {
            for _ in 0..connections {
                let (stream, _) = listener.accept().unwrap();
                stream.set_read_timeout(Some(LIMIT)).unwrap();
                thread::spawn(move || io::copy(&mut &stream, &mut &stream));
            }
        });
        Self(addr)
    }
}

fn connect(proxy: &FaultProxy) -> TcpStream {
    let stream = TcpStream::connect(proxy.addr()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_write_timeout(Some(LIMIT)).unwrap();
    stream
}

/// Reads so long as something comes within `patience`.
fn hear(mut stream: &TcpStream, patience: Duration) -> (Vec<u8>, Result<(), ErrorKind>) {
    stream.set_read_timeout(Some(patience)).unwrap();
    let (mut heard, mut buf) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut buf) {
            Ok(0) => return (heard, Ok(())),
            Ok(n) => heard.extend_from_slice(&buf[..n]),
            Err(error) => return (heard, Err(error.kind())),
        }
    }
}

/// Says `abcdefgh`, and checks what of the echo comes, how it ends, and how much passed upwards.
#[track_caller]
fn check(name: &str, plan: Plan, heard: &[u8], end: Result<(), ErrorKind>, up: u64) {
    let echo = Echo::start(1);
    let proxy = FaultProxy::start(echo.0, [plan]);
    let mut stream = connect(&proxy);
    // A reset may be faster than we are, and is told once.
    let said = stream.write_all(b"abcdefgh").map_err(|error| error.kind());
    let stalls = end == Err(ErrorKind::WouldBlock);
    if !stalls && plan.up.fault.is_none() && plan.down.fault.is_none() {
        stream.shutdown(Shutdown::Write).unwrap();
    }
    let patience = if stalls { Duration::from_millis(100) } else { LIMIT };
    let (came, ended) = hear(&stream, patience);
    assert_eq!((&*came, said.and(ended)), (heard, end), "{name}");
    let passed = proxy.passed();
    assert_eq!(passed, [Passed { up, down: heard.len().try_into().unwrap() }], "{name}");
    let started = Instant::now();
    drop((stream, proxy));
    assert!(started.elapsed() < LIMIT / 5, "{name}: it stops at once");
}

#[test]
fn each_fault_comes_at_its_byte() {
    let (flow, all) = (Flow::new(), &b"abcdefgh"[..]);
    let (reset, silent) = (Err(ErrorKind::ConnectionReset), Err(ErrorKind::WouldBlock));
    let ms = Duration::from_millis;
    check("nothing", Plan::new(), all, Ok(()), 8);
    check("delay", Plan::new().delay(ms(20)), all, Ok(()), 8);
    check("pieces", Plan::new().up(flow.pieces(3)).down(flow.pieces(1)), all, Ok(()), 8);
    check("drip", Plan::new().up(flow.drip(4, ms(5))).down(flow.drip(2, ms(5))), all, Ok(()), 8);
    check("truncation", Plan::new().down(flow.at(3, Fault::Close)), b"abc", Ok(()), 8);
    check("truncation of what is sent", Plan::new().up(flow.at(0, Fault::Close)), b"", Ok(()), 0);
    check("half-close", Plan::new().down(flow.at(3, Fault::HalfClose)), b"abc", Ok(()), 8);
    check("half-close upwards", Plan::new().up(flow.at(3, Fault::HalfClose)), b"abc", Ok(()), 3);
    check("reset", Plan::new().down(flow.at(3, Fault::Reset)), b"abc", reset, 8);
    check("reset upwards", Plan::new().up(flow.at(0, Fault::Reset)), b"", reset, 0);
    check(
        "reset at once",
        Plan::new().down(flow.at(0, Fault::Reset)).up(flow.at(0, Fault::Stall)),
        b"",
        reset,
        0,
    );
    check("stall", Plan::new().down(flow.at(3, Fault::Stall)), b"abc", silent, 8);
    check("stall upwards", Plan::new().up(flow.at(3, Fault::Stall)), b"abc", silent, 3);
    check("accept and stall", Plan::stall(), b"", silent, 0);
}

#[test]
fn a_drip_takes_its_time() {
    let (pause, echo) = (Duration::from_millis(10), Echo::start(1));
    let proxy = FaultProxy::start(echo.0, [Plan::new().down(Flow::new().drip(1, pause))]);
    let (mut stream, started) = (connect(&proxy), Instant::now());
    stream.write_all(b"abcdefgh").unwrap();
    for _ in 0..8 {
        let mut buf = [0; 8];
        assert_eq!(stream.read(&mut buf).unwrap(), 1);
    }
    assert!(started.elapsed() >= pause * 8);
}

#[test]
fn a_stalled_direction_holds_its_sender_up() {
    let echo = Echo::start(1);
    let proxy = FaultProxy::start(echo.0, [Plan::new().up(Flow::new().at(0, Fault::Stall))]);
    let mut stream = connect(&proxy);
    stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    let block = vec![0; 1 << 20];
    let stuck = (0..64).find_map(|_| stream.write_all(&block).err());
    assert_eq!(stuck.unwrap().kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_plan_can_change_while_a_connection_is_open() {
    let echo = Echo::start(2);
    let proxy = FaultProxy::start(echo.0, []);
    let mut stream = connect(&proxy);
    stream.write_all(b"abc").unwrap();
    let mut buf = [0; 3];
    stream.read_exact(&mut buf).unwrap();
    proxy.change(Plan::new().down(Flow::new().at(2, Fault::Close)));
    stream.write_all(b"defg").unwrap();
    assert_eq!(hear(&stream, LIMIT), (b"de".to_vec(), Ok(())));

    let mut other = connect(&proxy);
    other.write_all(b"hij").unwrap();
    other.shutdown(Shutdown::Write).unwrap();
    assert_eq!(hear(&other, LIMIT), (b"hij".to_vec(), Ok(())), "later connections are not concerned");
    let passed = [Passed { up: 7, down: 5 }, Passed { up: 3, down: 3 }];
    assert_eq!(proxy.passed(), passed);
}

#[test]
fn a_server_that_is_not_there_ends_the_connection() {
    let refusing = Refusing::open();
    let proxy = FaultProxy::start(refusing.addr(), []);
    assert_eq!(hear(&connect(&proxy), LIMIT), (Vec::new(), Ok(())));
}

#[test]
fn dead_ends_are_dead() {
    let refusing = Refusing::open();
    let error = TcpStream::connect_timeout(&refusing.addr(), LIMIT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    for hole in [BlackHole::v4(), BlackHole::v6(0)] {
        for _ in 0..2 {
            let error = TcpStream::connect_timeout(&hole.addr(), Duration::from_millis(100)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
        }
    }
}
