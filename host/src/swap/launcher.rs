//! From a release to an app that has started: checked in a child, loaded, started and warm, but in
//! no table yet.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nova_abi::{App, OwnedBytes};
use tokio::runtime::Handle;

use super::lifecycle::CandidateGeneration;
use super::report::micros;
use super::stylesheets::Stylesheets;
use super::{STYLESHEETS, SwapError, SwapOptions, SwapReport, SwapSettings};
use crate::generation::preflight::{self, PreflightJob, PreflightReport};
use crate::generation::{Generation, GenerationId, Origin, exercise};
use crate::library::loader::{BuildId, Candidate, Library, LoadError, Loader, Staged, Store};
use crate::library::start::{StartInfo, start};
use crate::release::assets::ReleaseAssets;
use crate::release::plan::Plan;
use crate::release::{Release, Stylesheet};
use crate::rooms::SharedRooms;

/// How long the warm-up may take at most where nothing serves yet.
const COLD_WARM_LIMIT: Duration = Duration::from_millis(3);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Launcher {
    pub(super) settings: SwapSettings,
    pub(super) loader: Arc<Loader>,
    store: Store,
    /// Those of the releases that were launched.
    pub(super) stylesheets: Stylesheets,
    last_id: AtomicU64,
    /// Whether what serves is linked into this program.
    linked: AtomicBool,
    /// Those of the apps that are launched.
    pub(super) rooms: SharedRooms,
}

/// A release that is to be loaded.
pub(super) struct Launch {
    pub(super) release: Release,
    pub(super) info: StartInfo,
    pub(super) preflight: PreflightReport,
    pub(super) began: Instant,
}

/// A release whose library is mapped, and whose app only has to be started.
#[derive(Debug)]
pub(super) struct Loaded {
    origin: Origin,
    library: Arc<Library>,
    stylesheet: Option<Stylesheet>,
    public: Option<PathBuf>,
    plan: Option<Plan>,
    unwell: Vec<String>,
    load_us: u64,
    began: Instant,
}

impl Loaded {
    /// Where its release was read.
    pub(super) fn path(&self) -> &Path {
        &self.origin.source
    }

    /// Its library.
    pub(super) fn library(&self) -> &Arc<Library> {
        &self.library
    }
}

/// How long a generation is warmed up before it is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WarmUp {
    /// Something serves meanwhile.
    Full,
    /// Nothing serves yet: clients wait for this one.
    Cold,
    /// Requests wait at the door.
    None,
}

impl Launcher {
    pub(super) fn new(settings: SwapSettings, store: Store) -> Self {
        Self {
            settings,
            loader: Arc::new(Loader::new(store.clone())),
            store,
            stylesheets: Stylesheets::default(),
            last_id: AtomicU64::new(0),
            linked: AtomicBool::new(false),
            rooms: SharedRooms::default(),
        }
    }

    /// Where the copies of libraries are.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Whether a build was loaded by this process before.
    pub(super) fn has(&self, build_id: &BuildId) -> bool {
        self.loader.has(build_id)
    }

    /// Takes a library that is linked into this program for one that was read and loaded.
    pub(super) fn link(&self, library: Library) -> Candidate {
        self.linked.store(true, Ordering::Relaxed);
        self.loader.link(library)
    }

    /// Whether what serves is linked into this program.
    pub(super) fn is_linked(&self) -> bool {
        self.linked.load(Ordering::Relaxed)
    }

    /// The number of the last generation.
    pub(super) fn last_id(&self) -> GenerationId {
        GenerationId(self.last_id.load(Ordering::Relaxed))
    }

    /// Counts generations from after `last`.
    pub(super) fn count_from(&self, last: GenerationId) {
        self.last_id.store(last.0, Ordering::Relaxed);
    }

    pub(super) fn next_id(&self) -> GenerationId {
        GenerationId(self.last_id.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Reads a release, on a thread that may wait for the disk.
    pub(super) async fn read(&self, source: &Path) -> Result<Release, SwapError> {
        let (path, trust, store) =
            (source.to_owned(), self.settings.trust.clone(), self.store.clone());
        let read =
            tokio::task::spawn_blocking(move || Release::read_for(&path, &trust, Some(&store)));
        let release = read.await.map_err(|error| LoadError::Open {
            path: source.into(),
            message: error.to_string(),
        })??;
        Ok(release)
    }

    /// What the app of a release is told at its start.
    pub(super) fn info_for(&self, release: &Release, info: &StartInfo) -> StartInfo {
        let mut info = StartInfo { dev: self.settings.dev, ..info.clone() };
        if self.settings.release_files {
            info.public.clone_from(&release.hashed);
            if let Some(hashed) = info.favicon.as_ref().and_then(|icon| info.public.get(icon)) {
                info.favicon = Some(hashed.clone());
            }
        }
        if let Some(sheet) = &release.stylesheet {
            info.stylesheet = Some(format!("{STYLESHEETS}{}", sheet.name));
        }
        info
    }

    /// Tries a release in a child process, if that is wanted; `serving` is the build that it is to
    /// replace.
    pub(super) async fn preflight(
        &self,
        release: &Release,
        info: &StartInfo,
        serving: Option<&BuildId>,
        options: SwapOptions,
    ) -> Result<PreflightReport, SwapError> {
        let Some(program) = &self.settings.preflight else {
            return Ok(PreflightReport::default());
        };
        if !options.preflight {
            let path = release.source.display();
            tracing::warn!("{path}: is swapped in without a preflight, as it was asked for");
            return Ok(PreflightReport::default());
        }
        let staged = self.stage(&release.candidate).await?;
        let job = PreflightJob {
            library: staged.path().to_owned(),
            store: self.store.folder().map(Path::to_owned),
            exercise: self.settings.exercise,
            spared: release.plan.as_ref().map(Plan::failing).unwrap_or_default(),
            limit: self.settings.preflight_limit,
            init_limit: self.settings.init_limit,
            info: info.clone(),
            ..PreflightJob::default()
        };
        // A build that is mapped from memory alone has no file that a child could load.
        let serving = serving.and_then(|serving| self.store.path(serving));
        preflight::check(program, job, serving)
            .await
            .map_err(|cause| SwapError::Preflight { path: release.source.clone(), cause })
    }

    /// Maps the library of a release. None of its code has run in this process before.
    pub(super) async fn load(&self, launch: Launch) -> Result<Loaded, SwapError> {
        let Launch { mut release, info, preflight, began } = launch;
        let assets = Arc::new(ReleaseAssets::take(&mut release));
        let Release { source, candidate, stylesheet, public, plan, swap, .. } = release;
        let loading = Instant::now();
        let library = self.map(candidate).await?;
        let load_us = micros(loading);
        let origin = Origin { source, assets, info, swap };
        let unwell = preflight.unwell;
        Ok(Loaded { origin, library, stylesheet, public, plan, unwell, load_us, began })
    }

    /// Starts the app of a release, with the state that the app before saved, and warms it up.
    pub(super) async fn start(
        &self,
        loaded: &Loaded,
        saved: Option<OwnedBytes>,
        warm_up: WarmUp,
    ) -> Result<(CandidateGeneration, SwapReport), SwapError> {
        let Loaded { origin, library, plan, began, .. } = loaded;
        let starting = Instant::now();
        let generation = self.start_app(origin, library, saved).await?;
        let init_us = micros(starting);
        if let Some(sheet) = &loaded.stylesheet {
            self.stylesheets.add(sheet.clone());
        }
        let limit = match warm_up {
            WarmUp::Full => self.settings.warm_limit,
            WarmUp::Cold => self.settings.warm_limit.min(COLD_WARM_LIMIT),
            WarmUp::None => Duration::ZERO,
        };
        if self.settings.exercise && !limit.is_zero() {
            let workers = self.settings.workers.clone().unwrap_or_else(Handle::current);
            exercise::warm(&generation, plan.clone(), limit, &workers).await;
        }
        let report = SwapReport {
            public: loaded.public.clone(),
            unwell: loaded.unwell.clone(),
            load_us: loaded.load_us,
            init_us,
            ..SwapReport::of(&generation, *began)
        };
        Ok((CandidateGeneration::new(generation), report))
    }

    /// Starts the app of a generation that has ended once more, with this state.
    pub(super) async fn start_again(
        &self,
        ended: &Generation,
        saved: Option<OwnedBytes>,
    ) -> Result<CandidateGeneration, SwapError> {
        let generation = self.start_app(&ended.origin, &ended.library, saved).await?;
        Ok(CandidateGeneration::new(generation))
    }

    /// A generation of an app that runs on, although its generation has ended.
    pub(super) fn go_on(&self, ended: &Generation, app: Arc<App>) -> CandidateGeneration {
        let (origin, library) = (ended.origin.clone(), ended.library.clone());
        CandidateGeneration::new(Generation::going_on(self.next_id(), origin, library, app))
    }

    async fn start_app(
        &self,
        origin: &Origin,
        library: &Arc<Library>,
        saved: Option<OwnedBytes>,
    ) -> Result<Arc<Generation>, SwapError> {
        let SwapSettings { purpose, init_limit, .. } = self.settings;
        let library = &self.unused(library).await;
        let rooms = self.rooms.for_library();
        let app = start(library, purpose, origin.info.clone(), rooms, saved, init_limit)
            .await
            .map_err(|cause| SwapError::Start { path: origin.source.clone(), cause })?;
        Ok(Generation::new(self.next_id(), origin.clone(), library.clone(), app))
    }

    /// A library whose statics no app has used. Where there is none, the app may still start with
    /// the statics that are there.
    async fn unused(&self, library: &Arc<Library>) -> Arc<Library> {
        let (loader, used) = (Arc::clone(&self.loader), Arc::clone(library));
        let mapped = tokio::task::spawn_blocking(move || loader.unused(&used)).await;
        let failed = |error: LoadError| tracing::warn!("statics do not begin anew: {error}");
        let mapped = mapped.ok().and_then(|mapped| mapped.map_err(failed).ok());
        mapped.unwrap_or_else(|| Arc::clone(library))
    }

    /// Writes the copy of a candidate for a child process, on a thread that may wait for the disk.
    async fn stage(&self, candidate: &Candidate) -> Result<Staged, LoadError> {
        let (loader, candidate) = (Arc::clone(&self.loader), candidate.clone());
        let path = candidate.path.clone();
        tokio::task::spawn_blocking(move || loader.stage(&candidate))
            .await
            .unwrap_or_else(|error| Err(LoadError::Open { path, message: error.to_string() }))
    }

    /// Maps a candidate's library, on a thread that may wait for the disk.
    async fn map(&self, candidate: Candidate) -> Result<Arc<Library>, LoadError> {
        let (loader, path) = (Arc::clone(&self.loader), candidate.path.clone());
        tokio::task::spawn_blocking(move || loader.load_candidate(candidate))
            .await
            .unwrap_or_else(|error| Err(LoadError::Open { path, message: error.to_string() }))
    }
}
