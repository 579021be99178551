use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

struct App {
    folder: tempfile::TempDir,
    watch: FolderWatcher,
}

impl App {
    fn new(folders: &[&str]) -> Self {
        Self::polled(folders, None)
    }

    fn polled(folders: &[&str], poll: Option<Duration>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for path in folders {
            fs::create_dir_all(folder.path().join(path)).expect("a folder");
        }
        let root = folder.path().canonicalize().expect("a path");
        let watch = FolderWatcher::new(&root, poll).expect("a watch");
        Self { folder, watch }
    }

    fn write(&self, path: &str) {
        fs::write(self.folder.path().join(path), "x").expect("a file");
    }

    /// Waits until `path` has had an event, and gives back all that had one until then.
    async fn until(&mut self, path: &str) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        while !seen.contains(path) {
            let Batch::Paths(paths) = self.watch.batch().await.expect("a batch") else {
                panic!("events were lost");
            };
            let root = &self.watch.roots[0];
            seen.extend(
                paths
                    .iter()
                    .map(|path| path.strip_prefix(root).unwrap_or(path).display().to_string()),
            );
        }
        seen
    }
}

#[tokio::test]
async fn deep_files_and_new_folders_are_seen_and_caches_are_not() {
    let mut app = App::new(&["pages/users", "target/debug", ".git"]);
    app.write("target/debug/app.d");
    app.write(".git/index");
    app.write("pages/users/[id].rs");
    let seen = app.until("pages/users/[id].rs").await;
    assert_eq!(seen, BTreeSet::from(["pages/users/[id].rs".to_owned()]));

    fs::create_dir(app.folder.path().join("styles")).expect("a folder");
    app.until("styles").await;
    app.write("styles/main.scss");
    app.until("styles/main.scss").await;

    fs::create_dir(app.folder.path().join("pages/blog")).expect("a folder");
    app.until("pages/blog").await;
    app.write("pages/blog/index.rs");
    app.until("pages/blog/index.rs").await;

    fs::rename(app.folder.path().join("pages/blog"), app.folder.path().join("pages/news"))
        .expect("renamed");
    let seen = app.until("pages/news").await;
    assert!(seen.contains("pages/blog"), "{seen:?}");

    app.write("Cargo.toml");
    app.until("Cargo.toml").await;
}

#[tokio::test]
async fn files_are_looked_at_where_the_system_tells_nothing() {
    let mut app = App::polled(&["pages"], Some(Duration::from_millis(20)));
    app.write("pages/index.rs");
    app.until("pages/index.rs").await;
    fs::create_dir(app.folder.path().join("styles")).expect("a folder");
    app.until("styles").await;
    app.write("styles/main.scss");
    app.until("styles/main.scss").await;
}

#[tokio::test]
async fn a_file_elsewhere_is_seen_when_another_takes_its_place() {
    let mut app = App::new(&["pages", "node_modules/x"]);
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let root = elsewhere.path().canonicalize().expect("a path");
    let file = root.join("mail.txt");
    app.watch.add_folder_of(&file).expect("a watch");
    app.watch.add_folder_of(&app.folder.path().join("pages/index.rs")).expect("a watch");
    let inside = app.folder.path().canonicalize().expect("a path").join("node_modules/x/a.txt");
    app.watch.add_folder_of(&inside).expect("a watch");
    assert_eq!(app.watch.single.len(), 2, "pages/ is watched anyway");
    fs::write(root.join("mail.new"), "x").expect("a file");
    fs::rename(root.join("mail.new"), &file).expect("renamed");
    app.until(&file.display().to_string()).await;
    app.write("node_modules/x/a.txt");
    app.until("node_modules/x/a.txt").await;
}

#[test]
fn what_is_lost_is_told_from_what_is_read() {
    use notify::event::{Flag, ModifyKind};

    let event = |kind| notify::Event::new(kind).add_path("/app/pages/index.rs".into());
    let rescan = notify::Event::new(EventKind::Other).set_flag(Flag::Rescan);
    for (said, expected) in [
        (Ok(event(EventKind::Access(AccessKind::Read))), "[]"),
        (Ok(event(EventKind::Modify(ModifyKind::Any))), "[At(\"/app/pages/index.rs\")]"),
        (Ok(rescan), "[Lost(Folders)]"),
        (Err(notify::Error::generic("unreadable")), "[Lost(Changes)]"),
    ] {
        assert_eq!(format!("{:?}", heard(said)), expected);
    }
}

/// A watch over `root` that is deaf until the flag is set; what it did not hear comes through the
/// second channel.
fn deaf(
    root: &Path,
) -> (FolderWatcher, mpsc::UnboundedSender<Event>, mpsc::UnboundedReceiver<PathBuf>, Arc<AtomicBool>)
{
    let (sender, events) = mpsc::unbounded_channel();
    let (missed, misses) = mpsc::unbounded_channel();
    let hears = Arc::new(AtomicBool::new(false));
    let (out, switch) = (sender.clone(), hears.clone());
    let hear = move |event: notify::Result<notify::Event>| {
        for event in heard(event) {
            match event {
                Event::At(path) if !switch.load(Ordering::Relaxed) => drop(missed.send(path)),
                event => drop(out.send(event)),
            }
        }
    };
    let watcher = watcher(hear, None).expect("a watcher");
    let watch = FolderWatcher::over(root, watcher, events).expect("a watch");
    (watch, sender, misses, hears)
}

#[tokio::test]
async fn folders_that_came_while_events_were_lost_are_watched() {
    let [folder, other] = [(); 2].map(|()| tempfile::tempdir().expect("a temporary folder"));
    let [root, beside] = [&folder, &other].map(|it| it.path().canonicalize().expect("a path"));
    let (mut watch, sender, mut misses, hears) = deaf(&root);
    watch.add_beside(&beside).expect("a watch");
    for made in [root.join("styles"), beside.join("src")] {
        fs::create_dir(&made).expect("a folder");
        while misses.recv().await.as_ref() != Some(&made) {}
    }
    hears.store(true, Ordering::Relaxed);
    sender.send(Event::Lost(Lost::Folders)).expect("it is heard");
    assert_eq!(watch.batch().await.expect("a batch"), Batch::Any);
    let mut app = App { folder, watch };
    app.write("styles/main.scss");
    app.until("styles/main.scss").await;
    let file = beside.join("src/lib.rs");
    fs::write(&file, "x").expect("a file");
    app.until(&file.display().to_string()).await;
}

#[tokio::test]
async fn what_a_link_leads_to_is_watched_where_it_is() {
    let mut app = App::new(&["pages"]);
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let root = elsewhere.path().canonicalize().expect("a path");
    for made in ["blog/build", "model/src", "model/target"] {
        fs::create_dir_all(root.join(made)).expect("a folder");
    }
    app.watch.add_linked(&root.join("blog"), true).expect("a watch");
    app.watch.add_linked(&root.join("model"), false).expect("a watch");
    let write = |path: &str| fs::write(root.join(path), "x").expect("a file");
    let seen = |path: &str| root.join(path).display().to_string();
    write("blog/build/index.rs");
    app.until(&seen("blog/build/index.rs")).await;
    write("model/target/app.d");
    write("model/src/lib.rs");
    let paths = app.until(&seen("model/src/lib.rs")).await;
    assert!(!paths.contains(&seen("model/target/app.d")), "{paths:?}");
    // Another folder takes the place of each; what is written after it is heard of after it.
    for (name, file) in [("blog", "blog/news.rs"), ("model", "model/src/more.rs")] {
        fs::rename(root.join(name), root.join(format!("old-{name}"))).expect("renamed");
        fs::create_dir_all(root.join(file).parent().expect("a folder")).expect("a folder");
        write(&format!("after-{name}"));
        app.until(&seen(&format!("after-{name}"))).await;
        write(file);
        app.until(&seen(file)).await;
    }
}

#[tokio::test]
async fn reading_is_no_event_and_a_lost_wait_loses_nothing() {
    let mut app = App::new(&["pages"]);
    app.write("pages/index.rs");
    app.until("pages/index.rs").await;
    fs::read(app.folder.path().join("pages/index.rs")).expect("a file");
    app.write("pages/about.rs");
    // Given up as soon as the first event is there, in the middle of the batch.
    while app.watch.pending.is_empty() {
        tokio::select! {
            biased;
            paths = app.watch.batch() => unreachable!("{paths:?}"),
            () = tokio::task::yield_now() => {}
        }
    }
    assert_eq!(app.until("pages/about.rs").await, BTreeSet::from(["pages/about.rs".to_owned()]));
}
