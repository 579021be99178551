//! The files of an app, watched: what had an event is read, and what is different is a change.

use std::path::Path;

use nova_host::release::watch::WatchError;

use super::change::Change;
use super::snapshot::Snapshot;
use super::watcher::FolderWatcher;

/// Follows the files of an app.
pub(crate) struct SourceWatcher {
    folders: FolderWatcher,
    snapshot: Snapshot,
}

impl SourceWatcher {
    /// Follows the app in `root`, which is absolute and free of links.
    ///
    /// # Errors
    /// If the system does not watch any more folders.
    pub(crate) fn new(root: &Path) -> Result<Self, WatchError> {
        // First the watch, then the reading: what changes in between is seen.
        let folders = FolderWatcher::new(root)?;
        Ok(Self { folders, snapshot: Snapshot::take(root) })
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

    /// The next changes, all that come at once; none if there were events alone. A call that is
    /// given up loses nothing.
    ///
    /// # Errors
    /// If a new folder cannot be watched.
    pub(crate) async fn changes(&mut self) -> Result<Vec<Change>, WatchError> {
        let paths = self.folders.batch().await?;
        Ok(self.snapshot.update(paths))
    }
}
