//! Keys, and the text that they are kept as: a line that says what it is, and the digits.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ed25519_dalek::VerifyingKey;

use super::{hex, unhex};

/// The first line of a public key's file.
const PUBLIC: &str = "nova public key, ed25519";
/// The first line of a private key's file.
const PRIVATE: &str = "nova private key, ed25519; whoever has it can sign releases";

/// Why something is not the key that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // The messages say what the fields are.
pub enum KeyError {
    #[error("{}: {cause}", .path.display())]
    Read { path: PathBuf, cause: String },
    #[error("{}: is no key of `nova keygen`", .path.display())]
    NotAKey { path: PathBuf },
    #[error("{}: is a private key; a host is given the public one (`.pub`)", .path.display())]
    Private { path: PathBuf },
    #[error("{}: is a public key; to sign takes the private one beside it", .path.display())]
    Public { path: PathBuf },
    #[error("`{0}` are the digits of no ed25519 key")]
    Digits(String),
    #[error("no key is named; give the file of a public key, or its 64 digits")]
    Empty,
    #[error(
        "{0}: can be read by others (mode {mode:o}), so it is secret no more; \
         run `chmod 600 {0}`, or make another one with `nova keygen`", .path.display()
    )]
    Open { path: PathBuf, mode: u32 },
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
fn digits(text: &str) -> Option<(&str, &str)> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    match (lines.next(), lines.next(), lines.next()) {
        (Some(kind), Some(digits), None) => Some((kind, digits)),
        _ => None,
    }
}

#[cfg(feature = "cli")]
pub use private::PrivateKey;

#[cfg(feature = "cli")]
mod private {
    use std::fs::{self, OpenOptions};
    use std::io::{self, Read as _, Write as _};
    use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
    use std::path::Path;

    use ed25519_dalek::{Signer as _, SigningKey};
    use zeroize::Zeroizing;

    use super::{KeyError, PRIVATE, PUBLIC, PublicKey, digits};
    use crate::trust::{hex, unhex};

    /// Readable by group or others.
    const OTHERS_READ: u32 = 0o044;

    /// A key that signs. It is wiped from memory when it is dropped.
    pub struct PrivateKey(SigningKey);

    impl PrivateKey {
        /// A new key, from the system's random numbers.
        ///
        /// # Errors
        /// If the system has none.
        pub fn new() -> io::Result<Self> {
            let mut seed = Zeroizing::new([0; 32]);
            getrandom::fill(&mut *seed)?;
            Ok(Self(SigningKey::from_bytes(&seed)))
        }

        /// The key in a file, which nobody else may be able to read.
        ///
        /// # Errors
        /// If it cannot be read, others can read it too, or it is not that of a private key.
        pub fn read(path: &Path) -> Result<Self, KeyError> {
            let failed =
                |error: io::Error| KeyError::Read { path: path.into(), cause: error.to_string() };
            let mut file = fs::File::open(path).map_err(failed)?;
            let mode = file.metadata().map_err(failed)?.mode() & 0o7777;
            let mut text = Zeroizing::new(String::new());
            file.read_to_string(&mut text).map_err(failed)?;
            let not_a_key = || KeyError::NotAKey { path: path.into() };
            match digits(&text) {
                Some((PRIVATE, _)) if mode & OTHERS_READ != 0 => {
                    Err(KeyError::Open { path: path.into(), mode })
                }
                Some((PRIVATE, digits)) => {
                    let seed = Zeroizing::new(unhex(digits).ok_or_else(not_a_key)?);
                    Ok(Self(SigningKey::from_bytes(&seed)))
                }
                Some((PUBLIC, _)) => Err(KeyError::Public { path: path.into() }),
                _ => Err(not_a_key()),
            }
        }

        /// Writes the key into a new file that only its owner can read.
        ///
        /// # Errors
        /// If there is a file already, or it cannot be written.
        pub fn write(&self, path: &Path) -> io::Result<()> {
            let seed = Zeroizing::new(self.0.to_bytes());
            let digits = Zeroizing::new(hex(&*seed));
            let text = Zeroizing::new(format!("{PRIVATE}\n{}\n", *digits));
            let mut file =
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        }

        /// The key that goes with it.
        #[must_use]
        pub fn public(&self) -> PublicKey {
            PublicKey(self.0.verifying_key())
        }

        pub(in crate::trust) fn sign(&self, message: &[u8]) -> [u8; 64] {
            self.0.sign(message).to_bytes()
        }
    }

    impl std::fmt::Debug for PrivateKey {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "PrivateKey(of {})", self.public())
        }
    }
}

#[cfg(all(test, feature = "cli"))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn keys_come_back_from_their_files() {
        let folder = tempfile::tempdir().unwrap();
        let (private, public) = (folder.path().join("a.key"), folder.path().join("a.pub"));
        let key = PrivateKey::new().unwrap();
        key.write(&private).unwrap();
        std::fs::write(&public, key.public().to_text()).unwrap();
        assert_eq!(PrivateKey::read(&private).unwrap().public(), key.public());
        assert_eq!(PublicKey::named(public.to_str().unwrap()), Ok(key.public()));
        assert_eq!(PublicKey::named(&key.public().to_string()), Ok(key.public()));
        assert_ne!(PrivateKey::new().unwrap().public(), key.public());
        let mode = std::fs::metadata(&private).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        assert!(key.write(&private).is_err(), "a key is never written over");
        assert!(!format!("{key:?}").contains(&std::fs::read_to_string(&private).unwrap()[60..]));
    }

    #[test]
    fn what_is_no_key_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let key = PrivateKey::new().unwrap();
        key.write(&path("a.key")).unwrap();
        std::fs::write(path("a.pub"), key.public().to_text()).unwrap();
        std::fs::write(path("text"), "hello\n").unwrap();
        std::fs::write(path("short"), format!("{PUBLIC}\n1234\n")).unwrap();
        let public = |name: &str| PublicKey::read(&path(name)).unwrap_err();
        let private = |name: &str| PrivateKey::read(&path(name)).unwrap_err();
        assert!(matches!(public("a.key"), KeyError::Private { .. }));
        assert!(matches!(public("text"), KeyError::NotAKey { .. }));
        assert!(matches!(public("short"), KeyError::Digits(_)));
        assert!(matches!(public("nowhere"), KeyError::Read { .. }));
        assert!(matches!(private("a.pub"), KeyError::Public { .. }));
        assert!(matches!(private("text"), KeyError::NotAKey { .. }));
        assert_eq!(PublicKey::named(""), Err(KeyError::Empty));
        // The identity: every message has a signature that fits.
        let weak = format!("01{}", "0".repeat(62));
        assert_eq!(PublicKey::named(&weak), Err(KeyError::Digits(weak.clone())));

        std::fs::set_permissions(path("a.key"), std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = private("a.key").to_string();
        assert!(error.contains("mode 640") && error.contains("chmod 600"), "{error}");
    }
}
