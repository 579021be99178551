//! The switch: from a candidate to the generation that serves, and away again.
//!
//! Where two generations may be alive at once: candidate -> preflight in a child -> load here ->
//! init -> warm -> publish -> the old one drains -> it is retired. Until the publish nothing of the
//! serving generation is touched, so a candidate may fail anywhere before it. Where they must not,
//! the door is held between the end of the one and the beginning of the other (`handover.rs`).
//! Which way a swap takes, `mode.rs` says.
//!
//! A [`Switch`] is made of a gate that lets in one swap at a time (`gate.rs`), a launcher that
//! starts candidates (`launcher.rs`), a publisher that owns the table and what is in it
//! (`publisher.rs`), the drains of what was in it before (`drains.rs`), and the door at which
//! requests wait (`door.rs`). What a generation may do next is its type (`lifecycle.rs`).

mod apart;
mod canary;
mod candidate;
mod door;
mod drains;
mod elsewhere;
mod error;
mod gate;
mod handover;
mod history;
mod hold;
mod launcher;
mod leaders;
mod lifecycle;
mod manual;
mod mode;
mod options;
mod publisher;
mod report;
mod rollback;
mod settings;
mod slot;
mod start;
mod stranded;
mod stylesheets;
mod transfer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nova_abi::{OwnedBytes, SwapMode};
use tokio::task::JoinSet;

use self::candidate::PreparedSwap;
use self::door::Door;
use self::drains::Drains;
use self::gate::SwapGate;
use self::launcher::{Launcher, Loaded, WarmUp};
use self::leaders::Leaders;
use self::lifecycle::CandidateGeneration;
use self::publisher::Publisher;
use self::report::{SwapTotals, micros};
use self::stranded::Stranded;
use crate::generation::table::Table;
use crate::generation::{Generation, GenerationId};
use crate::library::hooks;
use crate::library::loader::Store;
use crate::library::start::{StartError, StartInfo};
use crate::release::Stylesheet;
use crate::release::ledger::Ledger;
use crate::rooms::SharedRooms;

pub use self::canary::percent;
pub(crate) use self::door::Passage;
pub use self::door::{Forward, WaitTotals, Waits};
pub(crate) use self::elsewhere::{CheckedRelease, ServedRelease};
pub use self::error::SwapError;
pub use self::gate::SwapTurn;
pub(crate) use self::handover::OnMisfit;
pub use self::history::{GenerationRecord, GenerationState};
pub use self::hold::Hold;
pub(crate) use self::hold::HoldLimits;
pub use self::manual::{ManualSwap, StartedApp};
pub use self::options::SwapOptions;
pub use self::publisher::{CanarySpec, CanaryView};
pub use self::report::{HeldReport, SwapReport};
pub use self::rollback::Rollback;
pub use self::settings::SwapSettings;
pub use self::start::{InheritedStates, InsteadOfState, LoadedReleases};
pub(crate) use self::stranded::ExportedStates;
pub use self::stylesheets::STYLESHEETS;
pub use self::transfer::{SavedState, SwitchState};

/// Holds the route table that serves, and replaces it.
#[derive(Debug)]
pub struct Switch {
    gate: SwapGate,
    launcher: Launcher,
    publisher: Publisher,
    drains: Drains,
    door: Arc<Door>,
    /// What builds have exported last.
    exported: ExportedStates,
    /// The apps that could not be started again.
    stranded: Stranded,
    leaders: Leaders,
    ledger: Arc<Ledger>,
    totals: SwapTotals,
}

impl Switch {
    /// A switch with an empty table.
    #[must_use]
    pub fn new(settings: SwapSettings, store: Store) -> Self {
        Self {
            gate: SwapGate::default(),
            drains: Drains::new(settings.drain_limit, settings.hook_limit),
            door: Arc::new(Door::new(settings.hold_queue)),
            exported: ExportedStates::default(),
            stranded: Stranded::default(),
            launcher: Launcher::new(settings, store),
            publisher: Publisher::default(),
            leaders: Leaders::default(),
            ledger: Arc::default(),
            totals: SwapTotals::default(),
        }
    }

    /// Counts generations from after `last`: for a process that goes on where another ended.
    #[must_use]
    pub fn counting_from(self, last: GenerationId) -> Self {
        self.launcher.count_from(last);
        self
    }

    /// Remembers releases in `ledger`, and refuses what it refuses.
    #[must_use]
    pub fn with_ledger(mut self, ledger: Ledger) -> Self {
        self.ledger = Arc::new(ledger);
        self
    }

    /// What is remembered of releases.
    #[must_use]
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// The rooms that its apps share.
    #[must_use]
    pub fn rooms(&self) -> &SharedRooms {
        &self.launcher.rooms
    }

    /// The table that serves now.
    #[must_use]
    pub fn table(&self) -> Arc<Table> {
        self.publisher.table()
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &SwapSettings {
        &self.launcher.settings
    }

    /// How many libraries this process has mapped, for good.
    #[must_use]
    pub fn loads(&self) -> usize {
        self.launcher.loader.loads()
    }

    /// How many swaps were published, and how many candidates refused.
    #[must_use]
    pub fn totals(&self) -> (u64, u64) {
        self.totals.get()
    }

    /// How long requests have waited at the door.
    #[must_use]
    pub fn waits(&self) -> WaitTotals {
        self.door.totals()
    }

    /// Whether an app could not be started again, so that its requests are turned away.
    #[must_use]
    pub fn is_stranded(&self) -> bool {
        !self.stranded.is_empty()
    }

    /// How a generation is swapped, if what takes its place asks for no more.
    #[must_use]
    pub fn mode_of(&self, generation: &Generation) -> SwapMode {
        mode::own_mode(generation, self.settings().mode)
    }

    /// Waits until a request that found its generation closed may ask the table again.
    pub(crate) async fn pass_door(&self) -> Passage {
        self.door.pass().await
    }

    /// The generations, newest last: all that are live or drain, and the latest retired ones.
    #[must_use]
    pub fn history(&self) -> Vec<GenerationRecord> {
        self.publisher.history().list()
    }

    /// Writes down what serves, and makes copies of the releases that are to be kept.
    pub async fn keep(&self) {
        let (ledger, store) = (self.ledger.clone(), self.launcher.store().clone());
        blocking(move || ledger.keep(&store)).await;
    }

    /// Removes the copies of libraries that neither serve nor are kept, and those of public files
    /// that are not in `folders`, for a host that shares its store with no other; before its first
    /// swap, because a candidate has a copy before it serves.
    pub async fn sweep(&self, folders: Vec<PathBuf>) {
        let log = self.ledger.log();
        let table = self.table();
        let (store, trust) = (self.launcher.store().clone(), self.settings().trust.clone());
        let sweep = move || {
            trust.sweep(&folders);
            store.sweep(|build_id| {
                log.releases.iter().any(|kept| kept.build_id == *build_id)
                    || table.generations().iter().any(|it| it.build_id() == build_id)
            });
        };
        blocking(sweep).await;
    }

    /// Serves the stylesheets of the releases that are kept, too. This blocks.
    pub fn add_kept_stylesheets(&self) {
        for sheet in self.ledger.stylesheets() {
            self.launcher.stylesheets.add(sheet);
        }
    }

    /// A stylesheet of a release, by its file name.
    #[must_use]
    pub fn stylesheet(&self, name: &str) -> Option<Stylesheet> {
        self.launcher.stylesheets.find(name)
    }

    /// The stylesheet of the release that came last.
    pub fn latest_stylesheet(&self) -> Option<Stylesheet> {
        self.launcher.stylesheets.list().last().cloned()
    }

    /// Puts the release at `source` in the place of the generation that it replaces. Once begun it
    /// goes on to its end, whether that is waited for or not.
    ///
    /// # Errors
    /// [`SwapError::Busy`] while another swap is under way; else with what is wrong with the
    /// candidate.
    pub async fn swap(
        self: &Arc<Self>,
        source: &Path,
        info: &StartInfo,
        options: impl Into<SwapOptions>,
    ) -> Result<SwapReport, SwapError> {
        let (source, info, options) = (source.to_owned(), info.clone(), options.into());
        self.to_its_end(&source.clone(), move |switch| async move {
            let _turn = switch.gate.try_enter(&source)?;
            switch.no_canary()?;
            switch.counted(switch.replace(&source, &info, options).await)
        })
        .await
    }

    /// As [`swap`](Self::swap), after the swap that may be under way.
    ///
    /// # Errors
    /// With what is wrong with the candidate.
    pub async fn swap_next(
        self: &Arc<Self>,
        source: &Path,
        info: &StartInfo,
        options: impl Into<SwapOptions>,
    ) -> Result<SwapReport, SwapError> {
        let (source, info, options) = (source.to_owned(), info.clone(), options.into());
        self.to_its_end(&source.clone(), move |switch| async move {
            let _turn = switch.gate.enter(&source).await;
            switch.no_canary()?;
            switch.counted(switch.replace(&source, &info, options).await)
        })
        .await
    }

    /// Does a work that must not be given up half way, when who waits for it goes away: in a task
    /// of its own.
    async fn to_its_end<T, F>(
        self: &Arc<Self>,
        source: &Path,
        work: impl FnOnce(Arc<Self>) -> F,
    ) -> Result<T, SwapError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, SwapError>> + Send + 'static,
    {
        let done = tokio::spawn(work(Arc::clone(self))).await;
        done.unwrap_or_else(|error| {
            Err(SwapError::Lost { path: source.to_owned(), cause: error.to_string() })
        })
    }

    /// Counts how a swap ended.
    fn counted(&self, result: Result<SwapReport, SwapError>) -> Result<SwapReport, SwapError> {
        self.totals.count(&result);
        result
    }

    async fn replace(
        self: &Arc<Self>,
        source: &Path,
        info: &StartInfo,
        options: SwapOptions,
    ) -> Result<SwapReport, SwapError> {
        let checked = self.prepare(source, info, options).await?;
        let PreparedSwap { slot, old, mode, loaded, facts, began, preflight_us } =
            self.load(checked).await?;
        let mut report = if mode.holds_door() {
            let on_misfit = if options.force { OnMisfit::StartAnew } else { OnMisfit::Refuse };
            let _alone = self.gate.alone().await;
            self.hand_over(slot, loaded, on_misfit).await?
        } else {
            let saved = match &old {
                Some(old) => self.saved(old).await,
                None => None,
            };
            let warm_up = if old.is_some() { WarmUp::Full } else { WarmUp::Cold };
            let (candidate, report) = self.start_beside(&loaded, saved, warm_up).await?;
            let replaced = self.publish(candidate, slot, self.settings().standby).await?;
            SwapReport { replaced, ..report }
        };
        report.mode = mode;
        report.preflight_us = preflight_us;
        report.total_us = micros(began);
        self.ledger.serves(slot, facts);
        Ok(report)
    }

    /// Lets a candidate answer the requests of its slot. What it replaces drains, and stands by
    /// until `standby` after now; gives back its number.
    async fn publish(
        &self,
        candidate: CandidateGeneration,
        slot: usize,
        standby: Duration,
    ) -> Result<Option<GenerationId>, SwapError> {
        match self.publisher.publish(candidate, slot, None) {
            Ok(replaced) => {
                self.follow();
                Ok(replaced.map(|replaced| {
                    let id = replaced.id();
                    self.drains.drain_slot(replaced, slot, standby);
                    id
                }))
            }
            Err(failure) => Err(failure.discard(self.settings().hook_limit).await),
        }
    }

    /// Lets the generations that serve now lead, when those that led before have let go.
    fn follow(&self) {
        self.leaders.follow(self.table().generations());
    }

    /// Starts an app beside the one that serves. A state that it cannot read is none that it needs:
    /// the app before has said that its state is not its own, or is lost in any case.
    async fn start_beside(
        &self,
        loaded: &Loaded,
        saved: Option<OwnedBytes>,
        warm_up: WarmUp,
    ) -> Result<(CandidateGeneration, SwapReport), SwapError> {
        match self.launcher.start(loaded, saved, warm_up).await {
            Err(SwapError::Start { cause: StartError::Misfit(reason), path }) => {
                let path = path.display();
                tracing::warn!("{path}: the saved state does not fit: {reason}; it starts anew");
                self.launcher.start(loaded, None, warm_up).await
            }
            started => started,
        }
    }

    /// What the old generation's `export` saves, for an app that runs beside it. A state that
    /// cannot be saved is no reason to keep the old code then: init runs anew.
    async fn saved(&self, old: &Generation) -> Option<OwnedBytes> {
        let app = old.app().filter(|app| app.exports())?;
        hooks::export(app, self.settings().hook_limit).await.unwrap_or_else(|error| {
            let id = old.id;
            tracing::warn!("`export` of app.rs in generation {id} {error}; so its state is lost");
            None
        })
    }

    /// Waits until no request is inside of any generation, whether it came on a connection of this
    /// process or another one has passed it on.
    pub(crate) async fn until_empty(&self) {
        let mut alive = self.table().generations().to_vec();
        alive.extend(self.canary().map(|canary| canary.generation));
        alive.extend(self.drains.generations());
        for generation in alive {
            generation.tell();
            generation.until(|counts| counts.sum() == 0).await;
        }
    }

    /// Ends all generations, for the end of the process. What is inside has the time of `requests`
    /// to finish, and jobs to end; then the apps shut down, all at the same time, and `hooks` is how
    /// long that may take. What one of them does not do keeps no other one from its end.
    pub async fn stop(&self, requests: Duration, hooks: Duration) {
        let deadline = Instant::now() + requests;
        self.door.stop();
        let live = self.publisher.stop();
        let emptied = async {
            for generation in &live {
                generation.is_empty_by(deadline).await;
            }
        };
        let stand_by = tokio::time::timeout_at(deadline.into(), self.leaders.all_stand_by());
        // Who goes on all the same is shut down as well.
        let _ = tokio::join!(stand_by, emptied);
        let mut ending = JoinSet::new();
        for generation in live {
            ending.spawn(generation.stop(hooks));
        }
        let ended = async { while ending.join_next().await.is_some() {} };
        tokio::join!(ended, self.drains.stop(hooks));
    }
}

/// Does what blocks on a thread that may.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}
