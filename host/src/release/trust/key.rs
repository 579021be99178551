//! Keys, and the text that they are kept as: a line that says what it is, and the digits.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ed25519_dalek::VerifyingKey;

use crate::library::digest::{hex, unhex};

/// The first line of a public key's file.
pub const PUBLIC: &str = "nova public key, ed25519";
/// The first line of a private key's file.
pub const PRIVATE: &str = "nova private key, ed25519; its holder can sign releases";

/// Why something is not the key that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // The messages say what the fields are.
pub enum KeyError {
    #[error("{}: the key cannot be read: {cause}", .path.display())]
    Read { path: PathBuf, cause: String },
    #[error("{}: is not a key of `nova keygen`", .path.display())]
    NotAKey { path: PathBuf },
    #[error("{}: is a private key; a host is given the public one (`.pub`)", .path.display())]
    Private { path: PathBuf },
    #[error("invalid key `{0}`: these digits are not an ed25519 public key")]
    Digits(String),
    #[error("the key is missing; give the file of a public key, or its 64 digits")]
    Empty,
}

/// A key that a host trusts.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// The key in a file, or the one whose digits are given.
    ///
    /// # Errors
    /// If it is neither.
    pub fn named(text: &str) -> Result<Self, KeyError> {
        match text {
            "" => Err(KeyError::Empty),
            digits if digits.len() == 64 && digits.bytes().all(|it| it.is_ascii_hexdigit()) => {
                digits.parse()
            }
            path => Self::read(Path::new(path)),
        }
    }

    /// The key in a file.
    ///
    /// # Errors
    /// If the file cannot be read, or is not that of a public key.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| KeyError::Read { path: path.into(), cause: error.to_string() })?;
        match digits(&text) {
            Some((PUBLIC, digits)) => digits.parse(),
            Some((PRIVATE, _)) => Err(KeyError::Private { path: path.into() }),
            _ => Err(KeyError::NotAKey { path: path.into() }),
        }
    }

    /// The key as a file has it.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{PUBLIC}\n{self}\n")
    }

    /// Enough of it for people to tell it from others.
    #[must_use]
    pub fn short(&self) -> String {
        hex(&self.0.as_bytes()[..8])
    }

    pub(super) fn verifying(&self) -> &VerifyingKey {
        &self.0
    }
}

impl From<VerifyingKey> for PublicKey {
    fn from(key: VerifyingKey) -> Self {
        Self(key)
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let key = unhex(text).and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
        // A weak one would make signatures that fit anything.
        let key = key.filter(|key| !key.is_weak());
        key.map(Self).ok_or_else(|| KeyError::Digits(text.to_owned()))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(self.0.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

/// The first line of a key's file, and the digits below it.
#[must_use]
pub fn digits(text: &str) -> Option<(&str, &str)> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    match (lines.next(), lines.next(), lines.next()) {
        (Some(kind), Some(digits), None) => Some((kind, digits)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;

    #[test]
    fn keys_come_back_from_their_files_and_what_is_not_a_key_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let key = PublicKey::from(SigningKey::from_bytes(&[7; 32]).verifying_key());
        std::fs::write(path("a.pub"), key.to_text()).unwrap();
        std::fs::write(path("a.key"), format!("{PRIVATE}\n{}\n", hex(&[7; 32]))).unwrap();
        std::fs::write(path("text"), "hello\n").unwrap();
        std::fs::write(path("short"), format!("{PUBLIC}\n1234\n")).unwrap();
        assert_eq!(PublicKey::named(path("a.pub").to_str().unwrap()), Ok(key.clone()));
        assert_eq!(PublicKey::named(&key.to_string()), Ok(key));
        let refused = |name: &str| PublicKey::read(&path(name)).unwrap_err();
        assert!(matches!(refused("a.key"), KeyError::Private { .. }));
        assert!(matches!(refused("text"), KeyError::NotAKey { .. }));
        assert!(matches!(refused("short"), KeyError::Digits(_)));
        assert!(matches!(refused("nowhere"), KeyError::Read { .. }));
        assert_eq!(PublicKey::named(""), Err(KeyError::Empty));
        // The identity: every message has a signature that fits.
        let weak = format!("01{}", "0".repeat(62));
        assert_eq!(PublicKey::named(&weak), Err(KeyError::Digits(weak.clone())));
    }
}
