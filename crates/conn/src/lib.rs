//! Byte streams to an origin: a name is resolved, an address dialled, TLS negotiated, all within a deadline; and
//! connections worth keeping are kept.
//!
//! **In scope**: origins, deadlines and their phases, which addresses may be dialled and when, names, TCP, TLS by rustls, a pool that waits its turn.
//! **Out of scope**: HTTP. This crate moves bytes and never looks at them.
//!
//! Everything that decides is pure ([`Origin`], [`Deadline`], [`AddressPolicy`], [`Route`], [`Pool`]) and takes `now` as an argument;
//! what moves bytes stands behind two small traits, [`Connect`] and [`Transport`], so that a test or a user can bring
//! a stream of their own.

mod address_policy;
mod cancel;
mod clock;
mod connect;
mod connector;
mod deadline;
mod dial;
mod dialer;
mod error;
mod lease;
mod origin;
mod pool;
mod proxy;
mod resolve;
mod route;
mod socket;
mod socks;
mod tcp;
#[cfg(feature = "tls-no-provider")]
mod tls;
mod transport;
#[cfg(unix)]
mod unix;
mod wake;

pub use address_policy::{AddressPolicy, Denied, DenyReason, Network, NetworkError};
pub use cancel::{CancelToken, Cancelled, Interrupt, Registration};
pub use clock::{Clock, SystemClock};
pub use connect::{Connect, ConnectRequest, Connected, DialTimings, Hop};
pub use connector::{Connector, ConnectorConfig};
pub use deadline::{Deadline, Limit, Phase, TimedOut, Timeouts};
pub use dialer::Dialer;
pub use error::{
    ConnectError, FailedAddress, OriginError, SocksError, SocksRefusal, TlsConfigError, TlsError,
};
pub use lease::{ConnectionPool, Leased, Slot};
pub use origin::{Host, Origin, Scheme};
pub use pool::{
    Acquired, Evicted, Eviction, Evictions, Kept, Lent, PeerHint, Pool, PoolLimits, PoolSnapshot, Ticket,
    Want,
};
pub use proxy::{Proxy, ProxyError, ProxyKind};
pub use resolve::{CacheLimits, CachingResolver, Overrides, Resolve, ResolverLimits, SystemResolver};
pub use route::{DialTo, Route};
pub use socket::SocketTransport;
pub use socks::{SocksConnector, SocksHandshake, SocksStep};
pub use tcp::TcpOptions;
#[cfg(feature = "tls-no-provider")]
pub use tls::{
    ClientCertificate, Danger, Pin, PostQuantum, Revocation, Roots, TlsConfig, TlsConnector, TlsTransport,
    TlsVersion,
};
pub use transport::{Interest, Liveness, PeerFacts, TlsFacts, Transport};

#[cfg(feature = "tls-no-provider")]
pub use rustls;
