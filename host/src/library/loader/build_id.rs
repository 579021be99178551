//! The identity of a library.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::library::digest::sha256;

/// How many hexadecimal digits a build id has.
const DIGITS: usize = 32;

/// The identity of a library: the first 32 hex digits of its file's SHA-256.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct BuildId(String);

/// A text is not a build id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid build id `{found}`: expected 32 hexadecimal digits in lower case")]
pub struct BuildIdError {
    found: String,
}

impl BuildId {
    /// The build id of a library file's bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_sha256(&sha256(bytes))
    }

    /// The build id of bytes with this hash, in hexadecimal digits.
    pub(super) fn from_sha256(sha256: &str) -> Self {
        Self(sha256.chars().take(DIGITS).collect())
    }

    /// All 32 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first eight digits, as people see it.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.get(..8).unwrap_or(&self.0)
    }
}

impl FromStr for BuildId {
    type Err = BuildIdError;

    fn from_str(text: &str) -> Result<Self, BuildIdError> {
        text.to_owned().try_into()
    }
}

impl TryFrom<String> for BuildId {
    type Error = BuildIdError;

    fn try_from(text: String) -> Result<Self, BuildIdError> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == DIGITS && text.bytes().all(is_digit) {
            Ok(Self(text))
        } else {
            Err(BuildIdError { found: text })
        }
    }
}

impl From<BuildId> for String {
    fn from(build_id: BuildId) -> Self {
        build_id.0
    }
}

impl fmt::Display for BuildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

impl fmt::Debug for BuildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BuildId({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_one_is_a_build_id() {
        let digits = BuildId::of(b"library").as_str().to_owned();
        assert_eq!(digits.parse(), Ok(BuildId::of(b"library")));
        for other in ["", "0f", &digits.to_uppercase(), &digits[1..], &format!("{digits}0")] {
            let refused = other.parse::<BuildId>().unwrap_err().to_string();
            let expected = "expected 32 hexadecimal digits in lower case";
            assert_eq!(refused, format!("invalid build id `{other}`: {expected}"));
            assert!(serde_json::from_str::<BuildId>(&format!("\"{other}\"")).is_err(), "{other}");
        }
        assert_eq!(
            serde_json::to_string(&BuildId::of(b"library")).unwrap(),
            format!("\"{digits}\"")
        );
    }
}
