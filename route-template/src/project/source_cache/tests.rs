use std::fs::FileTimes;

use super::*;
use crate::source::items::Items;

struct App {
    folder: tempfile::TempDir,
    cache: SourceCache,
}

impl App {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let cache = SourceCache::open(folder.path());
        Self { folder, cache }
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.folder.path().join(path), text).expect("written");
    }

    /// Reads the files in one scan that begins so long after the last of them changed, and gives
    /// the names of their functions, with `!` where those were known without reading the file.
    fn scan_at(&mut self, age: Duration, paths: &[&str]) -> String {
        let metadata = |path: &&str| fs::metadata(self.folder.path().join(path)).ok();
        let changed = paths.iter().filter_map(metadata).map(|file| Stamp::of(&file).changed).max();
        let (seconds, nanoseconds) = changed.expect("a file");
        let changed = Duration::new(seconds as u64, nanoseconds as u32);
        // A mark in what is known: a reader of the file does not find it there.
        for entry in self.cache.entries.values_mut() {
            let mut marked = Content::clone(&entry.content);
            marked.items.consts.extend(Items::read("pub const KNOWN: () = ();").consts);
            entry.content = Arc::new(Content { sha256: String::new(), ..marked });
        }
        let now = UNIX_EPOCH + changed + age;
        let read = |path: &&str| self.cache.read(self.folder.path(), (*path).to_owned(), now);
        let files: Vec<SourceFile> = paths.iter().filter_map(read).collect();
        self.cache.end_scan();
        let names = files.iter().map(|file| {
            let items = &file.content.as_ref().expect("a text").items;
            let names: Vec<&str> = items.functions.iter().map(|f| f.name.as_str()).collect();
            let known = if items.constant("KNOWN").is_some() { "!" } else { "" };
            format!("{}{known}", names.join("+"))
        });
        names.collect::<Vec<_>>().join(" ")
    }

    /// A scan of `a.rs`, long after it was written.
    fn scan(&mut self) -> String {
        self.scan_at(Duration::from_secs(60), &["a.rs"])
    }
}

#[test]
fn a_file_is_read_once_and_again_when_it_changes() {
    let mut app = App::new();
    app.write("a.rs", "pub fn get() {}");
    assert_eq!(app.scan(), "get");
    assert_eq!(app.scan(), "get!");
    app.write("a.rs", "pub fn put() {}");
    assert_eq!(app.scan(), "put");
    assert_eq!(app.scan(), "put!");
}

#[test]
fn a_file_that_changed_just_now_is_not_trusted() {
    let mut app = App::new();
    app.write("a.rs", "pub fn get() {}");
    for milliseconds in [0, 0, 1999, 1999] {
        assert_eq!(app.scan_at(Duration::from_millis(milliseconds), &["a.rs"]), "get");
    }
    // Read when it was young: only reading it again when it is old makes it known.
    assert_eq!(app.scan(), "get");
    assert_eq!(app.scan(), "get!");
}

#[test]
fn times_that_programs_set_hide_nothing() {
    for (what, now) in [("past", 1_000_000_000), ("future", 4_000_000_000)] {
        let times = FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(now));
        let mut app = App::new();
        let set = |app: &App, path: &str| {
            let file = File::options().write(true).open(app.folder.path().join(path));
            file.and_then(|file| file.set_times(times)).expect("a time");
        };
        app.write("a.rs", "pub fn get() {}");
        set(&app, "a.rs");
        assert_eq!(app.scan(), "get", "{what}");
        assert_eq!(app.scan(), "get!", "{what}");
        app.write("a.rs", "pub fn put() {}");
        set(&app, "a.rs");
        assert_eq!(app.scan(), "put", "in place, the {what}");
        app.write("b", "pub fn any() {}");
        set(&app, "b");
        fs::rename(app.folder.path().join("b"), app.folder.path().join("a.rs")).expect("renamed");
        assert_eq!(app.scan(), "any", "renamed, the {what}");
    }
}

#[test]
fn a_clock_that_was_set_back_trusts_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let stamp = Stamp::of(&fs::metadata(folder.path()).expect("a folder"));
    assert!(!stamp.is_settled(UNIX_EPOCH));
    assert!(!stamp.is_settled(SystemTime::now() - Duration::from_secs(3600)));
    assert!(stamp.is_settled(SystemTime::now() + Duration::from_secs(4)));
}

#[test]
fn what_is_gone_is_forgotten() {
    let mut app = App::new();
    app.write("a.rs", "pub fn get() {}");
    app.write("b.rs", "pub fn put() {}");
    let later = Duration::from_secs(60);
    assert_eq!(app.scan_at(later, &["a.rs", "b.rs"]), "get put");
    fs::remove_file(app.folder.path().join("a.rs")).expect("removed");
    assert_eq!(app.scan_at(later, &["a.rs", "b.rs"]), "put!");
    assert_eq!(app.cache.entries.len(), 1);
}

#[test]
fn the_disk_knows_when_it_is_worth_it() {
    let mut app = App::new();
    let paths: Vec<String> = (0..WORTH_SAVING).map(|number| format!("{number}.rs")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    for path in &paths {
        app.write(path, "pub fn get() {}");
    }
    app.scan_at(Duration::ZERO, &paths[1..]);
    assert!(!app.folder.path().join(FILE).exists());
    app.scan_at(Duration::ZERO, &paths);
    let known = |app: &App| SourceCache::open(app.folder.path()).entries;
    assert_eq!(known(&app).len(), paths.len());
    assert!(known(&app).values().all(|entry| !entry.settled));
    // They have not changed, but next time no look is needed.
    app.scan_at(Duration::from_secs(60), &paths);
    assert!(known(&app).values().all(|entry| entry.settled && !entry.seen));

    app.cache = SourceCache::open(app.folder.path());
    let all = vec!["get!"; paths.len()].join(" ");
    assert_eq!(app.scan_at(Duration::from_secs(60), &paths), all);
}

#[test]
fn a_cache_that_is_damaged_or_of_another_version_is_none() {
    let app = App::new();
    let file = app.folder.path().join(FILE);
    fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
    let content = Content::of("pub fn get() {}");
    let stamp = Stamp::of(&fs::metadata(&app.folder).expect("a folder"));
    let entry = Entry { stamp, settled: true, content: Arc::new(content), seen: false };
    let entries = HashMap::from([("a.rs", entry)]);
    let text = |reader: &str| {
        let saved = CacheFile { reader: reader.to_owned(), entries: &entries };
        serde_json::to_string(&saved).expect("JSON")
    };
    let whole = text(READER);
    for (text, known) in [
        (whole.as_str(), 1),
        (&whole[..whole.len() / 2], 0),
        ("", 0),
        ("{\"reader\":1}", 0),
        (&text("0.0.0"), 0),
    ] {
        fs::write(&file, text).expect("written");
        assert_eq!(SourceCache::open(app.folder.path()).entries.len(), known, "{text}");
    }
}
