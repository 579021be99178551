//! A swap whose generation the caller starts: the switch gives the turn, the state of what serves
//! and the settings, and publishes what comes of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nova_abi::{App, Purpose};

use super::gate::SwapTurn;
use super::lifecycle::CandidateGeneration;
use super::report::micros;
use super::{SwapError, SwapReport, Switch};
use crate::generation::{Generation, Origin, View};
use crate::library::loader::{BuildId, Library};
use crate::library::start::{StartError, StartInfo, start};

/// As long as this is kept, no other swap begins. One that is dropped counts as refused.
#[derive(Debug)]
pub struct ManualSwap<'a> {
    switch: &'a Switch,
    began: Instant,
    /// Whether it is known how it ended.
    counted: bool,
    _turn: SwapTurn,
}

/// A started app, ready to serve in the one slot of a table.
#[derive(Debug)]
pub struct StartedApp {
    /// Where its library was read.
    pub source: PathBuf,
    /// The library.
    pub library: Arc<Library>,
    /// The app, its routes and its identity.
    pub view: View,
    /// When everything that it needs had been mapped.
    pub loaded: Instant,
}

impl Switch {
    /// Begins a swap to what the caller starts, after the one that may be under way. Those that are turned away
    /// meanwhile are told of `candidate`.
    pub async fn manual_swap(&self, candidate: &Path) -> ManualSwap<'_> {
        let turn = self.gate.enter(candidate).await;
        ManualSwap { switch: self, began: Instant::now(), counted: false, _turn: turn }
    }
}

impl ManualSwap<'_> {
    /// The generation that serves in the first slot.
    #[must_use]
    pub fn serving(&self) -> Option<Arc<Generation>> {
        self.switch.table().generations().first().cloned()
    }

    /// Ends a swap to what serves already.
    ///
    /// # Errors
    /// [`SwapError::AlreadyLive`] if it does.
    pub fn unless_live(&mut self, build_id: &BuildId) -> Result<(), SwapError> {
        match self.serving().filter(|old| old.build_id() == build_id) {
            None => Ok(()),
            Some(old) => {
                self.counted = true;
                let (path, generation) = (old.origin.source.clone(), old.id);
                Err(SwapError::AlreadyLive { path, build_id: build_id.clone(), generation })
            }
        }
    }

    /// Starts the app of a library, with the state of the one that serves.
    ///
    /// # Errors
    /// If its `init` fails.
    pub async fn start(
        &self,
        library: &Arc<Library>,
        source: &Path,
        info: &StartInfo,
    ) -> Result<App, SwapError> {
        let settings = self.switch.settings();
        let saved = match self.serving() {
            Some(old) => self.switch.saved(&old).await,
            None => None,
        };
        let info = StartInfo { dev: settings.dev, ..info.clone() };
        let begin =
            |saved| start(library, Purpose::Serve, info.clone(), saved, settings.init_limit);
        let started = match begin(saved).await {
            Err(StartError::Misfit(reason)) => {
                tracing::warn!("the saved state does not fit: {reason}; the app starts anew");
                begin(None).await
            }
            started => started,
        };
        started.map_err(|cause| SwapError::Start { path: source.into(), cause })
    }

    /// Lets it serve in the first slot. One that makes no table is shut down, so that its app knows.
    ///
    /// # Errors
    /// If its routes make no table.
    pub async fn publish(mut self, started: StartedApp) -> Result<SwapReport, SwapError> {
        let StartedApp { source, library, view, loaded } = started;
        let id = self.switch.launcher.next_id();
        let generation = Generation::of_view(id, Origin::of_file(source), library, view);
        let init_us = micros(loaded);
        let candidate = CandidateGeneration::new(generation.clone());
        let replaced = self.switch.publish(candidate, 0, Duration::ZERO).await?;
        let load_us = u64::try_from((loaded - self.began).as_micros()).unwrap_or(u64::MAX);
        let report = SwapReport::of(&generation, self.began);
        let result = Ok(SwapReport { replaced, load_us, init_us, ..report });
        self.switch.totals.count(&result);
        self.counted = true;
        result
    }
}

impl Drop for ManualSwap<'_> {
    fn drop(&mut self) {
        if !self.counted {
            self.switch.totals.refused();
        }
    }
}
