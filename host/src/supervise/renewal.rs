//! New workers in the place of those that serve: started, let in, and those before let go.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use nova_abi::SwapMode;
use parking_lot::Mutex;

use super::modes::Modes;
use super::set::WorkerSet;
use super::starting::{WorkerSpec, patience};
use super::supervisor::Supervisor;
use crate::generation::GenerationId;
use crate::operate::rollback_policy::Tally;
use crate::operate::succession::{PeerFailure, PeerOrder, SuccessionState};
use crate::release::ledger::ReleaseFacts;
use crate::server::forward;
use crate::swap::{
    CheckedRelease, HeldReport, InheritedStates, OnMisfit, ServedRelease, SwapError, SwapReport,
};

/// How often workers that leave are asked for their numbers.
const ASK: Duration = Duration::from_secs(1);

/// What takes the place of a set of workers.
pub(super) struct Renewal {
    /// The release that is swapped in; `None`: the same ones are started anew.
    pub(super) checked: Option<CheckedRelease>,
    pub(super) source: PathBuf,
    pub(super) began: Instant,
    /// Whether it is watched how it does.
    pub(super) trial: bool,
    pub(super) misfit: OnMisfit,
}

impl Supervisor {
    /// Starts new workers, lets them serve, and lets the old ones leave.
    pub(super) async fn renew(self: &Arc<Self>, renewal: Renewal) -> Result<SwapReport, SwapError> {
        let Renewal { checked, source, began, trial, misfit } = renewal;
        let mut serving = self.serving.lock().await;
        let slot = checked.as_ref().map_or(0, |checked| checked.slot);
        let modes = self.modes(&serving, checked.as_ref())?;
        let (mode, held) = (modes.of(slot), modes.held());
        let mut facts: Vec<ReleaseFacts> =
            serving.iter().map(|served| served.facts.clone()).collect();
        let brought = self.brought.lock().clone();
        if let Some(checked) = &checked {
            facts[slot] = checked.served.facts.clone();
            self.switch.add_stylesheet(checked.stylesheet.clone());
            self.lead_with(checked.public.clone());
        }
        let before = self.current();
        let started = match before.as_ref().filter(|_| !held.is_empty()) {
            Some(before) => {
                let replaces = serving.iter().map(|served| served.generation).collect();
                let build_id = checked.as_ref().map(|checked| &checked.served.build_id);
                let exported = || self.exported.of(build_id?);
                let instead = misfit.instead(slot, exported);
                let states = InheritedStates { apps: Vec::new(), replaces, instead };
                self.start_held(&facts, before, &held, &source, states, &serving).await
            }
            None => self.start_set(&facts).await,
        };
        let set = match started {
            Ok(set) => set,
            Err(error) => {
                *self.brought.lock() = brought;
                return Err(error);
            }
        };
        set.end_warm_up().await;
        let done_before = match before.as_ref().zip(serving.get(slot)) {
            // While requests wait, it has nothing more to say.
            Some((before, old)) if held.is_empty() => before.done(&old.build_id).await,
            Some((before, old)) => before.seen_done(&old.build_id),
            None => Tally::default(),
        };
        let waits = self.put(&set, before).await;
        let report = self.note_swap(&mut serving, &set, checked, (mode, waits), began)?;
        if trial {
            self.watch(&set, slot, &serving[slot], done_before);
        }
        Ok(report)
    }

    /// Lets a set serve that was a canary.
    pub(super) async fn install(
        self: &Arc<Self>,
        set: &Arc<WorkerSet>,
        checked: CheckedRelease,
        began: Instant,
    ) -> Result<SwapReport, SwapError> {
        let mut serving = self.serving.lock().await;
        let (slot, before) = (checked.slot, self.current());
        let mode = self.modes(&serving, Some(&checked))?.of(slot);
        self.lead_with(checked.public.clone());
        let done_before = match before.as_ref().zip(serving.get(slot)) {
            Some((before, old)) => before.done(&old.build_id).await,
            None => Tally::default(),
        };
        // What it has done as a canary does not count again.
        set.end_warm_up().await;
        self.put(set, before).await;
        let report = self.note_swap(&mut serving, set, Some(checked), (mode, None), began)?;
        self.watch(set, slot, &serving[slot], done_before);
        Ok(report)
    }

    /// Notes what serves now, and says it.
    fn note_swap(
        &self,
        serving: &mut [ServedRelease],
        set: &WorkerSet,
        checked: Option<CheckedRelease>,
        (mode, held): (SwapMode, Option<HeldReport>),
        began: Instant,
    ) -> Result<SwapReport, SwapError> {
        let slot = checked.as_ref().map_or(0, |checked| checked.slot);
        let mut report = set.reports().get(slot).cloned().ok_or(SwapError::NothingServes)?;
        report.replaced = Some(serving[slot].generation);
        report.mode = mode;
        report.held = held.map(Box::new);
        if let Some(checked) = checked {
            self.switch.ledger().serves(slot, checked.served.facts.clone());
            report.public = checked.public;
            report.unwell = checked.unwell;
            report.preflight_us = checked.preflight_us;
            serving[slot] = checked.served;
        }
        note_start(serving, set);
        report.total_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        say(&serving[slot].source, &report, began, self.settings.workers);
        Ok(report)
    }

    /// Lets a set serve, and those before leave; says how long requests waited for that.
    pub(super) async fn put(
        self: &Arc<Self>,
        set: &Arc<WorkerSet>,
        before: Option<Arc<WorkerSet>>,
    ) -> Option<HeldReport> {
        set.open(PeerOrder::Open).await;
        {
            // At no moment is one of them in none of these places, or in two.
            let mut leaving = self.leaving.lock();
            self.canary.lock().take_if(|canary| Arc::ptr_eq(&canary.set, set));
            *self.current.lock() = Some(Arc::clone(set));
            leaving.sets.extend(before.clone());
        }
        if self.stopping.is_cancelled() {
            set.stop().await;
        }
        let (led, leads) = (before.as_ref().and_then(|before| before.leader()), Arc::clone(set));
        tokio::spawn(async move {
            if let Some(led) = led {
                led.stand_by().await;
            }
            leads.lead().await;
        });
        let before = before?;
        // What still comes to it is answered by the set in its place.
        let held = before.leave(&set.forward).await;
        self.forget_later(before);
        held
    }

    /// Looks after a set that leaves until it has ended.
    pub(super) fn forget_later(self: &Arc<Self>, set: Arc<WorkerSet>) {
        let supervisor = Arc::clone(self);
        tokio::spawn(async move {
            while tokio::time::timeout(ASK, set.ended()).await.is_err() {
                // What it counts until its end is to be known then.
                drop(set.metrics().await);
            }
            supervisor.status.retire(&set);
            supervisor.leaving.lock().forget(&set);
        });
    }

    /// How what serves is replaced.
    pub(super) fn modes(
        &self,
        serving: &[ServedRelease],
        checked: Option<&CheckedRelease>,
    ) -> Result<Modes, SwapError> {
        let mut modes: Vec<SwapMode> =
            serving.iter().map(|served| self.switch.mode_elsewhere(served)).collect();
        if let Some(checked) = checked
            && let Some(old) = serving.get(checked.slot)
        {
            modes[checked.slot] = self.switch.mode_between(old, &checked.served)?;
        }
        let modes = Modes::new(modes);
        if let Some(first) = modes.held().first().filter(|_| self.settings.workers > 1) {
            let path = checked.filter(|checked| checked.slot == *first);
            let path = path.map_or(&serving[*first].source, |checked| &checked.served.source);
            return Err(self.too_many(path));
        }
        Ok(modes)
    }

    fn too_many(&self, path: &Path) -> SwapError {
        SwapError::ManyStates { path: path.to_owned(), workers: self.settings.workers }
    }

    /// Starts one worker with these releases, with the states of the apps of the one before, which
    /// has to end them first. If it does not serve, the one before goes on.
    async fn start_held(
        &self,
        facts: &[ReleaseFacts],
        before: &WorkerSet,
        held: &[usize],
        path: &Path,
        states: InheritedStates,
        serving: &[ServedRelease],
    ) -> Result<Arc<WorkerSet>, SwapError> {
        let (spec, name) = self.spec(facts).await?;
        let loaded = WorkerSet::load(spec, name).await.map_err(elsewhere)?;
        let leader = before.leader().ok_or(SwapError::NothingServes)?;
        let limits = self.switch.hold_limits(held.len());
        // Without its state only where somebody has said so.
        let force = states.instead.is_some();
        let apps = leader.hold(held, path, force, limits).await.map_err(elsewhere)?;
        for (served, state) in serving.iter().zip(&apps) {
            if let Some(state) = state {
                self.exported.keep(served.build_id.clone(), Bytes::copy_from_slice(&state.0));
            }
        }
        match loaded.start(InheritedStates { apps, ..states }).await {
            Ok(set) => Ok(set),
            Err(failure) => {
                tracing::warn!("what served is started again from what it exported: {failure}");
                leader.resume(limits.resume).await;
                Err(elsewhere(failure))
            }
        }
    }

    /// Starts workers with these releases, each as the library of its place.
    pub(super) async fn start_set(
        &self,
        facts: &[ReleaseFacts],
    ) -> Result<Arc<WorkerSet>, SwapError> {
        self.start_set_with(facts, None).await
    }

    /// The same with another folder of public files, which comes first.
    pub(super) async fn start_set_with(
        &self,
        facts: &[ReleaseFacts],
        public: Option<PathBuf>,
    ) -> Result<Arc<WorkerSet>, SwapError> {
        let (spec, name) = self.spec(facts).await?;
        if let Some(public) = public {
            spec.state.lock().folders.insert(0, public);
        }
        tokio::select! {
            set = WorkerSet::start(spec, name, self.settings.workers) => set.map_err(elsewhere),
            () = self.stopping.cancelled() => Err(stopping()),
        }
    }

    /// What workers of these releases start with, and the name of their socket for requests that are
    /// passed on.
    async fn spec(&self, facts: &[ReleaseFacts]) -> Result<(WorkerSpec, String), SwapError> {
        let failed = |error: std::io::Error| SwapError::Elsewhere {
            reason: format!("no worker can be started: {error}"),
            lasting: false,
        };
        let mut switch = self.switch.facts();
        switch.log = self.switch.ledger().log_with(facts);
        let last = switch.last_generation.0 + facts.len() as u64;
        // A number is never given twice, whatever becomes of this one.
        self.switch.started_up_to(GenerationId(last));
        let (forward, name) = forward::bind().map_err(failed)?;
        let state = SuccessionState {
            pid: std::process::id(),
            // Each worker is told when it gets them.
            sockets: 0,
            admin: false,
            forward: true,
            rooms: true,
            switch,
            folders: self.brought.lock().clone(),
            worker: None,
            waits: false,
        };
        let (program, sockets) = (self.program.clone(), self.sockets.clone());
        let (state, init_limit) = (Mutex::new(state), self.switch.settings().init_limit);
        let patience = patience(facts.len(), init_limit);
        let rooms = self.switch.rooms().clone();
        Ok((WorkerSpec { program, sockets, forward, rooms, state, patience }, name))
    }
}

/// Why nothing begins any more.
pub(super) fn stopping() -> SwapError {
    SwapError::Elsewhere { reason: "the host is stopping".to_owned(), lasting: false }
}

/// Notes what is known of releases as soon as their apps have started.
pub(super) fn note_start(serving: &mut [ServedRelease], set: &WorkerSet) {
    let Some(worker) = set.leader() else { return };
    for ((served, report), app) in serving.iter_mut().zip(&worker.reports).zip(&worker.apps) {
        served.generation = report.generation;
        served.exports = app.exports;
    }
}

/// Why a release does not serve, as the process says that was to serve it.
fn elsewhere(failure: PeerFailure) -> SwapError {
    SwapError::Elsewhere { reason: failure.reason, lasting: failure.lasting }
}

/// Says what serves now.
pub(super) fn say(release: &Path, report: &SwapReport, began: Instant, workers: usize) {
    let SwapReport { generation, routes, .. } = report;
    let build_id = report.build_id.as_str();
    let milliseconds = began.elapsed().as_secs_f64() * 1e3;
    let held = report.held.as_ref().map(|held| format!("; {held}")).unwrap_or_default();
    let workers =
        if workers == 1 { "a new process".to_owned() } else { format!("{workers} workers") };
    tracing::info!(
        "generation {generation} is live: {routes} routes, build {}, {}, in {workers}, \
         in {milliseconds:.1} ms ({}{held})",
        build_id.get(..12).unwrap_or(build_id),
        release.display(),
        report.mode,
    );
    if let Some(lost) = &report.state_lost {
        tracing::warn!("{lost}");
    }
    for route in &report.unwell {
        tracing::warn!("generation {generation}: in the preflight, {route}");
    }
}
