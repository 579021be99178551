//! Starting a host's releases, swapping them, and telling how it is.
//!
//! A swap is more than its library: the public files of the new release come with it, and those
//! of the releases before stay reachable for the pages that still name them (`operator/files.rs`).
//! After it the host watches how the new generation does, and goes back if it fails
//! (`operator/back.rs`).

mod back;
mod files;
mod succession;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use nova_abi::ABI;
use tokio::sync::Notify;

use self::back::Trial;
use crate::edge::Metrics;
use crate::library::loader::BuildId;
use crate::library::start::StartInfo;
use crate::operate::admin::Budget;
use crate::operate::admin::{
    CanaryRequest, CanaryStatus, Control, Footprint, GenerationStatus, Reason, Refusal,
    ReleaseStatus, RollbackReport, RollbackRequest, RollbackStatus, Status, Swap, SwapFailure,
    SwapReport, SwapRequest,
};
use crate::operate::trial::Limits;
use crate::release::Release;
use crate::release::ledger::{Ledger, age};
use crate::release::watch::ReleaseWatch;
use crate::server::Handle;
use crate::site::Site;
use crate::swap::{Record, SwapError, Swapped, Trying};

/// Whoever asks for a swap while one is under way is turned away, or waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meanwhile {
    /// A command, whose user can decide.
    Refuse,
    /// A file or a signal, which will not ask again.
    Wait,
}

/// Runs a [`Site`]. See the [module](self).
#[derive(Debug)]
pub struct Operator {
    site: Arc<Site>,
    server: Handle,
    url: String,
    /// The folder of public files that was named, instead of those of the releases.
    public: Option<PathBuf>,
    began: Instant,
    refusal: Mutex<Option<(PathBuf, String, Instant)>>,
    /// The folders of public files as releases brought them, the newest first.
    brought: Mutex<Vec<PathBuf>>,
    /// Public files lie elsewhere now.
    other_folders: Notify,
    /// When a new generation has failed; `None`: that is not watched.
    limits: Option<Limits>,
    trials: Mutex<Vec<Trial>>,
    /// There is a trial.
    tried: Notify,
    /// There is a release that is not copied yet.
    unkept: Notify,
    /// What the process may take, for whoever asks.
    budget: Budget,
    /// What is counted of each route, for whoever asks.
    metrics: Option<Arc<Metrics>>,
}

impl Operator {
    /// An operator of `site`, which `server` serves at `url`; `public` is a folder of public
    /// files to serve instead of those of the releases.
    #[must_use]
    pub fn new(site: Arc<Site>, server: Handle, url: String, public: Option<PathBuf>) -> Self {
        Self {
            site,
            server,
            url,
            public,
            began: Instant::now(),
            refusal: Mutex::default(),
            brought: Mutex::default(),
            other_folders: Notify::new(),
            limits: None,
            trials: Mutex::default(),
            tried: Notify::new(),
            unkept: Notify::new(),
            budget: Budget::default(),
            metrics: None,
        }
    }

    /// Goes back by itself when a new generation passes these limits; `None`: never.
    #[must_use]
    pub fn watching(self, limits: Option<Limits>) -> Self {
        Self { limits, ..self }
    }

    /// Tells that the process is renewed when it takes more than `budget`.
    #[must_use]
    pub fn within(self, budget: Budget) -> Self {
        Self { budget, ..self }
    }

    /// Tells what is counted in `metrics`.
    #[must_use]
    pub fn counting(self, metrics: Option<Arc<Metrics>>) -> Self {
        Self { metrics, ..self }
    }

    /// Starts releases that were read.
    ///
    /// # Errors
    ///
    /// With the first that does not start.
    pub async fn start_read(&self, releases: Vec<Release>) -> Result<(), SwapError> {
        let known = self.site.switch.ledger().book();
        let sources: Vec<PathBuf> = releases.iter().map(|release| release.source.clone()).collect();
        let folders = match &self.public {
            Some(folder) => vec![folder.clone()],
            // Of signed releases not the folders that were named, but the copies.
            None => releases.iter().filter_map(|release| release.public.clone()).collect(),
        };
        locked(&self.brought).clone_from(&folders);
        self.change_folders(move |served| *served = folders).await;
        let info = self.info(self.site.assets.favicon());
        let swapped = self.site.switch.start_read(releases, &info).await?;
        for (slot, (source, swapped)) in sources.iter().zip(&swapped).enumerate() {
            say(source, swapped);
            // A deployment by a restart is on trial as one by a swap is.
            let before = known.current.get(&slot);
            if before.is_some_and(|before| *before != swapped.build_id) {
                self.try_out(swapped);
            }
        }
        Ok(())
    }

    /// Removes what earlier runs have left in the folders that are this host's alone.
    pub async fn sweep(&self) {
        let folders = locked(&self.brought).clone();
        self.site.switch.sweep(folders).await;
    }

    /// Swaps in the release at `release`.
    ///
    /// # Errors
    ///
    /// When it is refused; what served before still does.
    pub async fn swap(
        &self,
        release: &Path,
        force: bool,
        meanwhile: Meanwhile,
    ) -> Result<Swapped, SwapError> {
        let switch = &self.site.switch;
        let info = self.info(self.favicon_of(release).await);
        self.lend_folder_of(release).await;
        let swapped = match meanwhile {
            Meanwhile::Refuse => switch.swap(release, &info, force).await,
            Meanwhile::Wait => switch.swap_next(release, &info, force).await,
        };
        match swapped {
            Ok(swapped) => {
                self.try_out(&swapped);
                say(release, &swapped);
                self.lead_with(swapped.public.clone()).await;
                self.keep().await;
                Ok(swapped)
            }
            Err(error) => {
                self.arrange_folders().await;
                Err(self.refused(release, error))
            }
        }
    }

    /// Notes why a candidate does not serve, if that says anything about it.
    fn refused(&self, release: &Path, error: SwapError) -> SwapError {
        if !matches!(
            error,
            SwapError::AlreadyLive { .. } | SwapError::Busy { .. } | SwapError::Canary { .. }
        ) {
            tracing::error!("{error}");
            let refusal = (release.to_owned(), error.to_string(), Instant::now());
            *locked(&self.refusal) = Some(refusal);
        }
        error
    }

    /// Swaps in what lies at `releases` now, one after the other. What is wrong is in the log.
    pub async fn reload(&self, releases: &[PathBuf]) {
        for release in releases {
            if self.site.is_stopping() {
                return;
            }
            // Other errors are in the log already.
            match self.swap(release, false, Meanwhile::Wait).await {
                Err(SwapError::AlreadyLive { generation, .. }) => {
                    let release = release.display();
                    tracing::info!("{release}: unchanged, generation {generation} serves on");
                }
                Err(error @ SwapError::Canary { .. }) => {
                    tracing::error!("{}: not swapped in: {error}", release.display());
                }
                _ => {}
            }
        }
    }

    /// Swaps whatever changes, for as long as this is polled.
    pub async fn follow_releases(&self, mut watch: ReleaseWatch) {
        loop {
            match watch.changed().await {
                Ok(releases) => self.reload(&releases).await,
                Err(error) => {
                    tracing::error!("releases are not watched any more: {error}");
                    return;
                }
            }
        }
    }

    fn info(&self, favicon: Option<&str>) -> StartInfo {
        StartInfo { favicon: favicon.map(str::to_owned), ..StartInfo::default() }
    }
}

impl Control for Operator {
    fn status(&self) -> Status {
        let switch = &self.site.switch;
        let (published, refused) = switch.totals();
        let refusal = locked(&self.refusal).clone();
        let book = switch.ledger().book();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            abi: ABI,
            pid: std::process::id(),
            url: self.url.clone(),
            ready: self.site.is_ready(),
            stopping: self.site.is_stopping(),
            uptime_seconds: self.began.elapsed().as_secs_f64(),
            generations: switch.history().iter().map(describe).collect(),
            loads: switch.loads() as u64,
            published,
            refused,
            last_refusal: refusal.map(|(source, message, at)| Refusal {
                source,
                message,
                age_seconds: at.elapsed().as_secs_f64(),
            }),
            connections: self.server.connections() as u64,
            rollbacks: book.rollbacks,
            last_rollback: book.last_rollback.as_ref().map(|back| RollbackStatus {
                from: back.from.as_str().to_owned(),
                to: back.to.as_str().to_owned(),
                reason: back.reason.clone(),
                automatic: back.automatic,
                age_seconds: age(back.at).as_secs_f64(),
            }),
            releases: releases_of(switch.ledger()),
            canary: switch.canary().map(|(generation, _, trying, left)| CanaryStatus {
                generation: generation.id.0,
                build_id: generation.build_id().as_str().to_owned(),
                share: trying.share,
                left_seconds: left.as_secs_f64(),
            }),
            process: Footprint::now(),
            budget: self.budget,
            routes: self.metrics.as_ref().map(|metrics| metrics.routes()).unwrap_or_default(),
        }
    }

    async fn swap(&self, request: SwapRequest) -> Result<SwapReport, SwapFailure> {
        let mut report = SwapReport::default();
        for source in request.paths {
            let failure = |reason, message, swapped| SwapFailure { reason, message, swapped };
            if self.site.is_stopping() {
                let message = "the host is stopping".to_owned();
                return Err(failure(Reason::Stopping, message, report.swapped));
            }
            match Self::swap(self, &source, request.force, Meanwhile::Refuse).await {
                Ok(swapped) => report.swapped.push(done(source, swapped)),
                Err(error) => {
                    return Err(failure(reason_of(&error), error.to_string(), report.swapped));
                }
            }
        }
        Ok(report)
    }

    async fn canary(&self, request: CanaryRequest) -> Result<SwapReport, SwapFailure> {
        let failure = |reason, message| SwapFailure { reason, message, swapped: Vec::new() };
        if self.site.is_stopping() {
            return Err(failure(Reason::Stopping, "the host is stopping".to_owned()));
        }
        let length = Duration::try_from_secs_f64(request.seconds).ok();
        let Some(length) = length.filter(|_| request.share > 0.0 && request.share < 1.0) else {
            let text = "a canary has a share between 0 and 1, and a number of seconds";
            return Err(failure(Reason::Invalid, text.to_owned()));
        };
        let trying = Trying { share: request.share, length };
        match self.try_canary(&request.path, request.force, trying).await {
            Ok(swapped) => Ok(SwapReport { swapped: vec![done(request.path, swapped)] }),
            Err(error) => Err(failure(reason_of(&error), error.to_string())),
        }
    }

    async fn rollback(&self, request: RollbackRequest) -> Result<RollbackReport, SwapFailure> {
        let failure = |reason, message| SwapFailure { reason, message, swapped: Vec::new() };
        if self.site.is_stopping() {
            return Err(failure(Reason::Stopping, "the host is stopping".to_owned()));
        }
        match self.go_back(request.to.as_deref()).await {
            Ok(back) => Ok(RollbackReport {
                refused: back.left.as_str().to_owned(),
                serving: done(back.to.source, back.swapped),
            }),
            Err(error) => Err(failure(reason_of(&error), error.to_string())),
        }
    }
}

fn reason_of(error: &SwapError) -> Reason {
    match error {
        SwapError::Busy { .. } | SwapError::Canary { .. } | SwapError::Overtaken(_) => Reason::Busy,
        SwapError::AlreadyLive { .. } => Reason::AlreadyLive,
        _ => Reason::Refused,
    }
}

/// The releases that `nova rollback --to` can name, and the builds that are refused; newest first.
fn releases_of(ledger: &Ledger) -> Vec<ReleaseStatus> {
    let book = ledger.book();
    let seconds = |at| age(at).as_secs_f64();
    let kept = book.releases.iter().rev().map(|kept| ReleaseStatus {
        build_id: kept.build_id.as_str().to_owned(),
        source: kept.source.clone(),
        copy: ledger.copy_of(kept),
        current: book.current.get(&kept.slot) == Some(&kept.build_id),
        kept: true,
        refused: book.refusal(&kept.build_id).map(|refused| refused.reason.clone()),
        age_seconds: seconds(kept.since),
    });
    let is_kept = |id: &BuildId| book.releases.iter().any(|kept| kept.build_id == *id);
    let gone = book.refused.iter().rev().filter(|refused| !is_kept(&refused.build_id));
    let gone = gone.map(|refused| ReleaseStatus {
        build_id: refused.build_id.as_str().to_owned(),
        source: refused.source.clone(),
        copy: None,
        current: false,
        kept: false,
        refused: Some(refused.reason.clone()),
        age_seconds: seconds(refused.at),
    });
    kept.chain(gone).collect()
}

fn say(release: &Path, swapped: &Swapped) {
    let Swapped { generation, routes, .. } = swapped;
    let build_id = swapped.build_id.as_str();
    let milliseconds = Duration::from_micros(swapped.total_us).as_secs_f64() * 1e3;
    tracing::info!(
        "generation {generation} is live: {routes} routes, build {}, {}, in {milliseconds:.1} ms",
        build_id.get(..12).unwrap_or(build_id),
        release.display(),
    );
    for route in &swapped.unwell {
        tracing::warn!("generation {generation}: {route} answered 5xx when it was tried");
    }
}

fn describe(record: &Record) -> GenerationStatus {
    use std::sync::atomic::Ordering::Relaxed;
    let counters = &record.counters;
    GenerationStatus {
        id: record.id.0,
        build_id: record.build_id.as_str().to_owned(),
        app: record.app.clone(),
        state: record.state,
        source: record.source.clone(),
        routes: record.routes as u64,
        age_seconds: SystemTime::now()
            .duration_since(record.started)
            .unwrap_or_default()
            .as_secs_f64(),
        in_flight: counters.in_flight.load(Relaxed) as u64,
        requests: counters.requests.load(Relaxed),
        panics: counters.panics.load(Relaxed),
        server_errors: counters.server_errors.load(Relaxed),
    }
}

fn done(source: PathBuf, swapped: Swapped) -> Swap {
    let Swapped {
        generation,
        build_id,
        replaced,
        routes,
        public: _,
        unwell,
        preflight_us,
        load_us,
        init_us,
        total_us,
    } = swapped;
    Swap {
        source,
        generation: generation.0,
        build_id: build_id.as_str().to_owned(),
        replaced: replaced.map(|id| id.0),
        routes: routes as u64,
        unwell,
        preflight_us,
        load_us,
        init_us,
        total_us,
    }
}

/// A lock whose holder panicked holds data that is still whole: each change is one step.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
