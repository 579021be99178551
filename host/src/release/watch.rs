//! Noticing that a release has changed on disk.
//!
//! A release changes in many ways: a file is overwritten, or renamed over another, a folder is
//! put in the place of a folder, a link is turned to another release. Inodes are what the kernel
//! watches, so after each change the watches are set anew; and an event only says when to look:
//! what has changed is told by the files themselves.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::release::trust::SIGNATURE;
use crate::release::{LIBRARY, MANIFEST};

/// A change is over when it has been quiet for so long.
const SETTLE: Duration = Duration::from_millis(40);

/// A file that is being written is waited for, unless its writer pauses for so long.
const WRITING: Duration = Duration::from_secs(2);

/// How many links a path may lead through.
const LINKS: usize = 16;

/// Why a path cannot be watched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// The user's share of watches is used up.
    #[error(
        "{}: cannot be watched: the system's limit on watches is reached; close other watchers, \
         or raise it: sysctl fs.inotify.max_user_watches=524288 \
         fs.inotify.max_user_instances=512", .path.display()
    )]
    Limit {
        /// What was to be watched.
        path: PathBuf,
    },
    /// Anything else.
    #[error("{}: cannot be watched: {cause}", .path.display())]
    Other {
        /// What was to be watched.
        path: PathBuf,
        /// What the system said.
        cause: notify::Error,
    },
}

impl WatchError {
    /// Why `path` cannot be watched, from what the system said.
    #[must_use]
    pub fn new(path: &Path, cause: notify::Error) -> Self {
        let path = path.to_owned();
        let limit = match &cause.kind {
            notify::ErrorKind::MaxFilesWatch => true,
            // No further instance of inotify.
            notify::ErrorKind::Io(error) => {
                error.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error())
            }
            _ => false,
        };
        if limit { Self::Limit { path } } else { Self::Other { path, cause } }
    }
}

/// Watches releases: folders, or single libraries.
#[derive(Debug)]
pub struct ReleaseWatch {
    events: FileEvents,
    releases: Vec<(PathBuf, Option<Fingerprint>)>,
}

impl ReleaseWatch {
    /// Watches `releases`, as they are now.
    ///
    /// # Errors
    ///
    /// When the system does not let us.
    pub fn new(releases: &[PathBuf]) -> Result<Self, WatchError> {
        let mut watch = Self {
            events: FileEvents::new(releases.first().map_or(Path::new("/"), PathBuf::as_path))?,
            releases: releases.iter().map(|path| (absolute(path), None)).collect(),
        };
        watch.arm()?;
        for (path, fingerprint) in &mut watch.releases {
            *fingerprint = Fingerprint::of(path);
        }
        Ok(watch)
    }

    /// What is watched.
    pub(crate) fn releases(&self) -> Vec<PathBuf> {
        self.releases.iter().map(|(path, _)| path.clone()).collect()
    }

    /// Waits for a change, and gives the releases that have one. One that is not there, or not
    /// whole, is not given: it is on its way.
    ///
    /// A call that is given up loses nothing.
    ///
    /// # Errors
    ///
    /// When the system does not let us watch any more.
    pub async fn changed(&mut self) -> Result<Vec<PathBuf>, WatchError> {
        loop {
            self.events.quiet.settled().await;
            // First the watches, then the look: what changes in between has its event.
            self.arm()?;
            let mut changed = Vec::new();
            for (path, seen) in &mut self.releases {
                let found = Fingerprint::of(path);
                if found.is_some() && found != *seen {
                    *seen = found;
                    changed.push(path.clone());
                }
            }
            if !changed.is_empty() {
                return Ok(changed);
            }
        }
    }

    fn arm(&mut self) -> Result<(), WatchError> {
        let mut places = Places::default();
        for (path, _) in &self.releases {
            places.add_release(path);
        }
        self.events.watch(places)
    }
}

/// Watches all that is in some folders.
#[derive(Debug)]
pub struct FolderWatch {
    events: FileEvents,
}

impl FolderWatch {
    /// Watches `folders`; those that do not exist are left out.
    ///
    /// # Errors
    ///
    /// When the system does not let us.
    pub fn new(folders: &[PathBuf]) -> Result<Self, WatchError> {
        let mut events = FileEvents::new(folders.first().map_or(Path::new("/"), PathBuf::as_path))?;
        for folder in folders.iter().filter(|folder| folder.is_dir()) {
            events.add(folder, RecursiveMode::Recursive)?;
        }
        Ok(Self { events })
    }

    /// Waits for a change.
    pub async fn changed(&mut self) {
        self.events.quiet.settled().await;
    }
}

/// Which entries of which folders decide what some paths lead to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Places {
    /// Canonical, so that none is watched by two names: the kernel takes them for one.
    folders: BTreeSet<PathBuf>,
    names: BTreeSet<OsString>,
}

impl Places {
    fn add_release(&mut self, path: &Path) {
        self.add_path(path, LINKS);
        if path.is_dir() {
            self.add(path, OsStr::new(LIBRARY));
            self.add(path, OsStr::new(MANIFEST));
            self.add(path, OsStr::new(SIGNATURE));
        }
    }

    /// The entry itself, that of its folder, and all links on the way.
    fn add_path(&mut self, path: &Path, links: usize) {
        for (height, ancestor) in path.ancestors().enumerate() {
            let (Some(folder), Some(name)) = (ancestor.parent(), ancestor.file_name()) else {
                continue;
            };
            let target = fs::read_link(ancestor).ok();
            if height < 2 || target.is_some() {
                self.add(folder, name);
            }
            if let Some(target) = target
                && links > 0
            {
                self.add_path(&folder.join(target), links - 1);
            }
        }
    }

    fn add(&mut self, folder: &Path, name: &OsStr) {
        if let Ok(folder) = folder.canonicalize() {
            self.folders.insert(folder);
            self.names.insert(name.to_owned());
        }
    }
}

/// What tells a file from what was in its place before.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fingerprint(Vec<Option<[i64; 6]>>);

impl Fingerprint {
    /// `None` where there is no library.
    fn of(release: &Path) -> Option<Self> {
        let metadata = fs::metadata(release).ok()?;
        if metadata.is_dir() {
            let library = fs::metadata(release.join(LIBRARY)).ok()?;
            let [manifest, signature] = [MANIFEST, SIGNATURE]
                .map(|file| fs::metadata(release.join(file)).ok().as_ref().map(print));
            Some(Self(vec![Some(print(&library)), manifest, signature]))
        } else {
            Some(Self(vec![Some(print(&metadata))]))
        }
    }
}

fn print(metadata: &Metadata) -> [i64; 6] {
    [
        metadata.dev().cast_signed(),
        metadata.ino().cast_signed(),
        metadata.size().cast_signed(),
        // The time of the inode's change, which no program can set.
        metadata.ctime(),
        metadata.ctime_nsec(),
        metadata.mtime_nsec(),
    ]
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FileEvent {
    /// A file was written to; more may follow.
    Written,
    /// Anything else that changes something.
    Changed,
}

/// The kernel's events, those that matter.
struct FileEvents {
    watcher: RecommendedWatcher,
    watched: BTreeSet<PathBuf>,
    /// The names whose events matter; all of them where it is empty.
    names: Arc<Mutex<BTreeSet<OsString>>>,
    quiet: Settling,
}

impl std::fmt::Debug for FileEvents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileEvents").field("watched", &self.watched).finish_non_exhaustive()
    }
}

impl FileEvents {
    fn new(path: &Path) -> Result<Self, WatchError> {
        let (sender, events) = mpsc::unbounded_channel();
        let names = Arc::<Mutex<BTreeSet<OsString>>>::default();
        let filter = Arc::clone(&names);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let happened = match event {
                Ok(event) if event.need_rescan() => Some(FileEvent::Changed),
                Ok(event) if matters(&event, &filter.lock()) => happened(event.kind),
                Ok(_) => None,
                // Events were lost: anything may have happened.
                Err(_) => Some(FileEvent::Changed),
            };
            if let Some(happened) = happened {
                // The receiver is gone when the watch is over.
                sender.send(happened).ok();
            }
        })
        .map_err(|error| WatchError::new(path, error))?;
        let quiet = Settling { events, pending: None };
        Ok(Self { watcher, watched: BTreeSet::new(), names, quiet })
    }

    /// Watches these places and no others. A folder that was replaced by another of its name is
    /// watched anew.
    fn watch(&mut self, places: Places) -> Result<(), WatchError> {
        for folder in std::mem::take(&mut self.watched) {
            // It is gone, and its watch with it.
            self.watcher.unwatch(&folder).ok();
        }
        *self.names.lock() = places.names;
        for folder in &places.folders {
            self.add(folder, RecursiveMode::NonRecursive)?;
        }
        Ok(())
    }

    fn add(&mut self, folder: &Path, mode: RecursiveMode) -> Result<(), WatchError> {
        match self.watcher.watch(folder, mode) {
            Ok(()) => {
                self.watched.insert(folder.to_owned());
                Ok(())
            }
            // It came and went.
            Err(_) if !folder.exists() => Ok(()),
            Err(error) => Err(WatchError::new(folder, error)),
        }
    }
}

/// Events until they stop coming.
#[derive(Debug)]
struct Settling {
    events: mpsc::UnboundedReceiver<FileEvent>,
    pending: Option<FileEvent>,
}

impl Settling {
    /// Waits for an event, and then for the end of the change that it belongs to.
    async fn settled(&mut self) {
        if self.pending.is_none() {
            self.pending = self.events.recv().await;
        }
        // In `self`, so that a call that is given up leaves the next one something to do.
        while let Some(happened) = self.pending {
            let quiet = if happened == FileEvent::Written { WRITING } else { SETTLE };
            match timeout(quiet, self.events.recv()).await {
                Ok(next @ Some(_)) => self.pending = next,
                Ok(None) | Err(_) => self.pending = None,
            }
        }
    }
}

fn matters(event: &notify::Event, names: &BTreeSet<OsString>) -> bool {
    names.is_empty()
        || event.paths.iter().any(|path| path.file_name().is_some_and(|name| names.contains(name)))
}

/// What an event means; `None` for those that change nothing. We read what we watch.
fn happened(kind: EventKind) -> Option<FileEvent> {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(FileEvent::Changed),
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_)) => None,
        EventKind::Modify(ModifyKind::Data(_)) => Some(FileEvent::Written),
        _ => Some(FileEvent::Changed),
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests;
