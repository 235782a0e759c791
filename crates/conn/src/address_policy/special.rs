//! The blocks that the public Internet does not reach (IANA's special-purpose address registries).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::DenyReason::{self, *};
use super::network::covers;

/// Says why an IPv4 address is not public, if it is not.
pub(super) fn v4(address: Ipv4Addr) -> Option<DenyReason> {
    find(&V4, IpAddr::V4(address))
}

/// Says why an IPv6 address is not public, if it is not. Those that carry an IPv4 address are judged by [`v4`].
pub(super) fn v6(address: Ipv6Addr) -> Option<DenyReason> {
    find(&V6, IpAddr::V6(address))
}

fn find(blocks: &[(IpAddr, u8, DenyReason)], address: IpAddr) -> Option<DenyReason> {
    blocks.iter().find(|(base, prefix, _)| covers(*base, *prefix, address)).map(|(_, _, reason)| *reason)
}

const fn four(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

const fn six(a: u16, b: u16, c: u16) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
}

// The first that holds an address gives the reason.
const V4: [(IpAddr, u8, DenyReason); 17] = [
    (four(127, 0, 0, 0), 8, Loopback),
    (four(10, 0, 0, 0), 8, Private),
    (four(172, 16, 0, 0), 12, Private),
    (four(192, 168, 0, 0), 16, Private),
    (four(169, 254, 0, 0), 16, LinkLocal),
    (four(168, 63, 129, 16), 32, Metadata),
    (four(100, 64, 0, 0), 10, Shared),
    (four(0, 0, 0, 0), 8, Unspecified),
    (four(255, 255, 255, 255), 32, Broadcast),
    (four(224, 0, 0, 0), 4, Multicast),
    (four(192, 0, 2, 0), 24, Documentation),
    (four(198, 51, 100, 0), 24, Documentation),
    (four(203, 0, 113, 0), 24, Documentation),
    (four(198, 18, 0, 0), 15, Benchmarking),
    (four(192, 0, 0, 0), 24, Reserved),
    (four(192, 88, 99, 0), 24, Reserved),
    (four(240, 0, 0, 0), 4, Reserved),
];

const V6: [(IpAddr, u8, DenyReason); 13] = [
    (IpAddr::V6(Ipv6Addr::LOCALHOST), 128, Loopback),
    (IpAddr::V6(Ipv6Addr::UNSPECIFIED), 128, Unspecified),
    (six(0xfc00, 0, 0), 7, UniqueLocal),
    (six(0xfe80, 0, 0), 10, LinkLocal),
    (six(0xfec0, 0, 0), 10, Private),
    (six(0xff00, 0, 0), 8, Multicast),
    (six(0x2001, 0xdb8, 0), 32, Documentation),
    (six(0x3fff, 0, 0), 20, Documentation),
    (six(0x2001, 0x2, 0), 48, Benchmarking),
    (six(0x2001, 0, 0), 32, Tunnel),
    (six(0x64, 0xff9b, 1), 48, Tunnel),
    (six(0x100, 0, 0), 64, Reserved),
    (six(0x5f00, 0, 0), 16, Reserved),
];
