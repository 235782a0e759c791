//! A wait of the kernel's that a token can end.

use std::time::Duration;

use rustix::event::PollFd;

use crate::cancel::CancelToken;

/// How often a wait looks at the token where nothing can wake it.
const LOOK: Duration = Duration::from_millis(5);

/// What a `poll` waits for besides its sockets: the cancelling of a token. A token that cannot be cancelled costs
/// nothing.
pub(crate) struct Wake {
    bell: Option<bell::Bell>,
    is_looking: bool,
}

impl Wake {
    pub(crate) fn new(cancel: &CancelToken) -> Self {
        let bell = cancel.can_be_cancelled().then(|| bell::Bell::new(cancel)).flatten();
        let is_looking = bell.is_none() && cancel.can_be_cancelled();
        Self { bell, is_looking }
    }

    pub(crate) fn poll_fd(&self) -> Option<PollFd<'_>> {
        self.bell.as_ref().map(bell::Bell::poll_fd)
    }

    /// The longest single wait.
    pub(crate) fn look_again(&self) -> Option<Duration> {
        self.is_looking.then_some(LOOK)
    }
}

#[cfg(unix)]
mod bell {
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;

    use rustix::event::{PollFd, PollFlags};

    use crate::cancel::{CancelToken, Interrupt, Registration};

    /// A pair of sockets of which the token rings one.
    pub(super) struct Bell {
        heard: UnixStream,
        _registered: Registration,
    }

    struct Rung(UnixStream);

    impl Interrupt for Rung {
        fn interrupt(&self) {
            // The only byte there ever is: it has room.
            let _ = (&self.0).write(&[0]);
        }
    }

    impl Bell {
        /// None where the process has no descriptor left.
        pub(super) fn new(cancel: &CancelToken) -> Option<Self> {
            let (heard, rung) = UnixStream::pair().ok()?;
            Some(Self { heard, _registered: cancel.on_cancel(Arc::new(Rung(rung))) })
        }

        pub(super) fn poll_fd(&self) -> PollFd<'_> {
            PollFd::new(&self.heard, PollFlags::IN)
        }
    }
}

#[cfg(not(unix))]
mod bell {
    use rustix::event::PollFd;

    use crate::cancel::CancelToken;

    /// Only sockets can be polled here, and there is no pair of them.
    pub(super) enum Bell {}

    impl Bell {
        pub(super) fn new(_: &CancelToken) -> Option<Self> {
            None
        }

        pub(super) fn poll_fd(&self) -> PollFd<'_> {
            match *self {}
        }
    }
}
