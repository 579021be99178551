//! The switch: from a candidate to the generation that serves, and away again.
//!
//! candidate -> preflight in a child -> load here -> init -> warm -> publish -> the old one
//! drains -> it is retired. Until the publish nothing of the serving generation is touched, so a
//! candidate may fail anywhere before it.
//!
//! A [`Switch`] is made of a gate that lets in one swap at a time (`gate.rs`), a launcher that
//! starts candidates (`launcher.rs`), a publisher that owns the table and what is in it
//! (`publisher.rs`), and the drains of what was in it before (`drains.rs`). What a generation may
//! do next is its type (`lifecycle.rs`).

mod canary;
mod drains;
mod elsewhere;
mod error;
mod gate;
mod history;
mod launcher;
mod leaders;
mod lifecycle;
mod manual;
mod publisher;
mod report;
mod rollback;
mod settings;
mod start;
mod stylesheets;
mod transfer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nova_abi::{FailureKind, OwnedBytes};

use self::drains::Drains;
use self::gate::SwapGate;
use self::launcher::{Launch, Launcher};
use self::leaders::Leaders;
use self::lifecycle::CandidateGeneration;
use self::publisher::Publisher;
use self::report::{SwapTotals, micros};
use crate::generation::table::Table;
use crate::generation::{Generation, GenerationId};
use crate::library::loader::Store;
use crate::library::start::StartInfo;
use crate::release::ledger::{Ledger, ReleaseFacts};
use crate::release::{Release, Stylesheet};

pub use self::canary::percent;
pub(crate) use self::elsewhere::{CheckedRelease, ServedRelease};
pub use self::error::SwapError;
pub use self::gate::SwapTurn;
pub use self::history::{GenerationRecord, GenerationState};
pub use self::manual::{ManualSwap, StartedApp};
pub use self::publisher::{CanarySpec, CanaryView};
pub use self::report::SwapReport;
pub use self::rollback::Rollback;
pub use self::settings::SwapSettings;
pub use self::stylesheets::STYLESHEETS;
pub use self::transfer::SwitchState;

/// Holds the route table that serves, and replaces it.
#[derive(Debug)]
pub struct Switch {
    gate: SwapGate,
    launcher: Launcher,
    publisher: Publisher,
    drains: Drains,
    leaders: Leaders,
    ledger: Arc<Ledger>,
    totals: SwapTotals,
}

/// A candidate that has started, and only has to be published.
struct PreparedSwap {
    slot: usize,
    candidate: CandidateGeneration,
    report: SwapReport,
    facts: ReleaseFacts,
    began: Instant,
}

impl Switch {
    /// A switch with an empty table.
    #[must_use]
    pub fn new(settings: SwapSettings, store: Store) -> Self {
        Self {
            gate: SwapGate::default(),
            drains: Drains::new(settings.drain_limit),
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

    /// Puts the release at `source` in the place of the generation that it replaces.
    ///
    /// # Errors
    /// [`SwapError::Busy`] while another swap is under way; else with what is wrong with the
    /// candidate.
    pub async fn swap(
        &self,
        source: &Path,
        info: &StartInfo,
        force: bool,
    ) -> Result<SwapReport, SwapError> {
        let _turn = self.gate.try_enter(source)?;
        self.no_canary()?;
        self.counted(self.replace(source, info, force).await)
    }

    /// As [`swap`](Self::swap), after the swap that may be under way.
    ///
    /// # Errors
    /// With what is wrong with the candidate.
    pub async fn swap_next(
        &self,
        source: &Path,
        info: &StartInfo,
        force: bool,
    ) -> Result<SwapReport, SwapError> {
        let _turn = self.gate.enter(source).await;
        self.no_canary()?;
        self.counted(self.replace(source, info, force).await)
    }

    /// Counts how a swap ended.
    fn counted(&self, result: Result<SwapReport, SwapError>) -> Result<SwapReport, SwapError> {
        self.totals.count(&result);
        result
    }

    async fn replace(
        &self,
        source: &Path,
        info: &StartInfo,
        force: bool,
    ) -> Result<SwapReport, SwapError> {
        let PreparedSwap { slot, candidate, mut report, facts, began } =
            self.prepare(source, info, force).await?;
        report.replaced = self.publish(candidate, slot, self.settings().standby).await?;
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
            Err(failure) => Err(failure.discard().await),
        }
    }

    /// Lets the generations that serve now lead, when those that led before have let go.
    fn follow(&self) {
        self.leaders.follow(self.table().generations());
    }

    /// Brings a candidate as far as it comes without a request.
    async fn prepare(
        &self,
        source: &Path,
        info: &StartInfo,
        force: bool,
    ) -> Result<PreparedSwap, SwapError> {
        let launcher = &self.launcher;
        if launcher.is_linked() {
            return Err(SwapError::Linked);
        }
        let began = Instant::now();
        let table = self.table();
        let release = launcher.read(source).await?;
        let slot = slot_for(&table, &release)?;
        let old = table.generations().get(slot).cloned();
        if !force {
            self.check_wanted(source, &release, old.as_deref())?;
        }
        let info = launcher.info_for(&release, info);
        let checking = Instant::now();
        let preflight = launcher.preflight(&release, &info).await?;
        let preflight_us = micros(checking);
        let facts = ReleaseFacts::of(&release);
        let saved = match &old {
            Some(old) => Self::saved(old).await,
            None => None,
        };
        let cold = table.generations().is_empty();
        let launch = Launch { release, info, saved, preflight, began, cold };
        let (candidate, mut report) = launcher.launch(launch).await?;
        report.preflight_us = preflight_us;
        Ok(PreparedSwap { slot, candidate, report, facts, began })
    }

    /// Says that a release is not what serves already, and was not refused.
    fn check_wanted(
        &self,
        source: &Path,
        release: &Release,
        old: Option<&Generation>,
    ) -> Result<(), SwapError> {
        let build_id = &release.candidate.build_id;
        if let Some(old) = old
            && old.build_id() == build_id
            && !old.assets.differs(release, self.settings().release_files)
        {
            return Err(SwapError::AlreadyLive {
                path: source.into(),
                build_id: build_id.clone(),
                generation: old.id,
            });
        }
        match self.ledger.refusal(build_id) {
            None => Ok(()),
            Some(refused) => Err(SwapError::RefusedBuild {
                path: source.into(),
                build_id: refused.build_id,
                reason: refused.reason,
            }),
        }
    }

    /// What the old generation's `export` saves. A state that cannot be saved is no reason to keep
    /// the old code: then init runs anew.
    async fn saved(old: &Generation) -> Option<OwnedBytes> {
        old.app().export().await.unwrap_or_else(|failure| {
            let what = match failure.kind {
                FailureKind::Panic => "panicked",
                FailureKind::Error | FailureKind::Disconnected => "failed",
            };
            tracing::warn!(
                "`export` of app.rs {what} in generation {}, so its state is lost: {failure}",
                old.id
            );
            None
        })
    }

    /// Ends all generations, for the end of the process; requests have `limit` to finish.
    pub async fn stop(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        tokio::time::timeout(limit / 2, self.leaders.all_stand_by()).await.ok();
        self.drains.stop().await;
        for generation in self.publisher.stop() {
            generation.is_empty_by(deadline).await;
            generation.retire().await;
        }
    }
}

/// Which generation a release replaces: the only one, the one from the same path, or the one of
/// the same app.
fn slot_for(table: &Table, release: &Release) -> Result<usize, SwapError> {
    let generations = table.generations();
    if generations.len() <= 1 {
        return Ok(0);
    }
    let name = |app: &str| app.split(' ').next().unwrap_or_default().to_owned();
    let app = name(&release.candidate.note.app);
    generations
        .iter()
        .position(|generation| generation.source == release.source)
        .or_else(|| generations.iter().position(|old| name(&old.library.note.app) == app))
        .ok_or_else(|| SwapError::NoSlot {
            path: release.source.clone(),
            app,
            serving: generations
                .iter()
                .map(|old| format!("`{}` ({})", name(&old.library.note.app), old.source.display()))
                .collect::<Vec<_>>()
                .join(" and "),
        })
}

/// Does what blocks on a thread that may.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}
