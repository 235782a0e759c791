//! Whether a response says that the request was not applied, so that it is asked again at once.

use wire::StatusCode;

/// What a response is to a request besides its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Circumstances {
    /// The connection was idle before the request.
    pub(crate) is_reused: bool,
    /// The request was sent to its end.
    pub(crate) is_sent: bool,
    /// It said `Expect: 100-continue`.
    pub(crate) expects: bool,
    /// Its content, if it has any, can be sent once more.
    pub(crate) is_replayable: bool,
}

/// How a request is asked again: once for each reason, with any method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reask {
    /// On a connection made for it: the server closed the old one, or it leads to the wrong server.
    Elsewhere,
    /// Without `Expect`.
    WithoutExpect,
}

/// The reasons that were used up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reasked {
    timeout: bool,
    expectation: bool,
    misdirected: bool,
    early: bool,
}

impl Reasked {
    /// Judges a response. What it grants it does not grant again.
    pub(crate) fn judge(&mut self, status: StatusCode, of: Circumstances) -> Option<Reask> {
        if !of.is_replayable {
            return None;
        }
        let (used, reask) = match status.as_u16() {
            // RFC 9110 §15.5.9: the server waited for a request in vain, on a connection that it had thought idle.
            408 if of.is_reused || !of.is_sent => (&mut self.timeout, Reask::Elsewhere),
            // RFC 9110 §10.1.1
            417 if of.expects => (&mut self.expectation, Reask::WithoutExpect),
            // RFC 9110 §15.5.20
            421 => (&mut self.misdirected, Reask::Elsewhere),
            // RFC 8470 §5.2: nothing of ours is ever sent early, but something between may have done so.
            425 => (&mut self.early, Reask::Elsewhere),
            _ => return None,
        };
        if std::mem::replace(used, true) { None } else { Some(reask) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: Circumstances =
        Circumstances { is_reused: false, is_sent: true, expects: false, is_replayable: true };

    #[track_caller]
    fn check(status: u16, of: Circumstances, expected: Option<Reask>) {
        let (status, mut reasked) = (StatusCode::from_u16(status).unwrap(), Reasked::default());
        assert_eq!(reasked.judge(status, of), expected, "{status} {of:?}");
        assert_eq!(reasked.judge(status, of), None, "{status} {of:?}: once is enough");
    }

    #[test]
    fn what_was_not_applied_is_asked_again_once() {
        let (elsewhere, plain) = (Some(Reask::Elsewhere), Some(Reask::WithoutExpect));
        check(408, FRESH, None);
        check(408, Circumstances { is_reused: true, ..FRESH }, elsewhere);
        check(408, Circumstances { is_sent: false, ..FRESH }, elsewhere);
        check(417, FRESH, None);
        check(417, Circumstances { expects: true, ..FRESH }, plain);
        check(421, FRESH, elsewhere);
        check(425, FRESH, elsewhere);
        for status in [200, 301, 400, 401, 403, 407, 413, 429, 500, 503] {
            check(status, Circumstances { is_reused: true, is_sent: false, expects: true, ..FRESH }, None);
        }
        for status in [408, 417, 421, 425] {
            let gone = Circumstances { is_reused: true, expects: true, is_replayable: false, ..FRESH };
            check(status, gone, None);
        }
    }

    #[test]
    fn each_reason_counts_for_itself() {
        let mut reasked = Reasked::default();
        let status = |code| StatusCode::from_u16(code).unwrap();
        assert_eq!(reasked.judge(status(421), FRESH), Some(Reask::Elsewhere));
        assert_eq!(reasked.judge(status(425), FRESH), Some(Reask::Elsewhere));
        assert_eq!(reasked.judge(status(421), FRESH), None);
    }
}
