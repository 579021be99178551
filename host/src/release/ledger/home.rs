//! Where a ledger has its folder: what a host was told to keep its state in, or a folder that goes
//! with the host.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::library::loader::{private_folder, writable_folder};

/// Where the folders are that go with their hosts.
const KEPT: &str = "kept";

/// What says that a host uses its folder: held by it, and by the process that takes its place.
const LOCK: &str = "lock";

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

/// A folder that is of use as long as one of the processes lives that hold its lock.
#[derive(Debug)]
pub(super) struct TemporaryFolder {
    path: PathBuf,
    lock: File,
}

impl TemporaryFolder {
    /// Makes a folder where one can be made.
    pub(super) fn create() -> io::Result<Self> {
        let base = match writable_folder(KEPT) {
            Some(base) => base,
            None => in_shared_memory()?,
        };
        Self::create_in(&base)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn create_in(base: &Path) -> io::Result<Self> {
        let path = tempfile::Builder::new().prefix("host-").tempdir_in(base)?.keep();
        let unheld = path.join(".lock");
        let lock = File::create(&unheld)?;
        flock(&lock, FlockOperation::NonBlockingLockShared)?;
        // It has its name when it is held: who finds it free may remove the folder.
        fs::rename(&unheld, path.join(LOCK))?;
        Ok(Self { path, lock })
    }

    /// Holds the folder of another process, too.
    pub(super) fn adopt(path: &Path) -> io::Result<Self> {
        let lock = File::open(path.join(LOCK))?;
        flock(&lock, FlockOperation::NonBlockingLockShared)?;
        Ok(Self { path: path.into(), lock })
    }

    /// Removes the folder, unless another process holds it.
    pub(super) fn remove(&self) {
        if flock(&self.lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            remove(&self.path);
        }
    }

    /// Removes the folders beside this one that hosts have left that were killed.
    pub(super) fn remove_others(&self) {
        let Some(base) = self.path.parent() else { return };
        for entry in fs::read_dir(base).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(lock) = File::open(path.join(LOCK)) else { continue };
            if path != self.path && flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
                remove(&path);
            }
        }
    }
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_dir_all(path) {
        tracing::warn!("{}: cannot be removed: {error}", path.display());
    }
}

/// A machine whose disks cannot be written to has this.
fn in_shared_memory() -> io::Result<PathBuf> {
    let us = rustix::process::geteuid().as_raw();
    let folder = Path::new("/dev/shm").join(format!("nova-{us}")).join(KEPT);
    private_folder(&folder)?;
    Ok(folder)
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
