//! What an operator asks of a host of several processes: swaps, rollbacks, recycling.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::renewal::Renewal;
use super::set::WorkerSet;
use super::supervisor::Supervisor;
use super::trial::{Trial, Verdict};
use crate::generation::GenerationId;
use crate::library::loader::BuildId;
use crate::operate::operator::{WhileBusy, what_remains};
use crate::operate::rollback_policy::Tally;
use crate::release::ledger::KeptRelease;
use crate::swap::{OnMisfit, Rollback, ServedRelease, SwapError, SwapOptions, SwapReport};

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
                let misfit = OnMisfit::from(options);
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

    /// Starts what serves anew, in new workers; what goes wrong is in the log.
    pub async fn recycle(self: &Arc<Self>, reason: &str) {
        if let Err(error) = self.start_anew(reason).await {
            tracing::error!("the workers are not renewed: {error}; they serve on");
        }
    }

    /// The same.
    ///
    /// # Errors
    /// When something else is under way, or they do not start; those that serve go on then.
    pub(super) async fn start_anew(self: &Arc<Self>, reason: &str) -> Result<(), SwapError> {
        let _turn = self.switch.turn(Path::new("recycling"))?;
        self.no_canary()?;
        tracing::info!("recycling: {reason}");
        let (source, began) = (PathBuf::new(), Instant::now());
        let misfit = OnMisfit::Refuse;
        let renewal = Renewal { checked: None, source, began, trial: false, misfit };
        self.renew(renewal).await.map(drop)
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
        // It was compared with what is left, and would come with it where there are more libraries.
        self.withdraw_canary().await;
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

    /// Watches how a new release does, if that is wanted; `before` is what the one before has done.
    pub(super) fn watch(
        self: &Arc<Self>,
        set: &Arc<WorkerSet>,
        slot: usize,
        served: &ServedRelease,
        before: Tally,
    ) {
        let Some(policy) = self.settings.policy else { return };
        let trial = Trial::new(policy, slot, served.build_id.clone(), before);
        let (supervisor, set) = (Arc::clone(self), Arc::clone(set));
        let deployment = Arc::clone(&served.deployment);
        tokio::spawn(async move { supervisor.follow_trial(trial, set, &deployment).await });
    }

    /// Watches a release to the end of its trial, in whatever workers it goes on.
    async fn follow_trial(
        self: Arc<Self>,
        mut trial: Trial,
        mut set: Arc<WorkerSet>,
        deployment: &Arc<()>,
    ) {
        loop {
            match trial.in_set(&set).await {
                Verdict::Passed => return,
                Verdict::Failed(reason) => match self.leave_failed(&trial, &set, reason).await {
                    // Workers have been renewed in that moment, it may be with the same release.
                    Err(SwapError::Overtaken(_)) => {}
                    _ => return,
                },
                Verdict::Left => {}
            }
            trial.leave(&set);
            match self.set_with(trial.slot, deployment).await {
                Some(next) => set = next,
                None => return,
            }
        }
    }

    /// The workers that serve what was deployed as library `slot`, if they still do.
    async fn set_with(&self, slot: usize, deployment: &Arc<()>) -> Option<Arc<WorkerSet>> {
        // Not while one set takes the place of another.
        let serving = self.serving.lock().await;
        let served = serving.get(slot)?;
        let set = self.current().filter(|set| !set.is_ending());
        set.filter(|_| Arc::ptr_eq(&served.deployment, deployment))
    }

    /// Goes back because a release has failed.
    async fn leave_failed(
        self: &Arc<Self>,
        trial: &Trial,
        set: &WorkerSet,
        reason: String,
    ) -> Result<(), SwapError> {
        let reports = set.reports();
        let from = reports.get(trial.slot).ok_or(SwapError::NothingServes)?.generation;
        let to = self.switch.ledger().log().before(trial.slot).cloned();
        let left = match to {
            Ok(to) => self.roll_back(to, reason.clone(), true, Some(from)).await.map(drop),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = &left
            && !matches!(error, SwapError::Overtaken(_))
        {
            tracing::error!("generation {from} fails and serves on: {reason}; {error}");
        }
        left
    }

    /// Notes why a candidate does not serve.
    pub(super) fn refused(&self, release: &Path, error: SwapError) -> SwapError {
        if self.status.last_refusal.note(release, &error) {
            self.switch.count(false);
        }
        error
    }
}
