//! Watching new generations, and going back to a release before: as told, or because the new one
//! fails.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Operator, supervise};
use crate::generation::GenerationId;
use crate::library::loader::BuildId;
use crate::operate::watches::{Verdict, Watch};
use crate::release::ledger::KeptRelease;
use crate::release::public::public_folder;
use crate::swap::{CanarySpec, CanaryView, Rollback, SwapError, SwapOptions, SwapReport, percent};

/// What a rollback did.
pub(super) struct RollbackOutcome {
    /// The release that serves instead.
    pub(super) to: KeptRelease,
    /// The build that was left.
    pub(super) left: BuildId,
    /// How it was swapped in.
    pub(super) report: SwapReport,
}

impl Operator {
    /// Watches a new generation, if that is wanted.
    pub(super) fn watch_generation(&self, report: &SwapReport) {
        let Some(policy) = self.policy else { return };
        let switch = &self.site.switch;
        let table = switch.table();
        let mut live = table.generations().iter().enumerate();
        let Some((slot, generation)) = live.find(|(_, live)| live.id == report.generation) else {
            return;
        };
        let history = switch.history();
        let before = history.iter().find(|record| Some(record.id) == report.replaced);
        let before = before.map(|record| Arc::clone(&record.counters));
        let (id, counters) = (generation.id, &generation.counters);
        self.watches.add(Watch::successor(slot, id, counters, before, policy.window));
    }

    /// Lets a release answer a share of the requests for a while, and watches how it does.
    ///
    /// # Errors
    ///
    /// When it is refused.
    pub async fn start_canary(
        &self,
        release: &Path,
        options: SwapOptions,
        spec: CanarySpec,
    ) -> Result<SwapReport, SwapError> {
        let info = self.info(self.folders.favicon_of(release).await);
        self.folders.lend(release).await;
        let switch = &self.site.switch;
        let report = match switch.start_canary(release, &info, options, spec).await {
            Ok(report) => report,
            Err(error) => {
                self.folders.arrange().await;
                return Err(self.refused(release, error));
            }
        };
        self.folders.add(report.public.clone());
        let percent = percent(spec.share);
        tracing::info!(
            "generation {} is a canary: build {} answers {percent} of the requests for {:?}",
            report.generation,
            report.build_id,
            spec.duration
        );
        if let Some(CanaryView { generation, slot, .. }) = switch.canary() {
            let table = switch.table();
            let beside = table.generations().get(slot).map(|live| Arc::clone(&live.counters));
            let (id, counters) = (generation.id, &generation.counters);
            self.watches.add(Watch::canary(slot, id, counters, beside, spec.duration));
        }
        Ok(report)
    }

    /// Gives a canary that is well all of the requests.
    async fn promote(&self, watch: Watch) {
        let (id, done) = (watch.generation, watch.done());
        match self.site.switch.promote(id).await {
            Ok(report) => {
                tracing::info!(
                    "generation {id} is live: {} of {} requests failed while it was a canary",
                    done.failures,
                    done.requests
                );
                self.watch_generation(&report);
                self.folders.lead_with(report.public.clone()).await;
                self.unkept.notify_one();
            }
            Err(SwapError::Overtaken(_)) => {}
            Err(error) => tracing::error!("generation {id} was a canary and is retired: {error}"),
        }
    }

    /// Ends a canary, and refuses its build.
    async fn end_canary(
        &self,
        canary: CanaryView,
        reason: String,
        automatic: bool,
    ) -> Result<RollbackOutcome, SwapError> {
        let switch = &self.site.switch;
        let began = Instant::now();
        let (id, left) = (canary.generation.id, canary.generation.build_id().clone());
        let serving = switch.end_canary(id, reason.clone(), automatic).await?;
        self.watches.remove(id);
        tracing::error!(
            "generation {id} (build {left}) was a canary and is refused: {reason}; \
             build {} of generation {} answers all requests again",
            serving.build_id(),
            serving.id
        );
        let log = switch.ledger().log();
        let to = log.serving(canary.slot).cloned().ok_or(SwapError::NothingServes)?;
        let report = SwapReport { replaced: Some(id), ..SwapReport::of(&serving, began) };
        Ok(RollbackOutcome { to, left, report })
    }

    /// Keeps copies of what serves, and looks after the generations that are watched, for as long
    /// as this is polled. A slow disk delays the copies alone.
    pub async fn guard(&self) {
        let keep = || async {
            loop {
                self.keep().await;
                self.unkept.notified().await;
            }
        };
        let keep = supervise("the keeping of releases", keep);
        tokio::join!(keep, supervise("the watch of new generations", || self.watch()));
    }

    async fn watch(&self) {
        // A canary is watched where nothing else is.
        let policy = self.policy.unwrap_or_default();
        loop {
            self.watches.tick().await;
            while let Some(verdict) = self.watches.verdict(&policy) {
                match verdict {
                    Verdict::Failed(watch, reason) if watch.is_canary => {
                        let canary = self.site.switch.canary();
                        let canary = canary.filter(|it| it.generation.id == watch.generation);
                        if let Some(canary) = canary {
                            // `nova rollback` may have been faster.
                            self.end_canary(canary, reason, true).await.ok();
                        }
                    }
                    Verdict::Failed(watch, reason) => {
                        self.leave_generation(watch.generation, watch.slot, reason).await;
                    }
                    Verdict::Passed(watch) => self.promote(watch).await,
                }
            }
        }
    }

    /// Rolls back because a generation fails.
    async fn leave_generation(&self, generation: GenerationId, slot: usize, reason: String) {
        let before = self.site.switch.ledger().log().before(slot).cloned();
        let result = match before {
            Ok(to) => {
                let (from, reason) = (generation, reason.clone());
                self.roll_back_to(Rollback { from, to, reason, automatic: true }).await
            }
            Err(error) => Err(error.into()),
        };
        match result {
            // Something else took its place before.
            Ok(_) | Err(SwapError::Overtaken(_)) => {}
            Err(error) => {
                tracing::error!("generation {generation} fails and serves on: {reason}; {error}");
            }
        }
    }

    /// Goes back to the release whose build id begins with `to`, or to the one before.
    /// While there is a canary, that is its end.
    pub(super) async fn roll_back(&self, to: Option<&str>) -> Result<RollbackOutcome, SwapError> {
        if let Some(canary) = self.site.switch.canary() {
            if to.is_some() {
                self.site.switch.no_canary()?;
            }
            let reason = "the canary was ended by `nova rollback`".to_owned();
            return self.end_canary(canary, reason, false).await;
        }
        let switch = &self.site.switch;
        let to = switch.ledger().log().wanted(to)?.clone();
        let table = switch.table();
        let from = table.generations().get(to.slot).ok_or(SwapError::NothingServes)?.id;
        let reason = "rolled back by `nova rollback`".to_owned();
        let ledger = switch.ledger();
        drop(ledger.take_warnings());
        let outcome = self.roll_back_to(Rollback { from, to, reason, automatic: false }).await?;
        // Who asked for it is told what could not be kept.
        self.keep().await;
        let mut report = outcome.report;
        report.warnings.extend(ledger.take_warnings());
        report.warnings.dedup();
        Ok(RollbackOutcome { report, ..outcome })
    }

    async fn roll_back_to(&self, rollback: Rollback) -> Result<RollbackOutcome, SwapError> {
        let switch = &self.site.switch;
        let Rollback { from, to, reason, .. } = rollback.clone();
        // What lies at the source of a signed release now is not verified.
        let source = (!switch.settings().trust.wants_signatures()).then_some(&to.source);
        let kept = switch.ledger().public_of(&to.build_id);
        let public = kept.or_else(|| public_folder(source?));
        let favicon = self.folders.favicon_in(public.as_deref()).await;
        let table = switch.table();
        let left = table.generations().iter().find(|live| live.id == from);
        let left = left.ok_or(SwapError::Overtaken(from))?.build_id().clone();
        let report = switch.roll_back(rollback, &self.info(favicon)).await?;
        self.watches.remove(from);
        let milliseconds = Duration::from_micros(report.total_us).as_secs_f64() * 1e3;
        tracing::error!(
            "generation {from} (build {left}) is left and refused: {reason}; \
             build {} serves again as generation {}, in {milliseconds:.1} ms",
            report.build_id,
            report.generation
        );
        self.folders.lead_with(report.public.clone().or(public)).await;
        self.unkept.notify_one();
        Ok(RollbackOutcome { to, left, report: self.say_what_remains(report) })
    }
}
