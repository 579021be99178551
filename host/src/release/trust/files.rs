//! The public files of a signed release: each is read once, compared with what was signed, and
//! the bytes that were compared are written to a private folder. That is what is served.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{SignedManifest, TrustError, sha256};
use crate::library::loader::private_folder;
use crate::release::public::{PUBLIC, public_files};

impl SignedManifest {
    /// Verifies the public files of the release, and gives the folder with the copy to serve;
    /// `None` if the release has no public files.
    ///
    /// # Errors
    /// If one is missing, not signed, or not what was signed; or if the copy cannot be written.
    pub(crate) fn public(&self) -> Result<Option<PathBuf>, TrustError> {
        let folder = self.folder.join(PUBLIC);
        let found = public_files(&folder);
        let signed: BTreeSet<&str> =
            self.files.keys().filter_map(|file| file.strip_prefix(PUBLIC)).collect();
        if let Some(gone) = signed.iter().find(|url| !found.contains_key(**url)) {
            return Err(TrustError::Gone { path: self.folder.join(format!("{PUBLIC}{gone}")) });
        }
        if found.is_empty() {
            return Ok(None);
        }
        let mut copy = None;
        for (url, path) in &found {
            let name = format!("{PUBLIC}{url}");
            let (bytes, modified) = read(path)
                .map_err(|cause| TrustError::Read { path: self.folder.join(&name), cause })?;
            self.check_hash(&name, &sha256(&bytes))?;
            // Made for the first file that passed.
            let root = match &copy {
                Some(root) => root,
                None => copy.insert(self.copy_folder()?),
            };
            let target = root.join(url.trim_start_matches('/'));
            put(&target, &bytes, modified)
                .map_err(|cause| TrustError::Copy { path: target, cause })?;
        }
        Ok(copy)
    }

    /// The private folder for the copies of this manifest's files.
    fn copy_folder(&self) -> Result<PathBuf, TrustError> {
        let Some(copies) = &self.copies else {
            let cause = io::Error::new(io::ErrorKind::NotFound, "there is no folder to write to");
            return Err(TrustError::Copy { path: self.folder.join(PUBLIC), cause });
        };
        let folder = copies.join(&self.id);
        let failed = |cause| TrustError::Copy { path: folder.clone(), cause };
        private_folder(copies).map_err(failed)?;
        private_folder(&folder).map_err(failed)?;
        Ok(folder)
    }
}

fn read(path: &Path) -> io::Result<(Vec<u8>, SystemTime)> {
    let mut file = File::open(path)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    // The date that clients are told.
    Ok((bytes, file.metadata()?.modified()?))
}

/// Writes a copy, unless it is there; a crash may have left a part of one.
fn put(path: &Path, bytes: &[u8], modified: SystemTime) -> io::Result<()> {
    if fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // Hidden, so that it is never served.
    let temporary = folder.join(format!(".{name}-{}", std::process::id()));
    let _ = fs::remove_file(&temporary);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(&temporary)?;
    file.write_all(bytes)?;
    file.set_modified(modified)?;
    drop(file);
    fs::rename(&temporary, path)
}
