//! A canary of a host of several processes: a set of workers that accepts nothing, and to which those
//! that serve pass on a share of the requests.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::modes::Modes;
use super::renewal::stopping;
use super::set::WorkerSet;
use super::supervisor::Supervisor;
use super::trial::Trial;
use crate::generation::GenerationId;
use crate::library::loader::BuildId;
use crate::operate::rollback_policy::{RollbackPolicy, Tally};
use crate::operate::succession::PeerOrder;
use crate::release::ledger::ReleaseFacts;
use crate::swap::{
    CanarySpec, CheckedRelease, Rollback, ServedRelease, SwapError, SwapOptions, SwapReport,
    percent,
};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Canary {
    pub(super) set: Arc<WorkerSet>,
    /// Who passes on a share of the requests.
    beside: Arc<WorkerSet>,
    pub(super) build_id: BuildId,
    pub(super) spec: CanarySpec,
    source: PathBuf,
    slot: usize,
    began: Instant,
    /// Taken by who decides what becomes of it.
    checked: Mutex<Option<CheckedRelease>>,
    /// Held while it is told who passes on what.
    changing: tokio::sync::Mutex<()>,
}

impl Canary {
    /// How long it still is one.
    pub(super) fn left(&self) -> Duration {
        self.spec.duration.saturating_sub(self.began.elapsed())
    }

    /// Decides what becomes of it; `None`: that is decided already.
    fn decide(&self) -> Option<CheckedRelease> {
        self.checked.lock().take()
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
        let modes = self.modes(&serving, Some(&checked))?;
        may_run_beside(&modes, &serving, source, slot)?;
        let other = serving[slot].build_id.clone();
        let mut facts: Vec<ReleaseFacts> =
            serving.iter().map(|served| served.facts.clone()).collect();
        drop(serving);
        facts[slot] = checked.served.facts.clone();
        self.switch.add_stylesheet(checked.stylesheet.clone());
        let beside = self.current().ok_or(SwapError::NothingServes)?;
        let set = self.start_set_with(&facts, checked.public.clone()).await?;
        let mut report = set.reports().get(slot).cloned().ok_or(SwapError::NothingServes)?;
        report.unwell.clone_from(&checked.unwell);
        report.preflight_us = checked.preflight_us;
        report.public.clone_from(&checked.public);
        report.mode = modes.of(slot);
        let build_id = checked.served.build_id.clone();
        let canary = Arc::new(Canary {
            set,
            beside,
            build_id: build_id.clone(),
            spec,
            source: source.to_owned(),
            slot,
            began: Instant::now(),
            checked: Mutex::new(Some(checked)),
            changing: tokio::sync::Mutex::default(),
        });
        // From its start on it is where a stop finds it.
        *self.canary.lock() = Some(Arc::clone(&canary));
        self.open_canary(&canary).await?;
        report.total_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::info!(
            "generation {} is a canary: build {build_id} answers {} of the requests for {:?}",
            report.generation,
            percent(spec.share),
            spec.duration
        );
        let policy = self.settings.policy.unwrap_or_default();
        let policy = RollbackPolicy { window: spec.duration, ..policy };
        let trial = Trial::new(policy, slot, build_id, Tally::default());
        let supervisor = Arc::clone(self);
        tokio::spawn(async move {
            match trial.failure_beside(&canary.set, &canary.beside, &other).await {
                Some(reason) => drop(supervisor.end_canary(&canary, reason, true).await),
                None => supervisor.promote(&canary).await,
            }
        });
        Ok(report)
    }

    /// Lets a canary answer its share of the requests.
    async fn open_canary(&self, canary: &Canary) -> Result<(), SwapError> {
        let _changing = canary.changing.lock().await;
        canary.set.end_warm_up().await;
        canary.set.open(PeerOrder::OpenPassedOn).await;
        if self.is_stopping() {
            canary.set.stop().await;
            return Err(stopping());
        }
        let share = Some((canary.set.forward.clone(), canary.spec.share));
        canary.beside.share(share).await;
        Ok(())
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

    /// Gives a canary that is well all of the requests.
    async fn promote(self: &Arc<Self>, canary: &Arc<Canary>) {
        let _turn = self.switch.next_turn(&canary.source).await;
        if self.is_stopping() {
            return;
        }
        let Some(checked) = canary.decide() else { return };
        let generation = generation_of(canary);
        if !self.current().is_some_and(|current| Arc::ptr_eq(&current, &canary.beside)) {
            tracing::error!(
                "generation {generation} was a canary and is ended: what it ran beside does not \
                 serve any more; its build is not refused"
            );
            return self.dismiss(canary).await;
        }
        let done = canary.set.done(&canary.build_id).await;
        match self.install(&canary.set, checked, canary.began).await {
            Ok(report) => tracing::info!(
                "generation {} is live: {} of {} requests failed while it was a canary",
                report.generation,
                done.failures,
                done.requests
            ),
            Err(error) => {
                tracing::error!("a canary that is well does not serve: {error}");
                self.dismiss(canary).await;
            }
        }
        self.keep().await;
    }

    /// Takes the requests from a canary again, and refuses its build.
    ///
    /// # Errors
    /// When that is decided already.
    pub(super) async fn end_canary(
        self: &Arc<Self>,
        canary: &Arc<Canary>,
        reason: String,
        automatic: bool,
    ) -> Result<(), SwapError> {
        let from = generation_of(canary);
        if canary.decide().is_none() {
            return Err(SwapError::Overtaken(from));
        }
        self.dismiss(canary).await;
        tracing::error!(
            "generation {from} (build {}) was a canary and is refused: {reason}",
            canary.build_id
        );
        let Some(to) = self.switch.ledger().log().serving(canary.slot).cloned() else {
            return Err(SwapError::NothingServes);
        };
        let rollback = Rollback { from, to, reason, automatic };
        let left = (canary.build_id.clone(), canary.source.clone());
        self.switch.note_rollback(rollback, None, left).await;
        Ok(())
    }

    /// Ends the canary, if there is one, because what it runs beside is left; its build may be tried
    /// again.
    pub(super) async fn withdraw_canary(self: &Arc<Self>) {
        let canary = self.canary.lock().clone();
        if let Some(canary) = canary.filter(|canary| canary.decide().is_some()) {
            tracing::warn!(
                "generation {} (build {}) was a canary and is ended: what it runs beside is rolled \
                 back; its build is not refused",
                generation_of(&canary),
                canary.build_id
            );
            self.dismiss(&canary).await;
        }
    }

    /// Lets the workers of a canary finish what they have and end; that has been decided.
    async fn dismiss(self: &Arc<Self>, canary: &Arc<Canary>) {
        let _changing = canary.changing.lock().await;
        {
            let mut leaving = self.leaving.lock();
            self.canary.lock().take_if(|it| Arc::ptr_eq(it, canary));
            leaving.sets.push(Arc::clone(&canary.set));
        }
        canary.beside.share(None).await;
        self.forget_later(Arc::clone(&canary.set));
        canary.set.stop().await;
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

/// The number that a canary has.
fn generation_of(canary: &Canary) -> GenerationId {
    let reports = canary.set.reports();
    reports.get(canary.slot).map(|report| report.generation).unwrap_or_default()
}

/// Says that a canary may run beside what serves, with another app of each library.
///
/// # Errors
/// With the first library whose app must not.
fn may_run_beside(
    modes: &Modes,
    serving: &[ServedRelease],
    source: &Path,
    slot: usize,
) -> Result<(), SwapError> {
    let Some(held) = modes.held().first().copied() else { return Ok(()) };
    let (path, mode) = (source.to_owned(), modes.of(held));
    let ServedRelease { generation: serving, source, .. } = &serving[held];
    let serving = *serving;
    Err(match held == slot {
        true => SwapError::CanaryAlone { path, mode, serving },
        false => SwapError::CanaryBeside { path, held: source.clone(), mode, serving },
    })
}
