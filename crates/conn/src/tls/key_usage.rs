//! The key usage of a certificate, which neither rustls nor webpki looks at.

const SEQUENCE: u8 = 0x30;
const BOOLEAN: u8 = 0x01;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
/// `[3] EXPLICIT` in `TBSCertificate`.
const EXTENSIONS: u8 = 0xa3;
/// 2.5.29.15.
const ID_CE_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
/// Bit 0 of `KeyUsage` stands highest.
const DIGITAL_SIGNATURE: u8 = 0x80;

/// Tells whether the certificate's key may sign: it says so, or it says nothing about usage.
///
/// What cannot be read passes: whoever verifies the certificate refuses it for that.
pub(super) fn may_sign(certificate: &[u8]) -> bool {
    key_usage(certificate).is_none_or(|bits| bits & DIGITAL_SIGNATURE != 0)
}

/// Returns the first eight bits of the extension, if there is one.
// RFC 5280 sections 4.1 and 4.2.1.3.
fn key_usage(certificate: &[u8]) -> Option<u8> {
    let certificate = Der(certificate).take(SEQUENCE)?;
    let mut tbs = Der(Der(certificate).take(SEQUENCE)?);
    let extensions = loop {
        match tbs.next()? {
            (EXTENSIONS, inner) => break Der(inner).take(SEQUENCE)?,
            _ => continue,
        }
    };
    let mut extensions = Der(extensions);
    loop {
        let mut extension = Der(extensions.take(SEQUENCE)?);
        if extension.take(OBJECT_IDENTIFIER)? != ID_CE_KEY_USAGE {
            continue;
        }
        let value = match extension.next()? {
            (BOOLEAN, _critical) => extension.take(OCTET_STRING)?,
            (OCTET_STRING, value) => value,
            _ => return None,
        };
        // The first byte counts the unused bits at the end.
        return Some(Der(value).take(BIT_STRING)?.get(1).copied().unwrap_or(0));
    }
}

/// What is left of a sequence of elements in DER.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// Takes the next element, which must have this tag.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().and_then(|(found, content)| (found == tag).then_some(content))
    }

    /// Takes the next element: its tag and its content.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, first], mut rest) = self.0.split_first_chunk()?;
        let length = match first {
            0..=0x7f => usize::from(first),
            // No certificate needs a length of more than three bytes.
            0x81..=0x83 => {
                let (bytes, behind) = rest.split_at_checked(usize::from(first & 0x7f))?;
                rest = behind;
                bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
            }
            _ => return None,
        };
        let (content, behind) = rest.split_at_checked(length)?;
        self.0 = behind;
        Some((tag, content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).unwrap();
        [&[tag, 0x81, length], content].concat()
    }

    fn certificate(usage: &[u8], critical: bool) -> Vec<u8> {
        let mut extension = element(OBJECT_IDENTIFIER, ID_CE_KEY_USAGE);
        if critical {
            extension.extend(element(BOOLEAN, &[0xff]));
        }
        extension.extend(element(OCTET_STRING, &element(BIT_STRING, usage)));
        let other = element(SEQUENCE, &element(OBJECT_IDENTIFIER, &[0x55, 0x1d, 0x11]));
        let list = [other, element(SEQUENCE, &extension)].concat();
        let tbs = [element(0x02, &[1]), element(EXTENSIONS, &element(SEQUENCE, &list))].concat();
        element(SEQUENCE, &element(SEQUENCE, &tbs))
    }

    #[test]
    fn a_key_may_sign_unless_its_usage_leaves_that_out() {
        for critical in [true, false] {
            for (usage, expected) in
                [(&[7, 0x80][..], true), (&[5, 0xa0], true), (&[5, 0x20], false), (&[0], false), (&[], false)]
            {
                assert_eq!(may_sign(&certificate(usage, critical)), expected, "{usage:?}");
            }
        }
    }

    #[test]
    fn what_is_cut_short_ends_the_search() {
        let whole = certificate(&[5, 0x20], true);
        for end in 0..whole.len() {
            assert!(may_sign(&whole[..end]));
        }
        assert!(!may_sign(&whole));
        assert!(may_sign(&[SEQUENCE, 0x84, 0, 0, 0, 0]));
    }
}
