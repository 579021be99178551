//! Where a ledger has its folder: what a host was told to keep its state in, or a folder that goes
//! with the host.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::library::loader::writable_folder;

/// Where the folders are that go with their hosts.
const KEPT: &str = "kept";

/// What begins the name of the folder of a host.
const HELD: &str = "host-";

/// What begins it until the host holds it.
const UNHELD: &str = ".new-";

/// See the [module](self).
#[derive(Debug)]
pub(super) enum Home {
    /// It outlives the host.
    State(PathBuf),
    /// It does not.
    Temporary(TemporaryFolder),
    /// Another process keeps it: nothing is written here.
    Elsewhere(PathBuf),
}

impl Home {
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::State(path)
            | Self::Elsewhere(path)
            | Self::Temporary(TemporaryFolder { path, .. }) => path,
        }
    }

    /// Whether what lies there is to outlive the host, and the machine's end.
    pub(super) fn is_durable(&self) -> bool {
        matches!(self, Self::State(_))
    }
}

/// A folder that is of use as long as one of the processes lives that hold it. What tidies up the
/// folders for temporary files leaves one alone that is held.
#[derive(Debug)]
pub(super) struct TemporaryFolder {
    path: PathBuf,
    /// The folder, locked.
    held: File,
}

impl TemporaryFolder {
    /// Makes a folder where one can be made.
    pub(super) fn create() -> io::Result<Self> {
        let base = writable_folder(KEPT).ok_or(io::ErrorKind::ReadOnlyFilesystem)?;
        Self::create_in(&base)
    }

    pub(super) fn create_in(base: &Path) -> io::Result<Self> {
        let unheld = tempfile::Builder::new().prefix(UNHELD).tempdir_in(base)?;
        let held = hold(unheld.path())?;
        let unheld = unheld.keep();
        let name = unheld.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // It has its name when it is held: who finds it free may remove it.
        let path = base.join(name.replacen(UNHELD, HELD, 1));
        fs::rename(&unheld, &path)?;
        Ok(Self { path, held })
    }

    /// Holds the folder of another process, too.
    pub(super) fn adopt(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.into(), held: hold(path)? })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the folder, unless another process holds it.
    pub(super) fn remove(&self) {
        if flock(&self.held, FlockOperation::NonBlockingLockExclusive).is_ok() {
            remove(&self.path);
        }
    }

    /// Removes the folders beside this one that hosts have left that were killed.
    pub(super) fn remove_others(&self) {
        let Some(base) = self.path.parent() else { return };
        for entry in fs::read_dir(base).into_iter().flatten().flatten() {
            let path = entry.path();
            let is_host = entry.file_name().to_str().is_some_and(|name| name.starts_with(HELD));
            if !is_host || path == self.path {
                continue;
            }
            let Ok(folder) = File::open(&path) else { continue };
            if flock(&folder, FlockOperation::NonBlockingLockExclusive).is_ok() {
                remove(&path);
            }
        }
    }
}

fn hold(path: &Path) -> io::Result<File> {
    let folder = File::open(path)?;
    flock(&folder, FlockOperation::NonBlockingLockShared)?;
    Ok(folder)
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_dir_all(path) {
        tracing::warn!("{}: cannot be removed: {error}", path.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_with_the_last_process_that_holds_it() {
        let base = tempfile::tempdir().unwrap();
        let ours = TemporaryFolder::create_in(base.path()).unwrap();
        let killed = TemporaryFolder::create_in(base.path()).unwrap();
        let theirs = TemporaryFolder::create_in(base.path()).unwrap();
        let left = killed.path.clone();
        drop(killed);
        ours.remove_others();
        assert!(!left.exists() && ours.path.exists() && theirs.path.exists());

        let successor = TemporaryFolder::adopt(&ours.path).unwrap();
        ours.remove();
        assert!(successor.path.exists(), "another one holds it");
        // As when the process ends that had it first.
        drop(ours);
        theirs.remove_others();
        assert!(successor.path.exists());
        successor.remove();
        assert!(!successor.path.exists());
        assert!(TemporaryFolder::adopt(&left).is_err());
    }
}
