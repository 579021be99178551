//! The table that serves, and the generations in it.
//!
//! A publish is one pointer. The table of the generations that are to serve is built first; if
//! there is no such table, the candidate comes back with the reason, and what served serves on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::history::History;
use super::lifecycle::{CandidateGeneration, DrainingGeneration, LiveGeneration};
use super::{GenerationState, SwapError};
use crate::generation::table::{Table, TableError};
use crate::generation::{Generation, GenerationId};
use crate::release::ledger::ReleaseFacts;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Publisher {
    table: ArcSwap<Table>,
    /// Held while the table is changed.
    serving: Mutex<Serving>,
    history: Arc<History>,
}

/// What the table is made of.
#[derive(Debug, Default)]
struct Serving {
    slots: Vec<LiveGeneration>,
    canary: Option<Canary>,
}

/// A canary that is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CanarySpec {
    /// Which share of the requests it answers, from 0 to 1.
    pub share: f64,
    /// For how long.
    pub duration: Duration,
}

/// A canary that answers requests.
#[derive(Debug, Clone)]
pub struct CanaryView {
    /// The generation.
    pub generation: Arc<Generation>,
    /// Its library's place in the table.
    pub slot: usize,
    /// What was wanted.
    pub spec: CanarySpec,
    /// How long it still has.
    pub left: Duration,
}

/// A generation that answers a share of the requests, beside the one in its slot.
#[derive(Debug)]
struct Canary {
    slot: usize,
    live: LiveGeneration,
    spec: CanarySpec,
    since: Instant,
    facts: ReleaseFacts,
}

/// Candidates that were not published.
#[derive(Debug)]
pub(super) struct PublishFailure {
    pub(super) candidates: Vec<CandidateGeneration>,
    pub(super) error: Box<SwapError>,
}

impl PublishFailure {
    pub(super) fn new(candidates: Vec<CandidateGeneration>, error: impl Into<SwapError>) -> Self {
        Self { candidates, error: Box::new(error.into()) }
    }

    /// Shuts down candidates that never served, `limit` for each, and gives the reason.
    pub(super) async fn discard(self, limit: Duration) -> SwapError {
        for candidate in self.candidates {
            candidate.discard(limit).await;
        }
        *self.error
    }
}

/// A canary that has all of the requests now.
#[derive(Debug)]
pub(super) struct Promotion {
    pub(super) slot: usize,
    pub(super) generation: Arc<Generation>,
    pub(super) replaced: DrainingGeneration,
    pub(super) facts: ReleaseFacts,
}

/// Why a canary was not promoted; if it was there, it has no requests any more.
#[derive(Debug)]
pub(super) struct PromotionFailure {
    pub(super) canary: Option<(DrainingGeneration, usize)>,
    pub(super) error: Box<SwapError>,
}

/// A canary that has none of the requests any more, and what has all of them.
#[derive(Debug)]
pub(super) struct CanaryEnd {
    pub(super) slot: usize,
    pub(super) canary: DrainingGeneration,
    pub(super) serving: Arc<Generation>,
}

impl Serving {
    fn generations(&self) -> Vec<Arc<Generation>> {
        self.slots.iter().map(|live| live.generation().clone()).collect()
    }

    /// The table of these generations, and of the canary if there is one.
    fn table(&self, generations: Vec<Arc<Generation>>) -> Result<Table, TableError> {
        let Some(Canary { slot, live, spec, .. }) = &self.canary else {
            return Table::build(generations);
        };
        with_canary(generations, *slot, live.generation(), spec.share)
    }

    fn take_canary(&mut self, id: GenerationId) -> Result<Canary, SwapError> {
        let canary = self.canary.take_if(|canary| canary.live.id() == id);
        canary.ok_or(SwapError::Overtaken(id))
    }
}

impl Publisher {
    /// The table that serves now.
    pub(super) fn table(&self) -> Arc<Table> {
        self.table.load_full()
    }

    /// The states of the generations.
    pub(super) fn history(&self) -> &Arc<History> {
        &self.history
    }

    /// Publishes the generations that a host starts with, one for each slot. Gives back what
    /// served before.
    pub(super) fn publish_all(
        &self,
        candidates: Vec<CandidateGeneration>,
    ) -> Result<Vec<DrainingGeneration>, PublishFailure> {
        let mut serving = self.serving.lock();
        let generations = candidates.iter().map(|it| it.generation().clone()).collect();
        match Table::build(generations) {
            Ok(table) => self.table.store(Arc::new(table)),
            Err(error) => return Err(PublishFailure::new(candidates, error)),
        }
        let live = |candidate: CandidateGeneration| {
            candidate.go_live(GenerationState::Live, &self.history)
        };
        let slots = candidates.into_iter().map(live).collect();
        let before = std::mem::replace(&mut serving.slots, slots);
        Ok(before.into_iter().map(|live| live.leave(&self.history)).collect())
    }

    /// Lets a candidate answer all requests of its slot. Gives back the generation that did; with
    /// `replacing`, only if that is the one.
    pub(super) fn publish(
        &self,
        candidate: CandidateGeneration,
        slot: usize,
        replacing: Option<GenerationId>,
    ) -> Result<Option<DrainingGeneration>, PublishFailure> {
        let mut serving = self.serving.lock();
        let old = serving.slots.get(slot).map(LiveGeneration::id);
        if let Some(expected) = replacing.filter(|_| old != replacing) {
            return Err(PublishFailure::new(vec![candidate], SwapError::Overtaken(expected)));
        }
        let mut generations = serving.generations();
        match generations.get_mut(slot) {
            Some(place) => place.clone_from(candidate.generation()),
            None => generations.push(candidate.generation().clone()),
        }
        match serving.table(generations) {
            Ok(table) => self.table.store(Arc::new(table)),
            Err(error) => return Err(PublishFailure::new(vec![candidate], error)),
        }
        let live = candidate.go_live(GenerationState::Live, &self.history);
        let replaced = match serving.slots.get_mut(slot) {
            Some(place) => Some(std::mem::replace(place, live)),
            None => {
                serving.slots.push(live);
                None
            }
        };
        Ok(replaced.map(|live| live.leave(&self.history)))
    }

    /// Lets a candidate answer a share of the requests of its slot.
    pub(super) fn start_canary(
        &self,
        candidate: CandidateGeneration,
        slot: usize,
        spec: CanarySpec,
        facts: ReleaseFacts,
    ) -> Result<(), PublishFailure> {
        let mut serving = self.serving.lock();
        if serving.slots.get(slot).is_none() {
            return Err(PublishFailure::new(vec![candidate], SwapError::NoCanary));
        }
        match with_canary(serving.generations(), slot, candidate.generation(), spec.share) {
            Ok(table) => self.table.store(Arc::new(table)),
            Err(error) => return Err(PublishFailure::new(vec![candidate], error)),
        }
        let live = candidate.go_live(GenerationState::Canary, &self.history);
        serving.canary = Some(Canary { slot, live, spec, since: Instant::now(), facts });
        Ok(())
    }

    /// The canary, if there is one.
    pub(super) fn canary(&self) -> Option<CanaryView> {
        let serving = self.serving.lock();
        let Canary { slot, live, spec, since, .. } = serving.canary.as_ref()?;
        let left = spec.duration.saturating_sub(since.elapsed());
        Some(CanaryView { generation: live.generation().clone(), slot: *slot, spec: *spec, left })
    }

    /// Gives a canary all of the requests of its slot. If its routes fit no longer, it comes back
    /// with the reason, and has none.
    pub(super) fn promote(&self, id: GenerationId) -> Result<Promotion, PromotionFailure> {
        let mut serving = self.serving.lock();
        let canary = serving
            .take_canary(id)
            .map_err(|error| PromotionFailure { canary: None, error: Box::new(error) })?;
        let Canary { slot, live, facts, .. } = canary;
        let before = serving.generations();
        let mut generations = before.clone();
        generations[slot].clone_from(live.generation());
        match Table::build(generations) {
            Ok(table) => self.table.store(Arc::new(table)),
            Err(error) => {
                // This was a table before there was a canary.
                if let Ok(table) = Table::build(before) {
                    self.table.store(Arc::new(table));
                }
                let canary = Some((live.leave(&self.history), slot));
                return Err(PromotionFailure { canary, error: Box::new(error.into()) });
            }
        }
        let generation = live.generation().clone();
        self.history.set(&generation, GenerationState::Live);
        let replaced = std::mem::replace(&mut serving.slots[slot], live).leave(&self.history);
        Ok(Promotion { slot, generation, replaced, facts })
    }

    /// Takes its share of the requests from a canary.
    pub(super) fn end_canary(&self, id: GenerationId) -> Result<CanaryEnd, SwapError> {
        let mut serving = self.serving.lock();
        let Canary { slot, live, .. } = serving.take_canary(id)?;
        let table = Table::build(serving.generations())?;
        self.table.store(Arc::new(table));
        let canary = live.leave(&self.history);
        Ok(CanaryEnd { slot, canary, serving: serving.slots[slot].generation().clone() })
    }

    /// Gives up all generations, for the end of the process. The table stays: there is nothing to
    /// put in its place, and no request comes any more.
    pub(super) fn stop(&self) -> Vec<DrainingGeneration> {
        let mut serving = self.serving.lock();
        let canary = serving.canary.take().map(|canary| canary.live);
        let slots = std::mem::take(&mut serving.slots);
        slots.into_iter().chain(canary).map(|live| live.leave(&self.history)).collect()
    }
}

/// The table of these generations, in which `canary` answers a share of what its slot would.
fn with_canary(
    generations: Vec<Arc<Generation>>,
    slot: usize,
    canary: &Arc<Generation>,
    share: f64,
) -> Result<Table, TableError> {
    let mut others = generations.clone();
    others[slot].clone_from(canary);
    Ok(Table::build(generations)?.with_canary(Table::build(others)?, share))
}
