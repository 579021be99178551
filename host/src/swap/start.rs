//! The releases that a host starts with: nothing serves yet, so there is nothing to protect.

use std::path::{Path, PathBuf};
use std::time::Instant;

use nova_abi::OwnedBytes;
use serde::{Deserialize, Serialize};

use super::launcher::{Launch, Loaded, WarmUp};
use super::lifecycle::CandidateGeneration;
use super::publisher::PublishFailure;
use super::{SavedState, SwapError, SwapReport, Switch};
use crate::generation::GenerationId;
use crate::generation::preflight::PreflightReport;
use crate::library::loader::{Candidate, Library};
use crate::library::start::{StartError, StartInfo};
use crate::release::Release;
use crate::release::ledger::{KeptRelease, RefusedBuild, ReleaseFacts, ReleaseLog};

/// Libraries that are mapped, and whose apps only have to be started.
#[derive(Debug)]
pub struct LoadedReleases(Vec<(Loaded, ReleaseFacts)>);

/// What the apps of another process have left.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InheritedStates {
    /// The state of each app that saves it, in the order of the libraries.
    pub apps: Vec<Option<SavedState>>,
    /// The generations that have left it.
    #[serde(default)]
    pub replaces: Vec<GenerationId>,
    /// What an app starts with that does not understand its state; without it, that is an error.
    #[serde(default)]
    pub instead: Option<InsteadOfState>,
}

/// What an app starts with that does not understand its state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InsteadOfState {
    /// Which library of the table it is.
    pub slot: usize,
    /// What its build has exported last, if that is known.
    pub state: Option<SavedState>,
    /// The app is older than the state, and may say in any way that it does not understand it.
    pub older: bool,
}

impl InheritedStates {
    /// The generation that has left the state of a slot.
    fn replaces(&self, slot: usize) -> GenerationId {
        self.replaces.get(slot).copied().unwrap_or_default()
    }
}

impl Switch {
    /// Reads the releases that a host starts with: what lies at these paths or, where the host
    /// remembers it, what served last in the place of a release that is refused, that cannot be
    /// used, or over which it was swapped in.
    ///
    /// # Errors
    /// With the first that cannot be read, or is refused, and has nothing in its place.
    pub fn read(&self, sources: &[PathBuf]) -> Result<Vec<Release>, SwapError> {
        sources.iter().enumerate().map(|(slot, source)| self.read_at(slot, source)).collect()
    }

    fn read_at(&self, slot: usize, source: &Path) -> Result<Release, SwapError> {
        let log = self.ledger.log();
        let store = self.launcher.store();
        let release = match Release::read_for(source, &self.settings().trust, Some(store)) {
            Ok(release) => release,
            Err(error) => {
                let Some(kept) = log.served_at(slot, source) else { return Err(error.into()) };
                let Some(served) = self.read_last(&log, kept) else { return Err(error.into()) };
                let build_id = &served.candidate.build_id;
                tracing::error!("{error}; build {build_id}, which served before, starts instead");
                return Ok(served);
            }
        };
        let found = ReleaseFacts::of(&release).deployment();
        let build_id = release.candidate.build_id.clone();
        let at = source.display();
        let instead = if let Some(RefusedBuild { reason, .. }) = self.ledger.refusal(&build_id) {
            let serving = log.serving(slot).filter(|kept| kept.build_id != build_id);
            let Some(served) = serving.and_then(|kept| self.read_last(&log, kept)) else {
                return Err(SwapError::RefusedBuild { path: source.into(), build_id, reason });
            };
            tracing::warn!(
                "{at}: build {build_id} was refused: {reason}; build {}, which served last, \
                 starts instead",
                served.candidate.build_id
            );
            Some(served)
        } else if let Some(kept) = log.swapped_in_over(slot, &found) {
            let served = self.read_last(&log, kept);
            if let Some(served) = &served {
                tracing::info!(
                    "{at}: still holds build {build_id}, over which build {} was swapped in, so \
                     that starts; another release here takes its place",
                    served.candidate.build_id
                );
            }
            served
        } else {
            None
        };
        self.ledger.found(slot, found);
        Ok(instead.unwrap_or(release))
    }

    /// Reads a release that served last or, where nothing of it is left, the newest before it that
    /// can be read and was not refused.
    fn read_last(&self, log: &ReleaseLog, last: &KeptRelease) -> Option<Release> {
        let (store, trust) = (self.launcher.store(), &self.settings().trust);
        let before = log.releases.iter().rev().filter(|kept| {
            kept.slot == last.slot
                && kept.build_id != last.build_id
                && log.refusal(&kept.build_id).is_none()
        });
        [last].into_iter().chain(before).find_map(|kept| {
            let read = self.ledger.read(kept, store, trust);
            let failed = |error| tracing::error!("build {} is lost: {error}", kept.build_id);
            read.map_err(failed).ok()
        })
    }

    /// Loads the libraries that a host starts with.
    ///
    /// # Errors
    /// As [`read`](Self::read) and [`start_read`](Self::start_read).
    pub async fn start(
        &self,
        sources: &[PathBuf],
        info: &StartInfo,
    ) -> Result<Vec<SwapReport>, SwapError> {
        self.start_read(self.read(sources)?, info).await
    }

    /// Loads the libraries of these releases. There is nothing to protect yet, so there is no
    /// child; all of them are published at once.
    ///
    /// # Errors
    /// With the first library that does not start; nothing is published then.
    pub async fn start_read(
        &self,
        releases: Vec<Release>,
        info: &StartInfo,
    ) -> Result<Vec<SwapReport>, SwapError> {
        self.start_with(releases, info, InheritedStates::default()).await
    }

    /// The same with the states that the apps had before.
    ///
    /// # Errors
    /// As [`start_read`](Self::start_read).
    pub async fn start_with(
        &self,
        releases: Vec<Release>,
        info: &StartInfo,
        states: InheritedStates,
    ) -> Result<Vec<SwapReport>, SwapError> {
        self.start_loaded(self.load_all(releases, info).await?, states).await
    }

    /// Maps the libraries that a process starts with; none of their code has run before.
    ///
    /// # Errors
    /// With the first that cannot be loaded.
    pub async fn load_all(
        &self,
        releases: Vec<Release>,
        info: &StartInfo,
    ) -> Result<LoadedReleases, SwapError> {
        let mut loaded = Vec::new();
        for release in releases {
            let facts = ReleaseFacts::of(&release);
            let launch = Launch {
                info: self.launcher.info_for(&release, info),
                release,
                preflight: PreflightReport::default(),
                began: Instant::now(),
            };
            loaded.push((self.launcher.load(launch).await?, facts));
        }
        Ok(LoadedReleases(loaded))
    }

    /// Starts the apps of libraries that are mapped; all of them are published at once.
    ///
    /// # Errors
    /// With the first that does not start; nothing is published then.
    pub async fn start_loaded(
        &self,
        LoadedReleases(loaded): LoadedReleases,
        mut states: InheritedStates,
    ) -> Result<Vec<SwapReport>, SwapError> {
        let first = loaded.first().map_or(Path::new(""), |(loaded, _)| loaded.path()).to_owned();
        let _turn = self.gate.enter(&first).await;
        let (mut candidates, mut reports, mut facts) = (Vec::new(), Vec::new(), Vec::new());
        for (slot, (loaded, of_release)) in loaded.iter().enumerate() {
            facts.push(of_release.clone());
            match self.start_inherited(slot, loaded, &mut states).await {
                Ok((candidate, report)) => {
                    candidates.push(candidate);
                    reports.push(report);
                }
                Err(error) => {
                    let limit = self.settings().hook_limit;
                    return Err(PublishFailure::new(candidates, error).discard(limit).await);
                }
            }
        }
        match self.publisher.publish_all(candidates) {
            Ok(before) => {
                let before = before.into_iter().enumerate();
                before.for_each(|(slot, before)| self.drains.drain(before, slot));
            }
            Err(failure) => return Err(failure.discard(self.settings().hook_limit).await),
        }
        self.follow();
        for (slot, facts) in facts.into_iter().enumerate() {
            self.ledger.serves(slot, facts);
        }
        Ok(reports)
    }

    /// Starts the app of a slot from its state, or from another one if that may be lost.
    async fn start_inherited(
        &self,
        slot: usize,
        loaded: &Loaded,
        states: &mut InheritedStates,
    ) -> Result<(CandidateGeneration, SwapReport), SwapError> {
        let start = |state: Option<SavedState>| {
            let state = state.map(|state| OwnedBytes::from_vec(state.0));
            self.launcher.start(loaded, state, WarmUp::Cold)
        };
        let state = states.apps.get_mut(slot).and_then(Option::take);
        let had_state = state.is_some();
        let error = match start(state).await {
            Err(error @ SwapError::Start { .. }) if had_state => error,
            started => return started,
        };
        let reason = match &error {
            SwapError::Start { cause: StartError::Misfit(reason), .. } => reason.clone(),
            // Older code may say in its own way that it does not understand a newer state.
            error if states.instead.as_ref().is_some_and(|it| it.slot == slot && it.older) => {
                error.to_string()
            }
            _ => return Err(error),
        };
        let generation = states.replaces(slot);
        let Some(instead) = states.instead.take_if(|instead| instead.slot == slot) else {
            let path = loaded.path().to_owned();
            return Err(SwapError::Misfit { path, generation, reason });
        };
        let from = match &instead.state {
            Some(_) => "the app goes on from what this build exported when it served last",
            None => "the app starts anew",
        };
        let lost = format!("the state of generation {generation} is lost: {reason}; {from}");
        let (candidate, mut report) = match start(instead.state).await {
            Err(SwapError::Start { cause: StartError::Misfit(_), .. }) => start(None).await?,
            started => started?,
        };
        tracing::warn!("{lost}");
        report.state_lost = Some(lost);
        Ok((candidate, report))
    }

    /// Takes a library that is linked into this program for one that was read and loaded; nothing
    /// is ever swapped in its place.
    pub fn link(&self, library: Library) -> Candidate {
        self.launcher.link(library)
    }
}
