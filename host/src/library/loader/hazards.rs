//! What of a library forbids two of its generations in one process, as far as its file tells.
//!
//! The manifest of a release says it better: `nova compile` has seen the names that are gone here,
//! and the packages. This is for a library that comes without one.

use memchr::memmem;
use nova_abi::SwapMode;

use super::dynamic;

/// Something in a library that asks for a mode of swapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hazard {
    /// The least mode that does no harm.
    pub(crate) mode: SwapMode,
    /// What was found, and why it matters.
    pub(crate) sentence: String,
}

/// What every file of SQLite begins with, and so every copy of its code has. A library that uses
/// the shared libsqlite3 has no reason to.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// Looks at the bytes of a library that is known to be whole.
pub(super) fn hazards(bytes: &[u8]) -> Vec<Hazard> {
    let mut hazards = Vec::new();
    if let Ok(Some(size)) = dynamic::static_tls(bytes) {
        hazards.push(Hazard {
            mode: SwapMode::Process,
            sentence: format!(
                "it has {size} bytes of static TLS: a process has little room for that, and never \
                 gets it back"
            ),
        });
    }
    if memmem::find(bytes, SQLITE).is_some() {
        hazards.push(Hazard {
            mode: SwapMode::Process,
            sentence: "SQLite is linked in: two copies in one process undo each other's file locks"
                .into(),
        });
    }
    hazards
}
