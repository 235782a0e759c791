use std::io::Write;

use proptest::prelude::*;

use super::*;

fn headers(values: &[&str]) -> Headers {
    let mut headers = Headers::new();
    for value in values {
        headers.append("Content-Encoding", value).unwrap();
    }
    headers
}

fn encode(coding: Coding, content: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::fast();
    match coding {
        Coding::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        }
        Coding::Deflate => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        }
        Coding::Brotli => {
            let mut encoded = Vec::new();
            let mut encoder = ::brotli::CompressorWriter::new(&mut encoded, 4096, 3, 20);
            encoder.write_all(content).unwrap();
            drop(encoder);
            encoded
        }
        Coding::Zstd => {
            let level = ruzstd::encoding::CompressionLevel::Fastest;
            ruzstd::encoding::compress_to_vec(content, level)
        }
    }
}

/// Feeds the pieces one by one and takes all that each gives.
fn decode<'a>(
    names: &str,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    room: usize,
) -> Result<Vec<u8>, DecodeError> {
    let codings = Codings::of(StatusCode::OK, &headers(&[names]))?;
    let mut decoder = Decoder::new(codings, 100);
    let (mut content, mut buf) = (Vec::new(), vec![0; room]);
    let mut pieces = pieces.into_iter();
    loop {
        match decoder.step(&mut buf)? {
            Step::Made(n) => content.extend_from_slice(&buf[..n]),
            Step::Hungry => match pieces.next() {
                Some(piece) => decoder.feed(piece),
                None => decoder.end(),
            },
            Step::End => return Ok(content),
        }
    }
}

const ALL: [Coding; 4] = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];

/// The codings that this build has.
fn built_in() -> Vec<Coding> {
    ALL.into_iter().filter(|coding| Coding::named(coding.name().as_bytes()).is_some()).collect()
}

#[cfg(feature = "gzip")]
#[test]
fn codings_are_undone_in_reverse_and_all_or_none() {
    use Coding::{Deflate, Gzip};

    #[track_caller]
    fn check(values: &[&str], expected: &[Coding]) {
        let codings = Codings::of(StatusCode::OK, &headers(values)).unwrap();
        assert_eq!(codings.undone().collect::<Vec<_>>(), expected, "{values:?}");
        assert_eq!(codings.is_empty(), expected.is_empty());
    }
    check(&[], &[]);
    check(&[""], &[]);
    check(&["identity"], &[]);
    check(&["gzip"], &[Gzip]);
    check(&["GZip"], &[Gzip]);
    check(&["X-GZIP"], &[Gzip]);
    check(&[" , gzip , "], &[Gzip]);
    check(&["deflate, identity, gzip"], &[Gzip, Deflate]);
    check(&["deflate", "gzip"], &[Gzip, Deflate]);
    check(&["gzip,gzip,gzip,gzip,gzip"], &[Gzip; 5]);
    // The field has to stay true for what is handed out.
    check(&["gzip, compress"], &[]);
    check(&["aes128gcm, gzip"], &[]);
    check(&["gzip;q=1"], &[]);
    check(&["gzippy"], &[]);
}

#[cfg(feature = "gzip")]
#[test]
fn t21_six_codings_are_refused_and_parts_are_left_alone() {
    let too_many = headers(&["gzip, gzip, gzip", "gzip, gzip, gzip"]);
    assert_eq!(Codings::of(StatusCode::OK, &too_many), Err(DecodeError::TooMany { limit: 5 }));
    let part = Codings::of(StatusCode::PARTIAL_CONTENT, &headers(&["gzip"])).unwrap();
    assert!(part.is_empty());
}

#[test]
fn what_is_offered_can_be_decoded_and_yields_to_the_callers_own() {
    let mut fields = Headers::new();
    assert_eq!(offer(&mut fields), OFFER.is_some());
    let offered = fields.get_str("accept-encoding").unwrap_or_default().to_owned();
    let offered: Vec<_> = offered.split(", ").filter(|name| !name.is_empty()).collect();
    assert_eq!(offered, built_in().into_iter().map(Coding::name).collect::<Vec<_>>());

    for own in ["Accept-Encoding", "Range"] {
        let mut fields = Headers::new();
        fields.append(own, "bytes=0-").unwrap();
        assert!(!offer(&mut fields) && !may_offer([&fields, &Headers::new()]), "{own}");
        assert_eq!(fields.iter().count(), 1, "{own}");
    }
}

#[test]
fn content_cut_short_is_an_error_and_no_content_is_none() {
    for coding in built_in() {
        let whole = encode(coding, b"the keeper writes by night");
        assert_eq!(decode(coding.name(), [], 64), Ok(Vec::new()), "{coding:?}");
        for len in 1..whole.len() {
            let error = decode(coding.name(), [&whole[..len]], 64).unwrap_err();
            assert_eq!(error, DecodeError::Truncated { coding: coding.name() }, "{len} bytes");
        }
    }
}

#[cfg(feature = "gzip")]
#[test]
fn gzip_has_members_options_and_padding() {
    #[track_caller]
    fn check(pieces: &[&[u8]], expected: Result<&str, &str>) {
        let whole = pieces.concat();
        let found = decode("gzip", [&whole[..]], 64);
        let bytewise = decode("gzip", whole.chunks(1), 64);
        assert_eq!(found, bytewise);
        let found = found.map_err(|error| error.to_string());
        match expected {
            Ok(content) => assert_eq!(found.unwrap(), content.as_bytes()),
            Err(words) => assert!(found.as_ref().unwrap_err().contains(words), "{found:?}"),
        }
    }
    let (one, two) = (encode(Coding::Gzip, b"one"), encode(Coding::Gzip, b"two"));
    check(&[&one, &two], Ok("onetwo"));
    check(&[&one, &[0; 512]], Ok("one"));
    check(&[&one, b"<!-- served in 3 ms -->"], Ok("one"));
    check(&[&one, &[b'x'; 65 << 10]], Err("follow"));
    check(&[&one, &two[..7]], Err("ends in the middle"));
    check(&[&one, &two[..12]], Err("ends in the middle"));
    check(&[b"plain text"], Err("begin"));
    check(&[b"\x1f\x8b\x07"], Err("begin"));

    let body = &one[10..];
    let every_option = b"\x1f\x8b\x08\x1e0123\x00\x03\x02\x00xxname\0comment\0cc";
    check(&[every_option, body], Ok("one"));
    check(&[every_option], Err("ends in the middle"));
    check(&[b"\x1f\x8b\x08\x080123\x00\x03", &[b'n'; 5000]], Err("too long"));

    let (mut sum, mut length) = (one.clone(), one.clone());
    sum[one.len() - 8] ^= 1;
    length[one.len() - 1] ^= 1;
    check(&[&sum], Err("checksum"));
    check(&[&length], Err("checksum"));
}

#[cfg(feature = "gzip")]
#[test]
fn deflate_comes_wrapped_or_bare() {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(b"bare").unwrap();
    let bare = encoder.finish().unwrap();
    let mut wrapped = encode(Coding::Deflate, b"wrapped");
    assert_eq!(decode("deflate", bare.chunks(1), 64).unwrap(), b"bare");
    assert_eq!(decode("deflate", wrapped.chunks(1), 64).unwrap(), b"wrapped");
    *wrapped.last_mut().unwrap() ^= 1;
    assert!(matches!(decode("deflate", [&wrapped[..]], 64), Err(DecodeError::Corrupt { .. })));
}

#[cfg(feature = "zstd")]
#[test]
fn zstd_has_frames_skips_and_a_bound_on_its_window() {
    let (one, two) = (encode(Coding::Zstd, b"one"), encode(Coding::Zstd, b"two"));
    let skipped = b"\x5a\x2a\x4d\x18\x03\x00\x00\x00???";
    let whole = [&one[..], skipped, &two[..]].concat();
    assert_eq!(decode("zstd", [&whole[..]], 64).unwrap(), b"onetwo");
    assert_eq!(decode("zstd", whole.chunks(1), 64).unwrap(), b"onetwo");
    // A window of 16 MiB, then a raw last block without content.
    let wide = b"\x28\xb5\x2f\xfd\x00\x70\x01\x00\x00";
    let error = decode("zstd", [&wide[..]], 64).unwrap_err().to_string();
    assert!(error.contains("zstd"), "{error}");
    let narrow = b"\x28\xb5\x2f\xfd\x00\x68\x01\x00\x00";
    assert_eq!(decode("zstd", [&narrow[..]], 64), Ok(Vec::new()));
}

#[test]
fn t21_what_grows_too_much_is_refused_soon_after_the_first_mebibyte() {
    for coding in built_in() {
        let bomb = encode(coding, &vec![0; 64 << 20]);
        let mut decoder = Decoder::new(Codings::of(StatusCode::OK, &headers(&[coding.name()])).unwrap(), 100);
        let (mut made, mut buf) = (0_u64, vec![0; 16 << 10]);
        let mut pieces = bomb.chunks(1 << 10);
        let error = loop {
            match decoder.step(&mut buf) {
                Ok(Step::Made(n)) => made += n as u64,
                Ok(Step::Hungry) => decoder.feed(pieces.next().unwrap()),
                Ok(Step::End) => panic!("{coding:?}: all of {made} bytes"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, DecodeError::Expansion { ratio: 100, .. }), "{coding:?}: {error}");
        assert!(made <= 2 << 20, "{coding:?}: {made} bytes came out first");
        assert_eq!(decoder.step(&mut buf), Err(error), "an error stays");
    }
}

#[cfg(feature = "gzip")]
#[test]
fn t21_growth_in_the_middle_of_a_chain_counts() {
    // A hundred thousand empty members pack well, and hold nothing in the end.
    let members = encode(Coding::Gzip, b"").repeat(100_000);
    let chained = encode(Coding::Gzip, &members);
    let error = decode("gzip, gzip", [&chained[..]], 64).unwrap_err();
    assert!(matches!(error, DecodeError::Expansion { .. }), "{error}");
    let bomb = encode(Coding::Gzip, &encode(Coding::Gzip, &vec![0; 64 << 20]));
    let error = decode("gzip, gzip", [&bomb[..]], 64 << 10).unwrap_err();
    assert!(matches!(error, DecodeError::Expansion { .. }), "{error}");
}

#[test]
fn short_content_may_be_packed_as_well_as_can_be() {
    for coding in built_in() {
        let content = vec![0; 1 << 20];
        assert_eq!(decode(coding.name(), [&encode(coding, &content)[..]], 4096), Ok(content), "{coding:?}");
    }
}

#[test]
fn all_that_was_flushed_comes_out_before_more_is_asked_for() {
    #[cfg(feature = "gzip")]
    {
        let content: Vec<u8> = (0..100_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&content).unwrap();
        encoder.flush().unwrap();
        let codings = Codings::of(StatusCode::OK, &headers(&["gzip"])).unwrap();
        let mut decoder = Decoder::new(codings, 100);
        decoder.feed(encoder.get_ref());
        let (mut buf, mut found) = (vec![0; 1000], Vec::new());
        while let Step::Made(n) = decoder.step(&mut buf).unwrap() {
            found.extend_from_slice(&buf[..n]);
        }
        assert!(found == content, "{} of {} bytes", found.len(), content.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[cfg(any(feature = "brotli", feature = "gzip", feature = "zstd"))]
    #[test]
    fn whatever_is_encoded_however_and_cut_anywhere_comes_back(
        pattern in prop::collection::vec(any::<u8>(), 0..3000),
        times in 1_usize..40,
        chain in prop::collection::vec(0_usize..4, 1..=5),
        piece in 1_usize..5000,
        room in 1_usize..5000,
    ) {
        let content = pattern.repeat(times);
        let built_in = built_in();
        let chain: Vec<_> = chain.into_iter().map(|at| built_in[at % built_in.len()]).collect();
        let encoded = chain.iter().fold(content.clone(), |content: Vec<u8>, coding| encode(*coding, &content));
        let names: Vec<_> = chain.iter().map(|coding| coding.name()).collect();
        prop_assert!(decode(&names.join(", "), encoded.chunks(piece), room) == Ok(content));
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_never_grow_past_the_limit(
        noise in prop::collection::vec(any::<u8>(), 1..2000),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        piece in 1_usize..300,
    ) {
        for coding in built_in() {
            let mut damaged = encode(coding, &noise.repeat(20));
            for (at, byte) in &flips {
                let at = at.index(damaged.len());
                damaged[at] = *byte;
            }
            for input in [&noise, &damaged] {
                if let Ok(content) = decode(coding.name(), input.chunks(piece), 4096) {
                    prop_assert!(content.len() <= (1 << 20) + 4096 || content.len() <= 100 * input.len());
                }
            }
        }
    }
}
