//! Which paths of an app had an event, in batches.
//!
//! The app's folder is watched, and each folder in it for itself, all the way down: a compiler
//! that writes thousands of files into `target/` is not listened to. One save is several events,
//! and a checkout is hundreds; a batch ends when it has been quiet for [`SETTLE`].

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{Config, PollWatcher, RecursiveMode, Watcher};
use nova_host::release::watch::WatchError;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::change::Area;

/// Longer than the pauses within one save, shorter than anyone notices.
const SETTLE: Duration = Duration::from_millis(10);

/// A batch that never falls silent is handed out all the same.
const PATIENCE: Duration = Duration::from_millis(150);

/// The watch over one app.
pub(crate) struct FolderWatcher {
    /// The app's folder, and those of crates beside it.
    roots: Vec<PathBuf>,
    watcher: Box<dyn Watcher + Send>,
    events: mpsc::UnboundedReceiver<PathBuf>,
    pending: Vec<PathBuf>,
    /// Folders that are watched for single files in them.
    single: BTreeSet<PathBuf>,
    /// When the first of the pending events came, and the last.
    span: (Instant, Instant),
}

impl FolderWatcher {
    /// Watches the app in `root`, which is absolute and free of links; with `poll` by looking at all
    /// files so often, and not by what the system tells.
    ///
    /// # Errors
    /// If the system does not watch any more folders.
    pub(crate) fn new(root: &Path, poll: Option<Duration>) -> Result<Self, WatchError> {
        let (sender, events) = mpsc::unbounded_channel();
        let all = root.to_owned();
        let on_event = move |event: notify::Result<notify::Event>| {
            let paths = match event {
                // Reading is no change, and we read what changed.
                Ok(event) if is_reading(event.kind) => return,
                Ok(event) if !event.need_rescan() => event.paths,
                // Events were lost: everything may be different.
                Ok(_) | Err(_) => vec![all.clone()],
            };
            for path in paths {
                // The receiver is gone when the session is over.
                let _ = sender.send(path);
            }
        };
        let watcher = watcher(on_event, poll).map_err(|error| WatchError::new(root, error))?;
        let (roots, pending, single) = (Vec::new(), Vec::new(), BTreeSet::new());
        let span = (Instant::now(), Instant::now());
        let mut watch = Self { roots, watcher, events, pending, single, span };
        watch.add_beside(root)?;
        Ok(watch)
    }

    /// Watches one more folder, that of a crate which the app is made of.
    ///
    /// # Errors
    /// If the system does not watch any more folders.
    pub(crate) fn add_beside(&mut self, root: &Path) -> Result<(), WatchError> {
        if self.roots.iter().any(|known| known == root) {
            return Ok(());
        }
        self.roots.push(root.to_owned());
        self.add(root, RecursiveMode::NonRecursive)?;
        for entry in fs::read_dir(root).into_iter().flatten().flatten() {
            self.add_folder(&entry.path())?;
        }
        Ok(())
    }

    /// Watches the folder that `file` is in, and not those below it.
    ///
    /// # Errors
    /// If the system does not watch any more folders.
    pub(crate) fn add_folder_of(&mut self, file: &Path) -> Result<(), WatchError> {
        let Some(folder) = file.parent() else { return Ok(()) };
        if self.is_watched(folder) || !self.single.insert(folder.to_owned()) {
            return Ok(());
        }
        self.add(folder, RecursiveMode::NonRecursive)
    }

    /// Whether the files of this folder have their events anyway.
    fn is_watched(&self, folder: &Path) -> bool {
        self.roots.iter().any(|root| {
            let way = folder.strip_prefix(root).ok();
            way.is_some_and(|way| match way.iter().next() {
                Some(top) => top.to_str().is_some_and(Area::is_watched_folder),
                None => true,
            })
        })
    }

    /// Waits for events and gives back the paths that had one. A call that is given up loses
    /// nothing: the next one goes on where it was.
    ///
    /// # Errors
    /// If a new folder cannot be watched.
    pub(crate) async fn batch(&mut self) -> Result<Vec<PathBuf>, WatchError> {
        if self.pending.is_empty() {
            match self.events.recv().await {
                Some(path) => {
                    self.pending.push(path);
                    self.span = (Instant::now(), Instant::now());
                }
                // The watcher is in `self`, and it holds the sender.
                None => unreachable!("the watcher is there as long as we are"),
            }
        }
        // The times are kept in `self`: a call that is given up and made again does not put the end off.
        loop {
            let (first, last) = self.span;
            let end = (first + PATIENCE).min(last + SETTLE);
            let Ok(Some(path)) = timeout_at(end, self.events.recv()).await else { break };
            self.pending.push(path);
            self.span.1 = Instant::now();
        }
        let mut paths = std::mem::take(&mut self.pending);
        paths.sort();
        paths.dedup();
        for path in &paths {
            self.add_folder(path)?;
        }
        Ok(paths)
    }

    /// Watches `path` if it is a folder in the app's own that matters.
    fn add_folder(&mut self, path: &Path) -> Result<(), WatchError> {
        let is_at_top = path.parent().is_some_and(|it| self.roots.iter().any(|root| root == it));
        let matters = is_at_top
            && path.file_name().and_then(|name| name.to_str()).is_some_and(Area::is_watched_folder)
            && path.is_dir();
        if matters { self.add(path, RecursiveMode::Recursive) } else { Ok(()) }
    }

    fn add(&mut self, path: &Path, mode: RecursiveMode) -> Result<(), WatchError> {
        match self.watcher.watch(path, mode) {
            // It came and went.
            Err(_) if !path.exists() => Ok(()),
            outcome => outcome.map_err(|error| WatchError::new(path, error)),
        }
    }
}

fn watcher(
    on_event: impl FnMut(notify::Result<notify::Event>) + Send + 'static,
    poll: Option<Duration>,
) -> notify::Result<Box<dyn Watcher + Send>> {
    Ok(match poll {
        Some(interval) => {
            let config = Config::default().with_poll_interval(interval);
            Box::new(PollWatcher::new(on_event, config)?)
        }
        None => Box::new(notify::recommended_watcher(on_event)?),
    })
}

fn is_reading(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => false,
        EventKind::Access(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
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
                let paths = self.watch.batch().await.expect("a batch");
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
        assert_eq!(
            app.until("pages/about.rs").await,
            BTreeSet::from(["pages/about.rs".to_owned()])
        );
    }
}
