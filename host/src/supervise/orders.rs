//! What an operator asks of a host of several processes: swaps, rollbacks, recycling.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::renewal::{OnMisfit, Renewal};
use super::set::WorkerSet;
use super::supervisor::Supervisor;
use super::trial::Trial;
use crate::generation::GenerationId;
use crate::library::loader::BuildId;
use crate::operate::operator::{WhileBusy, what_remains};
use crate::operate::rollback_policy::Tally;
use crate::release::ledger::KeptRelease;
use crate::swap::{Rollback, SwapError, SwapOptions, SwapReport};

impl Supervisor {
    /// Puts the release at `source` in the place of the one that it replaces, in new workers.
    ///
    /// # Errors
    /// When it is refused; what served before still does.
    pub async fn swap(
        self: &Arc<Self>,
        source: &Path,
        options: SwapOptions,
        while_busy: WhileBusy,
    ) -> Result<SwapReport, SwapError> {
        let _turn = match while_busy {
            WhileBusy::Refuse => self.switch.turn(source)?,
            WhileBusy::Wait => self.switch.next_turn(source).await,
        };
        self.no_canary()?;
        // Those of before are in the log.
        drop(self.switch.ledger().take_warnings());
        let began = Instant::now();
        let info = self.info(source).await;
        let checked = {
            let serving = self.serving.lock().await;
            self.switch.check(source, &info, options, &serving).await
        };
        let swapped = match checked {
            Ok(checked) => {
                let (checked, source) = (Some(checked), source.to_owned());
                let misfit = if options.force { OnMisfit::StartAnew } else { OnMisfit::Refuse };
                self.renew(Renewal { checked, source, began, trial: true, misfit }).await
            }
            Err(error) => Err(error),
        };
        match swapped {
            Ok(report) => {
                self.switch.count(true);
                self.keep().await;
                Ok(self.say_what_remains(report).await)
            }
            Err(error) => Err(self.refused(source, error)),
        }
    }

    /// Adds what becomes of a release when the host starts again, where `--routes` names another.
    async fn say_what_remains(&self, report: SwapReport) -> SwapReport {
        let serving = self.serving.lock().await;
        let slot = serving.iter().position(|served| served.generation == report.generation);
        let after_restart = slot.and_then(|slot| what_remains(self.switch.ledger(), slot));
        if let Some(after) = &after_restart {
            tracing::info!("generation {}: {after}", report.generation);
        }
        let warnings = self.switch.ledger().take_warnings();
        SwapReport { after_restart, warnings, ..report }
    }

    /// Starts what serves anew, in new workers.
    pub async fn recycle(self: &Arc<Self>, reason: &str) {
        let _turn = match self.switch.turn(Path::new("recycling")) {
            Ok(turn) => turn,
            Err(error) => return tracing::error!("the workers are not renewed: {error}"),
        };
        if let Err(error) = self.no_canary() {
            return tracing::error!("the workers are not renewed: {error}");
        }
        tracing::info!("recycling: {reason}");
        let (source, began) = (PathBuf::new(), Instant::now());
        let misfit = OnMisfit::Refuse;
        let renewal = Renewal { checked: None, source, began, trial: false, misfit };
        if let Err(error) = self.renew(renewal).await {
            tracing::error!("the workers are not renewed: {error}; they serve on");
        }
    }

    /// Goes back to a release that served before, and refuses the build that is left.
    ///
    /// # Errors
    /// When it does not start; what serves goes on then.
    pub(super) async fn roll_back(
        self: &Arc<Self>,
        to: KeptRelease,
        reason: String,
        automatic: bool,
        from: Option<GenerationId>,
    ) -> Result<(SwapReport, BuildId), SwapError> {
        let began = Instant::now();
        let _turn = match automatic {
            true => self.switch.next_turn(&to.source).await,
            false => self.switch.turn(&to.source)?,
        };
        let slot = to.slot;
        let (left, source, generation) = {
            let serving = self.serving.lock().await;
            let left = serving.get(slot).ok_or(SwapError::NothingServes)?;
            (left.build_id.clone(), left.source.clone(), left.generation)
        };
        if let Some(from) = from.filter(|from| *from != generation) {
            return Err(SwapError::Overtaken(from));
        }
        let checked = self.switch.check_kept(&to).await?;
        let facts = checked.served.facts.clone();
        let (checked, path) = (Some(checked), to.source.clone());
        let misfit = OnMisfit::Older;
        let renewal = Renewal { checked, source: path, began, trial: false, misfit };
        let report = self.renew(renewal).await?;
        tracing::error!(
            "generation {generation} (build {left}) is left and refused: {reason}; \
             build {} serves again as generation {}, in {:.1} ms",
            report.build_id,
            report.generation,
            began.elapsed().as_secs_f64() * 1e3
        );
        let rollback = Rollback { from: generation, to, reason, automatic };
        self.switch.note_rollback(rollback, Some(facts), (left.clone(), source)).await;
        self.keep().await;
        let warnings = self.switch.ledger().take_warnings();
        Ok((SwapReport { warnings, ..report }, left))
    }

    /// Watches how a new generation does, if that is wanted.
    pub(super) fn watch(
        self: &Arc<Self>,
        set: &Arc<WorkerSet>,
        slot: usize,
        warm_up: Tally,
        before: Tally,
    ) {
        let Some(policy) = self.settings.policy else { return };
        let Some(report) = set.reports().get(slot).cloned() else { return };
        let (supervisor, set) = (Arc::clone(self), Arc::clone(set));
        tokio::spawn(async move {
            let trial = Trial { policy, warm_up, before };
            let Some(reason) = trial.failure_of(&set).await else { return };
            let to = supervisor.switch.ledger().log().before(slot).cloned();
            let left = match to {
                Ok(to) => {
                    let from = Some(report.generation);
                    supervisor.roll_back(to, reason.clone(), true, from).await.map(drop)
                }
                Err(error) => Err(error.into()),
            };
            match left {
                Ok(()) | Err(SwapError::Overtaken(_)) => {}
                Err(error) => tracing::error!(
                    "generation {} fails and serves on: {reason}; {error}",
                    report.generation
                ),
            }
        });
    }

    /// Notes why a candidate does not serve.
    pub(super) fn refused(&self, release: &Path, error: SwapError) -> SwapError {
        if self.status.last_refusal.note(release, &error) {
            self.switch.count(false);
        }
        error
    }
}
