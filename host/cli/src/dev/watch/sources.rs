//! The files of an app, watched: what had an event is read, and what is different is a change.

use std::path::Path;
use std::time::Duration;

use nova_host::release::watch::WatchError;

use super::change::Change;
use super::elsewhere::Elsewhere;
use super::snapshot::Snapshot;
use super::watcher::{Batch, FolderWatcher};

/// Follows the files of an app.
pub(crate) struct SourceWatcher {
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
        let mut watcher = Self { folders, snapshot, elsewhere };
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
        self.follow_links().map(drop)
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
            if !self.snapshot.covers(file) && self.add_file(file)? {
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

    /// Watches what links in the app lead to; gives what has changed there since it was read.
    fn follow_links(&mut self) -> Result<Vec<Change>, WatchError> {
        let mut changes = Vec::new();
        loop {
            let mut new = Vec::new();
            for link in self.snapshot.take_links() {
                if self.follow(&link)? {
                    new.push(link);
                }
            }
            if new.is_empty() {
                return Ok(changes);
            }
            changes.extend(self.snapshot.update(new));
        }
    }

    /// Watches what this link leads to; `false` if it is watched already.
    fn follow(&mut self, link: &Path) -> Result<bool, WatchError> {
        if !link.is_dir() {
            return self.add_file(link);
        }
        let Some(folder) = self.elsewhere.add(link) else { return Ok(false) };
        self.folders.add_linked(&folder, self.snapshot.is_own_folder(link))?;
        Ok(true)
    }

    /// The next changes, all that come at once; none if there were events alone. A call that is
    /// given up loses nothing.
    ///
    /// # Errors
    /// If a new folder cannot be watched.
    pub(crate) async fn changes(&mut self) -> Result<Vec<Change>, WatchError> {
        let paths = match self.folders.batch().await? {
            Batch::Paths(paths) => self.elsewhere.with_names(paths),
            Batch::Any => self.snapshot.places(),
        };
        let mut changes = self.snapshot.update(paths);
        changes.extend(self.follow_links()?);
        Ok(changes)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use super::*;
    use crate::dev::watch::change::ChangeKind::{self, Added, Edited, Removed};

    struct App {
        folder: tempfile::TempDir,
        watcher: SourceWatcher,
    }

    impl App {
        /// An app in `app/`, with what else `make` makes beside it.
        fn new(make: impl Fn(&Path)) -> Self {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let root = folder.path().canonicalize().expect("a path");
            write(&root.join("app/pages/index.rs"), "1");
            make(&root);
            let watcher = SourceWatcher::new(&root.join("app"), None).expect("a watch");
            Self { folder, watcher }
        }

        fn path(&self, path: &str) -> PathBuf {
            self.folder.path().canonicalize().expect("a path").join(path)
        }

        /// Waits until this change is told of, and gives back all that were until then.
        async fn until(&mut self, path: &str, kind: ChangeKind) -> BTreeSet<(PathBuf, ChangeKind)> {
            let mut seen = BTreeSet::new();
            while !seen.contains(&(PathBuf::from(path), kind)) {
                let changes = self.watcher.changes().await.expect("changes");
                seen.extend(changes.into_iter().map(|change| (change.path, change.kind)));
            }
            seen
        }
    }

    fn write(path: &Path, content: &str) {
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect("a file");
    }

    #[tokio::test]
    async fn pages_behind_a_link_come_and_go() {
        let mut app = App::new(|root| {
            write(&root.join("blog/x.rs"), "1");
            write(&root.join("app/shared/news/x.rs"), "1");
            symlink(root.join("blog"), root.join("app/pages/blog")).expect("a link");
            symlink(root.join("app/shared/news"), root.join("app/pages/news")).expect("a link");
        });
        write(&app.path("blog/deep/y.rs"), "1");
        app.until("pages/blog/deep/y.rs", Added).await;
        fs::remove_file(app.path("blog/x.rs")).expect("removed");
        app.until("pages/blog/x.rs", Removed).await;
        // A folder that is watched anyway has both of its names.
        write(&app.path("app/shared/news/x.rs"), "2");
        let seen = app.until("shared/news/x.rs", Edited).await;
        assert!(seen.contains(&("pages/news/x.rs".into(), Edited)), "{seen:?}");

        // A new link, which leads to another folder later.
        write(&app.path("one/z.rs"), "1");
        write(&app.path("two/w.rs"), "1");
        symlink(app.path("one"), app.path("app/pages/late")).expect("a link");
        app.until("pages/late/z.rs", Added).await;
        write(&app.path("one/z.rs"), "3");
        app.until("pages/late/z.rs", Edited).await;
        symlink(app.path("two"), app.path("app/pages/.late")).expect("a link");
        fs::rename(app.path("app/pages/.late"), app.path("app/pages/late")).expect("renamed");
        let seen = app.until("pages/late/w.rs", Added).await;
        assert!(seen.contains(&("pages/late/z.rs".into(), Removed)), "{seen:?}");
        write(&app.path("two/w.rs"), "2");
        app.until("pages/late/w.rs", Edited).await;
        fs::remove_file(app.path("app/pages/late")).expect("removed");
        app.until("pages/late/w.rs", Removed).await;
    }

    #[tokio::test]
    async fn a_partial_elsewhere_is_followed_although_it_comes_and_goes() {
        let mut app = App::new(|root| {
            write(&root.join("ui/_colours.scss"), "1");
            write(&root.join("app/node_modules/x/_a.scss"), "1");
        });
        let [outside, package] =
            ["ui/_colours.scss", "app/node_modules/x/_a.scss"].map(|file| app.path(file));
        app.watcher.add_files([&*outside, &*package]).expect("a watch");
        let [outside, package] = [outside, package].map(|file| file.display().to_string());
        write(Path::new(&outside), "2");
        app.until(&outside, Edited).await;
        write(Path::new(&package), "2");
        app.until(&package, Edited).await;
        fs::remove_file(&outside).expect("removed");
        app.until(&outside, Removed).await;
        write(Path::new(&outside), "2");
        app.until(&outside, Added).await;
    }
}
