//! Whom a host trusts: who may have written what it loads, and whose signature it asks for.
//!
//! A release is signed as a whole: the signature is over the manifest, and the manifest names the
//! SHA-256 of every file that is served. A host that was given keys takes nothing else. What is
//! verified are the bytes that are then used: library and stylesheet are read once, and public
//! files are served from a private copy that is written from the bytes that were hashed. A library
//! whose hash a private copy has already is that copy.

mod error;
mod files;
pub mod key;
pub mod signature;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::library::digest::sha256;
use crate::library::loader::{Guard, keep_folders};

pub use error::TrustError;
pub use key::{KeyError, PublicKey};
pub use signature::SIGNATURE;
use signature::Signature;

/// What a host asks of a release before it takes it.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    guard: Guard,
    keys: Arc<[PublicKey]>,
    copies: Option<PathBuf>,
}

impl Trust {
    /// Takes what only root and the user who runs this process can have written.
    #[must_use]
    pub fn of_owner() -> Self {
        Self::default()
    }

    /// The same, but the folders are the developer's own business.
    #[must_use]
    pub fn of_developer() -> Self {
        Self { guard: Guard::File, ..Self::default() }
    }

    /// Takes, besides, only what one of `keys` has signed; without keys this is
    /// [`of_owner`](Self::of_owner). Public files are copied to `copies`, a private folder, and
    /// served from there; without one a release that has some is refused.
    #[must_use]
    pub fn signed_by(keys: &[PublicKey], copies: Option<PathBuf>) -> Self {
        Self { guard: Guard::Folder, keys: keys.into(), copies }
    }

    /// Removes the copies of public files that lie in none of `wanted`; for a host that shares its folder
    /// of copies with no other.
    pub(crate) fn sweep(&self, wanted: &[PathBuf]) {
        if let Some(copies) = &self.copies {
            keep_folders(copies, |copy| wanted.iter().any(|it| it == copy));
        }
    }

    /// What is asked of the place of a library.
    pub(crate) fn guard(&self) -> Guard {
        self.guard
    }

    /// Whether a signature is asked for.
    #[must_use]
    pub fn wants_signatures(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Verifies the signature of the release in `folder`, whose manifest has these bytes; `None`
    /// if no signature is asked for.
    pub(crate) fn verify(
        &self,
        folder: &Path,
        manifest: &Path,
        bytes: Option<&[u8]>,
    ) -> Result<Option<SignedManifest>, TrustError> {
        if !self.wants_signatures() {
            return Ok(None);
        }
        let trusted = || names(&self.keys);
        let Some(bytes) = bytes else {
            let (path, trusted) = (folder.into(), trusted());
            return Err(TrustError::NoManifest { path, trusted });
        };
        let path = folder.join(SIGNATURE);
        let signature = match std::fs::read(&path) {
            Ok(text) => Signature::parse(&text)
                .map_err(|cause| TrustError::Malformed { path: path.clone(), cause })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(TrustError::Unsigned { path: folder.into(), trusted: trusted() });
            }
            Err(cause) => return Err(TrustError::Read { path, cause }),
        };
        // What the file says of its key only chooses among those that are trusted.
        let key = self.keys.iter().find(|key| **key == signature.key).ok_or_else(|| {
            let found = signature.key.clone();
            TrustError::UnknownKey { path: folder.into(), found, trusted: trusted() }
        })?;
        if !signature.fits(key, bytes) {
            return Err(TrustError::Manifest { path: manifest.into(), key: key.clone() });
        }
        Ok(Some(SignedManifest {
            folder: folder.into(),
            id: sha256(bytes)[..32].to_owned(),
            files: HashMap::new(),
            copies: self.copies.clone(),
        }))
    }
}

fn names(keys: &[PublicKey]) -> String {
    let names: Vec<_> = keys.iter().map(|key| format!("key {}", key.short())).collect();
    names.join(" or ")
}

/// A release whose manifest a trusted key has signed: what its files must be.
#[derive(Debug, Clone)]
pub struct SignedManifest {
    folder: PathBuf,
    /// The manifest's own hash, in part.
    id: String,
    /// SHA-256 in hexadecimal digits, by path from the folder.
    files: HashMap<String, String>,
    copies: Option<PathBuf>,
}

impl SignedManifest {
    /// Takes in what the signed manifest says of files.
    pub(crate) fn knowing<'a>(mut self, files: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        self.files.extend(files.map(|(file, sha256)| (file.to_owned(), sha256.to_owned())));
        self
    }

    /// Whether these bytes, read from `file` of the release, are what was signed.
    ///
    /// # Errors
    /// If they are not, or if the file was not signed at all.
    pub fn check(&self, file: &str, bytes: &[u8]) -> Result<(), TrustError> {
        self.check_hash(file, &sha256(bytes))
    }

    /// The same for bytes that have been hashed already.
    pub(crate) fn check_hash(&self, file: &str, found: &str) -> Result<(), TrustError> {
        let path = || self.folder.join(file);
        match self.files.get(file) {
            None => Err(TrustError::Extra { path: path() }),
            Some(expected) if expected == found => Ok(()),
            Some(expected) => Err(TrustError::Altered {
                path: path(),
                found: found.to_owned(),
                expected: expected.clone(),
            }),
        }
    }
}
