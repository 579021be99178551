//! The process that holds the sockets and the state of a host, and loads no library.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::canary::Canary;
use super::leaving::LeavingSets;
use super::renewal::{note_start, say};
use super::set::WorkerSet;
use super::status::StatusSource;
use crate::library::start::StartInfo;
use crate::operate::admin::Budget;
use crate::operate::operator::WhileBusy;
use crate::operate::redeploy::{self, Redeploy};
use crate::operate::rollback_policy::{RollbackPolicy, Tally};
use crate::operate::succession::{PeerOrder, Program};
use crate::release::Release;
use crate::release::ledger::{Ledger, ReleaseFacts};
use crate::release::public::public_folder;
use crate::release::watch::ReleaseWatch;
use crate::server::SocketHandles;
use crate::site::files::favicon_of;
use crate::swap::{
    CheckedRelease, ExportedStates, ServedRelease, SwapError, SwapOptions, SwapReport, Switch,
};

/// How many folders of public files that releases brought are served, the newest first.
const MAX_BROUGHT: usize = 5;

/// How often the budget of the workers is looked at.
const LOOK: Duration = Duration::from_secs(5);

/// Workers that are this young are not renewed for their budget: the next ones would be no smaller.
const YOUNG: Duration = Duration::from_secs(600);

/// How long the budget is left alone when workers could not be renewed for it.
const LATER: Duration = Duration::from_secs(60);

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

/// See the module.
#[derive(Debug)]
pub struct Supervisor {
    pub(super) switch: Arc<Switch>,
    pub(super) settings: SupervisorSettings,
    pub(super) program: Program,
    pub(super) sockets: SocketHandles,
    /// What serves; nothing until it has started.
    pub(super) serving: tokio::sync::Mutex<Vec<ServedRelease>>,
    pub(super) current: Mutex<Option<Arc<WorkerSet>>>,
    /// The set that answers a share of the requests.
    pub(super) canary: Mutex<Option<Arc<Canary>>>,
    /// Those that finish what they have. Locked before `canary` and `current`, where a set goes from
    /// one of these places to another.
    pub(super) leaving: Mutex<LeavingSets>,
    /// The folders of public files that releases brought, the newest first.
    pub(super) brought: Mutex<Vec<PathBuf>>,
    /// What builds have exported last, the newest last.
    pub(super) exported: ExportedStates,
    /// The host is told to stop.
    pub(super) stopping: CancellationToken,
    pub(super) status: StatusSource,
}

impl Supervisor {
    /// A supervisor of workers that accept on `sockets`. `switch` has what is remembered of
    /// releases.
    #[must_use]
    pub fn new(
        switch: Arc<Switch>,
        settings: SupervisorSettings,
        program: Program,
        sockets: SocketHandles,
    ) -> Arc<Self> {
        Arc::new(Self {
            switch,
            settings,
            program,
            sockets,
            serving: tokio::sync::Mutex::default(),
            current: Mutex::default(),
            canary: Mutex::default(),
            leaving: Mutex::default(),
            brought: Mutex::default(),
            exported: ExportedStates::default(),
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
        self.modes(&served, None)?;
        let facts: Vec<ReleaseFacts> = served.iter().map(|served| served.facts.clone()).collect();
        let set = self.start_set(&facts).await?;
        note_start(&mut served, &set);
        // Now it is known which app saves a state.
        if let Err(error) = self.modes(&served, None) {
            set.stop().await;
            return Err(error);
        }
        set.end_warm_up().await;
        self.put(&set, None).await;
        for (slot, (served, report)) in served.iter().zip(set.reports()).enumerate() {
            self.switch.ledger().serves(slot, served.facts.clone());
            say(&served.source, &report, began, self.settings.workers);
            // A deployment by a restart is watched as one by a swap is.
            let before = known.current.get(&slot);
            if before.is_some_and(|before| *before != served.build_id) {
                self.watch(&set, slot, served, Tally::default());
            }
        }
        *self.serving.lock().await = served;
        let supervisor = Arc::clone(self);
        tokio::spawn(async move { supervisor.keep().await });
        Ok(())
    }

    /// Removes what earlier runs have left in the folders that are this host's alone.
    pub async fn sweep(&self) {
        let brought = self.brought.lock().clone();
        self.switch.sweep(brought).await;
    }

    /// Writes down what serves, and keeps copies of it.
    pub(super) async fn keep(&self) {
        self.switch.keep().await;
        if let Some(set) = self.current() {
            set.remember(self.switch.ledger().log());
        }
    }

    /// Lets the workers read their certificates again, and swaps in what lies at `releases` now.
    pub async fn reload(self: &Arc<Self>, releases: &[PathBuf]) {
        if let Some(set) = self.current() {
            set.order(&PeerOrder::Reload).await;
        }
        redeploy::reload(self, releases).await;
    }

    /// Swaps in each release that changes, for as long as this is polled.
    pub async fn follow_releases(self: Arc<Self>, watch: ReleaseWatch) {
        redeploy::follow(&self, watch).await;
    }

    /// Renews the workers when one of them takes more than it may, for as long as this is polled.
    pub async fn follow_budget(self: Arc<Self>) {
        let budget = self.settings.budget;
        if budget == Budget::default() {
            return;
        }
        let mut pause = LOOK;
        loop {
            tokio::time::sleep(pause).await;
            pause = LOOK;
            let Some(set) = self.current() else { continue };
            if set.since.elapsed().is_ok_and(|age| age < YOUNG) {
                continue;
            }
            let passed = set.views().await.into_iter().find_map(|view| {
                let reason = budget.passed_by(&view.status?.process)?;
                Some(format!("worker {}: {reason}", view.worker.number))
            });
            let Some(reason) = passed else { continue };
            match self.start_anew(&reason).await {
                Ok(()) => {}
                Err(busy @ (SwapError::Busy { .. } | SwapError::Canary { .. })) => {
                    tracing::info!("{reason}; the workers are renewed later: {busy}");
                    pause = LATER;
                }
                Err(error) => {
                    tracing::error!("the workers are not renewed: {error}; they serve on");
                    pause = LATER;
                }
            }
        }
    }

    /// Stops all workers: requests that are under way finish. They close the sockets, which this
    /// process has no use for any more.
    pub async fn stop(&self) {
        self.stopping.cancel();
        self.sockets.close();
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
        self.switch.ledger().close();
    }

    /// Whether the host is told to stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// The sets that have workers.
    pub(super) fn sets(&self) -> Vec<Arc<WorkerSet>> {
        self.sets_and_counted().0
    }

    /// The same, and what those had counted that have ended: each set is in one of the two.
    pub(super) fn sets_and_counted(&self) -> (Vec<Arc<WorkerSet>>, String) {
        let leaving = self.leaving.lock();
        let canary = self.canary.lock().as_ref().map(|canary| Arc::clone(&canary.set));
        let sets = leaving.sets.iter().cloned().chain(canary).chain(self.current()).collect();
        (sets, leaving.counted.clone())
    }

    pub(super) fn current(&self) -> Option<Arc<WorkerSet>> {
        self.current.lock().clone()
    }

    /// Serves the public files in `folder` before those of the releases so far.
    pub(super) fn lead_with(&self, folder: Option<PathBuf>) {
        if let Some(folder) = folder {
            let mut brought = self.brought.lock();
            brought.retain(|earlier| *earlier != folder);
            brought.insert(0, folder);
            brought.truncate(MAX_BROUGHT);
        }
    }

    /// What the app of a release is told when it is tried.
    pub(super) async fn info(&self, release: &Path) -> StartInfo {
        let folder = public_folder(release).filter(|_| !self.settings.public_is_named);
        let favicon = match folder {
            Some(folder) => tokio::task::spawn_blocking(move || favicon_of(&folder)).await.ok(),
            None => None,
        };
        StartInfo { favicon: favicon.flatten().map(str::to_owned), ..StartInfo::default() }
    }
}

impl Redeploy for Arc<Supervisor> {
    fn ledger(&self) -> &Arc<Ledger> {
        self.switch.ledger()
    }

    fn is_stopping(&self) -> bool {
        Supervisor::is_stopping(self)
    }

    async fn swap_in(
        &self,
        release: &Path,
        options: SwapOptions,
        while_busy: WhileBusy,
    ) -> Result<SwapReport, SwapError> {
        self.swap(release, options, while_busy).await
    }
}
