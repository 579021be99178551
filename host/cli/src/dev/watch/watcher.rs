//! Which paths of an app had an event, in batches.
//!
//! The app's folder is watched, and each folder in it for itself, all the way down: a compiler
//! that writes thousands of files into `target/` is not listened to. Links are not followed: what
//! they lead to is watched under its own path. One save is several events, and a checkout is
//! hundreds; a batch ends when it has been quiet for [`SETTLE`].

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{Config, PollWatcher, RecommendedWatcher, RecursiveMode, Watcher};
use nova_host::release::watch::WatchError;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::change::Area;

/// Longer than the pauses within one save, shorter than anyone notices.
const SETTLE: Duration = Duration::from_millis(10);

/// A batch that never falls silent is handed out all the same.
const PATIENCE: Duration = Duration::from_millis(150);

/// What was heard.
#[derive(Debug)]
enum Event {
    /// This path had an event.
    At(PathBuf),
    /// Others may have had one.
    Lost(Lost),
}

/// What has passed without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Lost {
    /// Changes of files.
    Changes,
    /// New folders, too, which are not watched yet.
    Folders,
}

/// What had an event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Batch {
    /// These paths.
    Paths(Vec<PathBuf>),
    /// Events were lost, and any path may be among them.
    Any,
}

/// The watch over one app.
pub(crate) struct FolderWatcher {
    /// The app's folder, those of crates beside it, and what links outside of [own
    /// folders](Area::is_own_folder) lead to.
    roots: Vec<PathBuf>,
    /// What other links lead to: folders in which everything counts.
    whole: BTreeSet<PathBuf>,
    /// Folders that are watched for single files in them.
    single: BTreeSet<PathBuf>,
    watcher: Box<dyn Watcher + Send>,
    events: mpsc::UnboundedReceiver<Event>,
    pending: Vec<PathBuf>,
    /// What was lost since the last batch.
    lost: Option<Lost>,
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
        let hear = move |event| {
            for event in heard(event) {
                // The receiver is gone when the session is over.
                let _ = sender.send(event);
            }
        };
        let watcher = watcher(hear, poll).map_err(|error| WatchError::new(root, error))?;
        Self::over(root, watcher, events)
    }

    /// Watches the app in `root` through a watcher that sends `events`.
    fn over(
        root: &Path,
        watcher: Box<dyn Watcher + Send>,
        events: mpsc::UnboundedReceiver<Event>,
    ) -> Result<Self, WatchError> {
        let mut watch = Self {
            roots: Vec::new(),
            whole: BTreeSet::new(),
            single: BTreeSet::new(),
            watcher,
            events,
            pending: Vec::new(),
            lost: None,
            span: (Instant::now(), Instant::now()),
        };
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
        self.add_root(root)
    }

    fn add_root(&mut self, root: &Path) -> Result<(), WatchError> {
        self.add(root, RecursiveMode::NonRecursive)?;
        for entry in fs::read_dir(root).into_iter().flatten().flatten() {
            self.add_folder(&entry.path())?;
        }
        Ok(())
    }

    /// Watches the folder that a link leads to, without a link in its path: all that is in it if it
    /// `is_whole`, and otherwise what would be watched in an app.
    ///
    /// # Errors
    /// If the system does not watch any more folders.
    pub(crate) fn add_linked(&mut self, folder: &Path, is_whole: bool) -> Result<(), WatchError> {
        if self.is_watched(folder) {
            return Ok(());
        }
        // For the case that another folder takes its place.
        self.add_folder_of(folder)?;
        if !is_whole {
            return self.add_beside(folder);
        }
        self.whole.insert(folder.to_owned());
        self.add(folder, RecursiveMode::Recursive)
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
        let is_in_root = self.roots.iter().any(|root| {
            let way = folder.strip_prefix(root).ok();
            way.is_some_and(|way| match way.iter().next() {
                Some(top) => top.to_str().is_some_and(Area::is_watched_folder),
                None => true,
            })
        });
        is_in_root || self.whole.iter().any(|whole| folder.starts_with(whole))
    }

    /// Waits for events and gives back the paths that had one. A call that is given up loses
    /// nothing: the next one goes on where it was.
    ///
    /// # Errors
    /// If a new folder cannot be watched.
    pub(crate) async fn batch(&mut self) -> Result<Batch, WatchError> {
        if self.pending.is_empty() && self.lost.is_none() {
            match self.events.recv().await {
                Some(event) => {
                    self.take(event);
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
            let Ok(Some(event)) = timeout_at(end, self.events.recv()).await else { break };
            self.take(event);
            self.span.1 = Instant::now();
        }
        let mut paths = std::mem::take(&mut self.pending);
        paths.sort();
        paths.dedup();
        for path in &paths {
            self.add_folder(path)?;
        }
        let lost = self.lost.take();
        if lost == Some(Lost::Folders) {
            self.watch_anew()?;
        }
        Ok(if lost.is_some() { Batch::Any } else { Batch::Paths(paths) })
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::At(path) => self.pending.push(path),
            Event::Lost(lost) => self.lost = self.lost.max(Some(lost)),
        }
    }

    /// Watches again all that is watched: folders may have come without a word.
    fn watch_anew(&mut self) -> Result<(), WatchError> {
        // What is watched with all that is in it comes last, because the last word counts.
        for folder in self.single.clone() {
            self.add(&folder, RecursiveMode::NonRecursive)?;
        }
        for root in self.roots.clone() {
            self.add_root(&root)?;
        }
        for folder in self.whole.clone() {
            self.add(&folder, RecursiveMode::Recursive)?;
        }
        Ok(())
    }

    /// Watches `path` if it is a folder that matters, and may be a new one.
    fn add_folder(&mut self, path: &Path) -> Result<(), WatchError> {
        if self.whole.contains(path) {
            return self.add(path, RecursiveMode::Recursive);
        }
        let is_root = |path: &Path| self.roots.iter().any(|root| root == path);
        let (is_one, is_at_top) = (is_root(path), path.parent().is_some_and(is_root));
        let matters = is_at_top
            && path.file_name().and_then(|name| name.to_str()).is_some_and(Area::is_watched_folder)
            && path.is_dir()
            && !path.is_symlink();
        if matters {
            return self.add(path, RecursiveMode::Recursive);
        }
        // Another one has taken its place.
        if is_one { self.add_root(path) } else { Ok(()) }
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
    hear: impl FnMut(notify::Result<notify::Event>) + Send + 'static,
    poll: Option<Duration>,
) -> notify::Result<Box<dyn Watcher + Send>> {
    let config = Config::default().with_follow_symlinks(false);
    Ok(match poll {
        Some(interval) => Box::new(PollWatcher::new(hear, config.with_poll_interval(interval))?),
        None => Box::new(RecommendedWatcher::new(hear, config)?),
    })
}

/// What an event says.
fn heard(event: notify::Result<notify::Event>) -> Vec<Event> {
    match event {
        // Reading is no change, and we read what changed.
        Ok(event) if is_reading(event.kind) => Vec::new(),
        Ok(event) if !event.need_rescan() => event.paths.into_iter().map(Event::At).collect(),
        // The queue was full.
        Ok(_) => vec![Event::Lost(Lost::Folders)],
        // A folder cannot be read, which is said at each look at it, and would be at another watch.
        Err(_) => vec![Event::Lost(Lost::Changes)],
    }
}

fn is_reading(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => false,
        EventKind::Access(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
