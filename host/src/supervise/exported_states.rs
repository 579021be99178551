//! What builds have exported last, for the way back to them.

use parking_lot::Mutex;

use crate::library::loader::BuildId;
use crate::swap::SavedState;

/// Of how many builds the last state is kept: as many as there are releases to go back to.
const KEPT: usize = 6;

/// See the [module](self); the newest is the last.
#[derive(Debug, Default)]
pub(super) struct ExportedStates(Mutex<Vec<(BuildId, SavedState)>>);

impl ExportedStates {
    /// Remembers what a build has exported.
    pub(super) fn keep(&self, build_id: &BuildId, state: &SavedState) {
        let mut exported = self.0.lock();
        exported.retain(|(build, _)| build != build_id);
        exported.push((build_id.clone(), state.clone()));
        let surplus = exported.len().saturating_sub(KEPT);
        exported.drain(..surplus);
    }

    /// What a build has exported last.
    pub(super) fn of(&self, build_id: &BuildId) -> Option<SavedState> {
        let exported = self.0.lock();
        let found = exported.iter().find(|(build, _)| build == build_id);
        found.map(|(_, state)| state.clone())
    }
}
