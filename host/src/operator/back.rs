//! Going back to a release before: because somebody says so, or because the new one fails.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Operator, locked, public_of};
use crate::generation::{Counters, GenerationId};
use crate::ledger::Kept;
use crate::loader::BuildId;
use crate::swap::{Back, SwapError, Swapped};
use crate::trial::{Limits, Tally, describe};

/// How often a generation on trial is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// A generation that has not proved itself yet.
#[derive(Debug)]
pub(super) struct Trial {
    slot: usize,
    generation: GenerationId,
    counters: Arc<Counters>,
    /// What it had done before it served: the requests of its warm-up.
    start: Tally,
    /// What the one before it has done in all.
    before: Tally,
    began: Instant,
}

/// One time that the host went back.
pub(super) struct WentBack {
    pub(super) to: Kept,
    pub(super) left: BuildId,
    pub(super) swapped: Swapped,
}

impl Operator {
    /// Puts a new generation on trial, if that is wanted.
    pub(super) fn try_out(&self, swapped: &Swapped) {
        if self.limits.is_none() {
            return;
        }
        let switch = &self.site.switch;
        let table = switch.table();
        let mut live = table.generations().iter().enumerate();
        let Some((slot, generation)) = live.find(|(_, live)| live.id == swapped.generation) else {
            return;
        };
        let history = switch.history();
        let before = history.iter().find(|record| Some(record.id) == swapped.replaced);
        let trial = Trial {
            slot,
            generation: generation.id,
            counters: Arc::clone(&generation.counters),
            start: Tally::of(&generation.counters),
            before: before.map(|record| Tally::of(&record.counters)).unwrap_or_default(),
            began: Instant::now(),
        };
        let mut trials = locked(&self.trials);
        trials.retain(|other| other.slot != slot);
        trials.push(trial);
        self.tried.notify_one();
    }

    /// Keeps copies of what serves, and looks after the generations on trial, for as long as this
    /// is polled. A slow disk delays the copies alone.
    pub async fn guard(&self) {
        let keep = async {
            loop {
                self.keep().await;
                self.unkept.notified().await;
            }
        };
        tokio::join!(keep, self.watch());
    }

    async fn watch(&self) {
        let Some(limits) = self.limits else { return };
        loop {
            if locked(&self.trials).is_empty() {
                self.tried.notified().await;
            }
            tokio::time::sleep(LOOK).await;
            while let Some((generation, slot, reason)) = self.failed(&limits) {
                self.go_back_from(generation, slot, reason).await;
            }
        }
    }

    /// Takes a trial that has failed; those that are over for another reason are let go.
    fn failed(&self, limits: &Limits) -> Option<(GenerationId, usize, String)> {
        let mut trials = locked(&self.trials);
        trials.retain(|trial| trial.began.elapsed() < limits.window);
        let done = |trial: &Trial| Tally::of(&trial.counters).since(trial.start);
        let failed =
            trials.iter().position(|trial| limits.are_passed_by(done(trial), trial.before))?;
        let trial = trials.swap_remove(failed);
        let reason = describe(done(&trial), trial.began.elapsed());
        Some((trial.generation, trial.slot, reason))
    }

    async fn go_back_from(&self, generation: GenerationId, slot: usize, reason: String) {
        let way = self.site.switch.ledger().book().before(slot).cloned();
        let went = match way {
            Ok(to) => {
                let reason = reason.clone();
                self.go(Back { from: generation, to, reason, automatic: true }).await
            }
            Err(error) => Err(error.into()),
        };
        match went {
            // Somebody was faster.
            Ok(_) | Err(SwapError::Overtaken(_)) => {}
            Err(error) => {
                tracing::error!("generation {generation} fails and serves on: {reason}; {error}");
            }
        }
    }

    /// Goes back to the release whose build id begins with `to`, or to the one before.
    pub(super) async fn go_back(&self, to: Option<&str>) -> Result<WentBack, SwapError> {
        let to = self.site.switch.ledger().book().wanted(to)?.clone();
        let table = self.site.switch.table();
        let from = table.generations().get(to.slot).ok_or(SwapError::NothingServes)?.id;
        let reason = "rolled back by `nova rollback`".to_owned();
        self.go(Back { from, to, reason, automatic: false }).await
    }

    async fn go(&self, back: Back) -> Result<WentBack, SwapError> {
        let switch = &self.site.switch;
        let Back { from, to, reason, .. } = back.clone();
        let public = switch.ledger().public_of(&to.build_id).or_else(|| public_of(&to.source));
        let favicon = self.favicon_in(public.as_deref()).await;
        let table = switch.table();
        let left = table.generations().iter().find(|live| live.id == from);
        let left = left.ok_or(SwapError::Overtaken(from))?.build_id().clone();
        let swapped = switch.go_back(back, &self.info(favicon)).await?;
        locked(&self.trials).retain(|trial| trial.generation != from);
        let milliseconds = Duration::from_micros(swapped.total_us).as_secs_f64() * 1e3;
        tracing::error!(
            "generation {from} (build {left}) is left and refused: {reason}; \
             build {} serves again as generation {}, in {milliseconds:.1} ms",
            swapped.build_id,
            swapped.generation
        );
        self.lead_with(public).await;
        self.unkept.notify_one();
        Ok(WentBack { to, left, swapped })
    }
}
