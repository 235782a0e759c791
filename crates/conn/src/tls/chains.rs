//! Certificate chains, kept once for all connections that show the same: they would be half of what an idle one holds.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use rustls::pki_types::CertificateDer;

type Chain = [Vec<u8>];

/// How many chains are remembered. Whoever talks to more servers at a time holds some twice.
const REMEMBERED: usize = 64;

static RECENT: Mutex<Vec<Weak<Chain>>> = Mutex::new(Vec::new());

/// Returns `chain`, shared with a connection that shows the same if there is one among the recent.
pub(super) fn shared(chain: &[CertificateDer<'_>]) -> Arc<Chain> {
    // A panic elsewhere leaves nothing half done here.
    let mut recent = RECENT.lock().unwrap_or_else(PoisonError::into_inner);
    recent.retain(|known| known.strong_count() > 0);
    let is_same = |known: &Arc<Chain>| known.iter().eq(chain.iter().map(AsRef::as_ref));
    if let Some(known) = recent.iter().filter_map(Weak::upgrade).find(is_same) {
        return known;
    }
    let made: Arc<Chain> = chain.iter().map(|cert| cert.to_vec()).collect();
    if recent.len() >= REMEMBERED {
        recent.remove(0);
    }
    recent.push(Arc::downgrade(&made));
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(n: usize) -> Vec<CertificateDer<'static>> {
        vec![n.to_be_bytes().to_vec().into(), vec![1].into()]
    }

    #[test]
    fn equal_chains_are_one_as_long_as_somebody_holds_one() {
        let first = shared(&chain(1));
        assert_eq!(first[1], [1]);
        assert!(Arc::ptr_eq(&first, &shared(&chain(1))));
        assert!(!Arc::ptr_eq(&first, &shared(&chain(2))));
        let held: Vec<_> = (0..2 * REMEMBERED).map(|n| shared(&chain(100 + n))).collect();
        assert!(RECENT.lock().unwrap().len() <= REMEMBERED);
        assert_eq!(first, shared(&chain(1)), "forgotten, but the same");
        drop(held);
        shared(&chain(1));
        assert!(RECENT.lock().unwrap().len() <= 2);
    }
}
