//! A field that was written to disk.

use std::io;
use std::path::Path;

use tempfile::{NamedTempFile, TempPath};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use crate::error::Error;

/// A file that a visitor has sent. It is removed when this is dropped, unless it is
/// [kept](TempFile::persist).
#[derive(Debug)]
pub struct TempFile {
    path: TempPath,
    file: File,
    name: Option<String>,
    content_type: Option<String>,
    length: u64,
}

impl TempFile {
    pub(super) fn new(name: Option<&str>, content_type: Option<&str>) -> Result<Self, Error> {
        let (file, path) = NamedTempFile::new()?.into_parts();
        Ok(TempFile {
            path,
            file: File::from_std(file),
            name: name.map(str::to_owned),
            content_type: content_type.map(str::to_owned),
            length: 0,
        })
    }

    pub(super) async fn write(&mut self, piece: &[u8]) -> Result<(), Error> {
        self.length += piece.len() as u64;
        Ok(self.file.write_all(piece).await?)
    }

    pub(super) async fn finish(&mut self) -> Result<(), Error> {
        Ok(self.file.flush().await?)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes it has.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether it has none, as where no file was chosen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// See [`Field::file_name`](super::Field::file_name).
    #[must_use]
    pub fn file_name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// See [`Field::content_type`](super::Field::content_type).
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// Keeps it under this path, in place of what is there: at once, so that a reader sees the old file
    /// or the whole new one. Where that is on another file system it is copied. The app's user alone may
    /// read and write it (mode 0600); where another program is to read it, the app changes that.
    ///
    /// # Errors
    /// When it cannot be written there. What was there is left as it was.
    pub async fn persist(self, path: impl AsRef<Path>) -> Result<(), Error> {
        let (file, path) = (self.path, path.as_ref().to_owned());
        let kept = tokio::task::spawn_blocking(move || keep(file, &path));
        Ok(kept.await.map_err(Error::internal)??)
    }
}

fn keep(file: TempPath, path: &Path) -> io::Result<()> {
    match file.persist(path) {
        Ok(()) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::CrossesDevices => {
            copy(&error.path, path)
        }
        Err(error) => Err(error.error),
    }
}

/// Copies a file beside the path, and then puts the copy in its place.
fn copy(file: &Path, path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut copied = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    io::copy(&mut std::fs::File::open(file)?, &mut copied)?;
    copied.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// As between file systems.
    #[test]
    fn a_copy_is_there_as_a_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let (new, kept) = (folder.path().join("new"), folder.path().join("kept"));
        fs::write(&kept, "old").unwrap();
        let names = || fs::read_dir(folder.path()).unwrap().count();
        // It can be opened, and not read.
        copy(folder.path(), &kept).unwrap_err();
        assert_eq!((fs::read_to_string(&kept).unwrap(), names()), ("old".to_owned(), 1));
        fs::write(&new, "new").unwrap();
        let before = fs::File::open(&kept).unwrap();
        copy(&new, &kept).unwrap();
        assert_eq!((fs::read_to_string(&kept).unwrap(), names()), ("new".to_owned(), 2));
        let old = io::read_to_string(before).unwrap();
        assert_eq!(old, "old", "who reads the old file reads it to its end");
    }
}
