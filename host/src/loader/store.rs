//! Private, read-only, content-addressed copies: the only files that are ever mapped.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::{BuildId, LoadError};

/// A folder of library copies, named by build id, that only we can enter.
///
/// A copy is written once, under a temporary name, synced, renamed, and never written again.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// Opens the store in `folder`, which is made (mode 0700) if it is not there.
    ///
    /// # Errors
    /// If the folder cannot be made, or belongs to somebody else.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, LoadError> {
        let folder = folder.into();
        let failed = |source| LoadError::Store { path: folder.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
        let metadata = fs::symlink_metadata(&folder).map_err(failed)?;
        let us = rustix::process::geteuid().as_raw();
        let owner = std::os::unix::fs::MetadataExt::uid(&metadata);
        if !metadata.is_dir() || owner != us {
            let text = format!("the folder belongs to user {owner}, this host runs as {us}");
            return Err(failed(io::Error::new(io::ErrorKind::PermissionDenied, text)));
        }
        Ok(Self { folder })
    }

    /// The store that hosts of this user share when no state folder is named.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_default() -> Result<Self, LoadError> {
        let us = rustix::process::geteuid().as_raw();
        let folder = match std::env::var_os("XDG_RUNTIME_DIR") {
            Some(runtime) if Path::new(&runtime).is_absolute() => {
                PathBuf::from(runtime).join("nova")
            }
            _ => std::env::temp_dir().join(format!("nova-{us}")),
        };
        Self::open(folder.join("libraries"))
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the copy with this build id is, if there is one.
    #[must_use]
    pub fn path(&self, build_id: &BuildId) -> PathBuf {
        self.folder.join(format!("libnova_routes-{}.so", build_id.as_str()))
    }

    /// The path of the copy with this build id; written if it is not there yet.
    pub(super) fn put(&self, build_id: &BuildId, bytes: &[u8]) -> Result<PathBuf, LoadError> {
        let path = self.path(build_id);
        let failed = |source| LoadError::Store { path: path.clone(), source };
        // Its name is the hash of its bytes, but a full disk or a crash may have cut it short.
        if fs::read(&path).is_ok_and(|present| present == bytes) {
            return Ok(path);
        }
        let temporary = self.folder.join(format!(".{}-{}", build_id.as_str(), std::process::id()));
        let _ = fs::remove_file(&temporary);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o500)
            .open(&temporary)
            .map_err(failed)?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
        drop(file);
        fs::rename(&temporary, &path).map_err(failed)?;
        // The rename itself must reach the disk too.
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_cut_short_is_written_again() {
        let temp = tempfile::tempdir().unwrap();
        let store = Store::open(temp.path().join("store")).unwrap();
        let id = BuildId::of(b"library");
        let path = store.put(&id, b"library").unwrap();
        assert_eq!(store.put(&id, b"library").unwrap(), path);
        fs::remove_file(&path).unwrap();
        fs::write(&path, b"libr").unwrap();
        assert_eq!(fs::read(store.put(&id, b"library").unwrap()).unwrap(), b"library");
    }
}
