//! A candidate on its way to its start: found fit to take the place of what it is to replace, and
//! loaded.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use nova_abi::SwapMode;

use super::launcher::{Launch, Loaded};
use super::report::micros;
use super::slot::{Occupant, slot_for};
use super::{SwapError, SwapOptions, Switch, mode};
use crate::generation::Generation;
use crate::library::start::StartInfo;
use crate::release::Release;
use crate::release::ledger::ReleaseFacts;

/// A candidate that has been checked, and what it is to replace.
pub(super) struct CheckedSwap {
    pub(super) slot: usize,
    pub(super) old: Option<Arc<Generation>>,
    pub(super) mode: SwapMode,
    pub(super) launch: Launch,
    pub(super) preflight_us: u64,
}

/// A candidate that is loaded, and only has to be started and published.
pub(super) struct PreparedSwap {
    pub(super) slot: usize,
    pub(super) old: Option<Arc<Generation>>,
    pub(super) mode: SwapMode,
    pub(super) loaded: Loaded,
    pub(super) facts: ReleaseFacts,
    pub(super) began: Instant,
    pub(super) preflight_us: u64,
}

impl Switch {
    /// Checks a candidate, without any of its code running in this process.
    pub(super) async fn prepare(
        &self,
        source: &Path,
        info: &StartInfo,
        options: SwapOptions,
    ) -> Result<CheckedSwap, SwapError> {
        let launcher = &self.launcher;
        if launcher.is_linked() {
            return Err(SwapError::Linked);
        }
        let began = Instant::now();
        let table = self.table();
        let release = launcher.read(source).await?;
        let live = table.generations().iter();
        let slots: Vec<_> =
            live.map(|old| Occupant::new(&old.origin.source, &old.library.note.app)).collect();
        let new = Occupant::new(&release.source, &release.candidate.note.app);
        let slot = slot_for(&slots, new, &self.ledger.log())?;
        let old = table.generations().get(slot).cloned();
        if !options.force {
            self.check_wanted(source, &release, old.as_deref())?;
        }
        let mode = match &old {
            Some(old) => self.mode_here(old, &release)?,
            None => SwapMode::Overlap,
        };
        let info = launcher.info_for(&release, info);
        let checking = Instant::now();
        let serving = old.as_ref().map(|old| old.build_id());
        let preflight = launcher.preflight(&release, &info, serving, options).await?;
        let preflight_us = micros(checking);
        let launch = Launch { release, info, preflight, began };
        Ok(CheckedSwap { slot, old, mode, launch, preflight_us })
    }

    /// The mode of a swap from `old` to a release, if this process can do it.
    pub(super) fn mode_here(
        &self,
        old: &Generation,
        release: &Release,
    ) -> Result<SwapMode, SwapError> {
        let mode = mode::mode_of(old, &release.source, &release.swap, self.settings().mode)?;
        if !mode.renews_process() {
            return Ok(mode);
        }
        let reasons = [&release.swap, &old.origin.swap].into_iter().flat_map(|plan| &plan.because);
        let mut reasons: Vec<_> = reasons.map(String::as_str).collect();
        reasons.dedup();
        let (path, reasons) = (release.source.clone(), reasons.join("; "));
        Err(SwapError::NeedsProcess { path, mode, reasons })
    }

    /// Maps the library of a candidate that has been checked.
    pub(super) async fn load(&self, checked: CheckedSwap) -> Result<PreparedSwap, SwapError> {
        let CheckedSwap { slot, old, mode, launch, preflight_us } = checked;
        let (facts, began) = (ReleaseFacts::of(&launch.release), launch.began);
        let loaded = self.launcher.load(launch).await?;
        Ok(PreparedSwap { slot, old, mode, loaded, facts, began, preflight_us })
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
            && !old.origin.assets.differs(release, self.settings().release_files)
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
}
