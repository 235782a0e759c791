//! A network: an address and how many of its leading bits count.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A block of IP addresses, written `10.0.0.0/8`, `fc00::/7` or, for one address, `192.0.2.1`.
///
/// A block of IPv4-mapped IPv6 addresses is the IPv4 block: `::ffff:10.0.0.0/104` equals `10.0.0.0/8`.
///
/// ```
/// use conn::Network;
///
/// let network: Network = "172.16.0.0/12".parse()?;
/// assert!(network.contains("172.31.255.255".parse()?));
/// assert!(!network.contains("172.32.0.0".parse()?));
/// assert!("172.16.0.1/12".parse::<Network>().is_err());
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    base: IpAddr,
    prefix: u8,
}

impl Network {
    /// Makes the network of the addresses that share the first `prefix` bits of `base`.
    ///
    /// # Errors
    /// The prefix is longer than the address, or the address has bits behind it.
    pub fn new(base: IpAddr, prefix: u8) -> Result<Self, NetworkError> {
        let longest = length(base);
        if prefix > longest {
            return Err(NetworkError::Prefix { longest });
        }
        if bits(base) & !mask(longest, prefix) != 0 {
            return Err(NetworkError::HostBits);
        }
        if let (IpAddr::V6(v6), Some(prefix)) = (base, prefix.checked_sub(96))
            && let Some(v4) = v6.to_ipv4_mapped()
        {
            return Ok(Self { base: IpAddr::V4(v4), prefix });
        }
        Ok(Self { base, prefix })
    }

    /// Tells whether the address lies in the network. An IPv4 network holds no IPv6 address but the mapped ones of its
    /// own.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = match (self.base, address) {
            (IpAddr::V4(_), IpAddr::V6(v6)) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
            _ => address,
        };
        covers(self.base, self.prefix, address)
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self { base: address, prefix: length(address) }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let address = |text: &str| text.parse::<IpAddr>().map_err(|_| NetworkError::Address);
        let Some((base, prefix)) = text.split_once('/') else {
            return address(text).map(Self::from);
        };
        let base = address(base)?;
        // `parse` alone would take a sign.
        let digits = !prefix.is_empty() && prefix.bytes().all(|b| b.is_ascii_digit());
        let prefix = digits.then(|| prefix.parse().ok()).flatten();
        Self::new(base, prefix.ok_or(NetworkError::Prefix { longest: length(base) })?)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

/// Why a text or a pair is no [`Network`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// The part in front of the slash is no IP address.
    #[error("a network is an IP address, a slash and a number of bits, as in 10.0.0.0/8")]
    Address,
    /// The part behind the slash is no number that fits.
    #[error("a prefix of this network is a number from 0 to {longest}")]
    Prefix {
        /// How many bits the address has.
        longest: u8,
    },
    /// The address has bits that the prefix does not cover: perhaps another network was meant.
    #[error("the address has bits behind the prefix")]
    HostBits,
}

/// Tells whether two addresses of one family share their first `prefix` bits.
pub(super) fn covers(base: IpAddr, prefix: u8, address: IpAddr) -> bool {
    base.is_ipv4() == address.is_ipv4() && (bits(base) ^ bits(address)) & mask(length(base), prefix) == 0
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn length(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn mask(length: u8, prefix: u8) -> u128 {
    let all = u128::MAX.checked_shr(128 - u32::from(length)).unwrap_or(0);
    // A shift by the whole width leaves nothing.
    all & !all.checked_shr(u32::from(prefix)).unwrap_or(0)
}
