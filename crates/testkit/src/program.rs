//! Programs that tests start, and end.

use std::env;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const STOP_LIMIT: Duration = Duration::from_secs(3);
pub(crate) const PAUSE: Duration = Duration::from_millis(5);

/// Finds an installed program.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    // /usr/sbin is not on every user's PATH.
    let more = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin"].map(PathBuf::from);
    env::split_paths(&path).chain(more).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// A program that has workers, which end with it only if it is asked kindly: dropping asks, and waits.
#[derive(Debug)]
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // std knows only SIGKILL, which would leave the workers behind; every shell has `kill` built in.
        let asked = Command::new("sh")
            .args(["-c", "kill -TERM \"$1\"", "sh", &self.0.id().to_string()])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        let limit = Instant::now() + STOP_LIMIT;
        while asked && Instant::now() < limit && matches!(self.0.try_wait(), Ok(None)) {
            thread::sleep(PAUSE);
        }
        // Both fail only for a process that has gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
