//! Which addresses may be dialled: the guard against requests that a stranger steers inwards (SSRF).

mod network;
mod special;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use network::{Network, NetworkError};

/// Decides which IP addresses may be dialled. Default [`any`](Self::any).
///
/// What is denied is refused whatever else is said; what is allowed passes the preset; the preset judges the rest. An
/// IPv6 address that carries an IPv4 address (mapped, compatible, translated, NAT64, 6to4) is judged as that IPv4
/// address; a denied IPv6 network holds it besides.
///
/// The [`Connector`](crate::Connector) asks for the very addresses that it then dials, after the look-up and for IP
/// addresses in a URL alike, so that a name cannot change its address between the check and the use.
///
/// A policy is no part of [`Route`](crate::Route): all connections of one pool come from one connector, which has one
/// policy, so that no connection made under another can be lent.
///
/// ```
/// use conn::{AddressPolicy, DenyReason};
///
/// let policy = AddressPolicy::public_only().allow("10.1.0.0/16".parse()?).deny("10.1.9.0/24".parse()?);
/// assert!(policy.check("93.184.215.14".parse()?).is_ok());
/// assert!(policy.check("10.1.2.3".parse()?).is_ok());
/// assert!(policy.check("10.1.9.3".parse()?).is_err());
///
/// let denied = policy.check("::ffff:127.0.0.1".parse()?).unwrap_err();
/// assert_eq!(denied.reason, DenyReason::Loopback);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressPolicy {
    public_only: bool,
    allowed: Vec<Network>,
    denied: Vec<Network>,
    names_behind_proxy: bool,
}

impl AddressPolicy {
    /// Returns the policy that lets every address pass.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// Returns the policy that lets only addresses of the public Internet pass: nothing that
    /// [`DenyReason`] names.
    #[must_use]
    pub fn public_only() -> Self {
        Self { public_only: true, ..Self::default() }
    }

    /// Lets a network pass the preset. An IPv4 network holds the IPv6 addresses that carry its addresses; an IPv6
    /// network does not hold addresses that carry an IPv4 address.
    #[must_use]
    pub fn allow(mut self, network: Network) -> Self {
        self.allowed.push(network);
        self
    }

    /// Refuses a network, even if it is allowed too.
    #[must_use]
    pub fn deny(mut self, network: Network) -> Self {
        self.denied.push(network);
        self
    }

    /// Lets names pass that a proxy looks up (`socks4a`, `socks5h`), though nobody here sees which addresses they mean to it:
    /// the guard is the proxy's then.
    #[must_use]
    pub fn allow_names_behind_proxy(mut self) -> Self {
        self.names_behind_proxy = true;
        self
    }

    /// Says whether a proxy may be asked for a name: if [allowed](Self::allow_names_behind_proxy), or if no address is refused
    /// either.
    #[must_use]
    pub fn permits_names_behind_proxy(&self) -> bool {
        self.names_behind_proxy || (!self.public_only && self.denied.is_empty())
    }

    /// Judges one address.
    ///
    /// # Errors
    /// [`Denied`] with the address and the reason, if it may not be dialled.
    pub fn check(&self, address: IpAddr) -> Result<(), Denied> {
        let judged = within(address);
        let holds = |network: &&Network| network.contains(address) || network.contains(judged);
        let reason = if let Some(network) = self.denied.iter().find(holds) {
            Some(DenyReason::Listed(*network))
        } else if !self.public_only || self.allowed.iter().any(|network| network.contains(judged)) {
            None
        } else {
            match judged {
                IpAddr::V4(v4) => special::v4(v4),
                IpAddr::V6(v6) => special::v6(v6),
            }
        };
        reason.map_or(Ok(()), |reason| Err(Denied { address, reason }))
    }
}

/// An address that may not be dialled, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{address} is {reason}")]
#[non_exhaustive]
pub struct Denied {
    /// The address as it would have been dialled.
    pub address: IpAddr,
    /// Why it is refused.
    pub reason: DenyReason,
}

/// Why an [`AddressPolicy`] refuses an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DenyReason {
    /// It lies in this network, which was [denied](AddressPolicy::deny).
    Listed(Network),
    /// It means this machine: `127.0.0.0/8`, `::1`.
    Loopback,
    /// It belongs to a private network: `10.0.0.0/8`, `172.16.0.0/12`, `192.168.0.0/16`, `fec0::/10`.
    Private,
    /// It is valid on one link only, and where clouds keep their metadata: `169.254.0.0/16`, `fe80::/10`.
    LinkLocal,
    /// It is a cloud's door to metadata outside link-local space: `168.63.129.16`.
    Metadata,
    /// It is shared behind a carrier's translator (CGNAT): `100.64.0.0/10`.
    Shared,
    /// It is unique local: `fc00::/7`.
    UniqueLocal,
    /// It means a group: `224.0.0.0/4`, `ff00::/8`.
    Multicast,
    /// It means all on a link: `255.255.255.255`.
    Broadcast,
    /// It means no address, which many systems dial as this machine: `0.0.0.0/8`, `::`.
    Unspecified,
    /// It is kept for documents: `192.0.2.0/24`, `198.51.100.0/24`, `203.0.113.0/24`, `2001:db8::/32`, `3fff::/20`.
    Documentation,
    /// It is kept for benchmarks: `198.18.0.0/15`, `2001:2::/48`.
    Benchmarking,
    /// It leads into a tunnel or a local translator: Teredo `2001::/32`, `64:ff9b:1::/48`.
    Tunnel,
    /// It is reserved or thrown away: `240.0.0.0/4`, `192.0.0.0/24`, `192.88.99.0/24`, `100::/64`, `5f00::/16`.
    Reserved,
}

impl fmt::Display for DenyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Listed(network) => return write!(f, "in the denied network {network}"),
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Metadata => "cloud metadata",
            Self::Shared => "shared address space",
            Self::UniqueLocal => "unique local",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::Unspecified => "unspecified",
            Self::Documentation => "kept for documentation",
            Self::Benchmarking => "kept for benchmarks",
            Self::Tunnel => "an address of a tunnel",
            Self::Reserved => "reserved",
        })
    }
}

/// Returns the IPv4 address that an IPv6 address carries, or else the address itself.
fn within(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => carried(v6).map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match address.segments() {
        // The unspecified address and loopback look like compatible ones, and are not.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        // Compatible (RFC 4291 section 2.5.5.1), mapped (section 2.5.5.2), translated (RFC 2765), NAT64 (RFC 6052).
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        // 6to4 (RFC 3056).
        | [0x2002, high, low, ..] => v4(high, low),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
