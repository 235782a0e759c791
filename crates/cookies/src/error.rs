//! Why a `Set-Cookie` line was not taken.

/// Names a `Set-Cookie` line that was refused, and the reason; the value of the cookie stays out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// Which line it is, counted from zero.
    pub line: usize,
    /// The name of the cookie, when the line has a readable one.
    pub name: Option<String>,
    /// What is wrong with it.
    pub reason: Refusal,
}

/// Says why a `Set-Cookie` line is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The line is not UTF-8.
    #[error("the line is not UTF-8")]
    NotUtf8,
    /// The line holds a control character other than a tab.
    #[error("the line holds a control character")]
    ControlCharacter,
    /// Name and value are both empty.
    #[error("name and value are both empty")]
    Empty,
    /// Name and value together are too long.
    #[error("name and value are longer than {limit} bytes")]
    TooLong {
        /// The most that is taken, in bytes.
        limit: usize,
    },
    /// The URL has no host, or is not one of HTTP.
    #[error("the URL is not one of HTTP")]
    NotHttp,
    /// The `Domain` attribute is no domain name.
    #[error("the Domain attribute is no domain name")]
    InvalidDomain,
    /// The `Domain` attribute is a single label, such as `com`, and not the host itself.
    #[error("the Domain attribute is a single label")]
    DomainTooWide,
    /// The host does not lie in the domain of the `Domain` attribute.
    #[error("the host does not lie in the domain of the Domain attribute")]
    ForeignDomain,
    /// The cookie is `Secure`, but came over a connection that is not.
    #[error("a Secure cookie came over a connection that is not secure")]
    SecureFromInsecure,
    /// A `Secure` cookie of that name exists, and this one came over a connection that is not secure.
    #[error("it would hide a Secure cookie")]
    HidesSecure,
    /// The name begins with `__Secure-` or `__Host-`, and the attributes break what that promises.
    #[error("the attributes break what the prefix of the name promises")]
    BrokenPrefix,
}
