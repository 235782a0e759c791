//! The pool's key: everything that decides whether two requests may share a connection.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::{Arc, OnceLock};

use crate::origin::Origin;

/// The way to an origin. Two requests may share a connection only if their routes are equal.
///
/// Hashed once, when it is made; cloning copies a pointer.
#[derive(Clone, Debug)]
pub struct Route(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    origin: Origin,
    hash: u64,
}

impl Route {
    /// Makes the direct way to `origin`.
    #[must_use]
    pub fn new(origin: Origin) -> Self {
        // Host names come from peers (redirects), so the hash is keyed at random against chosen collisions.
        static KEYS: OnceLock<RandomState> = OnceLock::new();
        let hash = KEYS.get_or_init(RandomState::new).hash_one(&origin);
        Self(Arc::new(Inner { origin, hash }))
    }

    /// Returns the origin at the end of the way.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.0.origin
    }
}

impl PartialEq for Route {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.0.hash == other.0.hash && self.0.origin == other.0.origin)
    }
}

impl Eq for Route {}

impl Hash for Route {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}
