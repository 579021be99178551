//! Going back to a release that served before.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::gate::{Alone, SwapTurn};
use super::handover::OnMisfit;
use super::launcher::{Launch, WarmUp};
use super::lifecycle::DrainingGeneration;
use super::report::micros;
use super::{SwapError, SwapOptions, SwapReport, Switch, blocking};
use crate::generation::preflight::PreflightReport;
use crate::generation::{Generation, GenerationId};
use crate::library::loader::BuildId;
use crate::library::start::StartInfo;
use crate::release::Release;
use crate::release::ledger::{KeptRelease, Ledger, ReleaseFacts, RollbackRecord, now};

/// From where to where a host is rolled back, and why.
#[derive(Debug, Clone)]
pub struct Rollback {
    /// The generation that is left; its build is refused from now on.
    pub from: GenerationId,
    /// The release that serves instead.
    pub to: KeptRelease,
    /// Why.
    pub reason: String,
    /// Whether the host decided it by itself.
    pub automatic: bool,
}

/// A release that serves again, and what keeps others away until that is written down.
struct ServedAgain {
    report: SwapReport,
    replaced: Option<DrainingGeneration>,
    /// Of a release that was started anew.
    facts: Option<ReleaseFacts>,
    _alone: Alone,
    _turn: Option<SwapTurn>,
}

impl Switch {
    /// Puts a release that served before in the place of a generation: the generation itself, if
    /// it stands by, or the release started anew. The build that is left is refused, durably.
    ///
    /// # Errors
    /// When that generation does not serve any more, or the release does not start; what serves
    /// goes on then.
    pub async fn roll_back(
        self: &Arc<Self>,
        rollback: Rollback,
        info: &StartInfo,
    ) -> Result<SwapReport, SwapError> {
        let info = info.clone();
        let source = rollback.to.source.clone();
        self.to_its_end(&source, move |switch| async move { switch.go_back(rollback, &info).await })
            .await
    }

    async fn go_back(
        self: &Arc<Self>,
        rollback: Rollback,
        info: &StartInfo,
    ) -> Result<SwapReport, SwapError> {
        let began = Instant::now();
        let (from, slot) = (rollback.from, rollback.to.slot);
        let left = self.serving_at(slot, from)?;
        let again = match self.serve_again(&rollback, began).await? {
            Some(again) => again,
            None => self.start_again(&rollback.to, &left, info, began).await?,
        };
        // Kept until it is written down, because another process goes on from what is written.
        let ServedAgain { mut report, replaced, facts, _alone, _turn } = again;
        self.follow();
        report.replaced = Some(from);
        report.total_us = micros(began);
        if let Some(replaced) = replaced {
            self.drains.drain_slot(replaced, slot, Duration::ZERO);
        }
        let (left_build, source) = (left.build_id().clone(), left.origin.source.clone());
        let ledger = self.ledger.clone();
        blocking(move || note(&ledger, rollback, facts, left_build, source)).await;
        Ok(report)
    }

    fn serving_at(&self, slot: usize, id: GenerationId) -> Result<Arc<Generation>, SwapError> {
        let table = self.table();
        let live = table.generations().get(slot).filter(|live| live.id == id);
        live.cloned().ok_or(SwapError::Overtaken(id))
    }

    /// Publishes the generation that stands by in the place of the one that is left, if one does.
    async fn serve_again(
        &self,
        rollback: &Rollback,
        began: Instant,
    ) -> Result<Option<ServedAgain>, SwapError> {
        let (from, slot) = (rollback.from, rollback.to.slot);
        let alone = self.gate.alone().await.ok_or(SwapError::Overtaken(from))?;
        // Another one may have taken its place meanwhile.
        self.serving_at(slot, from)?;
        let Some(standby) = self.drains.take_standby(slot, &rollback.to.build_id) else {
            return Ok(None);
        };
        let report = SwapReport::of(standby.generation(), began);
        match self.publisher.publish(standby, slot, Some(from)) {
            Ok(replaced) => {
                let facts = None;
                Ok(Some(ServedAgain { report, replaced, facts, _alone: alone, _turn: None }))
            }
            Err(failure) => {
                for standby in failure.candidates {
                    let draining = standby.withdraw(self.publisher.history());
                    self.drains.drain_slot(draining, slot, Duration::ZERO);
                }
                Err(*failure.error)
            }
        }
    }

    /// Starts a release anew, and publishes it in the place of the generation that is left.
    async fn start_again(
        self: &Arc<Self>,
        to: &KeptRelease,
        left: &Arc<Generation>,
        info: &StartInfo,
        began: Instant,
    ) -> Result<ServedAgain, SwapError> {
        let launcher = &self.launcher;
        let release = self.read_kept(to).await?;
        let info = launcher.info_for(&release, info);
        // What has served in this process will not end it now.
        let preflight = if launcher.has(&to.build_id) {
            PreflightReport::default()
        } else {
            let options = SwapOptions::default();
            launcher.preflight(&release, &info, Some(left.build_id()), options).await?
        };
        let facts = ReleaseFacts::of(&release);
        let mode = self.mode_here(left, &release)?;
        let launch = Launch { release, info, preflight, began };
        let loaded = launcher.load(launch).await?;
        if mode.holds_door() {
            // One hold at a time: what is under way has its limits.
            let turn = self.gate.enter(&to.source).await;
            let alone = self.gate.alone().await.ok_or(SwapError::Overtaken(left.id))?;
            self.serving_at(to.slot, left.id)?;
            let report = self.hand_over(to.slot, loaded, OnMisfit::Older).await?;
            return Ok(ServedAgain {
                report: SwapReport { mode, ..report },
                replaced: None,
                facts: Some(facts),
                _alone: alone,
                _turn: Some(turn),
            });
        }
        let saved = self.saved(left).await;
        let started = match (saved.is_some(), launcher.start(&loaded, saved, WarmUp::Full).await) {
            // The state of newer code may be nothing that older code understands.
            (true, Err(SwapError::Start { .. })) => {
                launcher.start(&loaded, None, WarmUp::Full).await
            }
            (_, started) => started,
        };
        let (candidate, report) = started?;
        let limit = self.settings().hook_limit;
        let Some(alone) = self.gate.alone().await else {
            candidate.discard(limit).await;
            return Err(SwapError::Overtaken(left.id));
        };
        match self.publisher.publish(candidate, to.slot, Some(left.id)) {
            Ok(replaced) => {
                let facts = Some(facts);
                Ok(ServedAgain { report, replaced, facts, _alone: alone, _turn: None })
            }
            Err(failure) => Err(failure.discard(limit).await),
        }
    }

    pub(super) async fn read_kept(&self, kept: &KeptRelease) -> Result<Release, SwapError> {
        let (ledger, store) = (self.ledger.clone(), self.launcher.store().clone());
        let (kept, trust) = (kept.clone(), self.settings().trust.clone());
        let read = blocking(move || ledger.read(&kept, &store, &trust)).await;
        Ok(read.ok_or(SwapError::NothingServes)??)
    }
}

/// Writes down what serves now and what is refused; `facts` of a release that was started anew.
pub(super) fn note(
    ledger: &Ledger,
    rollback: Rollback,
    facts: Option<ReleaseFacts>,
    left_build: BuildId,
    source: PathBuf,
) {
    let Rollback { from: _, to, reason, automatic } = rollback;
    if let Some(facts) = facts {
        ledger.serves(to.slot, facts);
    }
    let (from, at) = (left_build, now());
    let record = RollbackRecord { from, to: to.build_id.clone(), reason, automatic, at };
    ledger.change(|log| {
        log.serves_again(to);
        log.rolled_back(record, source);
    });
}
