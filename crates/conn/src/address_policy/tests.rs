use super::DenyReason::*;
use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn network(text: &str) -> Network {
    text.parse().unwrap()
}

#[track_caller]
fn check(policy: &AddressPolicy, address: &str, expected: Option<DenyReason>) {
    let verdict = policy.check(ip(address));
    assert_eq!(verdict.err().map(|denied| denied.reason), expected, "{address}");
    if let Err(denied) = verdict {
        assert_eq!(denied.address, ip(address), "the error names what would be dialled");
    }
}

#[test]
fn public_only_lets_public_addresses_pass_and_says_why_others_do_not() {
    let policy = AddressPolicy::public_only();
    for (address, expected) in [
        // The first and the last address of every block, and their public neighbours.
        ("0.0.0.0", Some(Unspecified)),
        ("0.255.255.255", Some(Unspecified)),
        ("1.0.0.0", None),
        ("9.255.255.255", None),
        ("10.0.0.0", Some(Private)),
        ("10.255.255.255", Some(Private)),
        ("11.0.0.0", None),
        ("100.63.255.255", None),
        ("100.64.0.0", Some(Shared)),
        ("100.127.255.255", Some(Shared)),
        ("100.128.0.0", None),
        ("126.255.255.255", None),
        ("127.0.0.1", Some(Loopback)),
        ("127.255.255.255", Some(Loopback)),
        ("128.0.0.0", None),
        ("168.63.129.15", None),
        ("168.63.129.16", Some(Metadata)),
        ("169.253.255.255", None),
        ("169.254.169.254", Some(LinkLocal)),
        ("169.255.0.0", None),
        ("172.15.255.255", None),
        ("172.16.0.0", Some(Private)),
        ("172.31.255.255", Some(Private)),
        ("172.32.0.0", None),
        ("192.0.0.8", Some(Reserved)),
        ("192.0.1.0", None),
        ("192.0.2.1", Some(Documentation)),
        ("192.88.99.1", Some(Reserved)),
        ("192.167.255.255", None),
        ("192.168.0.0", Some(Private)),
        ("192.168.255.255", Some(Private)),
        ("192.169.0.0", None),
        ("198.17.255.255", None),
        ("198.18.0.0", Some(Benchmarking)),
        ("198.19.255.255", Some(Benchmarking)),
        ("198.20.0.0", None),
        ("198.51.100.7", Some(Documentation)),
        ("203.0.113.7", Some(Documentation)),
        ("223.255.255.255", None),
        ("224.0.0.1", Some(Multicast)),
        ("239.255.255.255", Some(Multicast)),
        ("240.0.0.0", Some(Reserved)),
        ("255.255.255.254", Some(Reserved)),
        ("255.255.255.255", Some(Broadcast)),
        ("::", Some(Unspecified)),
        ("::1", Some(Loopback)),
        ("100::1", Some(Reserved)),
        ("2001:4860:4860::8888", None),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", None),
        ("2001:db8::1", Some(Documentation)),
        ("2001:2::1", Some(Benchmarking)),
        ("2001:0:4136:e378::1", Some(Tunnel)),
        ("3ffe::1", None),
        ("3fff::1", Some(Documentation)),
        ("3fff:fff:ffff::", Some(Documentation)),
        ("3fff:1000::", None),
        ("5f00::1", Some(Reserved)),
        ("fbff::1", None),
        ("fc00::1", Some(UniqueLocal)),
        ("fd00:ec2::254", Some(UniqueLocal)),
        ("fdff:ffff::1", Some(UniqueLocal)),
        ("fe80::1", Some(LinkLocal)),
        ("febf::1", Some(LinkLocal)),
        ("fec0::1", Some(Private)),
        ("feff::1", Some(Private)),
        ("ff02::1", Some(Multicast)),
    ] {
        check(&policy, address, expected);
        check(&AddressPolicy::any(), address, None);
    }
}

#[test]
fn an_ipv6_address_is_judged_by_the_ipv4_address_that_it_carries() {
    let policy = AddressPolicy::public_only();
    for (kind, private, public) in [
        ("mapped", "::ffff:10.0.0.1", "::ffff:8.8.8.8"),
        ("compatible", "::10.0.0.1", "::8.8.8.8"),
        ("translated", "::ffff:0:10.0.0.1", "::ffff:0:8.8.8.8"),
        ("NAT64", "64:ff9b::10.0.0.1", "64:ff9b::8.8.8.8"),
        ("6to4", "2002:a00:1::1", "2002:808:808::1"),
    ] {
        assert_eq!(policy.check(ip(private)).unwrap_err().reason, Private, "{kind}");
        assert_eq!(policy.check(ip(public)), Ok(()), "{kind}");
        let denies = AddressPolicy::any().deny(network("8.8.8.0/24"));
        assert!(denies.check(ip(public)).is_err(), "{kind} is denied with its IPv4 network");
        let allows = AddressPolicy::public_only().allow(network("10.0.0.0/24"));
        assert!(allows.check(ip(private)).is_ok(), "{kind} is allowed with its IPv4 network");
        let allows = AddressPolicy::public_only().allow(network("::/0"));
        assert!(allows.check(ip(private)).is_err(), "{kind} is not allowed by an IPv6 network");
    }
    check(&policy, "64:ff9b:1::8.8.8.8", Some(Tunnel));
    check(&policy, "::0.0.0.2", Some(Unspecified));
}

#[test]
fn deny_beats_allow_and_allow_beats_the_preset() {
    let (wide, narrow) = (network("10.0.0.0/8"), network("10.1.0.0/16"));
    for (name, policy, inside, outside) in [
        ("deny alone", AddressPolicy::any().deny(narrow), Some(Listed(narrow)), None),
        ("allow alone", AddressPolicy::public_only().allow(narrow), None, Some(Private)),
        ("a hole", AddressPolicy::public_only().allow(wide).deny(narrow), Some(Listed(narrow)), None),
        ("deny first", AddressPolicy::public_only().deny(narrow).allow(wide), Some(Listed(narrow)), None),
        (
            "allow in a denied one",
            AddressPolicy::any().deny(wide).allow(narrow),
            Some(Listed(wide)),
            Some(Listed(wide)),
        ),
    ] {
        let reason = |address| policy.check(ip(address)).err().map(|denied| denied.reason);
        assert_eq!((reason("10.1.2.3"), reason("10.2.0.0")), (inside, outside), "{name}");
    }
    let all = AddressPolicy::any().deny(network("::/0"));
    check(&all, "::ffff:8.8.8.8", Some(Listed(network("::/0"))));
    check(&all, "8.8.8.8", None);
    let denied = AddressPolicy::any().deny(narrow).check(ip("10.1.0.1")).unwrap_err();
    assert_eq!(denied.to_string(), "10.1.0.1 is in the denied network 10.1.0.0/16");
}

#[test]
fn a_network_is_read_as_it_is_meant_or_not_at_all() {
    use NetworkError::*;
    for (text, expected) in [
        ("10.0.0.0/8", Ok("10.0.0.0/8")),
        ("0.0.0.0/0", Ok("0.0.0.0/0")),
        ("::/0", Ok("::/0")),
        ("192.0.2.1", Ok("192.0.2.1/32")),
        ("192.0.2.1/32", Ok("192.0.2.1/32")),
        ("FC00::/7", Ok("fc00::/7")),
        ("::1", Ok("::1/128")),
        ("::ffff:10.0.0.0/104", Ok("10.0.0.0/8")),
        ("::ffff:10.0.0.1", Ok("10.0.0.1/32")),
        ("", Err(Address)),
        ("10.0.0/8", Err(Address)),
        ("010.0.0.0/8", Err(Address)),
        ("[::1]/128", Err(Address)),
        ("fe80::1%eth0", Err(Address)),
        ("10.0.0.0/", Err(Prefix { longest: 32 })),
        ("10.0.0.0/33", Err(Prefix { longest: 32 })),
        ("10.0.0.0/+8", Err(Prefix { longest: 32 })),
        ("10.0.0.0/8/8", Err(Prefix { longest: 32 })),
        ("10.0.0.0/255.0.0.0", Err(Prefix { longest: 32 })),
        ("::/129", Err(Prefix { longest: 128 })),
        ("::/300", Err(Prefix { longest: 128 })),
        ("10.0.0.1/8", Err(HostBits)),
        ("1.0.0.0/0", Err(HostBits)),
        ("fc00::1/7", Err(HostBits)),
    ] {
        let read = text.parse::<Network>().map(|network| network.to_string());
        assert_eq!(read, expected.map(str::to_owned), "{text}");
    }
}

#[test]
fn a_network_holds_its_own_and_nothing_else() {
    for (text, inside, outside) in [
        ("0.0.0.0/0", "255.1.2.3", "::"),
        ("::/0", "ffff::1", "1.2.3.4"),
        ("10.0.0.0/9", "10.127.255.255", "10.128.0.0"),
        ("192.0.2.1/32", "192.0.2.1", "192.0.2.0"),
        ("fe80::/10", "febf:ffff::", "fec0::"),
        ("::1/128", "::1", "::"),
        ("10.0.0.0/8", "::ffff:10.9.9.9", "::10.9.9.9"),
    ] {
        assert!(network(text).contains(ip(inside)), "{text} {inside}");
        assert!(!network(text).contains(ip(outside)), "{text} {outside}");
    }
}

#[test]
fn a_name_that_a_proxy_looks_up_passes_only_where_every_address_does() {
    let (any, public) = (AddressPolicy::any, AddressPolicy::public_only);
    for (name, policy, permitted) in [
        ("any", any(), true),
        ("what is allowed changes nothing", any().allow(network("10.0.0.0/8")), true),
        ("something is denied", any().deny(network("10.0.0.0/8")), false),
        ("public only", public(), false),
        ("public and more", public().allow(network("10.0.0.0/8")), false),
        ("public, and names", public().allow_names_behind_proxy(), true),
        ("denied, and names", any().deny(network("10.0.0.0/8")).allow_names_behind_proxy(), true),
    ] {
        assert_eq!(policy.permits_names_behind_proxy(), permitted, "{name}");
    }
    // Addresses are judged as before.
    check(&public().allow_names_behind_proxy(), "127.0.0.1", Some(Loopback));
}
