//! A jar as text: `cookies.txt` or JSON, told apart by their first byte.

use std::fmt;
use std::time::SystemTime;

use crate::config::JarConfig;
use crate::entry::{CookieName, Entry};
use crate::error::{Damage, Damaged, FormatError};
use crate::jar::Jar;
use crate::record::Record;
use crate::{json, netscape};

/// Names a format for cookies in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// `cookies.txt`, which curl, wget, Python and browser extensions read and write. It has no words for `SameSite`,
    /// `Partitioned`, the times of creation and use, or a tab in a value.
    Netscape,
    /// The JSON of this crate, which loses nothing.
    Json,
}

/// Tells what came of reading cookies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// How many cookies were taken.
    pub stored: usize,
    /// How many had expired and were left out.
    pub expired: usize,
    /// Lines that no cookie could be read from.
    pub damaged: Vec<Damaged>,
    /// Cookies that were pushed out for want of room.
    pub evicted: Vec<CookieName>,
}

/// Holds cookies as text. Its `Debug` leaves the text out, for it is full of secrets.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// The content of a file.
    pub text: String,
    /// Cookies for which the format has no words.
    pub left_out: Vec<CookieName>,
}

impl fmt::Debug for Exported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exported").field("left_out", &self.left_out).finish_non_exhaustive()
    }
}

impl Jar {
    /// Adds the cookies of a `cookies.txt` or of JSON to the jar; the format is detected. One with the name, domain and
    /// path of a cookie in the jar takes its place.
    ///
    /// Each is judged as if its server had just set it, but for its expiry, which is as late as the text says.
    ///
    /// # Errors
    /// The bytes hold no cookies at all, or JSON of a version to come; a damaged line alone is no error.
    pub fn import(&self, bytes: &[u8], now: SystemTime) -> Result<Imported, FormatError> {
        let Decoded { live, expired, mut damaged, .. } = decode(bytes, self.config(), now)?;
        let mut imported = Imported { expired, ..Imported::default() };
        for (line, entry) in live {
            match self.put(entry, true, now, &mut imported.evicted) {
                Ok(_) => imported.stored += 1,
                Err(refusal) => damaged.push(Damaged { line, reason: Damage::Refused(refusal) }),
            }
        }
        damaged.sort_by_key(|damaged| damaged.line);
        imported.damaged = damaged;
        Ok(imported)
    }

    /// Writes the cookies that live at `now` as text, the oldest first. Session cookies are among them.
    ///
    /// ```
    /// # use std::time::SystemTime;
    /// # use cookies::{Format, Jar};
    /// # use url::Url;
    /// let (jar, now) = (Jar::new(), SystemTime::UNIX_EPOCH);
    /// let url = Url::parse("https://www.example.com/")?;
    /// jar.store(&url, [&b"a=1; Secure; HttpOnly; Domain=example.com; Max-Age=60"[..]], now);
    /// let text = jar.export(Format::Netscape, now).text;
    /// assert_eq!(text.lines().last(), Some("#HttpOnly_.example.com\tTRUE\t/\tTRUE\t60\ta\t1"));
    /// # Ok::<(), url::ParseError>(())
    /// ```
    #[must_use]
    pub fn export(&self, format: Format, now: SystemTime) -> Exported {
        encode(&live_by_age(self, now), format)
    }
}

/// The cookies of a jar that live, oldest first.
pub(crate) fn live_by_age(jar: &Jar, now: SystemTime) -> Vec<Entry> {
    let mut entries: Vec<Entry> = jar.iter().filter(|entry| entry.is_live(now)).collect();
    entries.sort_by_key(|entry| (entry.created(), entry.serial));
    entries
}

/// What bytes hold, judged, with the numbers of the lines.
pub(crate) struct Decoded {
    pub(crate) format: Format,
    pub(crate) live: Vec<(usize, Entry)>,
    pub(crate) expired: usize,
    pub(crate) damaged: Vec<Damaged>,
}

pub(crate) fn decode(bytes: &[u8], config: &JarConfig, now: SystemTime) -> Result<Decoded, FormatError> {
    // Editors on Windows put a byte order mark before UTF-8.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let (format, lines) = if bytes.trim_ascii_start().starts_with(b"{") {
        (Format::Json, json::read(bytes)?)
    } else {
        (Format::Netscape, netscape::read(bytes).collect())
    };
    // A picture has lines, too; none of them is a cookie.
    let strange = format == Format::Netscape && !netscape::has_head(bytes);
    if strange && !lines.is_empty() && lines.iter().all(|(_, record)| record.is_err()) {
        return Err(FormatError::NotCookies);
    }
    let mut decoded = Decoded { format, live: Vec::new(), expired: 0, damaged: Vec::new() };
    for (line, record) in lines {
        match record.and_then(|record| record.admit(config, now)) {
            Ok(mut entry) if entry.is_live(now) => {
                // Of cookies without a time of creation the first in the file is the oldest.
                entry.serial = u64::try_from(line).unwrap_or(u64::MAX);
                decoded.live.push((line, entry));
            }
            Ok(_) => decoded.expired += 1,
            Err(reason) => decoded.damaged.push(Damaged { line, reason }),
        }
    }
    Ok(decoded)
}

pub(crate) fn encode(entries: &[Entry], format: Format) -> Exported {
    let records: Vec<Record> = entries.iter().map(Record::of).collect();
    match format {
        Format::Json => Exported { text: json::write(&records), left_out: Vec::new() },
        Format::Netscape => {
            let lost = entries.iter().zip(&records).filter(|(_, record)| !netscape::can_hold(record));
            let left_out = lost.map(|(entry, _)| entry.to_name()).collect();
            let text = netscape::write(records.iter().filter(|record| netscape::can_hold(record)));
            Exported { text, left_out }
        }
    }
}
