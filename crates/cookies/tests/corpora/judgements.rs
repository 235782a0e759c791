//! Where the jar and the suite disagree, and why. The suite tests RFC 6265, the jar follows RFC 6265bis.

/// Ids of cases that the jar decides otherwise.
pub(crate) const DIFFERENT: &[(&str, &[&str])] = &[
    (
        "without a `=` all of it is the value of a cookie without a name, and a name may be empty (RFC 6265bis §5.6)",
        &[
            "http-state/0004",
            "http-state/0021",
            "http-state/0023",
            "http-state/0024",
            "http-state/0025",
            "http-state/0026",
            "http-state/0027",
            "http-state/0028",
            "http-state/chromium0009",
            "http-state/chromium0010",
            "http-state/chromium0012",
            "http-state/mozilla0012",
            "http-state/mozilla0014",
            "http-state/mozilla0015",
            "http-state/mozilla0016",
            "http-state/mozilla0017",
            "http-state/name0017",
            "http-state/name0023",
            "http-state/name0025",
            "http-state/name0028",
            "http-state/name0031",
            "http-state/name0032",
            "http-state/name0033",
        ],
    ),
    (
        "a control character refuses the line, and does not cut it short (RFC 6265bis §5.6)",
        &["http-state/disabled-chromium0022", "http-state/disabled-chromium0023"],
    ),
    (
        "paths are compared as they stand: `%6F` is not `o` (RFC 6265bis §5.1.4)",
        &["http-state/disabled-path0029"],
    ),
    (
        "of several attributes the last counts, and an empty Domain leaves the cookie to its host (RFC 6265bis §5.7)",
        &["http-state/optional-domain0042"],
    ),
];
