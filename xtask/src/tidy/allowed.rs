//! ALLOWED: every arrow that may be drawn. What does not stand here fails `cargo xtask tidy`, so that a fresh arrow
//! is a decision that a reviewer sees, with its reason in ARCHITECTURE.md.

/// What a crate of ours may use among our own crates.
pub(super) struct Arrows {
    pub(super) name: &'static str,
    pub(super) normal: &'static [&'static str],
    pub(super) dev: &'static [&'static str],
}

/// The modules of one crate, lowest first.
pub(super) struct Layer {
    pub(super) name: &'static str,
    pub(super) modules: &'static [Module],
    /// Banned names that one file may use all the same.
    pub(super) exceptions: &'static [Exception],
}

/// One module with all that lies under it.
pub(super) struct Module {
    /// A module uses lower ranks only.
    pub(super) rank: u8,
    /// `a` or `a::b`; the longest row that fits a path counts.
    pub(super) name: &'static str,
    /// Whether it decides only: no socket, clock, lock, random source or log.
    pub(super) pure: bool,
    /// The modules of the same rank that it may use.
    pub(super) beside: &'static [&'static str],
}

/// A banned name that one file has a good reason for.
pub(super) struct Exception {
    pub(super) file: &'static str,
    pub(super) word: &'static str,
    #[allow(dead_code, reason = "it is there for whoever reads the table")]
    pub(super) reason: &'static str,
}

const fn pure(rank: u8, name: &'static str, beside: &'static [&'static str]) -> Module {
    Module { rank, name, pure: true, beside }
}

const fn doing(rank: u8, name: &'static str, beside: &'static [&'static str]) -> Module {
    Module { rank, name, pure: false, beside }
}

/// Arrows between crates. The four leaves know nothing of each other.
pub(super) const ARROWS: &[Arrows] = &[
    Arrows { name: "wire", normal: &[], dev: &["testkit"] },
    Arrows { name: "conn", normal: &[], dev: &["testkit"] },
    Arrows { name: "cookies", normal: &[], dev: &["testkit"] },
    Arrows { name: "resilience", normal: &[], dev: &["testkit"] },
    Arrows { name: "http-client", normal: &["wire", "conn", "cookies", "resilience"], dev: &["testkit"] },
    Arrows { name: "testkit", normal: &["conn", "cookies", "wire"], dev: &[] },
    Arrows { name: "examples", normal: PUBLISHED, dev: EVERYTHING },
    Arrows { name: "xtask", normal: &[], dev: &[] },
];

/// The layers that users build on: their dependencies are counted and explained.
pub(super) const PUBLISHED: &[&str] = &["wire", "conn", "cookies", "resilience", "http-client"];

const EVERYTHING: &[&str] = &["wire", "conn", "cookies", "resilience", "http-client", "testkit"];

/// Ranks of modules. A row without a file is a place kept for a module to come.
pub(super) const LAYERS: &[Layer] = &[
    Layer {
        name: "wire",
        modules: &[
            pure(0, "error", &["limits"]),
            pure(0, "limits", &[]),
            pure(1, "headers", &[]),
            pure(1, "leniency", &[]),
            pure(2, "head", &["section"]),
            pure(2, "section", &["head"]),
            pure(3, "convert", &[]),
            pure(2, "chunked", &["head", "section"]),
            pure(3, "framing", &[]),
            pure(3, "persistence", &["framing"]),
            pure(4, "content", &[]),
            pure(4, "event", &[]),
            pure(5, "exchange", &[]),
            pure(6, "pipeline", &[]),
        ],
        exceptions: &[],
    },
    Layer {
        name: "conn",
        modules: &[
            pure(0, "error", &["address_policy", "cancel", "deadline"]),
            pure(0, "deadline", &[]),
            pure(0, "origin", &["error"]),
            pure(0, "address_policy", &[]),
            doing(0, "clock", &["cancel"]),
            doing(0, "cancel", &[]),
            pure(1, "proxy", &[]),
            pure(1, "dial", &[]),
            doing(1, "transport", &[]),
            doing(1, "resolve", &[]),
            doing(1, "wake", &[]),
            pure(2, "route", &[]),
            doing(2, "socket", &[]),
            pure(3, "connect", &[]),
            pure(3, "pool", &[]),
            doing(3, "tcp", &[]),
            doing(3, "unix", &[]),
            doing(4, "tls", &[]),
            doing(4, "dialer", &[]),
            doing(5, "socks", &["socks::handshake"]),
            pure(5, "socks::handshake", &[]),
            doing(6, "connector", &[]),
            doing(6, "lease", &[]),
        ],
        exceptions: &[Exception {
            file: "src/route.rs",
            word: "RandomState",
            reason: "the pool's key is hashed once with a keyed hash, so that no peer can choose collisions",
        }],
    },
    Layer {
        name: "cookies",
        modules: &[
            pure(0, "error", &[]),
            pure(0, "date", &[]),
            pure(0, "suffix", &[]),
            pure(0, "entry", &[]),
            pure(1, "config", &[]),
            pure(1, "site", &[]),
            pure(2, "line", &[]),
            pure(3, "record", &[]),
            pure(3, "store", &[]),
            pure(4, "netscape", &[]),
            pure(4, "json", &[]),
            pure(4, "jar", &[]),
            pure(5, "text", &[]),
            pure(5, "merge", &[]),
            pure(5, "convert", &[]),
            doing(6, "file", &[]),
        ],
        exceptions: &[],
    },
    Layer {
        name: "resilience",
        modules: &[
            pure(0, "error", &[]),
            pure(0, "rng", &[]),
            pure(0, "sync", &[]),
            pure(0, "time", &[]),
            pure(1, "backoff", &[]),
            pure(1, "budget", &[]),
            pure(2, "retry", &[]),
            pure(2, "breaker", &[]),
            pure(3, "registry", &[]),
            pure(3, "rate", &[]),
            pure(3, "bulkhead", &[]),
            pure(3, "hedge", &[]),
            pure(4, "drive", &[]),
            doing(5, "run", &[]),
        ],
        exceptions: &[Exception {
            file: "src/rng.rs",
            word: "RandomState",
            reason: "`SharedRng::from_os` is the one door through which randomness enters",
        }],
    },
    Layer {
        name: "http-client",
        modules: &[
            pure(0, "text", &[]),
            doing(0, "info", &[]),
            pure(0, "error", &["text", "info"]),
            doing(0, "wiretap", &[]),
            pure(0, "config", &["error", "wiretap"]),
            doing(0, "body", &["error"]),
            pure(1, "request", &[]),
            doing(1, "multipart", &[]),
            pure(1, "hosts", &[]),
            pure(2, "policy", &[]),
            pure(2, "policy::auth", &[]),
            pure(2, "policy::deadlines", &[]),
            pure(2, "policy::keep_alive", &[]),
            pure(2, "policy::prepare", &[]),
            pure(2, "policy::redirect", &["policy::prepare"]),
            pure(2, "policy::reask", &[]),
            pure(2, "policy::replay", &[]),
            pure(2, "policy::retry", &["policy::replay"]),
            pure(2, "policy::schedule", &[]),
            pure(2, "policy::decode", &[]),
            pure(3, "call", &[]),
            doing(4, "link", &["link::sending", "link::receiving", "link::ahead"]),
            doing(4, "link::sending", &["link", "link::receiving"]),
            doing(4, "link::receiving", &["link", "link::sending"]),
            doing(4, "link::ahead", &["link", "link::sending"]),
            doing(5, "lease", &[]),
            doing(6, "response", &[]),
            doing(7, "driver", &[]),
            doing(8, "connection", &[]),
            doing(8, "client", &["builder", "batch"]),
            doing(8, "builder", &["client"]),
            doing(8, "batch", &["client", "builder"]),
            doing(8, "convert", &[]),
            doing(9, "oneshot", &[]),
            doing(9, "tunnel", &[]),
        ],
        exceptions: &[],
    },
];

/// Names that no pure module may speak, and why.
pub(super) const BANNED: &[(&str, &str)] = &[
    ("Instant::now", "time is an argument"),
    ("SystemTime::now", "time is an argument"),
    (".elapsed()", "it reads the clock; time is an argument"),
    ("TcpStream", "pure code touches no socket"),
    ("UdpSocket", "pure code touches no socket"),
    ("std::net::Tcp*", "pure code touches no socket"),
    ("thread::sleep", "pure code never waits; drivers do"),
    ("RandomState", "randomness is an argument"),
    ("getrandom", "randomness is an argument"),
    ("rand::*", "randomness is an argument"),
    ("tracing::*", "pure code returns its reason; drivers log it"),
];

/// Lines of a source file without its tests.
pub(super) const LINES_WARNED: usize = 400;
pub(super) const LINES_ALLOWED: usize = 600;
/// Lines of a test module that stands in the file it tests.
pub(super) const TEST_LINES_ALLOWED: usize = 150;

/// Words that no file may hold, in halves, so that this file passes its own rule.
pub(super) const FORBIDDEN: &[(&str, &str)] = &[
    (concat!("index.", "crates.io"), "hosts of registries belong to a machine's configuration"),
    (concat!("static.", "crates.io"), "hosts of registries belong to a machine's configuration"),
    (concat!("pypi.", "org"), "hosts of registries belong to a machine's configuration"),
    (concat!("registry.", "npmjs"), "hosts of registries belong to a machine's configuration"),
    (concat!("proxy.", "golang"), "hosts of registries belong to a machine's configuration"),
    (concat!("/wo", "rk/"), "paths of one machine mean nothing on another"),
];
