//! Text out of bytes, by what a byte order mark or `Content-Type` says of them.

/// Reads bytes as text: in the charset of the byte order mark, or else of the field value, or else in the fallback, or else in
/// UTF-8. What cannot be read becomes U+FFFD; an unknown charset counts as none.
pub(crate) fn decode(bytes: Vec<u8>, content_type: Option<&[u8]>, fallback: Option<&str>) -> String {
    #[cfg(feature = "charset")]
    {
        let marked = encoding_rs::Encoding::for_bom(&bytes).map(|(encoding, _)| encoding);
        let named = || encoding_rs::Encoding::for_label(&charset(content_type?)?);
        let otherwise = || encoding_rs::Encoding::for_label(fallback?.as_bytes());
        let found = marked.or_else(named).or_else(otherwise);
        if let Some(encoding) = found.filter(|encoding| *encoding != encoding_rs::UTF_8) {
            return encoding.decode_with_bom_removal(&bytes).0.into_owned();
        }
    }
    #[cfg(not(feature = "charset"))]
    let _ = (content_type, fallback);
    match without_bom(&bytes) {
        rest if rest.len() < bytes.len() => utf8(rest.to_vec()),
        _ => utf8(bytes),
    }
}

/// Reads bytes as UTF-8, with U+FFFD for what is none; copies nothing where all is.
pub(crate) fn utf8(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Returns bytes without the byte order mark of UTF-8.
pub(crate) fn without_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Finds the charset in a media type (RFC 9110 §8.3.1): the first parameter of that name, whose value may be quoted.
#[cfg_attr(not(feature = "charset"), allow(dead_code, reason = "only other charsets than UTF-8 ask for it"))]
fn charset(media_type: &[u8]) -> Option<Vec<u8>> {
    let mut rest = after(media_type, b';')?;
    loop {
        let (name, value) = split(rest, b'=')?;
        // Parameters may be empty (RFC 9110 §5.6.6), and some servers send words without a value.
        let name = name.rsplit(|byte| *byte == b';').next().unwrap_or_default();
        let is_charset = name.trim_ascii().eq_ignore_ascii_case(b"charset");
        let value = value.trim_ascii_start();
        if let Some(quoted) = value.strip_prefix(b"\"") {
            let (text, tail) = unquote(quoted)?;
            if is_charset {
                return Some(text);
            }
            rest = after(tail, b';')?;
        } else if is_charset {
            let text = split(value, b';').map_or(value, |(text, _)| text);
            return Some(text.trim_ascii().to_vec());
        } else {
            rest = after(value, b';')?;
        }
    }
}

/// Reads a quoted string (RFC 9110 §5.6.4) after its opening quote, and returns what follows it too.
fn unquote(quoted: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut text = Vec::new();
    let mut bytes = quoted.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Some((text, quoted.get(at + 1..)?)),
            b'\\' => text.push(*bytes.next()?.1),
            byte => text.push(*byte),
        }
    }
    None
}

fn after(bytes: &[u8], sign: u8) -> Option<&[u8]> {
    split(bytes, sign).map(|(_, after)| after)
}

fn split(bytes: &[u8], sign: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|byte| *byte == sign)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_charset_is_found_where_it_stands() {
        #[track_caller]
        fn check(media_type: &str, expected: Option<&str>) {
            let found = charset(media_type.as_bytes()).map(|name| String::from_utf8(name).unwrap());
            assert_eq!(found.as_deref(), expected, "{media_type}");
        }
        check("text/html", None);
        check("text/html; charset=utf-8", Some("utf-8"));
        check("text/html;CHARSET = Latin1 ", Some("Latin1"));
        check("text/html; charset=\"iso-8859-1\"; x=y", Some("iso-8859-1"));
        check("text/html; charset=a;charset=b", Some("a"));
        check("text/html; a=\"; charset=no\"; charset=yes", Some("yes"));
        check("text/html; a=\"\\\"; charset=no\"; charset=\"\\y\"", Some("y"));
        check("text/html; a=b; xcharset=no", None);
        check("text/html; charset=\"open", None);
        check("text/html; charset", None);
        check("text/html;;; charset=x", Some("x"));
        check("text/html; charset; x=y; charset=z", Some("z"));
        check(";charset=x", Some("x"));
        check("", None);
    }

    #[test]
    fn a_mark_beats_the_field_and_the_field_beats_utf_8() {
        #[track_caller]
        fn check(bytes: &[u8], content_type: Option<&str>, expected: &str) {
            let text = decode(bytes.to_vec(), content_type.map(str::as_bytes), None);
            assert_eq!(text, expected, "{bytes:?} as {content_type:?}");
        }
        check("grün".as_bytes(), None, "grün");
        check(b"gr\xfcn", None, "gr\u{fffd}n");
        check(b"\xef\xbb\xbfgr\xc3\xbcn", None, "grün");
        check(b"gr\xc3\xbcn", Some("text/plain; charset=nonsense"), "grün");
        check(b"", Some("text/plain; charset=utf-16"), "");
        #[cfg(feature = "charset")]
        {
            check(b"gr\xfcn", Some("text/plain; charset=ISO-8859-1"), "grün");
            check(b"gr\xfcn", Some("application/x; charset=\"windows-1252\""), "grün");
            check(b"\xe7\xc1\xcb", Some("text/plain; charset=koi8-r"), "Гак");
            check(b"\x82\xa0", Some("text/plain; charset=Shift_JIS"), "あ");
            check(b"\xff\xfeg\0r\0", None, "gr");
            check(b"\xfe\xff\0g\0r", Some("text/plain; charset=utf-8"), "gr");
            check(b"\xef\xbb\xbfgr\xc3\xbcn", Some("text/plain; charset=latin1"), "grün");
            check(b"a\xffb", Some("text/plain; charset=utf-8"), "a\u{fffd}b");
        }
    }

    #[cfg(feature = "charset")]
    #[test]
    fn the_fallback_counts_where_nothing_else_is_said() {
        for (bytes, content_type, fallback, expected) in [
            (&b"gr\xfcn"[..], None, "windows-1252", "grün"),
            (b"gr\xfcn", Some("text/plain; charset=nonsense"), "latin1", "grün"),
            (b"gr\xc3\xbcn", Some("text/plain; charset=utf-8"), "latin1", "grün"),
            (b"\xef\xbb\xbfgr\xc3\xbcn", None, "latin1", "grün"),
            (b"gr\xc3\xbcn", None, "nonsense", "grün"),
        ] {
            let text = decode(bytes.to_vec(), content_type.map(str::as_bytes), Some(fallback));
            assert_eq!(text, expected, "{bytes:?} {content_type:?} {fallback}");
        }
    }
}
