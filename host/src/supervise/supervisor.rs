//! The process that holds the sockets and the state of a host, and loads no library.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nova_abi::SwapMode;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::process::WorkerSpec;
use super::set::WorkerSet;
use super::status::StatusSource;
use super::trial::Trial;
use crate::edge::metrics::sum;
use crate::generation::GenerationId;
use crate::library::loader::BuildId;
use crate::library::start::StartInfo;
use crate::operate::admin::{Budget, Reason, SwapFailure};
use crate::operate::handover::{HandoverState, PeerFailure, PeerOrder, Program};
use crate::operate::operator::WhileBusy;
use crate::operate::rollback_policy::{RollbackPolicy, Tally};
use crate::release::Release;
use crate::release::ledger::{KeptRelease, ReleaseFacts};
use crate::release::public::public_folder;
use crate::release::watch::ReleaseWatch;
use crate::server::forward;
use crate::site::files::favicon_of;
use crate::swap::{
    CheckedRelease, HeldReport, InheritedStates, InsteadOfState, Rollback, SavedState,
    ServedRelease, SwapError, SwapReport, Switch,
};

/// How many folders of public files that releases brought are served, the newest first.
const MAX_BROUGHT: usize = 5;

/// Of how many builds the last state is kept: as many as there are releases to go back to.
const EXPORTED: usize = 6;

/// What ending apps may take besides what has a limit of its own.
const SLACK: Duration = Duration::from_secs(10);

/// How often the budget of the workers is looked at.
const LOOK: Duration = Duration::from_secs(5);

/// Workers that are this young are not renewed for their budget: the next ones would be no smaller.
const YOUNG: Duration = Duration::from_secs(600);

/// How a supervisor works.
#[derive(Debug, Clone)]
pub struct SupervisorSettings {
    /// How many workers there are.
    pub workers: usize,
    /// When a new generation has failed; `None`: that is not watched.
    pub policy: Option<RollbackPolicy>,
    /// What a worker may take of the machine.
    pub budget: Budget,
    /// Where the host listens.
    pub url: String,
    /// Whether a folder of public files is served instead of those of the releases.
    pub public_is_named: bool,
}

/// See the [module](self).
#[derive(Debug)]
pub struct Supervisor {
    pub(super) switch: Arc<Switch>,
    pub(super) settings: SupervisorSettings,
    program: Program,
    sockets: Vec<TcpListener>,
    /// What serves; `None` until it has started.
    serving: tokio::sync::Mutex<Vec<ServedRelease>>,
    pub(super) current: Mutex<Option<Arc<WorkerSet>>>,
    /// Those that finish what they have.
    pub(super) leaving: Mutex<Vec<Arc<WorkerSet>>>,
    /// The folders of public files that releases brought, the newest first.
    brought: Mutex<Vec<PathBuf>>,
    /// What builds have exported last, the newest last.
    exported: Mutex<Vec<(BuildId, SavedState)>>,
    /// The host is told to stop.
    pub(super) stopping: CancellationToken,
    pub(super) status: StatusSource,
}

/// What takes the place of a set of workers.
struct Renewal {
    /// The release that is swapped in; `None`: the same ones are started anew.
    checked: Option<CheckedRelease>,
    source: PathBuf,
    began: Instant,
    /// Whether it is watched how it does.
    trial: bool,
    misfit: OnMisfit,
}

/// What becomes of a state that an app does not understand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnMisfit {
    /// Then the app is not wanted.
    Refuse,
    /// It starts anew: somebody has said that the state may be lost.
    StartAnew,
    /// It goes on from what its build exported last, or else starts anew.
    Older,
}

impl OnMisfit {
    fn instead(
        self,
        slot: usize,
        exported: impl FnOnce() -> Option<SavedState>,
    ) -> Option<InsteadOfState> {
        match self {
            Self::Refuse => None,
            Self::StartAnew => Some(InsteadOfState { slot, state: None, older: false }),
            Self::Older => Some(InsteadOfState { slot, state: exported(), older: true }),
        }
    }
}

impl Supervisor {
    /// A supervisor of workers that accept on `sockets`. `switch` has what is remembered of
    /// releases.
    #[must_use]
    pub fn new(
        switch: Arc<Switch>,
        settings: SupervisorSettings,
        program: Program,
        sockets: Vec<TcpListener>,
    ) -> Arc<Self> {
        Arc::new(Self {
            switch,
            settings,
            program,
            sockets,
            serving: tokio::sync::Mutex::default(),
            current: Mutex::default(),
            leaving: Mutex::default(),
            brought: Mutex::default(),
            exported: Mutex::default(),
            stopping: CancellationToken::new(),
            status: StatusSource::new(),
        })
    }

    /// Starts the workers with the releases that the host begins with.
    ///
    /// # Errors
    /// When one of them does not start.
    pub async fn start(self: &Arc<Self>, releases: Vec<Release>) -> Result<(), SwapError> {
        let known = self.switch.ledger().log();
        let _turn = self.switch.next_turn(Path::new("the start")).await;
        let began = Instant::now();
        let mut served = Vec::new();
        for (slot, release) in releases.into_iter().enumerate() {
            let checked = CheckedRelease::unchecked(slot, release);
            self.switch.add_stylesheet(checked.stylesheet);
            self.brought.lock().extend(checked.public);
            served.push(checked.served);
        }
        self.mode_of(&served, None)?;
        let facts: Vec<ReleaseFacts> = served.iter().map(|served| served.facts.clone()).collect();
        let set = self.start_set(&facts).await?;
        note_start(&mut served, &set);
        // Now it is known which app saves a state.
        if let Err(error) = self.mode_of(&served, None) {
            set.stop().await;
            return Err(error);
        }
        let warm_up = set.tally().await;
        self.put(&set, None).await;
        let mut trial = None;
        for (slot, (served, report)) in served.iter().zip(set.reports()).enumerate() {
            self.switch.ledger().serves(slot, served.facts.clone());
            say(&served.source, &report, began, self.settings.workers);
            // A deployment by a restart is watched as one by a swap is.
            let before = known.current.get(&slot);
            if before.is_some_and(|before| *before != served.build_id) {
                trial = Some(slot);
            }
        }
        *self.serving.lock().await = served;
        if let Some(slot) = trial {
            self.watch(&set, slot, warm_up, Tally::default());
        }
        let supervisor = Arc::clone(self);
        tokio::spawn(async move { supervisor.keep().await });
        Ok(())
    }

    /// Removes what earlier runs have left in the folders that are this host's alone.
    pub async fn sweep(&self) {
        let brought = self.brought.lock().clone();
        self.switch.sweep(brought).await;
    }

    /// Puts the release at `source` in the place of the one that it replaces, in new workers.
    ///
    /// # Errors
    /// When it is refused; what served before still does.
    pub async fn swap(
        self: &Arc<Self>,
        source: &Path,
        force: bool,
        while_busy: WhileBusy,
    ) -> Result<SwapReport, SwapError> {
        let _turn = match while_busy {
            WhileBusy::Refuse => self.switch.turn(source)?,
            WhileBusy::Wait => self.switch.next_turn(source).await,
        };
        let began = Instant::now();
        let info = self.info(source).await;
        let checked = {
            let serving = self.serving.lock().await;
            self.switch.check(source, &info, force, &serving).await
        };
        let swapped = match checked {
            Ok(checked) => {
                let (checked, source) = (Some(checked), source.to_owned());
                let misfit = if force { OnMisfit::StartAnew } else { OnMisfit::Refuse };
                self.renew(Renewal { checked, source, began, trial: true, misfit }).await
            }
            Err(error) => Err(error),
        };
        match swapped {
            Ok(report) => {
                self.switch.count(true);
                self.keep().await;
                Ok(report)
            }
            Err(error) => Err(self.refused(source, error)),
        }
    }

    /// Starts what serves anew, in new workers.
    pub async fn recycle(self: &Arc<Self>, reason: &str) {
        let _turn = match self.switch.turn(Path::new("recycling")) {
            Ok(turn) => turn,
            Err(error) => return tracing::error!("the workers are not renewed: {error}"),
        };
        tracing::info!("recycling: {reason}");
        let (source, began) = (PathBuf::new(), Instant::now());
        let misfit = OnMisfit::Refuse;
        let renewal = Renewal { checked: None, source, began, trial: false, misfit };
        if let Err(error) = self.renew(renewal).await {
            tracing::error!("the workers are not renewed: {error}; they serve on");
        }
    }

    /// Starts new workers, lets them serve, and lets the old ones leave.
    async fn renew(self: &Arc<Self>, renewal: Renewal) -> Result<SwapReport, SwapError> {
        let Renewal { checked, source, began, trial, misfit } = renewal;
        let mut serving = self.serving.lock().await;
        let slot = checked.as_ref().map_or(0, |checked| checked.slot);
        let (mode, held) = self.mode_of(&serving, checked.as_ref())?;
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
                let instead = misfit.instead(slot, || self.exported_by(build_id));
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
        let warm_up = set.tally().await;
        let tally_before = match &before {
            // While requests wait, it has nothing more to say.
            Some(before) if held.is_empty() => before.tally().await,
            Some(before) => before.seen_tally(),
            None => Tally::default(),
        };
        let waits = self.put(&set, before).await;
        let reports = set.reports();
        let mut report = reports.get(slot).cloned().ok_or(SwapError::NothingServes)?;
        report.replaced = Some(serving[slot].generation);
        report.mode = mode;
        report.held = waits;
        if let Some(checked) = checked {
            self.switch.ledger().serves(slot, checked.served.facts.clone());
            report.public = checked.public;
            report.unwell = checked.unwell;
            report.preflight_us = checked.preflight_us;
            serving[slot] = checked.served;
        }
        note_start(&mut serving, &set);
        report.total_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let source = if source.as_os_str().is_empty() { &serving[slot].source } else { &source };
        say(source, &report, began, self.settings.workers);
        if trial {
            self.watch(&set, slot, warm_up, tally_before);
        }
        Ok(report)
    }

    /// Lets a set serve, and those before leave; says how long requests waited for that.
    async fn put(
        self: &Arc<Self>,
        set: &Arc<WorkerSet>,
        before: Option<Arc<WorkerSet>>,
    ) -> Option<HeldReport> {
        set.open().await;
        *self.current.lock() = Some(Arc::clone(set));
        if self.stopping.is_cancelled() {
            set.stop().await;
        }
        let (led, leads) = (before.as_ref().and_then(|before| before.leader()), set.leader());
        tokio::spawn(async move {
            if let Some(led) = led {
                led.stand_by().await;
            }
            if let Some(leads) = leads {
                leads.order(&PeerOrder::Lead).await;
            }
        });
        match before {
            Some(before) => self.let_go(before, set).await,
            None => None,
        }
    }

    /// How what serves is replaced, and which of its apps have to end before others begin.
    fn mode_of(
        &self,
        serving: &[ServedRelease],
        checked: Option<&CheckedRelease>,
    ) -> Result<(SwapMode, Vec<usize>), SwapError> {
        let mut modes: Vec<SwapMode> =
            serving.iter().map(|served| self.switch.mode_elsewhere(served)).collect();
        if let Some(checked) = checked
            && let Some(old) = serving.get(checked.slot)
        {
            modes[checked.slot] = self.switch.mode_between(old, &checked.served)?;
        }
        let slots = modes.iter().enumerate().filter(|(_, mode)| mode.holds_door());
        let held: Vec<usize> = slots.map(|(slot, _)| slot).collect();
        let slot = checked.map_or(0, |checked| checked.slot);
        if let Some(first) = held.first().filter(|_| self.settings.workers > 1) {
            let path = checked.filter(|checked| checked.slot == *first);
            let path = path.map_or(&serving[*first].source, |checked| &checked.served.source);
            return Err(self.too_many(path));
        }
        let mode = modes.get(slot).copied().unwrap_or_default();
        Ok((mode.with(SwapMode::Process), held))
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
        let limit = self.hold_limit(held.len());
        // Without its state only where somebody has said so.
        let force = states.instead.is_some();
        let apps = leader.hold(held, path, force, limit).await.map_err(elsewhere)?;
        for (served, state) in serving.iter().zip(&apps) {
            if let Some(state) = state {
                self.remember_state(&served.build_id, state);
            }
        }
        match loaded.start(InheritedStates { apps, ..states }).await {
            Ok(set) => Ok(set),
            Err(failure) => {
                tracing::warn!("what served is started again from what it exported: {failure}");
                leader.resume(limit).await;
                Err(elsewhere(failure))
            }
        }
    }

    /// How long the apps of so many libraries may take to end, by all limits of the host together.
    fn hold_limit(&self, count: usize) -> Duration {
        let settings = self.switch.settings();
        let hooks =
            settings.hook_limit.saturating_mul(2 * u32::try_from(count).unwrap_or(u32::MAX));
        settings.stream_grace + settings.hold_limit + settings.init_limit + hooks + SLACK
    }

    /// What a build has exported last.
    fn exported_by(&self, build_id: Option<&BuildId>) -> Option<SavedState> {
        let exported = self.exported.lock();
        let found = exported.iter().find(|(build, _)| Some(build) == build_id);
        found.map(|(_, state)| state.clone())
    }

    fn remember_state(&self, build_id: &BuildId, state: &SavedState) {
        let mut exported = self.exported.lock();
        exported.retain(|(build, _)| build != build_id);
        exported.push((build_id.clone(), state.clone()));
        let surplus = exported.len().saturating_sub(EXPORTED);
        exported.drain(..surplus);
    }

    /// Starts workers with these releases, each as the library of its place.
    async fn start_set(&self, facts: &[ReleaseFacts]) -> Result<Arc<WorkerSet>, SwapError> {
        let (spec, name) = self.spec(facts).await?;
        tokio::select! {
            set = WorkerSet::start(spec, name, self.settings.workers) => set.map_err(elsewhere),
            () = self.stopping.cancelled() => {
                let reason = "the host is stopping".to_owned();
                Err(SwapError::Elsewhere { reason, lasting: false })
            }
        }
    }

    /// What workers of these releases start with, and the name of their socket for requests that are
    /// passed on.
    async fn spec(&self, facts: &[ReleaseFacts]) -> Result<(WorkerSpec, String), SwapError> {
        let failed = |error: std::io::Error| SwapError::Elsewhere {
            reason: format!("no worker can be started: {error}"),
            lasting: false,
        };
        let mut switch = self.switch.state(None).await;
        switch.log = self.switch.ledger().log_with(facts);
        let last = switch.last_generation.0 + facts.len() as u64;
        // A number is never given twice, whatever becomes of this one.
        self.switch.started_up_to(GenerationId(last));
        let (forward, name) = forward::bind().map_err(failed)?;
        let sockets =
            self.sockets.iter().map(TcpListener::try_clone).collect::<Result<Vec<_>, _>>();
        let sockets = sockets.map_err(failed)?;
        let state = HandoverState {
            pid: std::process::id(),
            sockets: sockets.len(),
            switch,
            folders: self.brought.lock().clone(),
            worker: None,
            waits: false,
        };
        let (program, state) = (self.program.clone(), Mutex::new(state));
        Ok((WorkerSpec { program, sockets, forward, state }, name))
    }

    /// Lets a set leave in whose place another one serves, which answers what still comes to it.
    async fn let_go(
        self: &Arc<Self>,
        before: Arc<WorkerSet>,
        successor: &WorkerSet,
    ) -> Option<HeldReport> {
        self.leaving.lock().push(Arc::clone(&before));
        let held = before.leave(&successor.forward).await;
        let supervisor = Arc::clone(self);
        tokio::spawn(async move {
            before.ended().await;
            supervisor.status.retire(&before);
            supervisor.leaving.lock().retain(|set| !Arc::ptr_eq(set, &before));
        });
        held
    }

    /// Goes back to a release that served before, and refuses the build that is left.
    ///
    /// # Errors
    /// When it does not start; what serves goes on then.
    pub(super) async fn roll_back(
        self: &Arc<Self>,
        to: KeptRelease,
        reason: String,
        automatic: bool,
        from: Option<GenerationId>,
    ) -> Result<(SwapReport, BuildId), SwapError> {
        let began = Instant::now();
        let _turn = match automatic {
            true => self.switch.next_turn(&to.source).await,
            false => self.switch.turn(&to.source)?,
        };
        let slot = to.slot;
        let (left, source, generation) = {
            let serving = self.serving.lock().await;
            let left = serving.get(slot).ok_or(SwapError::NothingServes)?;
            (left.build_id.clone(), left.source.clone(), left.generation)
        };
        if let Some(from) = from.filter(|from| *from != generation) {
            return Err(SwapError::Overtaken(from));
        }
        let checked = self.switch.check_kept(&to).await?;
        let facts = checked.served.facts.clone();
        let (checked, path) = (Some(checked), to.source.clone());
        let misfit = OnMisfit::Older;
        let renewal = Renewal { checked, source: path, began, trial: false, misfit };
        let report = self.renew(renewal).await?;
        tracing::error!(
            "generation {generation} (build {left}) is left and refused: {reason}; \
             build {} serves again as generation {}, in {:.1} ms",
            report.build_id,
            report.generation,
            began.elapsed().as_secs_f64() * 1e3
        );
        let rollback = Rollback { from: generation, to, reason, automatic };
        self.switch.note_rollback(rollback, facts, (left.clone(), source)).await;
        self.keep().await;
        Ok((report, left))
    }

    /// Watches how a new generation does, if that is wanted.
    fn watch(self: &Arc<Self>, set: &Arc<WorkerSet>, slot: usize, warm_up: Tally, before: Tally) {
        let Some(policy) = self.settings.policy else { return };
        let Some(report) = set.reports().get(slot).cloned() else { return };
        let (supervisor, set) = (Arc::clone(self), Arc::clone(set));
        tokio::spawn(async move {
            let trial = Trial { policy, warm_up, before };
            let Some(reason) = trial.failure_of(&set).await else { return };
            let to = supervisor.switch.ledger().log().before(slot).cloned();
            let left = match to {
                Ok(to) => {
                    let from = Some(report.generation);
                    supervisor.roll_back(to, reason.clone(), true, from).await.map(drop)
                }
                Err(error) => Err(error.into()),
            };
            match left {
                Ok(()) | Err(SwapError::Overtaken(_)) => {}
                Err(error) => tracing::error!(
                    "generation {} fails and serves on: {reason}; {error}",
                    report.generation
                ),
            }
        });
    }

    /// Writes down what serves, and keeps copies of it.
    async fn keep(&self) {
        self.switch.keep().await;
        if let Some(set) = self.current() {
            set.remember(self.switch.ledger().log());
        }
    }

    /// Notes why a candidate does not serve, if that says anything about it.
    fn refused(&self, release: &Path, error: SwapError) -> SwapError {
        if !matches!(error, SwapError::AlreadyLive { .. }) {
            tracing::error!("{error}");
            self.status.refused(release, error.to_string());
            self.switch.count(false);
        }
        error
    }

    /// Lets the workers read their certificates again, and swaps in what lies at `releases` now.
    pub async fn reload(self: &Arc<Self>, releases: &[PathBuf]) {
        if let Some(set) = self.current() {
            set.order(&PeerOrder::Reload).await;
        }
        for release in releases {
            if self.stopping.is_cancelled() {
                return;
            }
            // Other errors are in the log already.
            if let Err(SwapError::AlreadyLive { generation, .. }) =
                self.swap(release, false, WhileBusy::Wait).await
            {
                let release = release.display();
                tracing::info!("{release}: unchanged, generation {generation} serves on");
            }
        }
    }

    /// Swaps in each release that changes, for as long as this is polled.
    pub async fn follow_releases(self: Arc<Self>, mut watch: ReleaseWatch) {
        loop {
            match watch.changed().await {
                Ok(releases) => self.reload(&releases).await,
                Err(error) => {
                    return tracing::error!("releases are not watched any more: {error}");
                }
            }
        }
    }

    /// Renews the workers when one of them takes more than it may, for as long as this is polled.
    pub async fn follow_budget(self: Arc<Self>) {
        let budget = self.settings.budget;
        if budget == Budget::default() {
            return;
        }
        loop {
            tokio::time::sleep(LOOK).await;
            let Some(set) = self.current() else { continue };
            if set.since.elapsed().is_ok_and(|age| age < YOUNG) {
                continue;
            }
            let passed = set.views().await.into_iter().find_map(|view| {
                let reason = budget.passed_by(&view.status?.process)?;
                Some(format!("worker {}: {reason}", view.worker.number))
            });
            if let Some(reason) = passed {
                self.recycle(&reason).await;
            }
        }
    }

    /// Stops all workers: requests that are under way finish.
    pub async fn stop(&self) {
        self.stopping.cancel();
        for set in self.sets() {
            set.stop().await;
        }
    }

    /// Ends all workers now.
    pub async fn abort(&self) {
        self.stopping.cancel();
        for set in self.sets() {
            set.order(&PeerOrder::Abort).await;
            set.kill();
        }
    }

    /// Waits until no worker is left; only after [`stop`](Self::stop).
    pub async fn ended(&self) {
        self.stopping.cancelled().await;
        // Not while another set starts, which would not be seen.
        let _turn = self.switch.next_turn(Path::new("the end")).await;
        for set in self.sets() {
            set.ended().await;
        }
    }

    /// Whether the host is told to stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// What all workers have counted, in the format of Prometheus.
    pub async fn metrics(&self) -> String {
        let mut texts = Vec::new();
        for set in self.sets() {
            texts.extend(set.metrics().await);
        }
        sum(&texts)
    }

    /// The sets that have workers.
    pub(super) fn sets(&self) -> Vec<Arc<WorkerSet>> {
        let leaving = self.leaving.lock().clone();
        leaving.into_iter().chain(self.current()).collect()
    }

    pub(super) fn current(&self) -> Option<Arc<WorkerSet>> {
        self.current.lock().clone()
    }

    pub(super) fn accepts_orders(&self) -> Result<(), SwapFailure> {
        match self.stopping.is_cancelled() {
            true => Err(SwapFailure::new(Reason::Stopping, "the host is stopping")),
            false => Ok(()),
        }
    }

    /// Serves the public files in `folder` before those of the releases so far.
    fn lead_with(&self, folder: Option<PathBuf>) {
        if let Some(folder) = folder {
            let mut brought = self.brought.lock();
            brought.retain(|earlier| *earlier != folder);
            brought.insert(0, folder);
            brought.truncate(MAX_BROUGHT);
        }
    }

    /// What the app of a release is told when it is tried.
    async fn info(&self, release: &Path) -> StartInfo {
        let folder = public_folder(release).filter(|_| !self.settings.public_is_named);
        let favicon = match folder {
            Some(folder) => tokio::task::spawn_blocking(move || favicon_of(&folder)).await.ok(),
            None => None,
        };
        StartInfo { favicon: favicon.flatten().map(str::to_owned), ..StartInfo::default() }
    }
}

/// Notes what is known of releases as soon as their apps have started.
fn note_start(serving: &mut [ServedRelease], set: &WorkerSet) {
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
fn say(release: &Path, report: &SwapReport, began: Instant, workers: usize) {
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
        tracing::warn!("generation {generation}: {route} answered 5xx in the preflight");
    }
}
