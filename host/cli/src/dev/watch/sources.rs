//! The files of an app, watched: what had an event is read, and what is different is a change.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nova_host::release::watch::WatchError;

use super::change::{Area, Change};
use super::elsewhere::Elsewhere;
use super::snapshot::Snapshot;
use super::watcher::FolderWatcher;

/// Follows the files of an app.
pub(crate) struct SourceWatcher {
    root: PathBuf,
    folders: FolderWatcher,
    snapshot: Snapshot,
    elsewhere: Elsewhere,
}

impl SourceWatcher {
    /// Follows the app in `root`, which is absolute and free of links; with `poll` by looking at all
    /// files so often.
    ///
    /// # Errors
    /// If the system does not watch any more folders.
    pub(crate) fn new(root: &Path, poll: Option<Duration>) -> Result<Self, WatchError> {
        // First the watch, then the reading: what changes in between is seen.
        let folders = FolderWatcher::new(root, poll)?;
        let (snapshot, elsewhere) = (Snapshot::take(root), Elsewhere::default());
        let mut watcher = Self { root: root.to_owned(), folders, snapshot, elsewhere };
        watcher.follow_links()?;
        Ok(watcher)
    }

    /// Follows one more folder, that of a crate which the app is made of.
    ///
    /// # Errors
    /// If the system does not watch any more folders.
    pub(crate) fn add_beside(&mut self, folder: &Path) -> Result<(), WatchError> {
        self.folders.add_beside(folder)?;
        self.snapshot.add_beside(folder);
        Ok(())
    }

    /// Whether this is a file of such a folder.
    pub(crate) fn is_beside(&self, path: &Path) -> bool {
        self.snapshot.is_beside(path)
    }

    /// Follows these files, by absolute paths, wherever they are. What is in a watched folder
    /// already, and what a compiler wrote, is left out.
    ///
    /// # Errors
    /// If the system does not watch any more folders.
    pub(crate) fn add_files<'a>(
        &mut self,
        files: impl IntoIterator<Item = &'a Path>,
    ) -> Result<(), WatchError> {
        for file in files {
            let own = file.strip_prefix(&self.root).ok();
            let is_watched = own.is_some_and(|own| Area::of(own).is_some())
                || self.is_beside(file)
                || own.is_some_and(Area::is_output);
            if !is_watched && self.add_file(file)? {
                self.snapshot.add_file(file);
            }
        }
        Ok(())
    }

    /// Follows the file that is read under this name; `false` if it is followed already.
    fn add_file(&mut self, name: &Path) -> Result<bool, WatchError> {
        let Some(path) = self.elsewhere.add(name) else { return Ok(false) };
        self.folders.add_folder_of(&path)?;
        Ok(true)
    }

    /// A link in the app leads to a file elsewhere.
    fn follow_links(&mut self) -> Result<(), WatchError> {
        for link in self.snapshot.take_links() {
            self.add_file(&link)?;
        }
        Ok(())
    }

    /// The next changes, all that come at once; none if there were events alone. A call that is
    /// given up loses nothing.
    ///
    /// # Errors
    /// If a new folder cannot be watched.
    pub(crate) async fn changes(&mut self) -> Result<Vec<Change>, WatchError> {
        let paths = self.folders.batch().await?;
        let changes = self.snapshot.update(self.elsewhere.with_names(paths));
        self.follow_links()?;
        Ok(changes)
    }
}
