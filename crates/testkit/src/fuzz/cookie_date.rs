//! Any text as a cookie's date, against a reading of RFC 6265 §5.1.1 that takes it step by step.

use std::time::{Duration, SystemTime};

use cookies::parse_date;

/// Reads a date and checks that a naive reader agrees.
///
/// # Panics
/// The two disagree.
pub fn cookie_date(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let found = parse_date(text).map(|date| match date.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i128::from(since.as_secs()),
        Err(before) => -i128::from(before.duration().as_secs()),
    });
    assert_eq!(found, naive(data), "{text:?}");
    if let Some(seconds) = found.and_then(|seconds| u64::try_from(seconds).ok()) {
        assert_eq!(parse_date(text), SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    }
}

/// Seconds since 1970.
fn naive(text: &[u8]) -> Option<i128> {
    let mut time = None;
    let mut day = None;
    let mut month = None;
    let mut year = None;
    let delimiter = |byte: &u8| matches!(byte, 0x09 | 0x20..=0x2F | 0x3B..=0x40 | 0x5B..=0x60 | 0x7B..=0x7E);
    for token in text.split(delimiter) {
        // 2.1 to 2.4: each production is tried once it is not found yet, in this order.
        if time.is_none() && hms(token).is_some() {
            time = hms(token);
        } else if day.is_none() && digits(token, 1, 2).is_some() {
            day = digits(token, 1, 2);
        } else if month.is_none() && month_number(token).is_some() {
            month = month_number(token);
        } else if year.is_none() && digits(token, 2, 4).is_some() {
            year = digits(token, 2, 4);
        }
    }
    let (hour, minute, second) = time?;
    let (day, month, mut year) = (day?.0, month?, year?.0);
    if (70..=99).contains(&year) {
        year += 1900;
    }
    if (0..=69).contains(&year) {
        year += 2000;
    }
    if !(1..=31).contains(&day) || year < 1601 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let lengths = |year: i128| {
        let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    };
    if day > *lengths(year).get(month)? {
        return None;
    }
    let mut days: i128 = (1601..year).map(|year| lengths(year).iter().sum::<i128>()).sum();
    days += lengths(year).iter().take(month).sum::<i128>() + day - 1;
    let to_1970: i128 = (1601..1970).map(|year| lengths(year).iter().sum::<i128>()).sum();
    Some((days - to_1970) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// A run of so many digits at the start, and what stands behind; a further digit makes it another run.
fn digits(token: &[u8], least: usize, most: usize) -> Option<(i128, &[u8])> {
    let mut value = 0;
    let mut rest = token;
    let mut seen = 0;
    while let Some((&byte, behind)) = rest.split_first().filter(|(byte, _)| byte.is_ascii_digit()) {
        value = value * 10 + i128::from(byte - b'0');
        rest = behind;
        seen += 1;
        if seen > most {
            return None;
        }
    }
    (seen >= least).then_some((value, rest))
}

fn hms(token: &[u8]) -> Option<(i128, i128, i128)> {
    let (hour, rest) = digits(token, 1, 2)?;
    let (minute, rest) = digits(rest.strip_prefix(b":")?, 1, 2)?;
    let (second, _) = digits(rest.strip_prefix(b":")?, 1, 2)?;
    Some((hour, minute, second))
}

/// Months are counted from zero.
fn month_number(token: &[u8]) -> Option<usize> {
    let names = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let start = token.get(..3)?.to_ascii_lowercase();
    names.iter().position(|name| name.as_bytes() == start)
}
