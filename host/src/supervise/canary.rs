//! A canary of a host of several processes: a set of workers that accepts nothing, and to which those
//! that serve pass on a share of the requests.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::set::WorkerSet;
use super::supervisor::Supervisor;
use super::trial::Trial;
use crate::library::loader::BuildId;
use crate::operate::rollback_policy::RollbackPolicy;
use crate::operate::succession::PeerOrder;
use crate::release::ledger::ReleaseFacts;
use crate::swap::{
    CanarySpec, CheckedRelease, Rollback, SwapError, SwapOptions, SwapReport, percent,
};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Canary {
    pub(super) set: Arc<WorkerSet>,
    pub(super) build_id: BuildId,
    pub(super) spec: CanarySpec,
    source: PathBuf,
    slot: usize,
    began: Instant,
    /// Taken when it is promoted.
    checked: Mutex<Option<CheckedRelease>>,
}

impl Canary {
    /// How long it still is one.
    pub(super) fn left(&self) -> Duration {
        self.spec.duration.saturating_sub(self.began.elapsed())
    }
}

impl Supervisor {
    /// Lets the release at `source` answer a share of the requests for a while.
    ///
    /// # Errors
    /// When it is refused.
    pub(super) async fn start_canary(
        self: &Arc<Self>,
        source: &Path,
        options: SwapOptions,
        spec: CanarySpec,
    ) -> Result<SwapReport, SwapError> {
        let _turn = self.switch.turn(source)?;
        self.no_canary()?;
        match self.begin_canary(source, options, spec).await {
            Ok(report) => {
                self.switch.count(true);
                Ok(report)
            }
            Err(error) => Err(self.refused(source, error)),
        }
    }

    async fn begin_canary(
        self: &Arc<Self>,
        source: &Path,
        options: SwapOptions,
        spec: CanarySpec,
    ) -> Result<SwapReport, SwapError> {
        let began = Instant::now();
        let info = self.info(source).await;
        let serving = self.serving.lock().await;
        let checked = self.switch.check(source, &info, options, &serving).await?;
        let slot = checked.slot;
        let (mode, held) = self.mode_of(&serving, Some(&checked))?;
        if !held.is_empty() {
            let (path, serving) = (source.to_owned(), serving[slot].generation);
            return Err(SwapError::CanaryAlone { path, mode, serving });
        }
        let mut facts: Vec<ReleaseFacts> =
            serving.iter().map(|served| served.facts.clone()).collect();
        drop(serving);
        facts[slot] = checked.served.facts.clone();
        self.switch.add_stylesheet(checked.stylesheet.clone());
        let set = self.start_set_with(&facts, checked.public.clone()).await?;
        let beside = self.current().ok_or(SwapError::NothingServes)?;
        let mut report = set.reports().get(slot).cloned().ok_or(SwapError::NothingServes)?;
        report.unwell.clone_from(&checked.unwell);
        report.preflight_us = checked.preflight_us;
        report.public.clone_from(&checked.public);
        report.mode = mode;
        report.total_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let trial = Trial {
            policy: RollbackPolicy {
                window: spec.duration,
                ..self.settings.policy.unwrap_or_default()
            },
            warm_up: set.tally().await,
            before: beside.tally().await,
        };
        set.open(PeerOrder::OpenPassedOn).await;
        beside.share(Some((set.forward.clone(), spec.share))).await;
        let build_id = checked.served.build_id.clone();
        tracing::info!(
            "generation {} is a canary: build {build_id} answers {} of the requests for {:?}",
            report.generation,
            percent(spec.share),
            spec.duration
        );
        let canary = Arc::new(Canary {
            set,
            build_id,
            spec,
            source: source.to_owned(),
            slot,
            began: Instant::now(),
            checked: Mutex::new(Some(checked)),
        });
        *self.canary.lock() = Some(Arc::clone(&canary));
        let supervisor = Arc::clone(self);
        tokio::spawn(async move {
            match trial.failure_beside(&canary.set, &beside).await {
                Some(reason) => drop(supervisor.end_canary(&canary, reason, true).await),
                None => supervisor.promote(&canary).await,
            }
        });
        Ok(report)
    }

    /// Says that there is no canary.
    ///
    /// # Errors
    /// If there is one.
    pub(super) fn no_canary(&self) -> Result<(), SwapError> {
        match &*self.canary.lock() {
            None => Ok(()),
            Some(canary) => Err(SwapError::Canary {
                build_id: canary.build_id.clone(),
                percent: percent(canary.spec.share),
                left_seconds: canary.left().as_secs(),
            }),
        }
    }

    /// Takes a canary out of its place; `false`: it is not there any more.
    fn take_canary(&self, canary: &Arc<Canary>) -> bool {
        let mut place = self.canary.lock();
        let is_there = place.as_ref().is_some_and(|it| Arc::ptr_eq(it, canary));
        if is_there {
            *place = None;
        }
        is_there
    }

    /// Gives a canary that is well all of the requests.
    async fn promote(self: &Arc<Self>, canary: &Arc<Canary>) {
        let _turn = self.switch.next_turn(&canary.source).await;
        if self.is_stopping() || !self.take_canary(canary) {
            return;
        }
        let Some(checked) = canary.checked.lock().take() else { return };
        let done = canary.set.tally().await;
        let report = self.install(&canary.set, checked, canary.began).await;
        match report {
            Ok(report) => tracing::info!(
                "generation {} is live: {} of {} requests failed while it was a canary",
                report.generation,
                done.failures,
                done.requests
            ),
            Err(error) => tracing::error!("a canary that is well does not serve: {error}"),
        }
        self.keep().await;
    }

    /// Takes the requests from a canary again, and refuses its build.
    ///
    /// # Errors
    /// When it is not there any more.
    pub(super) async fn end_canary(
        self: &Arc<Self>,
        canary: &Arc<Canary>,
        reason: String,
        automatic: bool,
    ) -> Result<(), SwapError> {
        let reports = canary.set.reports();
        let report = reports.get(canary.slot).ok_or(SwapError::NothingServes)?;
        if !self.take_canary(canary) {
            return Err(SwapError::Overtaken(report.generation));
        }
        if let Some(beside) = self.current() {
            beside.share(None).await;
        }
        self.retire_later(Arc::clone(&canary.set));
        canary.set.stop().await;
        tracing::error!(
            "generation {} (build {}) was a canary and is refused: {reason}",
            report.generation,
            canary.build_id
        );
        let Some(to) = self.switch.ledger().log().serving(canary.slot).cloned() else {
            return Err(SwapError::NothingServes);
        };
        let from = report.generation;
        let rollback = Rollback { from, to, reason, automatic };
        let left = (canary.build_id.clone(), canary.source.clone());
        self.switch.note_rollback(rollback, None, left).await;
        Ok(())
    }

    /// What serves in the place that a canary wanted to have.
    ///
    /// # Errors
    /// When nothing does.
    pub(super) async fn serving_at(
        &self,
        canary: &Canary,
    ) -> Result<(PathBuf, SwapReport), SwapError> {
        let serving = self.serving.lock().await;
        let served = serving.get(canary.slot).ok_or(SwapError::NothingServes)?;
        let reports = self.current().map(|set| set.reports()).unwrap_or_default();
        let report = reports.get(canary.slot).cloned().ok_or(SwapError::NothingServes)?;
        Ok((served.source.clone(), report))
    }
}
