//! How a release is swapped, and why so.

use nova_abi::SwapMode;
use nova_abi::note::Note;
use serde::Deserialize;

/// How a release is swapped, as its manifest says it, or the note of its library.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct SwapPlan {
    /// The mode.
    #[serde(with = "as_text")]
    pub mode: SwapMode,
    /// Whether `app.rs` asks for it; else it follows from what the library holds.
    #[serde(default)]
    pub declared: bool,
    /// What the library holds that forbids an easier mode, a sentence each.
    #[serde(default)]
    pub because: Vec<String>,
}

impl SwapPlan {
    /// What the manifest says, or else the note.
    pub(super) fn of(note: &Note, manifest: Option<Self>) -> Self {
        manifest.unwrap_or_else(|| Self { mode: note.swap.unwrap_or_default(), ..Self::default() })
    }
}

/// A mode as notes, manifests and settings write it.
pub mod as_text {
    use nova_abi::SwapMode;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes a mode.
    ///
    /// # Errors
    /// As the serializer.
    pub fn serialize<S: Serializer>(mode: &SwapMode, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(mode.as_str())
    }

    /// Reads a mode.
    ///
    /// # Errors
    /// If the text names none.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SwapMode, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
