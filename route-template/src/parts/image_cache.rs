//! The folder of a user's sys images, shared by all of their apps.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use walkdir::WalkDir;

use crate::parts::image::USED;

/// Where sys images are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageCache {
    folder: PathBuf,
}

/// One sys image in a cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedImage {
    /// The name of its folder.
    pub key: String,
    /// Bytes on disk; files that an app's target folder shares are counted too.
    pub size: u64,
    /// When an app used it last.
    pub used: SystemTime,
}

impl ImageCache {
    /// The cache in `folder`.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The user's: `NOVA_CACHE_DIR`, or `nova` in `XDG_CACHE_HOME` or `~/.cache`.
    ///
    /// # Errors
    /// If none of these variables says where that is.
    pub fn of_user() -> io::Result<Self> {
        let variable = |name| std::env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
        let folder = variable("NOVA_CACHE_DIR")
            .or_else(|| variable("XDG_CACHE_HOME").map(|folder| folder.join("nova")))
            .or_else(|| variable("HOME").map(|folder| folder.join(".cache/nova")))
            .ok_or_else(|| {
                let text = "no cache folder: set NOVA_CACHE_DIR, XDG_CACHE_HOME or HOME";
                io::Error::new(io::ErrorKind::NotFound, text)
            })?;
        Ok(Self { folder: std::path::absolute(folder)? })
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes sure that an image can be put into it.
    ///
    /// # Errors
    /// With the folder that cannot be written.
    pub(crate) fn prepare(&self) -> Result<(), (PathBuf, io::Error)> {
        let images = self.folder.join("images");
        let writable = std::fs::create_dir_all(&images)
            .and_then(|()| tempfile::tempfile_in(&images).map(drop));
        writable.map_err(|error| (images, error))
    }

    /// Where the image of a key is, or will be.
    pub(crate) fn image(&self, key: &str) -> PathBuf {
        self.folder.join("images").join(key)
    }

    /// The images, the one used last first.
    pub fn images(&self) -> Vec<CachedImage> {
        let entries = std::fs::read_dir(self.folder.join("images")).into_iter().flatten().flatten();
        let mut images: Vec<_> = entries
            .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
            .map(|entry| CachedImage {
                key: entry.file_name().to_string_lossy().into_owned(),
                size: size(&entry.path()),
                used: std::fs::metadata(entry.path().join(USED))
                    .and_then(|metadata| metadata.modified())
                    .unwrap_or(SystemTime::UNIX_EPOCH),
            })
            .collect();
        images.sort_by_key(|image| std::cmp::Reverse(image.used));
        images
    }

    /// Removes every image, and gives back how many bytes they took. A dev server that runs goes
    /// on with what it has mapped, and builds anew what it needs after that.
    ///
    /// # Errors
    /// If something cannot be removed.
    pub fn clean(&self) -> io::Result<u64> {
        let images = self.folder.join("images");
        let freed = size(&images);
        match std::fs::remove_dir_all(&images) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(freed),
        }
    }
}

fn size(folder: &Path) -> u64 {
    let files =
        WalkDir::new(folder).into_iter().flatten().filter_map(|entry| entry.metadata().ok());
    files.filter(std::fs::Metadata::is_file).map(|metadata| metadata.len()).sum()
}
