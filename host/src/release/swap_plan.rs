//! How a release is swapped, and why so.

use nova_abi::SwapMode;
use nova_abi::note::Note;
use serde::Deserialize;

use crate::library::loader::{Candidate, Hazard};

/// What an app that exports its state makes of a note.
const EXPORTS: &str =
    "app.rs exports its state: what is written while two generations are alive would be lost";

/// How a release is swapped, as its manifest says it, or the note of its library.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct SwapPlan {
    /// The mode.
    #[serde(with = "as_text")]
    pub mode: SwapMode,
    /// Whether `app.rs` asks for it; else it follows from what the library holds.
    #[serde(default)]
    pub declared: bool,
    /// What was found that forbids an easier mode, a sentence each. Where the mode is declared:
    /// what forbids that one.
    #[serde(default)]
    pub because: Vec<String>,
}

impl SwapPlan {
    /// What the manifest says, or else the library itself: its note, and what its file shows.
    pub(super) fn of(candidate: &Candidate, manifest: Option<Self>) -> Self {
        manifest.unwrap_or_else(|| Self::bare(&candidate.note, candidate.hazards()))
    }

    fn bare(note: &Note, mut hazards: Vec<Hazard>) -> Self {
        let noted = note.swap.unwrap_or_default();
        if note.swap_declared {
            hazards.retain(|hazard| noted.with(hazard.mode) != noted);
            let because = hazards.into_iter().map(|hazard| hazard.sentence).collect();
            return Self { mode: noted, declared: true, because };
        }
        let exports = noted.holds_door().then(|| EXPORTS.to_owned());
        let mode = hazards.iter().fold(noted, |mode, hazard| mode.with(hazard.mode));
        let found = hazards.into_iter().map(|hazard| hazard.sentence);
        Self { mode, declared: false, because: exports.into_iter().chain(found).collect() }
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

#[cfg(test)]
mod tests {
    use nova_abi::SwapMode::{Handover, Overlap, Process, ProcessHandover};

    use super::*;

    #[test]
    fn a_bare_library_is_swapped_as_its_note_and_its_file_ask() {
        let plan = |swap, swap_declared, found: &[SwapMode]| {
            let note = Note {
                abi: 1,
                sdk: String::new(),
                rustc: String::new(),
                target: String::new(),
                panic: String::new(),
                app: String::new(),
                swap,
                swap_declared,
            };
            let hazard = |&mode: &SwapMode| Hazard { mode, sentence: mode.to_string() };
            let SwapPlan { mode, because, .. } =
                SwapPlan::bare(&note, found.iter().map(hazard).collect());
            (mode, because.len())
        };
        assert_eq!(plan(None, false, &[]), (Overlap, 0));
        assert_eq!(plan(None, false, &[Process]), (Process, 1));
        assert_eq!(plan(Some(Handover), false, &[]), (Handover, 1));
        assert_eq!(plan(Some(Handover), false, &[Process]), (ProcessHandover, 2));
        assert_eq!(plan(Some(Handover), true, &[Process]), (Handover, 1));
        assert_eq!(plan(Some(ProcessHandover), true, &[Process]), (ProcessHandover, 0));
    }
}
