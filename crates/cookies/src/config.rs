//! What a jar is told beforehand.

use std::fmt;
use std::sync::Arc;

use crate::suffix::{MozillaSuffixes, PublicSuffixes};

/// Configures a [`Jar`](crate::Jar).
#[derive(Clone)]
#[non_exhaustive]
pub struct JarConfig {
    /// How many cookies there may be.
    pub limits: JarLimits,
    /// Which domains are public. Default [`MozillaSuffixes`].
    pub suffixes: Arc<dyn PublicSuffixes>,
    /// Whether `localhost`, names under it and loopback addresses count as secure over plain HTTP, as browsers have it.
    /// Default false.
    pub secure_loopback: bool,
}

impl Default for JarConfig {
    fn default() -> Self {
        Self { limits: JarLimits::default(), suffixes: Arc::new(MozillaSuffixes), secure_loopback: false }
    }
}

impl fmt::Debug for JarConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JarConfig")
            .field("limits", &self.limits)
            .field("secure_loopback", &self.secure_loopback)
            .finish_non_exhaustive()
    }
}

/// Limits how many cookies a jar holds. What is too much is evicted: see [`Jar`](crate::Jar#eviction).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JarLimits {
    /// Cookies of one domain: a registrable one such as `example.co.uk` with all its hosts, or an address. Default 50;
    /// 0 counts as 1, more than 180 as 180. It bounds the `Cookie` field, too: no cookie has more than 4 KiB.
    pub per_domain: usize,
    /// Cookies in all. Default 3,000; 0 counts as 1.
    pub total: usize,
}

impl Default for JarLimits {
    fn default() -> Self {
        Self { per_domain: 50, total: 3_000 }
    }
}

impl JarLimits {
    pub(crate) fn per_domain(self) -> usize {
        self.per_domain.clamp(1, 180)
    }

    pub(crate) fn total(self) -> usize {
        self.total.max(1)
    }
}
