use std::net::Ipv6Addr;

use proptest::prelude::*;

use super::*;

const V4: Host<'_> = Host::V4(Ipv4Addr::new(192, 0, 2, 7));
const V6: Host<'_> = Host::V6(Ipv6Addr::LOCALHOST);
const A: Host<'_> = Host::Name("a.example");

fn proxy(text: &str) -> Proxy {
    match text.split_once('@') {
        None => text.parse().unwrap(),
        Some((start, host)) => {
            let (kind, user) = start.split_once("://").unwrap();
            let (user, password) = user.split_once(':').unwrap_or((user, ""));
            let proxy: Proxy = format!("{kind}://{host}").parse().unwrap();
            proxy.with_credentials(user, password).unwrap()
        }
    }
}

/// Plays a proxy that answers each thing it is sent with the next of `answers`, and closes when there is none. Returns
/// what it was sent, what was left over of its last answer, and how it ended.
fn play(
    mut handshake: SocksHandshake,
    answers: &[&[u8]],
    pieces: usize,
) -> (Vec<Vec<u8>>, Vec<u8>, Result<(), String>) {
    let (mut sent, mut answers) = (Vec::new(), answers.iter());
    let mut coming: Vec<u8> = Vec::new();
    for _ in 0..1000 {
        match handshake.step() {
            SocksStep::Send(bytes) => {
                sent.push(bytes);
                coming.extend(answers.next().copied().unwrap_or_default());
            }
            SocksStep::Receive(most) if coming.is_empty() => {
                assert!(most > 0);
                return (sent, coming, Err(handshake.closed().to_string()));
            }
            SocksStep::Receive(most) => {
                let piece: Vec<u8> = coming.iter().copied().take(pieces).collect();
                match handshake.receive(&piece) {
                    Ok(used) => {
                        assert_eq!(used, piece.len().min(used), "no more than there is");
                        assert!(used > 0 && (used >= most.min(piece.len())));
                        coming.drain(..used);
                    }
                    Err(error) => {
                        let again = handshake.receive(b"more").unwrap_err();
                        assert_eq!(again.to_string(), error.to_string(), "the error stays");
                        return (sent, coming, Err(error.to_string()));
                    }
                }
            }
            SocksStep::Done => {
                assert_eq!(handshake.receive(b"more").unwrap(), 0, "what comes after is the target's");
                return (sent, coming, Ok(()));
            }
        }
    }
    panic!("no end");
}

/// Plays the answers in pieces of all sizes: the outcome is the same.
#[track_caller]
fn check(address: &str, host: Host<'_>, talk: &[(&[u8], &[u8])], expected: Result<(), &str>) {
    let answers: Vec<_> = talk.iter().map(|(_, answer)| *answer).collect();
    let wanted: Vec<_> = talk.iter().map(|(sent, _)| sent.to_vec()).collect();
    for pieces in (1..20).chain([usize::MAX]) {
        let handshake = SocksHandshake::new(&proxy(address), host, 443).unwrap();
        let (sent, left, outcome) = play(handshake, &answers, pieces);
        assert_eq!(outcome.as_ref().copied().map_err(|text| &**text), expected, "{address} {pieces}");
        assert_eq!(sent, wanted, "{address} {pieces}");
        if expected.is_ok() {
            assert_eq!(left, b"tunnel", "{address} {pieces}");
        }
    }
}

#[test]
fn a_connection_is_asked_for_in_every_dialect() {
    let granted = b"\0\x5a\x12\x34\x7f\0\0\x01tunnel";
    check("socks4://p", V4, &[(b"\x04\x01\x01\xbb\xc0\0\x02\x07\0", granted)], Ok(()));
    check("socks4://ann@p", V4, &[(b"\x04\x01\x01\xbb\xc0\0\x02\x07ann\0", granted)], Ok(()));
    check("socks4a://p", V4, &[(b"\x04\x01\x01\xbb\xc0\0\x02\x07\0", granted)], Ok(()));
    check("socks4a://ann@p", A, &[(b"\x04\x01\x01\xbb\0\0\0\x01ann\0a.example\0", granted)], Ok(()));

    let connected = b"\x05\0\0\x01\x7f\0\0\x01\x12\x34tunnel";
    let by_v4: (&[u8], &[u8]) = (b"\x05\x01\0\x01\xc0\0\x02\x07\x01\xbb", connected);
    let by_name: (&[u8], &[u8]) = (b"\x05\x01\0\x03\x09a.example\x01\xbb", connected);
    let by_v6: (&[u8], &[u8]) = (b"\x05\x01\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x01\xbb", connected);
    check("socks5://p", V4, &[(b"\x05\x01\0", b"\x05\0"), by_v4], Ok(()));
    check("socks5h://p", V6, &[(b"\x05\x01\0", b"\x05\0"), by_v6], Ok(()));
    check("socks5h://p", A, &[(b"\x05\x01\0", b"\x05\0"), by_name], Ok(()));

    let password: (&[u8], &[u8]) = (b"\x01\x03ann\x06secret", b"\x01\0");
    check("socks5h://ann:secret@p", A, &[(b"\x05\x02\0\x02", b"\x05\x02"), password, by_name], Ok(()));
    // A proxy that wants no password gets none.
    check("socks5h://ann:secret@p", A, &[(b"\x05\x02\0\x02", b"\x05\0"), by_name], Ok(()));
}

#[test]
fn the_reply_ends_where_its_address_says() {
    let asked: &[u8] = b"\x05\x01\0\x03\x09a.example\x01\xbb";
    for address in [
        b"\x01\x7f\0\0\x01".to_vec(),
        [&[4][..], &[0xfe; 16]].concat(),
        b"\x03\0".to_vec(),
        b"\x03\x01h".to_vec(),
        b"\x03\x0dproxy.example".to_vec(),
        [&[3, 255][..], &[b'n'; 255]].concat(),
    ] {
        let reply = [b"\x05\0\0", &*address, b"\x01\xbbtunnel"].concat();
        check("socks5h://p", A, &[(b"\x05\x01\0", b"\x05\0"), (asked, &reply)], Ok(()));
    }
}

#[test]
fn a_refusal_tells_what_the_proxy_said() {
    let asked: &[u8] = b"\x05\x01\0\x03\x09a.example\x01\xbb";
    for (answer, error) in [
        (&b"\x05\x01\0\x01\0\0\0\0\0\0"[..], "the proxy answered: general failure (code 1)"),
        (b"\x05\x02\0\x01\0\0\0\0\0\0", "the proxy answered: its rules do not allow the connection (code 2)"),
        (b"\x05\x03\0\x01\0\0\0\0\0\0", "the proxy answered: network unreachable (code 3)"),
        (b"\x05\x04\0\0\0\0\0\0\0\0", "the proxy answered: host unreachable (code 4)"),
        (b"\x05\x05\0\x01\0\0\0\0\0\0", "the proxy answered: connection refused (code 5)"),
        (b"\x05\x06\0\x01\0\0\0\0\0\0", "the proxy answered: TTL expired (code 6)"),
        (b"\x05\x07\0\x01\0\0\0\0\0\0", "the proxy answered: command not supported (code 7)"),
        (b"\x05\x08\0\x01\0\0\0\0\0\0", "the proxy answered: address type not supported (code 8)"),
        (b"\x05\xff\0\x01\0\0\0\0\0\0", "the proxy answered: unknown code (code 255)"),
        // Some proxies close behind the code.
        (b"\x05\x05", "the proxy answered: connection refused (code 5)"),
        (
            b"\x05\0\0\x01\x7f",
            "the proxy closed the connection before it had answered, after \"\\x05\\x00\\x00\\x01\\x7f\"",
        ),
        (b"", "the proxy closed the connection before it had answered"),
        (b"\x05\0\0\x02\0\0\0\0\0\0", "the reply of the proxy is malformed: \"\\x05\\x00\\x00\\x02\\x00\""),
        (
            b"\x04\0\0\x01\0\0\0\0",
            "the proxy does not speak SOCKS5: it answered \"\\x04\\x00\\x00\\x01\\x00\"",
        ),
    ] {
        check("socks5h://p", A, &[(b"\x05\x01\0", b"\x05\0"), (asked, answer)], Err(error));
    }

    let asked: &[u8] = b"\x04\x01\x01\xbb\xc0\0\x02\x07\0";
    for (answer, error) in [
        (&b"\0\x5b\0\0\0\0\0\0"[..], "the proxy answered: rejected or failed (code 91)"),
        (b"\0\x5c\0\0\0\0\0\0", "the proxy answered: rejected, since no identd answers here (code 92)"),
        (b"\0\x5d\0\0\0\0\0\0", "the proxy answered: rejected, since identd tells another user (code 93)"),
        (b"\0\x01\0\0\0\0\0\0", "the proxy answered: unknown code (code 1)"),
        (b"\0\x5b", "the proxy answered: rejected or failed (code 91)"),
        (b"\0", "the proxy closed the connection before it had answered, after \"\\x00\""),
        (b"HTTP/1.1 400 Bad Request", "the proxy does not speak SOCKS4: it answered \"HTTP/1.1\""),
    ] {
        check("socks4://p", V4, &[(asked, answer)], Err(error));
    }
}

#[test]
fn the_ways_to_authenticate_are_agreed_on_first() {
    let plain: &[u8] = b"\x05\x01\0";
    for (answer, error) in [
        (&b"\x05\xff"[..], "the proxy accepts nobody without authentication"),
        (b"\x05\x02", "the proxy wants authentication method 0x02, which was not offered"),
        (b"\x05\x01", "the proxy wants authentication method 0x01, which was not offered"),
        (b"HTTP/1.1 400 Bad Request", "the proxy does not speak SOCKS5: it answered \"HT\""),
        (b"\x05", "the proxy closed the connection before it had answered, after \"\\x05\""),
    ] {
        check("socks5h://p", A, &[(plain, answer)], Err(error));
    }
    let both: &[u8] = b"\x05\x02\0\x02";
    check("socks5h://ann:secret@p", A, &[(both, b"\x05\xff")], Err("the proxy accepts no user and password"));
    let password: &[u8] = b"\x01\x03ann\x06secret";
    for (answer, error) in [
        (&b"\x01\x01"[..], "the proxy refused the user and password (status 1)"),
        (b"\x01\xff", "the proxy refused the user and password (status 255)"),
        (b"\x05\0", "the proxy does not speak SOCKS5: it answered \"\\x05\\x00\""),
    ] {
        check("socks5h://ann:secret@p", A, &[(both, b"\x05\x02"), (password, answer)], Err(error));
    }
}

#[test]
fn what_a_dialect_cannot_name_is_refused_at_once() {
    let (longest, too_long) = ("h".repeat(255), "h".repeat(256));
    let marker = |last| Host::V4(Ipv4Addr::new(0, 0, 0, last));
    let long = "a SOCKS proxy takes host names of 1 to 255 bytes without NUL";
    let v4_only = "SOCKS4 cannot reach this address, only IPv4 addresses";
    let no_name = "this kind of SOCKS takes addresses, not names";
    for (address, host, expected) in [
        ("socks5h://p", Host::Name(&longest), None),
        ("socks4a://p", Host::Name(&longest), None),
        ("socks5h://p", Host::Name(&too_long), Some(long)),
        ("socks4a://p", Host::Name(&too_long), Some(long)),
        ("socks5h://p", Host::Name(""), Some(long)),
        ("socks4a://p", Host::Name("a\0b"), Some(long)),
        ("socks5://p", A, Some(no_name)),
        ("socks5://p", Host::Name(&too_long), Some(no_name)),
        ("socks4://p", A, Some(no_name)),
        ("socks4://p", V6, Some(v4_only)),
        ("socks4a://p", V6, Some(v4_only)),
        ("socks4://p", marker(0), Some(v4_only)),
        ("socks4a://p", marker(9), Some(v4_only)),
        ("socks5://p", V6, None),
    ] {
        let error = SocksHandshake::new(&proxy(address), host, 1).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), expected, "{address} {host:?}");
    }
}

#[test]
fn no_secret_is_shown() {
    let mut handshake = SocksHandshake::new(&proxy("socks5://annabel:sesame@p"), V4, 1).unwrap();
    let mut shown = format!("{handshake:?} {:?}", handshake.step());
    handshake.receive(b"\x05\x02").unwrap();
    shown += &format!("{handshake:?} {:?}", handshake.step());
    let refused = handshake.receive(b"\x01\x01").unwrap_err();
    shown += &format!("{refused:?} {refused}");
    let bytes = |text: &str| format!("{:?}", text.as_bytes()).trim_matches(['[', ']']).to_owned();
    for secret in ["annabel", "sesame"] {
        assert!(!shown.contains(secret) && !shown.contains(&bytes(secret)), "{shown}");
    }
}

fn replies() -> impl Strategy<Value = Vec<u8>> {
    let known: [&[u8]; 6] =
        [b"\x05\0", b"\x05\x02", b"\x01\0", b"\x05\0\0\x03\xff", b"\x05\0\0\x01", b"\0\x5a"];
    let known = prop::sample::select(known.map(<[u8]>::to_vec).to_vec());
    let any = prop::collection::vec(any::<u8>(), 0..300);
    prop::collection::vec(prop_oneof![known, any], 0..4).prop_map(|all| all.concat())
}

proptest! {
    #[test]
    fn whatever_a_proxy_sends_little_is_taken_and_cuts_do_not_matter(
        address in prop::sample::select(vec![
            "socks4://p", "socks4a://ann@p", "socks5://p", "socks5h://p", "socks5h://ann:secret@p",
        ]),
        came in replies(),
        cuts in prop::collection::vec(1_usize..40, 1..20),
    ) {
        let feed = |pieces: &mut dyn Iterator<Item = usize>| {
            let mut handshake = SocksHandshake::new(&proxy(address), V4, 443).unwrap();
            let (mut at, mut steps) = (0, Vec::new());
            loop {
                let most = match handshake.step() {
                    SocksStep::Send(bytes) => {
                        steps.push(bytes);
                        continue;
                    }
                    SocksStep::Receive(most) => most,
                    SocksStep::Done => return (at, steps, "done".to_owned()),
                };
                assert!(most > 0 && at + most <= 266);
                let rest = &came[at..];
                if rest.is_empty() {
                    return (at, steps, handshake.closed().to_string());
                }
                let piece = pieces.next().unwrap().min(rest.len());
                match handshake.receive(&rest[..piece]) {
                    Ok(used) => at += used,
                    Err(error) => return (at, steps, error.to_string()),
                }
            }
        };
        let whole = feed(&mut std::iter::repeat(usize::MAX));
        let cut = feed(&mut cuts.into_iter().cycle());
        prop_assert_eq!(whole.1, cut.1);
        prop_assert_eq!(&whole.2, &cut.2);
        if whole.2 == "done" {
            prop_assert_eq!(whole.0, cut.0);
        }
    }
}
