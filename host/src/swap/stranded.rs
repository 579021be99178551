//! States that are kept in memory: what each build exported last, and what belongs to an app that
//! could not be started again.

use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;

use super::Switch;
use crate::generation::{Generation, GenerationId};
use crate::library::loader::BuildId;

/// Of how many builds the last state is kept: as many as there are releases to go back to.
const KEPT: usize = 6;

/// How many bytes all of them may take: they are wanted only where older code cannot read what
/// newer code saves.
const MOST_BYTES: usize = 64 << 20;

/// How often it is tried to start an app that did not start again.
const AGAIN: Duration = Duration::from_secs(5);

/// What builds exported last; the newest is the last.
#[derive(Debug, Default)]
pub(crate) struct ExportedStates(Mutex<Vec<(BuildId, Bytes)>>);

impl ExportedStates {
    /// Remembers what a build has exported.
    pub(crate) fn keep(&self, build_id: BuildId, state: Bytes) {
        let mut states = self.0.lock();
        states.retain(|(kept, _)| *kept != build_id);
        states.push((build_id, state));
        let mut bytes = 0;
        let fits = |(_, state): &&(BuildId, Bytes)| {
            bytes += state.len();
            bytes <= MOST_BYTES
        };
        let kept = states.iter().rev().take(KEPT).take_while(fits).count();
        let surplus = states.len() - kept;
        states.drain(..surplus);
    }

    /// What a build has exported last.
    pub(crate) fn of(&self, build_id: &BuildId) -> Option<Bytes> {
        self.0.lock().iter().find(|(kept, _)| kept == build_id).map(|(_, state)| state.clone())
    }
}

/// The apps that could not be started again, with their states.
#[derive(Debug, Default)]
pub(super) struct Stranded(Mutex<Vec<StrandedApp>>);

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct StrandedApp {
    pub(super) slot: usize,
    /// The generation that was to go on.
    pub(super) generation: Arc<Generation>,
    pub(super) state: Option<Bytes>,
}

impl Stranded {
    pub(super) fn keep(&self, app: StrandedApp) {
        let mut stranded = self.0.lock();
        stranded.retain(|kept| kept.generation.id != app.generation.id);
        stranded.push(app);
    }

    pub(super) fn get(&self, id: GenerationId) -> Option<StrandedApp> {
        self.0.lock().iter().find(|app| app.generation.id == id).cloned()
    }

    /// The state of one.
    pub(super) fn state_of(&self, id: GenerationId) -> Option<Bytes> {
        self.get(id)?.state
    }

    /// Something serves in the place of one.
    pub(super) fn remove(&self, id: GenerationId) {
        self.0.lock().retain(|app| app.generation.id != id);
    }

    /// Whether there is one.
    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }
}

/// Tries again and again to start a generation that could not be started again, until something
/// serves in its place.
pub(super) async fn revive_later(switch: Weak<Switch>, id: GenerationId) {
    loop {
        tokio::time::sleep(AGAIN).await;
        let Some(switch) = switch.upgrade() else { return };
        if switch.revive_stranded(id).await {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_states_are_kept_as_long_as_there_is_room() {
        let states = ExportedStates::default();
        let build = |number: u8| BuildId::of(&[number]);
        for number in 0..8 {
            states.keep(build(number), vec![number].into());
        }
        states.keep(build(7), vec![9].into());
        assert_eq!(states.of(&build(1)), None);
        assert_eq!(states.of(&build(2)).as_deref(), Some(&[2][..]));
        assert_eq!(states.of(&build(7)).as_deref(), Some(&[9][..]));
        let large = Bytes::from(vec![0; MOST_BYTES]);
        states.keep(build(8), large.clone());
        assert_eq!((states.of(&build(7)), states.of(&build(8))), (None, Some(large)));
        states.keep(build(9), vec![0; MOST_BYTES + 1].into());
        assert_eq!(states.of(&build(9)), None);
    }
}
