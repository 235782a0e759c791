//! Cookie dates: the forgiving reading of RFC 6265bis §5.1.1, which takes what servers really send.

use std::time::{Duration, SystemTime};

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Reads a date as a cookie has it, `None` when a part is missing or no such date exists (RFC 6265 §5.1.1).
///
/// ```
/// let then = cookies::parse_date("Sun, 06-Nov-94 08:49:37 GMT");
/// assert_eq!(then, cookies::parse_date("1994 6 nov 8:49:37"));
/// assert!(then.is_some());
/// ```
#[must_use]
pub fn parse_date(text: &str) -> Option<SystemTime> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    // A word is the first part that is still missing and that it can be.
    for word in text.split(is_delimiter) {
        let _ = fill(&mut time, || clock(word))
            || fill(&mut day, || Some(number(word, 1, 2)?.0))
            || fill(&mut month, || month_of(word))
            || fill(&mut year, || Some(number(word, 2, 4)?.0));
    }
    let ((hour, minute, second), day, month, mut year) = (time?, day?, month?, year?);
    match year {
        70..=99 => year += 1900,
        0..=69 => year += 2000,
        _ => {}
    }
    let exists = (1..=days_in(month, year)).contains(&day) && year >= 1601;
    if !exists || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = days_before(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds >= 0 {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    }
}

fn is_delimiter(c: char) -> bool {
    matches!(c, '\t' | ' '..='/' | ';'..='@' | '['..='`' | '{'..='~')
}

/// Whether the part was missing and is found.
fn fill<T>(part: &mut Option<T>, find: impl FnOnce() -> Option<T>) -> bool {
    if part.is_some() {
        return false;
    }
    *part = find();
    part.is_some()
}

/// The number that a word begins with, of so many digits, and what follows.
fn number(word: &str, least: usize, most: usize) -> Option<(i64, &str)> {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    if !(least..=most).contains(&digits) {
        return None;
    }
    let (number, rest) = word.split_at_checked(digits)?;
    Some((number.parse().ok()?, rest))
}

fn clock(word: &str) -> Option<(i64, i64, i64)> {
    let (hour, rest) = number(word, 1, 2)?;
    let (minute, rest) = number(rest.strip_prefix(':')?, 1, 2)?;
    let (second, _) = number(rest.strip_prefix(':')?, 1, 2)?;
    Some((hour, minute, second))
}

/// The month from 1 to 12.
fn month_of(word: &str) -> Option<i64> {
    let start = word.get(..3)?;
    (1..).zip(MONTHS).find(|(_, name)| name.eq_ignore_ascii_case(start)).map(|(month, _)| month)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(month: i64, year: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01 to the date.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let past = year - 1;
    let in_years = past * 365 + past / 4 - past / 100 + past / 400;
    let in_months: i64 = (1..month).map(|month| days_in(month, year)).sum();
    in_years + in_months + day - 1 - DAYS_TO_EPOCH
}

/// Days from 0001-01-01 to 1970-01-01.
const DAYS_TO_EPOCH: i64 = 719_162;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<i64>) {
        let seconds = parse_date(text).map(|date| match date.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_secs()).unwrap(),
            Err(before) => -i64::try_from(before.duration().as_secs()).unwrap(),
        });
        assert_eq!(seconds, expected, "{text}");
    }

    #[test]
    fn dates_are_read_in_many_forms() {
        check("Thu, 01 Jan 1970 00:00:00 GMT", Some(0));
        check("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777));
        check("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777));
        check("Sun Nov  6 08:49:37 1994", Some(784_111_777));
        check("1994 6 November 8:49:37", Some(784_111_777));
        check("06-Nov-1994 08:49:37 +0200 (EET)", Some(784_111_777));
        check("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799));
        check("Tue, 29 Feb 2000 00:00:00 GMT", Some(951_782_400));
        check("01 Jan 1601 00:00:00", Some(-11_644_473_600));
        check("06 Nov 69 00:00:00", Some(3_150_921_600));
    }

    #[test]
    fn what_is_no_date_is_ignored() {
        check("", None);
        check("06 Nov 1994", None);
        check("08:49:37 Nov 1994", None);
        check("30 Feb 2000 00:00:00", None);
        check("29 Feb 1900 00:00:00", None);
        check("06 Nov 1600 00:00:00", None);
        check("06 Nov 1994 24:00:00", None);
        check("06 Nov 1994 00:60:00", None);
        check("06 Nov 19940 00:00:00", None);
        check("06 Ñov 1994 00:00:00", None);
    }
}
