//! Where the libraries of a session are copied to before they are mapped: a folder of its own in
//! the app's `.nova/sessions`, which goes away with the session. Nothing else lies there, so that
//! what an earlier one left can be swept without asking what it is.
//!
//! A mapped file needs no name. The newest copies keep theirs all the same, because a backtrace
//! reads the lines of its code from the file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The folders of all sessions, from the app's.
const FOLDER: &str = ".nova/sessions";

/// How many copies keep their names.
const KEPT: usize = 4;

/// The folder of one session.
pub(crate) struct SessionStore {
    folder: PathBuf,
}

impl SessionStore {
    /// Makes the folder of this process in the app's, and removes those of processes that ended
    /// without doing so themselves.
    pub(crate) fn new(app: &Path) -> io::Result<Self> {
        let all = app.join(FOLDER);
        fs::create_dir_all(&all)?;
        for entry in fs::read_dir(&all)?.flatten() {
            let name = entry.file_name();
            if !Path::new("/proc").join(name).exists() {
                // Another that starts now may be quicker.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        Ok(Self { folder: all.join(std::process::id().to_string()) })
    }

    /// The folder; the server keeps a store in it.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Removes all but the newest copies and the one of the build that serves.
    pub(crate) fn prune(&self, serving: &str) {
        let age = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        let mut copies: Vec<(Option<SystemTime>, PathBuf)> = fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| (age(&entry.path()), entry.path()))
            .filter(|(_, path)| !path.to_string_lossy().contains(serving))
            .collect();
        copies.sort();
        for (_, path) in copies.iter().rev().skip(KEPT) {
            let _ = fs::remove_file(path);
        }
    }
}

impl Drop for SessionStore {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_copies_stay_and_a_session_leaves_nothing() {
        let app = tempfile::tempdir().expect("a temporary folder");
        let stale = app.path().join(FOLDER).join("no-process");
        fs::create_dir_all(&stale).expect("a folder");
        let parts = app.path().join(".nova/parts/libraries");
        fs::create_dir_all(&parts).expect("a folder");
        let copies = SessionStore::new(app.path()).expect("a folder");
        fs::create_dir_all(copies.folder()).expect("a folder");
        assert!(!stale.exists() && parts.exists());

        let path = |number: u64| copies.folder.join(format!("{number}.so"));
        for number in 0..6 {
            let file = fs::File::create(path(number)).expect("a file");
            let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(number);
            file.set_modified(time).expect("a time");
        }
        copies.prune("0.so");
        assert_eq!(
            [0, 1, 2, 3, 4, 5].map(|it| path(it).exists()),
            [true, false, true, true, true, true]
        );

        let folder = copies.folder.clone();
        drop(copies);
        assert!(!folder.exists());
    }
}
