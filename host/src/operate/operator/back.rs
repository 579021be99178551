//! Going back to a release before: because somebody says so, or because the new one fails.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Operator, locked};
use crate::generation::{Counters, GenerationId};
use crate::library::loader::BuildId;
use crate::operate::trial::{Limits, Tally, describe};
use crate::release::ledger::Kept;
use crate::release::public::public_folder;
use crate::swap::{Back, SwapError, Swapped, Trying, percent};

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
    /// The one before it, and what of it does not count.
    other: Option<(Arc<Counters>, Tally)>,
    began: Instant,
    /// How long it is watched.
    window: Duration,
    /// It answers a share of the requests; when its time is over, all of them.
    canary: bool,
}

impl Trial {
    fn done(&self) -> Tally {
        Tally::of(&self.counters).since(self.start)
    }

    fn other(&self) -> Tally {
        let done = |(counters, start): &(Arc<Counters>, Tally)| Tally::of(counters).since(*start);
        self.other.as_ref().map(done).unwrap_or_default()
    }
}

/// How a trial ended.
enum Verdict {
    Failed(Trial, String),
    /// The time of a canary is over, and it is well.
    Over(Trial),
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
        let Some(limits) = self.limits else { return };
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
            other: before.map(|record| (Arc::clone(&record.counters), Tally::default())),
            began: Instant::now(),
            window: limits.window,
            canary: false,
        };
        self.begin(trial);
    }

    fn begin(&self, trial: Trial) {
        let mut trials = locked(&self.trials);
        trials.retain(|other| other.slot != trial.slot || other.canary != trial.canary);
        trials.push(trial);
        self.tried.notify_one();
    }

    /// Lets a release answer a share of the requests for a while, and watches how it does.
    ///
    /// # Errors
    ///
    /// When it is refused.
    pub async fn try_canary(
        &self,
        release: &Path,
        force: bool,
        trying: Trying,
    ) -> Result<Swapped, SwapError> {
        let info = self.info(self.favicon_of(release).await);
        self.lend_folder_of(release).await;
        let switch = &self.site.switch;
        let swapped = match switch.try_out(release, &info, force, trying).await {
            Ok(swapped) => swapped,
            Err(error) => {
                self.arrange_folders().await;
                return Err(self.refused(release, error));
            }
        };
        self.add_folder(swapped.public.clone());
        let percent = percent(trying.share);
        tracing::info!(
            "generation {} is a canary: build {} answers {percent} of the requests for {:?}",
            swapped.generation,
            swapped.build_id,
            trying.length
        );
        let Some((generation, slot, ..)) = switch.canary() else { return Ok(swapped) };
        let table = switch.table();
        let beside = table.generations().get(slot).map(|live| Arc::clone(&live.counters));
        self.begin(Trial {
            slot,
            generation: generation.id,
            counters: Arc::clone(&generation.counters),
            start: Tally::of(&generation.counters),
            other: beside.map(|counters| {
                let start = Tally::of(&counters);
                (counters, start)
            }),
            began: Instant::now(),
            window: trying.length,
            canary: true,
        });
        Ok(swapped)
    }

    /// Gives a canary that is well all of the requests.
    async fn promote(&self, trial: Trial) {
        let (id, done) = (trial.generation, trial.done());
        match self.site.switch.promote(id).await {
            Ok(swapped) => {
                tracing::info!(
                    "generation {id} is live: {} of {} requests failed while it was a canary",
                    done.failures,
                    done.requests
                );
                self.try_out(&swapped);
                self.lead_with(swapped.public.clone()).await;
                self.unkept.notify_one();
            }
            Err(SwapError::Overtaken(_)) => {}
            Err(error) => tracing::error!("generation {id} stays a canary no longer: {error}"),
        }
    }

    /// Ends a canary, and refuses its build.
    async fn end_canary(
        &self,
        id: GenerationId,
        reason: String,
        automatic: bool,
    ) -> Result<WentBack, SwapError> {
        let switch = &self.site.switch;
        let began = Instant::now();
        let left = switch.canary().filter(|(canary, ..)| canary.id == id);
        let (left, slot, ..) = left.ok_or(SwapError::Overtaken(id))?;
        let left = left.build_id().clone();
        let serves = switch.end_canary(id, reason.clone(), automatic).await?;
        locked(&self.trials).retain(|trial| trial.generation != id);
        tracing::error!(
            "generation {id} (build {left}) is a canary no longer, and refused: {reason}; \
             build {} of generation {} answers all requests again",
            serves.build_id(),
            serves.id
        );
        let to = switch.ledger().book().serving(slot).cloned().ok_or(SwapError::NothingServes)?;
        let swapped = Swapped {
            generation: serves.id,
            build_id: serves.build_id().clone(),
            replaced: Some(id),
            routes: serves.routes.len(),
            public: None,
            unwell: Vec::new(),
            preflight_us: 0,
            load_us: 0,
            init_us: 0,
            total_us: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
        };
        Ok(WentBack { to, left, swapped })
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
        // A canary is watched where nothing else is.
        let limits = self.limits.unwrap_or_default();
        loop {
            if locked(&self.trials).is_empty() {
                self.tried.notified().await;
            }
            tokio::time::sleep(LOOK).await;
            while let Some(verdict) = self.verdict(&limits) {
                match verdict {
                    Verdict::Failed(trial, reason) if trial.canary => {
                        // `nova rollback` may have been faster.
                        self.end_canary(trial.generation, reason, true).await.ok();
                    }
                    Verdict::Failed(trial, reason) => {
                        self.go_back_from(trial.generation, trial.slot, reason).await;
                    }
                    Verdict::Over(trial) => self.promote(trial).await,
                }
            }
        }
    }

    /// Takes a trial that has ended, if its end asks for something.
    fn verdict(&self, limits: &Limits) -> Option<Verdict> {
        let mut trials = locked(&self.trials);
        let is_over = |trial: &Trial| trial.began.elapsed() >= trial.window;
        trials.retain(|trial| trial.canary || !is_over(trial));
        let fails = |trial: &Trial| limits.are_passed_by(trial.done(), trial.other());
        let ended = trials.iter().position(|trial| fails(trial) || is_over(trial))?;
        let trial = trials.swap_remove(ended);
        Some(if fails(&trial) {
            let reason = describe(trial.done(), trial.began.elapsed());
            Verdict::Failed(trial, reason)
        } else {
            Verdict::Over(trial)
        })
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
    /// While a canary is tried, that is its end.
    pub(super) async fn go_back(&self, to: Option<&str>) -> Result<WentBack, SwapError> {
        if let Some((canary, ..)) = self.site.switch.canary() {
            if to.is_some() {
                self.site.switch.no_canary()?;
            }
            let reason = "its trial was ended by `nova rollback`".to_owned();
            return self.end_canary(canary.id, reason, false).await;
        }
        let to = self.site.switch.ledger().book().wanted(to)?.clone();
        let table = self.site.switch.table();
        let from = table.generations().get(to.slot).ok_or(SwapError::NothingServes)?.id;
        let reason = "rolled back by `nova rollback`".to_owned();
        self.go(Back { from, to, reason, automatic: false }).await
    }

    async fn go(&self, back: Back) -> Result<WentBack, SwapError> {
        let switch = &self.site.switch;
        let Back { from, to, reason, .. } = back.clone();
        // Nobody has verified what lies at the source of a signed release now.
        let source = (!switch.settings().trust.wants_signatures()).then_some(&to.source);
        let kept = switch.ledger().public_of(&to.build_id);
        let public = kept.or_else(|| public_folder(source?));
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
        self.lead_with(swapped.public.clone().or(public)).await;
        self.unkept.notify_one();
        Ok(WentBack { to, left, swapped })
    }
}
