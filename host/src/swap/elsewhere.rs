//! A switch whose releases are served by other processes: it reads and checks them and remembers
//! which serve, and loads none of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use nova_abi::SwapMode;

use super::gate::SwapTurn;
use super::report::micros;
use super::slot::{Occupant, slot_for};
use super::{Hold, Rollback, SwapError, SwapOptions, Switch, blocking, mode, rollback};
use crate::generation::GenerationId;
use crate::generation::preflight::PreflightReport;
use crate::library::loader::BuildId;
use crate::library::start::StartInfo;
use crate::release::assets::ReleaseAssets;
use crate::release::ledger::{KeptRelease, ReleaseFacts};
use crate::release::swap_plan::SwapPlan;
use crate::release::{Release, Stylesheet};

/// A release that another process serves.
#[derive(Debug)]
pub(crate) struct ServedRelease {
    pub(crate) build_id: BuildId,
    /// The app's name and version.
    pub(crate) app: String,
    pub(crate) source: PathBuf,
    /// The number that it has in each of those processes.
    pub(crate) generation: GenerationId,
    pub(crate) plan: SwapPlan,
    /// Whether its app saves its state.
    pub(crate) exports: bool,
    pub(crate) facts: ReleaseFacts,
    /// Itself, for who wants to know later whether another one has taken its place.
    pub(crate) deployment: Arc<()>,
    assets: ReleaseAssets,
}

/// A release that may be started in another process.
#[derive(Debug)]
pub(crate) struct CheckedRelease {
    /// The library of the table that it replaces.
    pub(crate) slot: usize,
    pub(crate) served: ServedRelease,
    pub(crate) stylesheet: Option<Stylesheet>,
    /// The folder of public files that it brings.
    pub(crate) public: Option<PathBuf>,
    /// What is to be said of routes that did not do well in the preflight.
    pub(crate) unwell: Vec<String>,
    /// The preflight, in microseconds.
    pub(crate) preflight_us: u64,
}

impl CheckedRelease {
    /// A release that needs no preflight.
    pub(crate) fn unchecked(slot: usize, mut release: Release) -> Self {
        let facts = ReleaseFacts::of(&release);
        let assets = ReleaseAssets::take(&mut release);
        let Release { source, candidate, stylesheet, public, swap, .. } = release;
        let served = ServedRelease {
            build_id: candidate.build_id,
            app: candidate.note.app.clone(),
            source,
            // Both are known as soon as it is started.
            generation: GenerationId(0),
            plan: swap,
            exports: false,
            facts,
            deployment: Arc::default(),
            assets,
        };
        Self { slot, served, stylesheet, public, unwell: Vec::new(), preflight_us: 0 }
    }
}

impl Switch {
    /// Begins a swap to `source`; no other one begins as long as the turn is kept.
    ///
    /// # Errors
    /// When one is under way.
    pub(crate) fn turn(&self, source: &Path) -> Result<SwapTurn, SwapError> {
        self.gate.try_enter(source)
    }

    /// The same, after the swap that may be under way.
    pub(crate) async fn next_turn(&self, source: &Path) -> SwapTurn {
        self.gate.enter(source).await
    }

    /// Reads and checks a release that is to replace one of those that are `served`.
    ///
    /// # Errors
    /// With what is wrong with it.
    pub(crate) async fn check(
        &self,
        source: &Path,
        info: &StartInfo,
        options: SwapOptions,
        served: &[ServedRelease],
    ) -> Result<CheckedRelease, SwapError> {
        let release = self.launcher.read(source).await?;
        let slots: Vec<_> = served.iter().map(|old| Occupant::new(&old.source, &old.app)).collect();
        let new = Occupant::new(&release.source, &release.candidate.note.app);
        let slot = slot_for(&slots, new, &self.ledger.log())?;
        let build_id = &release.candidate.build_id;
        if !options.force {
            let old = &served[slot];
            if old.build_id == *build_id
                && !old.assets.differs(&release, self.settings().release_files)
            {
                return Err(SwapError::AlreadyLive {
                    path: source.into(),
                    build_id: build_id.clone(),
                    generation: old.generation,
                });
            }
            if let Some(refused) = self.ledger.refusal(build_id) {
                let (path, reason) = (source.into(), refused.reason);
                return Err(SwapError::RefusedBuild { path, build_id: build_id.clone(), reason });
            }
        }
        let info = self.launcher.info_for(&release, info);
        let checking = Instant::now();
        let serving = served.get(slot).map(|served| &served.build_id);
        let PreflightReport { unwell, .. } =
            self.launcher.preflight(&release, &info, serving, options).await?;
        let preflight_us = micros(checking);
        Ok(CheckedRelease { unwell, preflight_us, ..CheckedRelease::unchecked(slot, release) })
    }

    /// Reads a release that served before.
    ///
    /// # Errors
    /// When nothing of it is left.
    pub(crate) async fn check_kept(&self, kept: &KeptRelease) -> Result<CheckedRelease, SwapError> {
        Ok(CheckedRelease::unchecked(kept.slot, self.read_kept(kept).await?))
    }

    /// Serves the stylesheet of a release from now on, in each process that is told of it.
    pub(crate) fn add_stylesheet(&self, stylesheet: Option<Stylesheet>) {
        if let Some(stylesheet) = stylesheet {
            self.launcher.stylesheets.add(stylesheet);
        }
    }

    /// How a served release is replaced by another one.
    ///
    /// # Errors
    /// If two generations were to be alive at once that must not be.
    pub(crate) fn mode_between(
        &self,
        old: &ServedRelease,
        new: &ServedRelease,
    ) -> Result<SwapMode, SwapError> {
        let wanted = self.settings().mode;
        mode::choose(&old.plan, old.exports, &new.plan, wanted).map_err(|reasons| {
            let wanted = wanted.unwrap_or_default();
            SwapError::Unsafe { path: new.source.clone(), wanted, reasons }
        })
    }

    /// How a served release is replaced by itself.
    pub(crate) fn mode_elsewhere(&self, served: &ServedRelease) -> SwapMode {
        self.settings().mode.unwrap_or_else(|| mode::alone(&served.plan, served.exports))
    }

    /// Ends the apps of these slots, because another process goes on with them, and lets requests
    /// for them wait. Until that is resumed no swap begins, and no app starts again by itself.
    ///
    /// # Errors
    /// If a page does not answer in time, or a state cannot be exported; what served serves on.
    pub(crate) async fn hold_for(
        self: &Arc<Self>,
        slots: &[usize],
        path: &Path,
        force: bool,
    ) -> Result<Hold, SwapError> {
        let turn = self.gate.enter(path).await;
        Ok(self.hold_slots(slots, path, force, None).await?.keeping(turn))
    }

    /// Another process decides whether generations of this one lead.
    pub(crate) fn lead_when_told(&self) {
        self.leaders.hold_back();
    }

    /// That process says so.
    pub(crate) fn lead(&self) {
        self.leaders.release(self.table().generations());
    }

    /// Lets no generation lead; ready when their jobs have ended.
    pub(crate) async fn stand_by(&self) {
        self.leaders.hold_back();
        self.leaders.all_stand_by().await;
    }

    /// Other processes have started generations up to this one.
    pub(crate) fn started_up_to(&self, last: GenerationId) {
        self.launcher.count_from(last);
    }

    /// Counts how a swap ended.
    pub(crate) fn count(&self, published: bool) {
        match published {
            true => self.totals.published(),
            false => self.totals.refused(),
        }
    }

    /// Writes down that a release was left, and what serves instead.
    pub(crate) async fn note_rollback(
        &self,
        rollback: Rollback,
        facts: Option<ReleaseFacts>,
        left: (BuildId, PathBuf),
    ) {
        let ledger = self.ledger.clone();
        let (build_id, source) = left;
        blocking(move || rollback::note(&ledger, rollback, facts, build_id, source)).await;
    }
}
