//! What two processes did to one file, joined: each change of either is kept.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::SystemTime;

use crate::entry::{CookieName, Entry};
use crate::jar::Synced;

/// A digest of each cookie, to tell later whether it has changed.
pub(crate) fn digests<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Synced {
    entries.into_iter().map(|entry| (entry.to_name(), digest(entry))).collect()
}

/// Joins what stands in the file with what is in the jar, given what was in the jar when it last met the file.
///
/// | in the jar, since then | in the file, since then | the file gets |
/// |---|---|---|
/// | changed or added | anything | the jar's |
/// | unchanged | changed | the file's |
/// | unchanged | removed | nothing |
/// | removed | unchanged | nothing |
/// | removed, or never there | changed or added | the file's |
pub(crate) fn merge(ours: Vec<Entry>, theirs: Vec<Entry>, synced: &Synced) -> Vec<Entry> {
    let mut theirs_by_name: BTreeMap<CookieName, Entry> =
        theirs.into_iter().map(|entry| (entry.to_name(), entry)).collect();
    let mut merged = Vec::new();
    for our in ours {
        let name = our.to_name();
        let known = synced.get(&name).copied();
        let changed_here = known != Some(digest(&our));
        match theirs_by_name.remove(&name) {
            Some(their) if !changed_here && known != Some(digest(&their)) => {
                merged.push(their.with_age_of(&our));
            }
            None if !changed_here => {}
            _ => merged.push(our),
        }
    }
    let added = theirs_by_name.into_iter().filter(|(name, their)| synced.get(name) != Some(&digest(their)));
    merged.extend(added.map(|(_, their)| their));
    merged.sort_by_key(|entry| (entry.created(), entry.serial));
    merged
}

/// Of what every format can hold, so that a cookie that was written and read again has not changed.
fn digest(entry: &Entry) -> u64 {
    let mut hasher = DefaultHasher::new();
    let since = entry.expires().and_then(|end| end.duration_since(SystemTime::UNIX_EPOCH).ok());
    let seconds = since.map(|since| since.as_secs());
    (entry.value(), seconds, entry.secure(), entry.http_only()).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::JarConfig;
    use crate::line;
    use url::Url;

    /// A cookie `a` for each letter, whose value is the letter.
    fn cookies(values: &[&str]) -> Vec<Entry> {
        let url = Url::parse("http://example.com/").unwrap();
        let parse =
            |line: &&str| line::parse(line.as_bytes(), &url, &JarConfig::default(), SystemTime::UNIX_EPOCH);
        values.iter().map(|line| parse(line).unwrap()).collect()
    }

    #[track_caller]
    fn check(before: &[&str], ours: &[&str], theirs: &[&str], expected: &[&str]) {
        let merged = merge(cookies(ours), cookies(theirs), &digests(&cookies(before)));
        let mut told: Vec<String> =
            merged.iter().map(|entry| format!("{}={}", entry.name(), entry.value())).collect();
        told.sort();
        assert_eq!(told, expected, "{before:?}: {ours:?} and {theirs:?}");
    }

    #[test]
    fn each_change_of_either_side_is_kept() {
        check(&[], &["a=1"], &[], &["a=1"]);
        check(&[], &[], &["a=1"], &["a=1"]);
        check(&[], &["a=1"], &["b=2"], &["a=1", "b=2"]);
        check(&[], &["a=1"], &["a=2"], &["a=1"]);
        check(&["a=0"], &["a=0"], &["a=2"], &["a=2"]);
        check(&["a=0"], &["a=1"], &["a=0"], &["a=1"]);
        check(&["a=0"], &["a=1"], &["a=2"], &["a=1"]);
        check(&["a=0"], &[], &["a=0"], &[]);
        check(&["a=0"], &["a=0"], &[], &[]);
        check(&["a=0"], &["a=1"], &[], &["a=1"]);
        check(&["a=0"], &[], &["a=2"], &["a=2"]);
        check(&["a=0"], &["a=0; Max-Age=5"], &["a=0"], &["a=0"]);
    }
}
