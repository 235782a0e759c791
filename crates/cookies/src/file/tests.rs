use super::*;
use crate::error::{Damage, Refusal};
use url::Url;

fn second(n: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + n)
}

fn url() -> Url {
    Url::parse("https://www.example.com/").unwrap()
}

fn set(jar: &Jar, lines: &[&str]) {
    let stored = jar.store(&url(), lines.iter().map(|line| line.as_bytes()), second(0));
    assert_eq!(stored.refused().count(), 0, "{stored:?}");
}

fn sent(jar: &Jar) -> String {
    jar.cookie_header(&url(), second(1)).unwrap_or_default()
}

fn load(path: &Path) -> Jar {
    let Loaded { jar, imported } = Jar::load(path, second(1)).unwrap();
    assert_eq!(imported.damaged, []);
    jar
}

#[test]
fn what_is_saved_is_loaded_in_both_formats() {
    let dir = tempfile::tempdir().unwrap();
    let jar = Jar::new();
    set(
        &jar,
        &[
            "a=1; Max-Age=60",
            "b=2; Secure; HttpOnly; SameSite=Lax; Partitioned",
            "c=; Domain=example.com",
            "d",
        ],
    );
    set(&jar, &["e=6; Path=/x/y", "gone=1; Max-Age=1"]);
    for (name, format) in
        [("cookies.txt", Format::Netscape), ("cookies.json", Format::Json), ("jar", Format::Netscape)]
    {
        let path = dir.path().join(name);
        let saved = jar.save(&path, second(1)).unwrap();
        let expected = Saved { format, written: 5, left_out: Vec::new(), damaged: Vec::new() };
        assert_eq!(saved, expected, "{name}");
        let again = load(&path);
        assert_eq!(sent(&again), "a=1; b=2; c=; d", "{name}");
        let told = |jar: &Jar| {
            let entries = jar.iter().filter(|entry| entry.is_live(second(1)));
            entries
                .map(|entry| (entry.to_name(), entry.expires(), entry.secure(), entry.http_only()))
                .collect::<Vec<_>>()
        };
        assert_eq!(told(&again), told(&jar), "{name}");
    }
    let again = load(&dir.path().join("cookies.json"));
    let entry = again.get(&url(), "b", second(1)).unwrap();
    assert!(entry.partitioned());
    assert_eq!((entry.same_site(), entry.created()), (Some(cookie::SameSite::Lax), second(0)));
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_it_and_nothing_is_left_beside() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cookies.txt");
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    // A process died while it wrote.
    fs::write(dir.path().join("cookies.txt.new"), "half a l").unwrap();
    let link = dir.path().join("link.json");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let jar = Jar::new();
    set(&jar, &["a=1"]);
    assert_eq!(jar.save(&link, second(1)).unwrap().format, Format::Netscape);
    assert_eq!(sent(&load(&path)), "a=1");
    assert!(link.is_symlink());
    let mut names = Vec::new();
    for file in fs::read_dir(dir.path()).unwrap() {
        let file = file.unwrap();
        if !file.path().is_symlink() {
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
        }
        names.push(file.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["cookies.txt", "cookies.txt.lock", "link.json"]);
}

#[test]
fn the_format_of_a_file_stays_unless_another_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cookies.txt");
    let jar = Jar::new();
    set(&jar, &["a=1\t2", "b=3"]);
    let saved = jar.save_as(&path, Format::Json, second(1)).unwrap();
    assert_eq!((saved.format, saved.written), (Format::Json, 2));
    assert_eq!(jar.save(&path, second(1)).unwrap().format, Format::Json);
    let saved = jar.save_as(&path, Format::Netscape, second(1)).unwrap();
    assert_eq!((saved.format, saved.written), (Format::Netscape, 1));
    assert_eq!(saved.left_out, [CookieName::new("www.example.com", "/", "a").host_only()]);
}

#[test]
fn two_jars_on_one_file_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let check = |path: &Path, expected: &str| {
        // Others' cookies have no place in time among ours: `cookies.txt` has no times.
        let sent = sent(&load(path));
        let (mut sent, mut expected) =
            (sent.split("; ").collect::<Vec<_>>(), expected.split("; ").collect::<Vec<_>>());
        sent.sort_unstable();
        expected.sort_unstable();
        assert_eq!(sent, expected, "{}", path.display());
    };
    for name in ["cookies.txt", "cookies.json"] {
        let path = dir.path().join(name);
        let first = Jar::new();
        set(&first, &["kept=0", "mine=0", "theirs=0", "out=0"]);
        first.save(&path, second(1)).unwrap();
        let other = load(&path);

        set(&first, &["mine=1", "new=1", "out=; Max-Age=0"]);
        set(&other, &["theirs=2", "more=2"]);
        other.save(&path, second(1)).unwrap();
        first.save(&path, second(1)).unwrap();
        check(&path, "kept=0; mine=1; theirs=2; new=1; more=2");
        // Once more, with nothing to say, changes nothing.
        first.save(&path, second(1)).unwrap();
        other.save(&path, second(1)).unwrap();
        check(&path, "kept=0; mine=1; theirs=2; new=1; more=2");

        other.clear();
        other.save(&path, second(1)).unwrap();
        // What `other` had never seen is not for it to clear.
        check(&path, "mine=1; new=1");
        assert_eq!(first.save(&path, second(1)).unwrap().written, 2, "{name}");
    }
}

#[test]
fn threads_that_save_at_once_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cookies.txt");
    thread::scope(|scope| {
        for worker in 0..4 {
            let path = &path;
            scope.spawn(move || {
                let jar = Jar::new();
                for step in 0..5 {
                    set(&jar, &[&format!("c{worker}-{step}=1")]);
                    jar.save(path, second(1)).unwrap();
                }
            });
        }
    });
    assert_eq!(load(&path).len(), 20);
}

#[test]
fn a_damaged_line_is_told_and_costs_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cookies.txt");
    let text = b"# Netscape HTTP Cookie File\n\
        .example.com\tTRUE\t/\tFALSE\t0\ta\t1\n\
        www.example.com\tFALSE\t/\n\
        www.example.com\tFALSE\t/\tFALSE\t0\t\xff\t1\n\
        .co.uk\tTRUE\t/\tFALSE\t0\tb\t1\n\
        .example.com\tTRUE\t/\tFALSE\t1\texpired\t1\n\
        www.example.com\tFALSE\t/\tFALSE\t0\t__Host-a\t1\n\
        www example.com\tFALSE\t/\tFALSE\t0\ta\t1\n\
        www.example.com\tFALSE\tx\tFALSE\t0\ta\t1\n\
        www.example.com\tFALSE\t/\tFALSE\t0\ta;b\t1\n\
        www.example.com\tFALSE\t/\tFALSE\t0\tb\t2";
    fs::write(&path, text).unwrap();
    let Loaded { jar, imported } = Jar::load(&path, second(1)).unwrap();
    assert_eq!(sent(&jar), "a=1; b=2");
    let refused = Damage::Refused;
    let damaged: Vec<_> = imported.damaged.iter().map(|damaged| (damaged.line, damaged.reason)).collect();
    let expected = [
        (3, Damage::Fields { found: 3 }),
        (4, Damage::NotUtf8),
        (7, refused(Refusal::BrokenPrefix)),
        (8, Damage::Host),
        (9, Damage::Path),
        (10, refused(Refusal::Separator)),
    ];
    assert_eq!(damaged, expected);
    assert_eq!((imported.stored, imported.expired), (3, 1));
    // A cookie for all of `co.uk` is one for the host of that name.
    assert!(jar.names().any(|name| name == CookieName::new("co.uk", "/", "b").host_only()));
    // A save tells them again, for it writes the file anew.
    assert_eq!(jar.save(&path, second(1)).unwrap().damaged, imported.damaged);
    assert_eq!(jar.save(&path, second(1)).unwrap().damaged, []);
}

#[test]
fn what_holds_no_cookies_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("photo.png");
    let version = "{\"format\":\"cookies\",\"version\":7,\"cookies\":[]}";
    for (content, said) in [
        ("\u{89}PNG\n\nab", "holds no cookies"),
        ("{\"a\":1}", "holds no cookies"),
        (version, "has version 7, at most 1 is known"),
    ] {
        fs::write(&path, content).unwrap();
        let error = Jar::load(&path, second(1)).unwrap_err();
        assert_eq!(error.to_string(), format!("{} {said}", fs::canonicalize(&path).unwrap().display()));
        assert!(Jar::new().save(&path, second(1)).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
    let missing = Jar::load(dir.path().join("none"), second(1)).unwrap_err();
    assert!(missing.is_missing(), "{missing}");
    assert!(Jar::new().save(dir.path().join("none/cookies.txt"), second(1)).is_err());
}

#[test]
fn a_failed_save_leaves_the_file_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cookies.txt");
    let jar = Jar::new();
    set(&jar, &["a=1"]);
    jar.save(&path, second(1)).unwrap();
    let before = fs::read(&path).unwrap();
    // Nothing can be written where a directory stands.
    fs::create_dir(dir.path().join("cookies.txt.new")).unwrap();
    set(&jar, &["a=2"]);
    let error = jar.save(&path, second(1)).unwrap_err();
    assert!(error.to_string().starts_with("cannot write"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
    fs::remove_dir(dir.path().join("cookies.txt.new")).unwrap();
    jar.save(&path, second(1)).unwrap();
    assert_eq!(sent(&load(&path)), "a=2");
}

#[test]
fn a_lock_that_another_holds_is_waited_for_only_so_long() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cookies.txt.lock");
    let held = lock(&path, 1).unwrap();
    assert!(matches!(lock(&path, 1), Err(FileError::Locked { path: named }) if named == path));
    drop(held);
    assert!(lock(&path, 1).is_ok());
}
