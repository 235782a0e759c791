//! The scripted peer on a loopback socket, in real time that is bounded everywhere.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{Script, Step};

/// How long a peer waits for the client before it calls the test broken.
const PATIENCE: Duration = Duration::from_secs(5);

/// A listener on 127.0.0.1 that plays one script per connection, in the order in which they come.
///
/// When it goes without [`finish`](Self::finish), it stops in silence.
#[derive(Debug)]
pub struct ScriptedListener {
    addr: SocketAddr,
    stage: Arc<Stage>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Stage {
    state: Mutex<State>,
    stopped: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_stopping: bool,
    /// From where `stop` wakes the acceptor. What was connected before is still played.
    waker: Option<SocketAddr>,
    streams: Vec<(usize, TcpStream)>,
    players: Vec<JoinHandle<()>>,
    faults: Vec<String>,
    heads: Vec<Vec<u8>>,
}

impl ScriptedListener {
    /// Listens and plays in the clear.
    ///
    /// # Panics
    /// The loopback interface cannot be listened on.
    #[must_use]
    pub fn start(scripts: Vec<Script>) -> Self {
        Self::start_with(scripts, None)
    }

    /// Listens and plays inside TLS.
    ///
    /// # Panics
    /// The loopback interface cannot be listened on.
    #[must_use]
    pub fn start_tls(scripts: Vec<Script>, config: ServerConfig) -> Self {
        Self::start_with(scripts, Some(Arc::new(config)))
    }

    /// Returns the address to connect to.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns the heads that scripts have waited for so far, over all connections.
    #[must_use]
    pub fn heads(&self) -> Vec<Vec<u8>> {
        self.stage.lock().heads.clone()
    }

    /// Stops, and tells whether every script found its connection and met its expectations.
    ///
    /// # Errors
    /// What did not happen, or should not have.
    pub fn finish(mut self) -> Result<(), String> {
        self.stop();
        let faults = std::mem::take(&mut self.stage.lock().faults);
        if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
    }

    fn start_with(scripts: Vec<Script>, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port on the loopback interface");
        let addr = listener.local_addr().expect("the listener's address");
        let stage = Arc::new(Stage::default());
        let acceptor = {
            let stage = Arc::clone(&stage);
            thread::spawn(move || accept(&listener, scripts, tls.as_ref(), &stage))
        };
        Self { addr, stage, acceptor: Some(acceptor) }
    }

    fn stop(&mut self) {
        let Some(acceptor) = self.acceptor.take() else { return };
        // If the acceptor is gone already there is nobody to wake. It looks at the state after it has accepted.
        let mut state = self.stage.lock();
        let waker = TcpStream::connect_timeout(&self.addr, PATIENCE);
        state.waker = waker.as_ref().ok().and_then(|waker| waker.local_addr().ok());
        state.is_stopping = true;
        drop(state);
        self.stage.stopped.notify_all();
        if waker.is_ok() {
            let _ = acceptor.join();
        }
        let (streams, players) = {
            let mut state = self.stage.lock();
            (std::mem::take(&mut state.streams), std::mem::take(&mut state.players))
        };
        for (_, stream) in streams {
            // What has arrived can still be read; behind it stands the end.
            let _ = stream.shutdown(Shutdown::Read);
        }
        for player in players {
            if player.join().is_err() {
                self.stage.fault("a peer panicked".to_owned());
            }
        }
    }
}

impl Drop for ScriptedListener {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Stage {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self, text: String) {
        self.lock().faults.push(text);
    }

    /// Waits, but no longer than the test does.
    fn stall(&self, time: Duration) {
        let waiting = self.stopped.wait_timeout_while(self.lock(), time, |state| !state.is_stopping);
        drop(waiting.unwrap_or_else(PoisonError::into_inner));
    }
}

fn accept(listener: &TcpListener, scripts: Vec<Script>, tls: Option<&Arc<ServerConfig>>, stage: &Arc<Stage>) {
    let mut scripts = scripts.into_iter().enumerate();
    loop {
        let accepted = listener.accept();
        let mut state = stage.lock();
        let stream = match accepted {
            Ok((_, from)) if state.waker == Some(from) => break,
            Ok((stream, _)) => stream,
            Err(error) => {
                state.faults.push(format!("accept failed: {error}"));
                break;
            }
        };
        let Some((i, script)) = scripts.next() else {
            state.faults.push("a connection came for which there is no script".to_owned());
            continue;
        };
        let (tls, player_stage) = (tls.cloned(), Arc::clone(stage));
        state.streams.extend(stream.try_clone().map(|copy| (i, copy)));
        state.players.push(thread::spawn(move || {
            if let Err(text) = play(stream, script, tls, &player_stage) {
                player_stage.fault(format!("connection {i}: {text}"));
            }
            // The copy would keep the socket open.
            player_stage.lock().streams.retain(|(of, _)| *of != i);
        }));
    }
    let unused = scripts.count();
    if unused > 0 {
        stage.fault(format!("{unused} scripts never got a connection"));
    }
}

enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Wire {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => &stream.sock,
        }
    }

    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buf),
            Self::Tls(stream) => stream.read(buf),
        }
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes),
            Self::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }

    fn say_goodbye(&mut self) {
        if let Self::Tls(stream) = self {
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    }
}

fn play(
    stream: TcpStream,
    script: Script,
    tls: Option<Arc<ServerConfig>>,
    stage: &Stage,
) -> Result<(), String> {
    let text = |error: io::Error| error.to_string();
    stream.set_nodelay(true).map_err(text)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(text)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(text)?;
    let mut wire = match tls {
        None => Wire::Plain(stream),
        Some(config) => {
            let session = ServerConnection::new(config).map_err(|error| error.to_string())?;
            Wire::Tls(Box::new(StreamOwned::new(session, stream)))
        }
    };
    let mut came = Vec::new();
    for mut step in script.steps {
        match &step {
            Step::Expect(_) | Step::ExpectHead => await_step(&mut wire, &mut step, &mut came, stage)?,
            Step::Reply(bytes) => {
                wire.send(bytes).map_err(|error| format!("the reply cannot be sent: {error}"))?;
            }
            Step::Stall(time) => stage.stall(*time),
            Step::Close | Step::Cut => {
                if matches!(step, Step::Close) {
                    wire.say_goodbye();
                }
                let _ = wire.socket().shutdown(Shutdown::Write);
                // Unread bytes would turn the end into a reset.
                while matches!(wire.read(&mut [0; 4096]), Ok(1..)) {}
                return Ok(());
            }
            Step::Reset => {
                let socket = socket2::SockRef::from(wire.socket());
                return socket.set_linger(Some(Duration::ZERO)).map_err(text);
            }
        }
    }
    let mut buf = [0; 4096];
    match wire.read(&mut buf) {
        _ if !came.is_empty() => Err(super::difference(b"", &came)),
        Ok(n) if n > 0 => Err(super::difference(b"", buf.get(..n).unwrap_or_default())),
        // The client may go as it likes once the script is over.
        _ => Ok(()),
    }
}

fn await_step(wire: &mut Wire, step: &mut Step, came: &mut Vec<u8>, stage: &Stage) -> Result<(), String> {
    let mut buf = [0; 16 * 1024];
    let mut heads = Vec::new();
    while !step.consume(came, &mut heads)? {
        let wanted = || step.wants().unwrap_or_default();
        match wire.read(&mut buf) {
            Ok(0) => return Err(format!("the client closed while the peer waits for {}", wanted())),
            Ok(n) => came.extend_from_slice(buf.get(..n).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(format!("{error} while the peer waits for {}", wanted())),
        }
    }
    stage.lock().heads.append(&mut heads);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk(script: Script, say: &str) -> (Result<String, io::ErrorKind>, Result<(), String>) {
        let listener = ScriptedListener::start(vec![script]);
        let mut stream = TcpStream::connect(listener.addr()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(say.as_bytes()).unwrap();
        let mut heard = String::new();
        let read = stream.read_to_string(&mut heard).map(|_| heard).map_err(|error| error.kind());
        (read, listener.finish())
    }

    #[test]
    fn the_peer_plays_its_script() {
        let script = Script::new().expect_head().expect("ab").reply_bytewise("hello").close();
        assert_eq!(talk(script, "GET /\r\n\r\nab"), (Ok("hello".to_owned()), Ok(())));
        let (read, finished) = talk(Script::new().expect("x").reset(), "x");
        assert_eq!((read, finished), (Err(io::ErrorKind::ConnectionReset), Ok(())));
    }

    #[test]
    fn what_goes_wrong_is_told_by_finish() {
        let (_, finished) = talk(Script::new().expect("ab").close(), "ax");
        assert!(finished.unwrap_err().contains("unexpected bytes after 1"));

        let listener = ScriptedListener::start(vec![Script::new().expect("ab"), Script::new()]);
        let mut stream = TcpStream::connect(listener.addr()).unwrap();
        stream.write_all(b"a").unwrap();
        let text = listener.finish().unwrap_err();
        assert!(text.contains("1 more bytes") && text.contains("1 scripts never got"), "{text}");
    }
}
