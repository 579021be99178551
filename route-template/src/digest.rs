//! The one digest of this crate: what files, texts and settings are told apart by.

use sha2::{Digest, Sha256};

/// The SHA-256 of something, in hexadecimal digits.
pub(crate) fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}
