//! The key that signs releases.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use ed25519_dalek::{Signer as _, SigningKey};
use nova_host::library::digest::{hex, unhex};
use nova_host::release::trust::PublicKey;
use nova_host::release::trust::key::{PRIVATE, PUBLIC, digits};
use zeroize::Zeroizing;

/// Why a file is not a key to sign with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PrivateKeyError {
    #[error("{}: {cause}", .path.display())]
    Read { path: PathBuf, cause: String },
    #[error("{}: is not a key of `nova keygen`", .path.display())]
    NotAKey { path: PathBuf },
    #[error("{}: is a public key; `nova sign` takes the private one beside it", .path.display())]
    Public { path: PathBuf },
    #[error(
        "{0}: can be read by others (mode {mode:o}), so it is not secret any more; \
         run `chmod 600 {0}`, or make another one with `nova keygen`", .path.display()
    )]
    Open { path: PathBuf, mode: u32 },
}

/// Readable by group or others.
const OTHERS_READ: u32 = 0o044;

/// A key that signs. It is wiped from memory when it is dropped.
pub(crate) struct PrivateKey(SigningKey);

impl PrivateKey {
    /// A new key, from the system's random numbers.
    ///
    /// # Errors
    /// If the system has none.
    pub(crate) fn new() -> io::Result<Self> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed)?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// The key in a file, which only its owner may be able to read.
    ///
    /// # Errors
    /// If it cannot be read, others can read it too, or it is not that of a private key.
    pub(crate) fn read(path: &Path) -> Result<Self, PrivateKeyError> {
        let failed = |error: io::Error| PrivateKeyError::Read {
            path: path.into(),
            cause: error.to_string(),
        };
        let mut file = fs::File::open(path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.mode() & 0o7777;
        let mut text = Zeroizing::new(String::new());
        file.read_to_string(&mut text).map_err(failed)?;
        let not_a_key = || PrivateKeyError::NotAKey { path: path.into() };
        match digits(&text) {
            Some((PRIVATE, _)) if mode & OTHERS_READ != 0 => {
                Err(PrivateKeyError::Open { path: path.into(), mode })
            }
            Some((PRIVATE, digits)) => {
                let seed = Zeroizing::new(unhex(digits).ok_or_else(not_a_key)?);
                Ok(Self(SigningKey::from_bytes(&seed)))
            }
            Some((PUBLIC, _)) => Err(PrivateKeyError::Public { path: path.into() }),
            _ => Err(not_a_key()),
        }
    }

    /// Writes the key into a new file that only its owner can read.
    ///
    /// # Errors
    /// If there is a file already, or it cannot be written.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let seed = Zeroizing::new(self.0.to_bytes());
        let digits = Zeroizing::new(hex(&*seed));
        let text = Zeroizing::new(format!("{PRIVATE}\n{}\n", *digits));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }

    /// The key that goes with it.
    #[must_use]
    pub(crate) fn public(&self) -> PublicKey {
        self.0.verifying_key().into()
    }

    /// Its signature over a message.
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PrivateKey(of {})", self.public())
    }
}
#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn keys_come_back_from_their_files() {
        let folder = tempfile::tempdir().unwrap();
        let private = folder.path().join("a.key");
        let key = PrivateKey::new().unwrap();
        key.write(&private).unwrap();
        assert_eq!(PrivateKey::read(&private).unwrap().public(), key.public());
        assert_ne!(PrivateKey::new().unwrap().public(), key.public());
        let mode = std::fs::metadata(&private).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        assert!(key.write(&private).is_err(), "a key is never written over");
        assert!(!format!("{key:?}").contains(&std::fs::read_to_string(&private).unwrap()[60..]));
    }

    #[test]
    fn what_is_not_a_private_key_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let key = PrivateKey::new().unwrap();
        key.write(&path("a.key")).unwrap();
        std::fs::write(path("a.pub"), key.public().to_text()).unwrap();
        std::fs::write(path("text"), "hello\n").unwrap();
        let refused = |name: &str| PrivateKey::read(&path(name)).unwrap_err();
        assert!(matches!(refused("a.pub"), PrivateKeyError::Public { .. }));
        assert!(matches!(refused("text"), PrivateKeyError::NotAKey { .. }));

        std::fs::set_permissions(path("a.key"), std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = refused("a.key").to_string();
        assert!(error.contains("mode 640") && error.contains("chmod 600"), "{error}");
    }
}
