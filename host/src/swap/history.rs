//! The generations of a host: those that live or drain, and the latest that have ended.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use nova_abi::SwapMode;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::mode;
use crate::generation::{Counters, Generation, GenerationId, Running};
use crate::library::loader::BuildId;

/// The state of a generation, as the history and a status show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GenerationState {
    /// It answers new requests.
    Live,
    /// It answers a share of them, until it is live or gone.
    Canary,
    /// It finishes the requests that it has.
    Draining,
    /// It has none any more, and could serve again at once if its successor fails.
    Standby,
    /// It has been shut down; its library stays mapped.
    Retired,
}

/// One generation in the history of a host.
#[derive(Debug, Clone)]
pub struct GenerationRecord {
    /// Its number.
    pub id: GenerationId,
    /// Its build.
    pub build_id: BuildId,
    /// Its app's name and version.
    pub app: String,
    /// Where it came from.
    pub source: PathBuf,
    /// What it is doing.
    pub state: GenerationState,
    /// How it is swapped, if what takes its place asks for no more.
    pub mode: SwapMode,
    /// How many routes it has.
    pub routes: usize,
    /// When it began to serve.
    pub started: SystemTime,
    /// What it has done; still counts while it drains.
    pub counters: Arc<Counters>,
    /// Where its requests are counted that are not answered to the last byte.
    pub running: Arc<Running>,
}

/// How many retired generations the history names.
const KEPT: usize = 20;

/// The records of a host, newest last.
#[derive(Debug, Default)]
pub(super) struct History {
    records: Mutex<Vec<GenerationRecord>>,
}

impl History {
    /// A copy of them.
    pub(super) fn list(&self) -> Vec<GenerationRecord> {
        self.records.lock().clone()
    }

    /// Says what a generation is doing now; the oldest retired ones are forgotten.
    pub(super) fn set(&self, generation: &Generation, state: GenerationState) {
        let mut history = self.records.lock();
        match history.iter_mut().find(|record| record.id == generation.id) {
            Some(record) => record.state = state,
            None => history.push(GenerationRecord {
                id: generation.id,
                build_id: generation.build_id().clone(),
                app: generation.library.note.app.clone(),
                source: generation.origin.source.clone(),
                state,
                mode: mode::own_mode(generation, None),
                routes: generation.routes.len(),
                started: generation.started,
                counters: generation.counters.clone(),
                running: generation.running().clone(),
            }),
        }
        let retired =
            history.iter().filter(|record| record.state == GenerationState::Retired).count();
        let mut surplus = retired.saturating_sub(KEPT);
        history.retain(|record| {
            let forget = surplus > 0 && record.state == GenerationState::Retired;
            surplus -= usize::from(forget);
            !forget
        });
    }
}
