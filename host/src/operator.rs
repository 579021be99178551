//! Starting a host's releases, swapping them, and telling how it is.
//!
//! A swap is more than its library: the public files of the new release come with it, and those
//! of the releases before stay reachable for the pages that still name them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use nova_abi::ABI;
use tokio::sync::Notify;

use crate::admin::{
    Control, Footprint, GenerationStatus, Reason, Refusal, Status, Swap, SwapFailure, SwapReport,
    SwapRequest,
};
use crate::assets::favicon_of;
use crate::release::public_of;
use crate::server::Handle;
use crate::site::Site;
use crate::start::StartInfo;
use crate::swap::{Record, SwapError, Swapped};
use crate::watch::{FolderWatch, ReleaseWatch};

/// How many folders of public files are kept, the newest first.
const KEPT_FOLDERS: usize = 5;

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
    /// Public files lie elsewhere now.
    other_folders: Notify,
}

impl Operator {
    /// An operator of `site`, which `server` serves at `url`; `public` is a folder of public
    /// files to serve instead of those of the releases.
    #[must_use]
    pub fn new(site: Arc<Site>, server: Handle, url: String, public: Option<PathBuf>) -> Self {
        let (began, refusal) = (Instant::now(), Mutex::default());
        Self { site, server, url, public, began, refusal, other_folders: Notify::new() }
    }

    /// Starts the releases that the host begins with.
    ///
    /// # Errors
    ///
    /// With the first that does not start.
    pub async fn start(&self, releases: &[PathBuf]) -> Result<(), SwapError> {
        let folders = match &self.public {
            Some(folder) => vec![folder.clone()],
            None => releases.iter().filter_map(|release| public_of(release)).collect(),
        };
        self.change_folders(move |served| *served = folders).await;
        let info = self.info(self.site.assets.favicon());
        let swapped = self.site.switch.start(releases, &info).await?;
        if self.public.is_none() {
            // Of signed releases not the folders that were named, but the copies.
            let folders = swapped.iter().filter_map(|swapped| swapped.public.clone()).collect();
            self.change_folders(move |served| *served = folders).await;
        }
        for (release, swapped) in releases.iter().zip(&swapped) {
            say(release, swapped);
        }
        Ok(())
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
        let swapped = match meanwhile {
            Meanwhile::Refuse => switch.swap(release, &info, force).await,
            Meanwhile::Wait => switch.swap_next(release, &info, force).await,
        };
        match swapped {
            Ok(swapped) => {
                self.add_folder(swapped.public.clone()).await;
                say(release, &swapped);
                Ok(swapped)
            }
            Err(error @ (SwapError::AlreadyLive { .. } | SwapError::Busy { .. })) => Err(error),
            Err(error) => {
                tracing::error!("{error}");
                let refusal = (release.to_owned(), error.to_string(), Instant::now());
                *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
                Err(error)
            }
        }
    }

    /// Swaps in what lies at `releases` now, one after the other. What is wrong is in the log.
    pub async fn reload(&self, releases: &[PathBuf]) {
        for release in releases {
            if self.site.is_stopping() {
                return;
            }
            // Other errors are in the log already.
            if let Err(SwapError::AlreadyLive { generation, .. }) =
                self.swap(release, false, Meanwhile::Wait).await
            {
                let release = release.display();
                tracing::info!("{release}: unchanged, generation {generation} serves on");
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

    /// Serves public files as they change, for as long as this is polled.
    pub async fn follow_files(&self) {
        loop {
            let site = Arc::clone(&self.site);
            let folders = tokio::task::spawn_blocking(move || site.assets.folders()).await;
            let mut watch = match FolderWatch::new(&folders.unwrap_or_default()) {
                Ok(watch) => watch,
                Err(error) => {
                    tracing::error!("public files are not watched: {error}");
                    return;
                }
            };
            loop {
                // The first time for what has changed before the watch was there.
                self.change_folders(|_| {}).await;
                tokio::select! {
                    () = watch.changed() => {}
                    // Other folders: the watch is set anew.
                    () = self.other_folders.notified() => break,
                }
            }
        }
    }

    /// Serves the public files of a release before those of the releases that were served so far.
    async fn add_folder(&self, folder: Option<PathBuf>) {
        if self.public.is_some() {
            return;
        }
        if let Some(folder) = folder {
            let kept = KEPT_FOLDERS.max(self.site.switch.table().generations().len());
            self.change_folders(move |folders| {
                folders.retain(|kept| *kept != folder);
                folders.insert(0, folder);
                folders.truncate(kept);
            })
            .await;
            self.other_folders.notify_one();
        }
    }

    /// Reading folders blocks; a large one must not hold a worker.
    async fn change_folders(&self, change: impl FnOnce(&mut Vec<PathBuf>) + Send + 'static) {
        let site = Arc::clone(&self.site);
        tokio::task::spawn_blocking(move || site.assets.change(change)).await.ok();
    }

    async fn favicon_of(&self, release: &Path) -> Option<&'static str> {
        match public_of(release).filter(|_| self.public.is_none()) {
            Some(folder) => {
                tokio::task::spawn_blocking(move || favicon_of(&folder)).await.ok().flatten()
            }
            None => self.site.assets.favicon(),
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
        let refusal = self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone();
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
            process: Footprint::now(),
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
                    let reason = match &error {
                        SwapError::Busy { .. } => Reason::Busy,
                        SwapError::AlreadyLive { .. } => Reason::AlreadyLive,
                        _ => Reason::Refused,
                    };
                    return Err(failure(reason, error.to_string(), report.swapped));
                }
            }
        }
        Ok(report)
    }
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
