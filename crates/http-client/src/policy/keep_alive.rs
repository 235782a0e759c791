//! What a response says of how long its connection is kept.

use std::time::Duration;

use conn::PeerHint;
use wire::Headers;

/// Reads `Keep-Alive: timeout=SECONDS, max=REQUESTS` (RFC 2068 §19.7.1.1; its parameters are what servers made of them).
/// What cannot be read says nothing: the field is advice.
pub(crate) fn hint(fields: &Headers) -> PeerHint {
    let mut hint = PeerHint::default();
    for parameter in fields.tokens("keep-alive") {
        let Some((name, value)) = std::str::from_utf8(parameter).ok().and_then(|text| text.split_once('='))
        else {
            continue;
        };
        let value = value.trim().trim_matches('"');
        // `parse` alone would take a sign.
        let number = value.parse::<u64>().ok().filter(|_| value.bytes().all(|byte| byte.is_ascii_digit()));
        let name = name.trim();
        if name.eq_ignore_ascii_case("timeout") {
            hint.idle_for = number.map(Duration::from_secs).or(hint.idle_for);
        } else if name.eq_ignore_ascii_case("max") {
            hint.requests = number.or(hint.requests);
        }
    }
    hint
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[&str], seconds: Option<u64>, requests: Option<u64>) {
        let mut fields = Headers::new();
        for line in lines {
            fields.append("Keep-Alive", line).unwrap();
        }
        let expected = PeerHint { idle_for: seconds.map(Duration::from_secs), requests };
        assert_eq!(hint(&fields), expected, "{lines:?}");
    }

    #[test]
    fn the_field_is_read_as_servers_write_it() {
        check(&[], None, None);
        check(&["timeout=5, max=100"], Some(5), Some(100));
        check(&["timeout=5,max=100"], Some(5), Some(100));
        check(&["timeout=5"], Some(5), None);
        check(&["max=0"], None, Some(0));
        check(&["timeout=5", "max=7"], Some(5), Some(7));
        check(&["Timeout = \"5\" , MAX=1"], Some(5), Some(1));
    }

    #[test]
    fn what_cannot_be_read_says_nothing() {
        check(&["", "5", "timeout", "timeout=", "timeout=-1, max=+3"], None, None);
        check(&["timeout=five; max=3", "timeouts=5", "max=99999999999999999999"], None, None);
        check(&["timeout=5, timeout=x"], Some(5), None);
    }
}
