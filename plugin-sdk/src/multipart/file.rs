//! A field that was written to disk.

use std::path::Path;

use tempfile::TempPath;
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
        let (file, path) = tempfile::NamedTempFile::new()?.into_parts();
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

    /// Keeps it under this path, in place of what is there. Where that is on another file system it is
    /// copied.
    ///
    /// # Errors
    /// When it cannot be written there.
    pub fn persist(self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        match self.path.persist(path) {
            Ok(()) => Ok(()),
            Err(error) if error.error.kind() == std::io::ErrorKind::CrossesDevices => {
                std::fs::copy(&error.path, path)?;
                Ok(())
            }
            Err(error) => Err(Error::internal(error)),
        }
    }
}
