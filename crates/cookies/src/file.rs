//! Jars in files: read, and written so that neither a crash nor another process costs a cookie.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use fs4::{FileExt, TryLockError};

use crate::config::JarConfig;
use crate::entry::{CookieName, Entry};
use crate::error::{Damaged, FileError, FormatError};
use crate::jar::Jar;
use crate::merge::{digests, merge};
use crate::text::{Decoded, Format, Imported, decode, encode, live_by_age};

/// How often the lock is asked for before giving up, and the pause between: ten seconds in all.
const TRIES: u32 = 1_000;
const PAUSE: Duration = Duration::from_millis(10);

/// Holds a jar that was read from a file, and what was wrong with the file.
#[derive(Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// The jar.
    pub jar: Jar,
    /// What came of each line.
    pub imported: Imported,
}

/// Tells what came of a save.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Saved {
    /// The format of the file.
    pub format: Format,
    /// How many cookies stand in it, those of other processes among them.
    pub written: usize,
    /// Cookies of the jar for which the format has no words; JSON has words for all.
    pub left_out: Vec<CookieName>,
    /// Lines of the file before that no cookie could be read from. They are gone.
    pub damaged: Vec<Damaged>,
}

impl Jar {
    /// Reads a jar from a file, `cookies.txt` or JSON; the format is detected.
    ///
    /// ```no_run
    /// use cookies::Jar;
    /// use std::time::SystemTime;
    ///
    /// let jar = match Jar::load("cookies.txt", SystemTime::now()) {
    ///     Ok(loaded) => loaded.jar,
    ///     Err(error) if error.is_missing() => Jar::new(),
    ///     Err(error) => return Err(error),
    /// };
    /// # Ok::<(), cookies::FileError>(())
    /// ```
    ///
    /// # Errors
    /// The file cannot be read or holds no cookies at all. A damaged line alone is no error: it is told in
    /// [`Loaded::imported`].
    pub fn load(path: impl AsRef<Path>, now: SystemTime) -> Result<Loaded, FileError> {
        Self::load_with(path, JarConfig::default(), now)
    }

    /// Does what [`load`](Self::load) does for a jar that is configured.
    ///
    /// # Errors
    /// As `load`.
    pub fn load_with(
        path: impl AsRef<Path>,
        config: JarConfig,
        now: SystemTime,
    ) -> Result<Loaded, FileError> {
        let path = real(path.as_ref());
        let bytes = fs::read(&path).map_err(io_error("read", &path))?;
        let jar = Self::with_config(config);
        let imported = jar.import(&bytes, now).map_err(|error| format_error(error, &path))?;
        jar.set_synced(path, digests(&live_by_age(&jar, now)));
        Ok(Loaded { jar, imported })
    }

    /// Writes the jar to a file, in the format that the file has; a new one is JSON if its name ends in `.json`, else a
    /// `cookies.txt`.
    ///
    /// The file is replaced as a whole or not at all, whatever happens meanwhile, and nobody but its owner may read it
    /// (mode 0600, on Unix). Session cookies are written, too; [`clear_session`](Self::clear_session) before it if they
    /// are not wanted.
    ///
    /// # Several processes
    ///
    /// Each change since this jar last met the file, by [`load`](Self::load) or by a save, is joined with what other
    /// processes have written since: what they added, changed or removed stays added, changed or removed, unless this
    /// jar changed the same cookie. What they wrote goes to the file and not into this jar. Meanwhile
    /// a lock is held on a file beside, `NAME.lock`, which is left in place.
    ///
    /// # Errors
    /// The file cannot be written, its lock is held by another process for ten seconds, or the file holds something
    /// else than cookies; then it is left as it was.
    pub fn save(&self, path: impl AsRef<Path>, now: SystemTime) -> Result<Saved, FileError> {
        self.save_in(path.as_ref(), None, now)
    }

    /// Does what [`save`](Self::save) does in a given format, whatever format the file had.
    ///
    /// # Errors
    /// As `save`.
    pub fn save_as(
        &self,
        path: impl AsRef<Path>,
        format: Format,
        now: SystemTime,
    ) -> Result<Saved, FileError> {
        self.save_in(path.as_ref(), Some(format), now)
    }

    fn save_in(&self, path: &Path, format: Option<Format>, now: SystemTime) -> Result<Saved, FileError> {
        let path = real(path);
        let _lock = lock(&beside(&path, ".lock"), TRIES)?;
        let before = read_before(&path, self.config(), now)?;
        let format =
            format.or(before.as_ref().map(|before| before.format)).unwrap_or_else(|| format_by_name(&path));
        let (theirs, damaged) = before.map_or_else(Default::default, |before| (before.live, before.damaged));
        let theirs: Vec<Entry> = theirs.into_iter().map(|(_, entry)| entry).collect();

        let ours = live_by_age(self, now);
        let synced = digests(&ours);
        let merged = merge(ours, theirs, &self.synced(&path));
        let exported = encode(&merged, format);
        replace(&path, exported.text.as_bytes())?;
        self.set_synced(path, synced);
        let written = merged.len() - exported.left_out.len();
        Ok(Saved { format, written, left_out: exported.left_out, damaged })
    }
}

/// The file behind a symbolic link: replacing the link would leave the file as it was.
fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(ending);
    path.with_file_name(name)
}

fn format_by_name(path: &Path) -> Format {
    let json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    if json { Format::Json } else { Format::Netscape }
}

/// What stands in the file; `None` where there is none, or an empty one.
fn read_before(path: &Path, config: &JarConfig, now: SystemTime) -> Result<Option<Decoded>, FileError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error("read", path)(error)),
    };
    if bytes.trim_ascii().is_empty() {
        return Ok(None);
    }
    decode(&bytes, config, now).map(Some).map_err(|error| format_error(error, path))
}

/// The system drops the lock with the file, even when the process dies.
fn lock(path: &Path, tries: u32) -> Result<File, FileError> {
    let file = private(OpenOptions::new().write(true).create(true).truncate(false))
        .open(path)
        .map_err(io_error("lock", path))?;
    for attempt in 0..tries {
        match FileExt::try_lock(&file) {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if attempt + 1 < tries => thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => break,
            Err(TryLockError::Error(error)) => return Err(io_error("lock", path)(error)),
        }
    }
    Err(FileError::Locked { path: path.to_owned() })
}

/// Writes a file beside and renames it: a reader sees the old content or the new, and so does whoever comes after a
/// crash. The lock is held, so nobody else uses the name beside.
fn replace(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let fresh = beside(path, ".new");
    let result = write_new(&fresh, content)
        .map_err(io_error("write", &fresh))
        .and_then(|()| fs::rename(&fresh, path).map_err(io_error("replace", path)));
    if result.is_err() {
        // The error that counts is the first one.
        let _ = fs::remove_file(&fresh);
        return result;
    }
    sync_directory(path).map_err(io_error("replace", path))
}

fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    // A process that died may have left one behind.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = private(OpenOptions::new().write(true).create_new(true)).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// The name is in the directory, and that is a file of its own.
#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_owned();
    move |source| FileError::Io { doing, path, source }
}

fn format_error(error: FormatError, path: &Path) -> FileError {
    let path = path.to_owned();
    match error {
        FormatError::NotCookies => FileError::NotCookies { path },
        FormatError::Version { found, known } => FileError::Version { path, found, known },
    }
}

#[cfg(test)]
mod tests;
