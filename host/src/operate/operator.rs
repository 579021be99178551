//! Starting a host's releases, swapping them, and telling how it is.
//!
//! A swap is more than its library: the public files of the new release come with it, and those
//! of the releases before stay reachable for the pages that still name them
//! (`operate/public_folders.rs`). After it the host watches how the new generation does, and goes
//! back if it fails (`operator/rollback.rs`, `operate/watches.rs`).

mod rollback;
mod status;
mod succession;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use self::status::StatusSource;
pub(crate) use self::status::{LastRefusal, releases_of};
use super::public_folders::PublicFolders;
use super::redeploy::{self, Redeploy};
use super::tasks::supervise;
use super::watches::Watches;
use crate::edge::Metrics;
use crate::library::start::StartInfo;
use crate::operate::admin::{
    Budget, CanaryRequest, Control, Reason, RollbackRequest, RollbackResponse, Status, Swap,
    SwapFailure, SwapRequest, SwapResponse,
};
use crate::operate::rollback_policy::RollbackPolicy;
use crate::process::worker_threads::WorkerThreadsStatus;
use crate::release::Release;
use crate::release::ledger::{AfterRestart, KeptRelease, Ledger};
use crate::release::watch::ReleaseWatch;
use crate::server::Handle;
use crate::site::Site;
use crate::swap::{SwapError, SwapOptions, SwapReport};

/// What a swap does while another one is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhileBusy {
    /// It is refused: a command, whose user can decide.
    Refuse,
    /// It waits: a file or a signal, which will not ask again.
    Wait,
}

/// Runs a [`Site`]. See the [module](self).
#[derive(Debug)]
pub struct Operator {
    site: Arc<Site>,
    status: StatusSource,
    folders: PublicFolders,
    /// When a new generation has failed; `None`: that is not watched.
    policy: Option<RollbackPolicy>,
    watches: Watches,
    /// There is a release that is not copied yet.
    unkept: Notify,
}

impl Operator {
    /// An operator of `site`, which `server` serves at `url`; `public` is a folder of public
    /// files to serve instead of those of the releases.
    #[must_use]
    pub fn new(site: Arc<Site>, server: Handle, url: String, public: Option<PathBuf>) -> Self {
        Self {
            folders: PublicFolders::new(Arc::clone(&site), public),
            site,
            status: StatusSource::new(server, url),
            policy: None,
            watches: Watches::default(),
            unkept: Notify::new(),
        }
    }

    /// Goes back by itself when a new generation breaks this policy; `None`: never.
    #[must_use]
    pub fn watching(self, policy: Option<RollbackPolicy>) -> Self {
        Self { policy, ..self }
    }

    /// Tells that the process is recycled when it takes more than `budget`.
    #[must_use]
    pub fn within(mut self, budget: Budget) -> Self {
        self.status.budget = budget;
        self
    }

    /// Tells how the threads are that answer requests.
    #[must_use]
    pub fn on_workers(mut self, workers: WorkerThreadsStatus) -> Self {
        self.status.workers = Some(workers);
        self
    }

    /// Tells what is counted in `metrics`.
    #[must_use]
    pub fn counting(mut self, metrics: Option<Arc<Metrics>>) -> Self {
        self.status.metrics = metrics;
        self
    }

    /// Starts releases that were read.
    ///
    /// # Errors
    ///
    /// With the first that does not start.
    pub async fn start_read(&self, releases: Vec<Release>) -> Result<Vec<SwapReport>, SwapError> {
        let known = self.site.switch.ledger().log();
        let sources: Vec<PathBuf> = releases.iter().map(|release| release.source.clone()).collect();
        // Of signed releases not the folders that were named, but the copies.
        let folders = releases.iter().filter_map(|release| release.public.clone()).collect();
        self.folders.start(folders).await;
        let info = self.info(self.site.assets.favicon());
        let reports = self.site.switch.start_read(releases, &info).await?;
        for (slot, (source, report)) in sources.iter().zip(&reports).enumerate() {
            say(source, report);
            // A deployment by a restart is watched as one by a swap is.
            let before = known.current.get(&slot);
            if before.is_some_and(|before| *before != report.build_id) {
                self.watch_generation(report);
            }
        }
        Ok(reports)
    }

    /// Removes what earlier runs have left in the folders that are this host's alone.
    pub async fn sweep(&self) {
        self.site.switch.sweep(self.folders.brought()).await;
    }

    /// Swaps in the release at `release`.
    ///
    /// # Errors
    ///
    /// When it is refused; what served before still does.
    pub async fn swap(
        &self,
        release: &Path,
        options: SwapOptions,
        while_busy: WhileBusy,
    ) -> Result<SwapReport, SwapError> {
        let switch = &self.site.switch;
        let info = self.info(self.folders.favicon_of(release).await);
        self.folders.lend(release).await;
        // Those of before are in the log.
        drop(switch.ledger().take_warnings());
        let result = match while_busy {
            WhileBusy::Refuse => switch.swap(release, &info, options).await,
            WhileBusy::Wait => switch.swap_next(release, &info, options).await,
        };
        match result {
            Ok(report) => {
                self.watch_generation(&report);
                say(release, &report);
                self.folders.lead_with(report.public.clone()).await;
                self.keep().await;
                Ok(self.say_what_remains(report))
            }
            Err(error) => {
                self.folders.arrange().await;
                Err(self.refused(release, error))
            }
        }
    }

    /// Notes why a candidate does not serve.
    fn refused(&self, release: &Path, error: SwapError) -> SwapError {
        self.status.last_refusal.note(release, &error);
        error
    }

    /// Writes down what serves, keeps copies of it, and serves their files.
    async fn keep(&self) {
        self.site.switch.keep().await;
        self.folders.arrange().await;
    }

    /// Adds what went wrong with its copies, and what becomes of a release when the host starts again,
    /// where `--routes` names another.
    fn say_what_remains(&self, report: SwapReport) -> SwapReport {
        let table = self.site.switch.table();
        let slot = table.generations().iter().position(|live| live.id == report.generation);
        let after_restart = slot.and_then(|slot| what_remains(self.site.switch.ledger(), slot));
        if let Some(after) = &after_restart {
            tracing::info!("generation {}: {after}", report.generation);
        }
        let warnings = self.site.switch.ledger().take_warnings();
        SwapReport { after_restart, warnings, ..report }
    }

    /// Swaps in what lies at `releases` now, one after the other. What is wrong is in the log.
    pub async fn reload(&self, releases: &[PathBuf]) {
        redeploy::reload(self, releases).await;
    }

    /// Swaps in each release that changes, for as long as this is polled.
    pub async fn follow_releases(&self, watch: ReleaseWatch) {
        redeploy::follow(self, watch).await;
    }

    /// Serves public files as they change, for as long as this is polled.
    pub async fn follow_files(&self) {
        supervise("the watch of public files", || self.folders.follow()).await;
    }

    fn info(&self, favicon: Option<&str>) -> StartInfo {
        StartInfo { favicon: favicon.map(str::to_owned), ..StartInfo::default() }
    }
}

impl Redeploy for Operator {
    fn ledger(&self) -> &Arc<Ledger> {
        self.site.switch.ledger()
    }

    fn is_stopping(&self) -> bool {
        self.site.is_stopping()
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

impl Control for Operator {
    async fn status(&self) -> Status {
        self.status_now()
    }

    async fn swap(&self, request: SwapRequest) -> Result<SwapResponse, SwapFailure> {
        redeploy::swap_all(self, request).await
    }

    async fn canary(&self, request: CanaryRequest) -> Result<SwapResponse, SwapFailure> {
        redeploy::accepts_orders(self)?;
        let spec = request.spec()?;
        let options = request.options();
        match self.start_canary(&request.path, options, spec).await {
            Ok(report) => Ok(SwapResponse { swapped: vec![done(request.path, report)] }),
            Err(error) => Err(failure_of(&error)),
        }
    }

    async fn rollback(&self, request: RollbackRequest) -> Result<RollbackResponse, SwapFailure> {
        redeploy::accepts_orders(self)?;
        match self.roll_back(request.to.as_deref()).await {
            Ok(outcome) => Ok(RollbackResponse {
                refused: outcome.left.as_str().to_owned(),
                serving: done(outcome.to.source, outcome.report),
            }),
            Err(error) => Err(failure_of(&error)),
        }
    }
}

impl Operator {
    /// How the host is.
    #[must_use]
    pub fn status_now(&self) -> Status {
        self.status.status(&self.site)
    }
}

/// The release that was swapped in over what lies at a path of `--routes`, and serves, if that has
/// not changed since.
pub(crate) async fn serves_over(ledger: &Arc<Ledger>, release: &Path) -> Option<KeptRelease> {
    let (ledger, release) = (Arc::clone(ledger), release.to_owned());
    let looked = tokio::task::spawn_blocking(move || ledger.serves_over(&release)).await;
    looked.ok().flatten()
}

/// What is said of it.
pub(crate) fn unchanged_below(release: &Path, kept: &KeptRelease) -> String {
    let (release, build_id) = (release.display(), &kept.build_id);
    format!(
        "{release}: unchanged since build {build_id} was swapped in over it, which serves on; \
         `nova swap {release}` swaps it in"
    )
}

/// What becomes of a release when the host starts again, where `--routes` names another.
pub(crate) fn what_remains(ledger: &Ledger, slot: usize) -> Option<String> {
    Some(match ledger.after_restart(slot)? {
        AfterRestart::ServesOn(routes) => {
            let routes = routes.display();
            format!("a restart serves it, too, until {routes} holds another release than now")
        }
        AfterRestart::Forgotten(routes) => {
            let routes = routes.display();
            format!("a restart serves what {routes} holds: this host has no state folder (--state)")
        }
    })
}

pub(crate) fn failure_of(error: &SwapError) -> SwapFailure {
    let reason = match error {
        SwapError::Busy { .. } | SwapError::Canary { .. } | SwapError::Overtaken(_) => Reason::Busy,
        SwapError::AlreadyLive { .. } => Reason::AlreadyLive,
        _ => Reason::Refused,
    };
    SwapFailure::new(reason, error.to_string())
}

/// Says what serves now.
fn say(release: &Path, report: &SwapReport) {
    let SwapReport { generation, routes, .. } = report;
    let build_id = report.build_id.as_str();
    let milliseconds = Duration::from_micros(report.total_us).as_secs_f64() * 1e3;
    let held = report.held.as_ref().map(|held| format!("; {held}")).unwrap_or_default();
    tracing::info!(
        "generation {generation} is live: {routes} routes, build {}, {}, in {milliseconds:.1} ms \
         ({}{held})",
        build_id.get(..12).unwrap_or(build_id),
        release.display(),
        report.mode,
    );
    for route in &report.unwell {
        tracing::warn!("generation {generation}: in the preflight, {route}");
    }
}

pub(crate) fn done(source: PathBuf, report: SwapReport) -> Swap {
    let SwapReport {
        generation,
        build_id,
        replaced,
        routes,
        public: _,
        unwell,
        warnings,
        after_restart,
        preflight_us,
        load_us,
        init_us,
        total_us,
        mode,
        held,
        state_lost,
    } = report;
    Swap {
        source,
        generation: generation.0,
        build_id: build_id.as_str().to_owned(),
        replaced: replaced.map(|id| id.0),
        routes: routes as u64,
        unwell,
        warnings,
        after_restart,
        preflight_us,
        load_us,
        init_us,
        total_us,
        mode,
        held: held.map(|held| *held),
        state_lost,
    }
}
