//! The switch: from a candidate to the generation that serves, and away again.
//!
//! candidate -> preflight in a child -> load here -> init -> warm -> publish -> the old one
//! drains -> it is retired. Until the publish nothing of the serving generation is touched, so a
//! candidate may fail anywhere before it. The publish is one pointer.

mod back;
mod canary;
mod error;
mod history;
mod inherit;
mod split;
mod standby;

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use nova_abi::{OwnedBytes, Purpose};
use serde::{Deserialize, Serialize};

use crate::{
    exercise,
    generation::{Generation, GenerationId},
    ledger::{Facts, Kept, Ledger},
    loader::{BuildId, Library, LoadError, Loader, Store},
    preflight::{self, Report},
    release::{Release, Stylesheet},
    start::{StartInfo, start},
    table::{Table, TableError},
    trust::Trust,
};

pub use back::Back;
use canary::Running;
pub use canary::Trying;
pub(crate) use canary::percent;
pub use error::SwapError;
use history::History;
pub use history::{Record, State};
pub use inherit::Pause;
pub use split::{PageLibrary, SplitApp};
use standby::Standby;

/// How a host swaps.
#[derive(Debug, Clone)]
pub struct SwapSettings {
    /// Whether a developer is watching: error pages show what is inside.
    pub dev: bool,
    /// The executable whose `main` calls [`child_main`](crate::process::child_main); `None`
    /// swaps without preflight.
    pub preflight: Option<PathBuf>,
    /// Whether preflight and warm-up exercise the routes, or only run `init`.
    pub exercise: bool,
    /// Whether the public files of a release are served with it, so that its pages may link the
    /// hashed names of them.
    pub release_files: bool,
    /// How long a whole preflight may take.
    pub preflight_limit: Duration,
    /// How long `init` may take.
    pub init_limit: Duration,
    /// How long the warm-up of a new generation may take before it is published.
    pub warm_limit: Duration,
    /// How long open streams of an old generation may go on; `None`: for ever.
    pub drain_limit: Option<Duration>,
    /// What is asked of a release before it is taken.
    pub trust: Trust,
    /// What apps are started for: to serve, unless this host serves nobody.
    pub purpose: Purpose,
    /// How long the app of an old generation is kept running after its last request, so that it
    /// can serve again at once; zero shuts it down.
    pub standby: Duration,
}

impl Default for SwapSettings {
    fn default() -> Self {
        Self {
            dev: false,
            preflight: None,
            exercise: true,
            release_files: false,
            preflight_limit: Duration::from_secs(30),
            init_limit: Duration::from_secs(10),
            warm_limit: Duration::from_millis(50),
            drain_limit: Some(Duration::from_secs(600)),
            trust: Trust::default(),
            purpose: Purpose::Serve,
            standby: Duration::ZERO,
        }
    }
}

/// What a swap did, with the time of each step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Swapped {
    /// The generation that serves now.
    pub generation: GenerationId,
    /// Its build id.
    pub build_id: BuildId,
    /// The generation that it replaced.
    pub replaced: Option<GenerationId>,
    /// How many routes it has.
    pub routes: usize,
    /// The folder of public files to serve with it.
    #[serde(default)]
    pub public: Option<PathBuf>,
    /// Routes that answered 5xx in the preflight.
    pub unwell: Vec<String>,
    /// The preflight, in microseconds; 0 without one.
    pub preflight_us: u64,
    /// Copying, mapping and checking the library, in microseconds.
    pub load_us: u64,
    /// `init`, in microseconds.
    pub init_us: u64,
    /// From the candidate's reading to the publish, in microseconds.
    pub total_us: u64,
}

/// How long the warm-up may take at most where nothing serves yet.
const COLD_WARM_LIMIT: Duration = Duration::from_millis(3);

/// How many stylesheets stay served: a page that was answered before a swap, or before a few of
/// them, still finds its own.
const KEPT_STYLESHEETS: usize = 8;

/// Holds the route table that serves, and replaces it.
#[derive(Debug)]
pub struct Switch {
    settings: SwapSettings,
    loader: Loader,
    store: Store,
    table: ArcSwap<Table>,
    /// Taken by the one swap that is under way; says which for those that are turned away.
    swapping: Arc<tokio::sync::Mutex<()>>,
    under_way: Mutex<Option<(PathBuf, Instant)>>,
    /// Held while the table is read, changed and put back.
    publishing: Mutex<()>,
    standbys: Mutex<Vec<Standby>>,
    canary: Mutex<Option<Running>>,
    history: History,
    ledger: Arc<Ledger>,
    stylesheets: Mutex<Vec<Stylesheet>>,
    /// What the pages of the latest generation link by hashed names.
    linked: Mutex<BTreeMap<String, String>>,
    /// The copies of the public files of signed releases, by the release that came last.
    publics: Mutex<HashMap<PathBuf, PathBuf>>,
    last_id: AtomicU64,
    published: AtomicU64,
    refused: AtomicU64,
}

/// A candidate on its way: everything about it but its library's code.
struct Incoming {
    release: Release,
    info: StartInfo,
}

/// A candidate that has started, and only has to be published.
struct Prepared {
    slot: usize,
    generation: Arc<Generation>,
    swapped: Swapped,
    facts: Facts,
    began: Instant,
}

impl Switch {
    /// A switch with an empty table.
    #[must_use]
    pub fn new(settings: SwapSettings, store: Store) -> Self {
        Self {
            settings,
            loader: Loader::new(store.clone()),
            store,
            table: ArcSwap::default(),
            swapping: Arc::default(),
            under_way: Mutex::default(),
            publishing: Mutex::default(),
            standbys: Mutex::default(),
            canary: Mutex::default(),
            history: History::default(),
            ledger: Arc::default(),
            stylesheets: Mutex::default(),
            linked: Mutex::default(),
            publics: Mutex::default(),
            last_id: AtomicU64::new(0),
            published: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// Counts generations from after `last`: for a process that goes on where another ended.
    #[must_use]
    pub fn counting_from(self, last: GenerationId) -> Self {
        self.last_id.store(last.0, Ordering::Relaxed);
        self
    }

    /// Remembers releases in `ledger`, and refuses what it refuses.
    #[must_use]
    pub fn with_ledger(mut self, ledger: Ledger) -> Self {
        self.ledger = Arc::new(ledger);
        self
    }

    /// What is remembered of releases.
    #[must_use]
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// The table that serves now.
    #[must_use]
    pub fn table(&self) -> Arc<Table> {
        self.table.load_full()
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &SwapSettings {
        &self.settings
    }

    /// How many libraries this process has mapped, for good.
    #[must_use]
    pub fn loads(&self) -> usize {
        self.loader.loads()
    }

    /// How many swaps were published, and how many candidates refused.
    #[must_use]
    pub fn totals(&self) -> (u64, u64) {
        (self.published.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }

    /// The generations, newest last: all that are live or drain, and the latest retired ones.
    #[must_use]
    pub fn history(&self) -> Vec<Record> {
        self.history.list()
    }

    /// Writes down what serves, and makes copies of the releases that are to be kept.
    pub async fn keep(&self) {
        let (ledger, store) = (self.ledger.clone(), self.store.clone());
        blocking(move || ledger.keep(&store)).await;
    }

    /// Serves the stylesheets of the releases that are kept, too. This blocks.
    pub fn add_kept_stylesheets(&self) {
        for sheet in self.ledger.stylesheets() {
            self.add_stylesheet(sheet);
        }
    }

    /// A stylesheet of a kept release, by its file name.
    #[must_use]
    pub fn stylesheet(&self, name: &str) -> Option<Stylesheet> {
        locked(&self.stylesheets).iter().find(|sheet| sheet.name == name).cloned()
    }

    /// The stylesheet of the release that came last.
    #[cfg(feature = "cli")]
    pub(crate) fn latest_stylesheet(&self) -> Option<Stylesheet> {
        locked(&self.stylesheets).last().cloned()
    }

    /// Reads the releases that a host starts with. In the place of a build that is refused comes
    /// the release that served when the host ended.
    ///
    /// # Errors
    /// With the first that cannot be read, or is refused and has nothing in its place.
    pub fn read(&self, sources: &[PathBuf]) -> Result<Vec<Release>, SwapError> {
        let read = |(slot, source): (usize, &PathBuf)| {
            let release = Release::read(source, &self.settings.trust)?;
            let build_id = &release.candidate.build_id;
            let Some(refused) = self.ledger.refusal(build_id) else { return Ok(release) };
            let book = self.ledger.book();
            let serving = book.serving(slot).filter(|kept| kept.build_id != *build_id);
            let Some(kept) = serving else {
                let (path, reason) = (source.clone(), refused.reason);
                return Err(SwapError::RefusedBuild { path, build_id: refused.build_id, reason });
            };
            tracing::warn!(
                "{}: build {build_id} was refused: {}; build {}, which served last, starts instead",
                source.display(),
                refused.reason,
                kept.build_id
            );
            Ok(self.ledger.read(kept, &self.store, &self.settings.trust)?)
        };
        sources.iter().enumerate().map(read).collect()
    }

    /// Loads the libraries that a host starts with.
    ///
    /// # Errors
    /// As [`read`](Self::read) and [`start_read`](Self::start_read).
    pub async fn start(
        &self,
        sources: &[PathBuf],
        info: &StartInfo,
    ) -> Result<Vec<Swapped>, SwapError> {
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
    ) -> Result<Vec<Swapped>, SwapError> {
        self.start_with(releases, info, Vec::new()).await
    }

    /// The same with the states that the apps had before, in the order of the releases.
    ///
    /// # Errors
    /// As [`start_read`](Self::start_read).
    pub async fn start_with(
        &self,
        releases: Vec<Release>,
        info: &StartInfo,
        states: Vec<Option<OwnedBytes>>,
    ) -> Result<Vec<Swapped>, SwapError> {
        let _swapping = self.swapping.lock().await;
        let (mut slots, mut swapped, mut facts) = (Vec::new(), Vec::new(), Vec::new());
        let mut states = states.into_iter();
        for release in releases {
            let state = states.next().flatten();
            let began = Instant::now();
            facts.push(Facts::of(&release));
            let info = self.info_for(&release, info);
            let incoming = Incoming { release, info };
            let (generation, done) =
                self.bring_up(incoming, state, began, Report::default()).await?;
            slots.push(generation);
            swapped.push(done);
        }
        let table = Table::build(slots)?;
        self.history.record(table.generations());
        self.table.store(Arc::new(table));
        for (slot, facts) in facts.into_iter().enumerate() {
            self.ledger.serves(slot, facts);
        }
        Ok(swapped)
    }

    /// Starts with a library that is linked into this program instead of loaded.
    ///
    /// # Errors
    /// If its `init` fails.
    pub async fn start_linked(&self, library: Library, info: &StartInfo) -> Result<(), SwapError> {
        let _swapping = self.swapping.lock().await;
        let path = PathBuf::from(&library.note.app);
        let library = Arc::new(library);
        let limit = self.settings.init_limit;
        let app = start(&library, Purpose::Serve, info.clone(), None, limit)
            .await
            .map_err(|cause| SwapError::Start { path: path.clone(), cause })?;
        let id = self.next_id();
        let table = Table::build(vec![Generation::new(id, path, library, app)])?;
        self.history.record(table.generations());
        self.table.store(Arc::new(table));
        Ok(())
    }

    /// Puts the release at `source` in the place of the generation that it replaces.
    ///
    /// # Errors
    /// [`SwapError::Busy`] while another swap is under way; else with what is wrong with the
    /// candidate.
    pub async fn swap(
        self: &Arc<Self>,
        source: &Path,
        info: &StartInfo,
        force: bool,
    ) -> Result<Swapped, SwapError> {
        let Ok(_swapping) = self.swapping.try_lock() else {
            return Err(self.busy(source.into()));
        };
        self.swap_alone(source, info, force).await
    }

    /// As [`swap`](Self::swap), after the swap that may be under way.
    ///
    /// # Errors
    /// With what is wrong with the candidate.
    pub async fn swap_next(
        self: &Arc<Self>,
        source: &Path,
        info: &StartInfo,
        force: bool,
    ) -> Result<Swapped, SwapError> {
        let _swapping = self.swapping.lock().await;
        self.swap_alone(source, info, force).await
    }

    fn busy(&self, wanted: PathBuf) -> SwapError {
        let under_way = locked(&self.under_way).clone();
        let (candidate, since) = under_way.unwrap_or_else(|| (wanted, Instant::now()));
        SwapError::Busy { candidate, since: since.elapsed() }
    }

    async fn swap_alone(
        self: &Arc<Self>,
        source: &Path,
        info: &StartInfo,
        force: bool,
    ) -> Result<Swapped, SwapError> {
        self.no_canary()?;
        self.noted(source, self.replace(source, info, force)).await
    }

    /// Does the work of one swap: says that it is under way, and counts how it ended.
    async fn noted(
        &self,
        source: &Path,
        work: impl Future<Output = Result<Swapped, SwapError>>,
    ) -> Result<Swapped, SwapError> {
        *locked(&self.under_way) = Some((source.into(), Instant::now()));
        let result = work.await;
        *locked(&self.under_way) = None;
        match &result {
            Ok(_) => self.published.fetch_add(1, Ordering::Relaxed),
            Err(SwapError::AlreadyLive { .. }) => 0,
            Err(_) => self.refused.fetch_add(1, Ordering::Relaxed),
        };
        result
    }

    async fn replace(
        self: &Arc<Self>,
        source: &Path,
        info: &StartInfo,
        force: bool,
    ) -> Result<Swapped, SwapError> {
        let Prepared { slot, generation, mut swapped, facts, began } =
            self.prepare(source, info, force).await?;
        let old = self.publish(&generation, slot)?;
        swapped.replaced = old.as_ref().map(|old| old.id);
        swapped.total_us = micros(began);
        if let Some(old) = old {
            self.retire(old, Some(slot), self.settings.standby);
        }
        self.ledger.serves(slot, facts);
        Ok(swapped)
    }

    /// Brings a candidate as far as it comes without a request.
    async fn prepare(
        self: &Arc<Self>,
        source: &Path,
        info: &StartInfo,
        force: bool,
    ) -> Result<Prepared, SwapError> {
        let began = Instant::now();
        let table = self.table();
        let (path, trust) = (source.to_owned(), self.settings.trust.clone());
        let read = tokio::task::spawn_blocking(move || Release::read(&path, &trust));
        let release = read.await.map_err(|error| LoadError::Open {
            path: source.into(),
            message: error.to_string(),
        })??;
        let slot = slot_for(&table, &release)?;
        let old = table.generations().get(slot).cloned();
        if let Some(old) = &old
            && *old.build_id() == release.candidate.build_id
            && !self.restyles(&release)
            && !self.relinks(&release)
            && !self.republishes(&release)
            && !force
        {
            return Err(SwapError::AlreadyLive {
                path: source.into(),
                build_id: old.build_id().clone(),
                generation: old.id,
            });
        }
        if let Some(refused) = self.ledger.refusal(&release.candidate.build_id).filter(|_| !force) {
            return Err(SwapError::RefusedBuild {
                path: source.into(),
                build_id: refused.build_id,
                reason: refused.reason,
            });
        }
        let info = self.info_for(&release, info);
        let checking = Instant::now();
        let report = self.preflight(&release, &info).await?;
        let preflight_us = micros(checking);
        let facts = Facts::of(&release);
        let incoming = Incoming { release, info };
        let saved = match &old {
            Some(old) => Self::saved(old).await,
            None => None,
        };
        let (generation, mut swapped) = self.bring_up(incoming, saved, began, report).await?;
        swapped.preflight_us = preflight_us;
        Ok(Prepared { slot, generation, swapped, facts, began })
    }

    fn next_id(&self) -> GenerationId {
        GenerationId(self.last_id.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Lets a generation answer new requests, in its slot of the table; gives back the one that
    /// it replaces.
    fn publish(
        &self,
        generation: &Arc<Generation>,
        slot: usize,
    ) -> Result<Option<Arc<Generation>>, TableError> {
        let old = self.place(generation, slot)?;
        self.history.record(std::slice::from_ref(generation));
        Ok(old)
    }

    /// Puts a generation into its slot of the table; gives back the one that was there.
    fn place(
        &self,
        generation: &Arc<Generation>,
        slot: usize,
    ) -> Result<Option<Arc<Generation>>, TableError> {
        let _publishing = locked(&self.publishing);
        let mut slots = self.table().generations().to_vec();
        let old = slots.get(slot).cloned();
        match slots.get_mut(slot) {
            Some(place) => place.clone_from(generation),
            None => slots.push(generation.clone()),
        }
        self.set_table(slots)?;
        Ok(old)
    }

    /// Publishes a table of these generations, and of the canary if there is one.
    fn set_table(&self, slots: Vec<Arc<Generation>>) -> Result<(), TableError> {
        let canary = locked(&self.canary).as_ref().map(Running::place);
        let table = match canary {
            None => Table::build(slots)?,
            Some((slot, generation, share)) => {
                let mut others = slots.clone();
                others[slot] = generation;
                Table::build(slots)?.with_canary(Table::build(others)?, share)
            }
        };
        self.table.store(Arc::new(table));
        Ok(())
    }

    /// What the old generation's `export` saves. A state that cannot be saved is no reason to keep
    /// the old code: then init runs anew.
    async fn saved(old: &Generation) -> Option<OwnedBytes> {
        old.app().export().await.unwrap_or_else(|failure| {
            tracing::warn!("the state of generation {} was not exported: {failure}", old.id);
            None
        })
    }

    async fn preflight(&self, release: &Release, info: &StartInfo) -> Result<Report, SwapError> {
        let Some(program) = &self.settings.preflight else { return Ok(Report::default()) };
        let staged = self.loader.stage(&release.candidate)?;
        let job = preflight::Job {
            library: staged.path().to_owned(),
            store: self.store.folder().map(Path::to_owned),
            exercise: self.settings.exercise,
            init_limit: self.settings.init_limit,
            info: info.clone(),
        };
        preflight::check(program, &job, self.settings.preflight_limit)
            .await
            .map_err(|cause| SwapError::Preflight { path: release.source.clone(), cause })
    }

    /// Loads, starts and warms a candidate; it is in no table yet.
    async fn bring_up(
        &self,
        incoming: Incoming,
        saved: Option<OwnedBytes>,
        began: Instant,
        report: Report,
    ) -> Result<(Arc<Generation>, Swapped), SwapError> {
        let Incoming { release, info } = incoming;
        let Release { source, candidate, stylesheet, public, signed, plan, prerendered, .. } =
            release;
        let loading = Instant::now();
        let library = tokio::task::block_in_place(|| self.loader.load_candidate(candidate))?;
        let load_us = micros(loading);
        let starting = Instant::now();
        let linked = info.public.clone();
        let app = start(&library, self.settings.purpose, info, saved, self.settings.init_limit)
            .await
            .map_err(|cause| SwapError::Start { path: source.clone(), cause })?;
        let init_us = micros(starting);
        let id = self.next_id();
        *locked(&self.linked) = linked;
        if let Some(sheet) = stylesheet {
            self.add_stylesheet(sheet);
        }
        match &public {
            Some(public) if signed.is_some() => {
                locked(&self.publics).insert(source.clone(), public.clone());
            }
            _ => drop(locked(&self.publics).remove(&source)),
        }
        let generation = Generation::new(id, source, library, app);
        let _ = generation.prerendered.set(prerendered);
        if self.settings.exercise {
            // A host that starts is waited for; one that swaps serves meanwhile.
            let limit = self.settings.warm_limit;
            let cold = self.table().generations().is_empty();
            let limit = if cold { limit.min(COLD_WARM_LIMIT) } else { limit };
            exercise::warm(&generation, plan, limit).await;
        }
        let swapped = Swapped {
            generation: id,
            build_id: generation.build_id().clone(),
            replaced: None,
            routes: generation.routes.len(),
            public,
            unwell: report.unwell,
            preflight_us: 0,
            load_us,
            init_us,
            total_us: micros(began),
        };
        Ok((generation, swapped))
    }

    /// Ends all generations, for the end of the process; requests have `limit` to finish.
    pub async fn stop(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        self.end_standbys().await;
        for generation in self.table().generations() {
            generation.close();
            generation.drain(deadline).await;
            generation.app().shutdown().await;
            self.history.mark(generation.id, State::Retired);
        }
    }

    /// Serves a stylesheet, as the one that came last.
    fn add_stylesheet(&self, sheet: Stylesheet) {
        let mut sheets = locked(&self.stylesheets);
        sheets.retain(|kept| kept.name != sheet.name);
        sheets.push(sheet);
        let surplus = sheets.len().saturating_sub(KEPT_STYLESHEETS);
        sheets.drain(..surplus);
    }

    /// Whether a release brings another stylesheet than the one that came last: its library may be
    /// the same, and still there is something to swap.
    fn restyles(&self, release: &Release) -> bool {
        let sheets = locked(&self.stylesheets);
        let last = sheets.last().map(|sheet| &sheet.name);
        release.stylesheet.as_ref().is_some_and(|sheet| Some(&sheet.name) != last)
    }

    /// Whether a release has other public files to link than the generation that came last.
    fn relinks(&self, release: &Release) -> bool {
        self.settings.release_files && release.hashed != *locked(&self.linked)
    }

    /// Whether a signed release brings other public files than the last one from its place: they
    /// are served from a copy, which does not change by itself.
    fn republishes(&self, release: &Release) -> bool {
        let known = locked(&self.publics).get(&release.source).cloned();
        release.signed.is_some() && release.public != known
    }

    fn info_for(&self, release: &Release, info: &StartInfo) -> StartInfo {
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
}

/// Where the stylesheets of releases are served.
pub const STYLESHEETS: &str = "/_nova/";

/// A drain without limit, in a unit that an `Instant` can add.
const FOR_EVER: Duration = Duration::from_secs(60 * 60 * 24 * 365);

/// Which generation a release replaces: the only one, the one from the same path, or the one of
/// the same app.
fn slot_for(table: &Table, release: &Release) -> Result<usize, SwapError> {
    let generations = table.generations();
    if generations.len() <= 1 {
        return Ok(0);
    }
    let name = |app: &str| app.split(' ').next().unwrap_or_default().to_owned();
    let app = name(&release.candidate.note.app);
    generations
        .iter()
        .position(|generation| generation.source == release.source)
        .or_else(|| generations.iter().position(|old| name(&old.library.note.app) == app))
        .ok_or_else(|| SwapError::NoSlot {
            path: release.source.clone(),
            app,
            serving: generations
                .iter()
                .map(|old| format!("`{}` ({})", name(&old.library.note.app), old.source.display()))
                .collect::<Vec<_>>()
                .join(" and "),
        })
}

/// Does what blocks on a thread that may.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// A lock whose holder panicked holds data that is still whole: each change is one step.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
