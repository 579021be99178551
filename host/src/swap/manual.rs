//! A swap whose generation the caller starts: the switch gives the turn, the state of what serves
//! and the settings, and publishes what comes of it.
//!
//! The door is held from the export of the state until the publish, so that nothing is written in
//! between. The old app stays until the new one serves, because a mistake in `init` is nothing
//! rare here: then the door opens to the old one, as if nothing had been. What it leaves behind ends
//! soon after, and before a third app begins.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nova_abi::{App, OwnedBytes};

use super::door::HeldDoor;
use super::gate::SwapTurn;
use super::lifecycle::CandidateGeneration;
use super::report::micros;
use super::{SwapError, SwapReport, Switch};
use crate::generation::{Generation, Origin, View};
use crate::library::loader::{BuildId, Library};
use crate::library::start::{StartError, StartInfo, start};

/// How long the requests inside may take before a save goes live without waiting for them.
const HOLD_LIMIT: Duration = Duration::from_secs(1);

/// How long what an old app has open may go on when another app serves.
const LAST_STREAMS: Duration = Duration::from_secs(2);

/// As long as this is kept, no other swap begins. One that is dropped counts as refused.
#[derive(Debug)]
pub struct ManualSwap<'a> {
    switch: &'a Switch,
    began: Instant,
    /// Requests wait for what comes.
    held: Option<Held>,
    /// Whether an app was started, so that the one before ends.
    is_new_app: bool,
    /// Whether it is known how it ended.
    counted: bool,
    _turn: SwapTurn,
}

/// An app whose requests wait.
#[derive(Debug)]
struct Held {
    old: Arc<Generation>,
    door: HeldDoor,
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
        let (began, held) = (Instant::now(), None);
        ManualSwap { switch: self, began, held, is_new_app: false, counted: false, _turn: turn }
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

    /// Starts the app of a library, with the state of the one that serves, or with what was `saved`
    /// where none does. Requests wait from the export of that state until the publish.
    ///
    /// # Errors
    /// If its `init` fails.
    pub async fn start(
        &mut self,
        library: &Arc<Library>,
        source: &Path,
        info: &StartInfo,
        saved: Option<OwnedBytes>,
    ) -> Result<App, SwapError> {
        let settings = self.switch.settings();
        let deadline = Instant::now() + HOLD_LIMIT;
        if let Err(old) = self.switch.drains.end_slot(0, deadline).await {
            tracing::warn!("generation {} does not end: a page of it goes on", old.id);
        }
        let saved = match self.serving() {
            Some(old) => {
                self.hold(&old).await;
                self.switch.saved(&old).await
            }
            None => saved,
        };
        let info = StartInfo { dev: settings.dev, ..info.clone() };
        let rooms = self.switch.rooms();
        let begin = |saved| {
            let (info, rooms) = (info.clone(), rooms.for_library());
            start(library, settings.purpose, info, rooms, saved, settings.init_limit)
        };
        let started = match begin(saved).await {
            Err(StartError::Misfit(reason)) => {
                tracing::warn!("the saved state does not fit: {reason}; the app starts anew");
                begin(None).await
            }
            started => started,
        };
        self.is_new_app = started.is_ok();
        started.map_err(|cause| SwapError::Start { path: source.into(), cause })
    }

    /// Lets requests wait, and those inside finish, if the app has a state that they could change.
    /// A page that does not answer soon, as at a breakpoint, keeps no save from going live.
    async fn hold(&mut self, old: &Arc<Generation>) {
        if !old.app().is_some_and(|app| app.exports()) {
            return;
        }
        let held = Held { old: old.clone(), door: self.switch.door.hold() };
        old.close();
        self.switch.leaders.stand_by(0).await;
        if old.until_by(Instant::now() + HOLD_LIMIT, |counts| counts.inside == 0).await {
            self.held = Some(held);
        } else {
            tracing::warn!("a page has not answered; what it still writes is lost with the app");
            self.let_in(held);
        }
    }

    /// Lets the app that serves answer the requests that wait for it.
    fn let_in(&self, held: Held) {
        held.old.reopen();
        self.switch.follow();
        held.door.open();
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
        if let Some(held) = self.held.take() {
            held.door.open();
        }
        if self.is_new_app {
            self.switch.drains.cut_slot_after(0, LAST_STREAMS);
        }
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
        if let Some(held) = self.held.take() {
            self.let_in(held);
        }
        if !self.counted {
            self.switch.totals.refused();
        }
    }
}
