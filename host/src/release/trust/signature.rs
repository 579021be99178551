//! `manifest.sig`: a signature over a manifest.

use ed25519_dalek::Signature as Ed25519;

use super::PublicKey;
use crate::library::digest::{hex, unhex};

/// The name of the file in a release.
pub const SIGNATURE: &str = "manifest.sig";

/// The first line of the file.
const HEADER: &str = "nova signature, ed25519";

/// What is signed begins with this, so that no signature that was made for something else fits.
const CONTEXT: &[u8] = b"nova release manifest 1\n";

/// A signature, and whose it says that it is.
pub(super) struct Signature {
    pub(super) key: PublicKey,
    signature: Ed25519,
}

impl Signature {
    /// Reads the file.
    pub(super) fn parse(text: &[u8]) -> Result<Self, &'static str> {
        let text = std::str::from_utf8(text).map_err(|_| "it is not text")?;
        let mut lines = text.lines();
        if lines.next() != Some(HEADER) {
            return Err("its first line is not `nova signature, ed25519`");
        }
        let mut line = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(": ");
        let key = line("key").and_then(|digits| digits.parse().ok());
        let key = key.ok_or("its second line is not a key")?;
        let signature = line("signature").and_then(unhex::<64>);
        let signature = signature.ok_or("its third line is not a signature")?;
        match lines.next() {
            None => Ok(Self { key, signature: Ed25519::from_bytes(&signature) }),
            Some(_) => Err("it has more than three lines"),
        }
    }

    /// Whether the signature is that of `key` over this manifest.
    pub(super) fn fits(&self, key: &PublicKey, manifest: &[u8]) -> bool {
        key.verifying().verify_strict(&message(manifest), &self.signature).is_ok()
    }
}

/// What is signed for this manifest.
#[must_use]
pub fn message(manifest: &[u8]) -> Vec<u8> {
    [CONTEXT, manifest].concat()
}

/// The text of the file, for a `signature` by `key` over [`message`].
#[must_use]
pub fn to_text(key: &PublicKey, signature: &[u8; 64]) -> String {
    format!("{HEADER}\nkey: {key}\nsignature: {}\n", hex(signature))
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn public(key: &SigningKey) -> PublicKey {
        key.verifying_key().into()
    }

    fn file_of(key: &SigningKey, manifest: &[u8]) -> String {
        to_text(&public(key), &key.sign(&message(manifest)).to_bytes())
    }

    #[test]
    fn a_signature_fits_its_key_and_its_manifest_alone() {
        let (key, other) = (key(1), key(2));
        let file = file_of(&key, b"manifest");
        let signature = Signature::parse(file.as_bytes()).unwrap();
        assert_eq!(signature.key, public(&key));
        assert!(signature.fits(&public(&key), b"manifest"));
        assert!(!signature.fits(&public(&key), b"manifest "));
        assert!(!signature.fits(&public(&other), b"manifest"));
    }

    #[test]
    fn other_files_are_not_signatures() {
        let file = file_of(&key(1), b"manifest");
        let lines: Vec<&str> = file.lines().collect();
        for (text, cause) in [
            (String::new(), "its first line is not `nova signature, ed25519`"),
            (lines[0].to_owned(), "its second line is not a key"),
            (lines[..2].join("\n"), "its third line is not a signature"),
            (file[..file.len() - 3].to_owned(), "its third line is not a signature"),
            (format!("{file}more\n"), "it has more than three lines"),
        ] {
            assert_eq!(Signature::parse(text.as_bytes()).err(), Some(cause), "{text}");
        }
        assert_eq!(Signature::parse(b"\xff").err(), Some("it is not text"));
    }
}
