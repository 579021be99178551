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
mod prepare;
mod settings;
mod split;
mod standby;
mod start;
mod stylesheets;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use nova_abi::{FailureKind, OwnedBytes};
use serde::{Deserialize, Serialize};

use crate::generation::table::{Table, TableError};
use crate::generation::{Generation, GenerationId};
use crate::library::loader::{BuildId, Loader, Store};
use crate::library::start::StartInfo;
use crate::release::Stylesheet;
use crate::release::ledger::Ledger;

pub use back::Back;
use canary::Running;
pub use canary::Trying;
pub use canary::percent;
pub use error::SwapError;
use history::History;
pub use history::{Record, State};
pub use inherit::Pause;
use prepare::Prepared;
pub use settings::SwapSettings;
pub use split::{PageLibrary, SplitApp};
use standby::Standby;
pub use stylesheets::STYLESHEETS;
use stylesheets::Stylesheets;

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

impl Swapped {
    /// A swap to this generation, of which nothing else is told.
    fn by(generation: &Generation, began: Instant) -> Self {
        Self {
            generation: generation.id,
            build_id: generation.build_id().clone(),
            replaced: None,
            routes: generation.routes.len(),
            public: None,
            unwell: Vec::new(),
            preflight_us: 0,
            load_us: 0,
            init_us: 0,
            total_us: micros(began),
        }
    }
}

/// Holds the route table that serves, and replaces it.
#[derive(Debug)]
pub struct Switch {
    settings: SwapSettings,
    loader: Arc<Loader>,
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
    stylesheets: Stylesheets,
    /// Whether what serves is linked into this program.
    linked: AtomicBool,
    last_id: AtomicU64,
    published: AtomicU64,
    refused: AtomicU64,
}

impl Switch {
    /// A switch with an empty table.
    #[must_use]
    pub fn new(settings: SwapSettings, store: Store) -> Self {
        Self {
            settings,
            loader: Arc::new(Loader::new(store.clone())),
            store,
            table: ArcSwap::default(),
            swapping: Arc::default(),
            under_way: Mutex::default(),
            publishing: Mutex::default(),
            standbys: Mutex::default(),
            canary: Mutex::default(),
            history: History::default(),
            ledger: Arc::default(),
            stylesheets: Stylesheets::default(),
            linked: AtomicBool::new(false),
            last_id: AtomicU64::new(0),
            published: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// How long what runs may take once something else serves; `None`: as long as it likes.
    pub(crate) fn drain_limit(&self) -> Option<Duration> {
        self.settings.drain_limit
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

    /// Removes the copies of libraries that neither serve nor are kept, and those of public files
    /// that are not in `folders`, for a host whose store is nobody else's; before its first swap,
    /// because a candidate has a copy before it serves.
    pub async fn sweep(&self, folders: Vec<PathBuf>) {
        let book = self.ledger.book();
        let table = self.table();
        let (store, trust) = (self.store.clone(), self.settings.trust.clone());
        let sweep = move || {
            trust.sweep(&folders);
            store.sweep(|build_id| {
                book.releases.iter().any(|kept| kept.build_id == *build_id)
                    || table.generations().iter().any(|it| it.build_id() == build_id)
            });
        };
        blocking(sweep).await;
    }

    /// Serves the stylesheets of the releases that are kept, too. This blocks.
    pub fn add_kept_stylesheets(&self) {
        for sheet in self.ledger.stylesheets() {
            self.stylesheets.add(sheet);
        }
    }

    /// A stylesheet of a release, by its file name.
    #[must_use]
    pub fn stylesheet(&self, name: &str) -> Option<Stylesheet> {
        self.stylesheets.find(name)
    }

    /// The stylesheet of the release that came last.
    pub fn latest_stylesheet(&self) -> Option<Stylesheet> {
        self.stylesheets.list().last().cloned()
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
            let what = match failure.kind {
                FailureKind::Panic => "panicked",
                FailureKind::Error | FailureKind::Disconnected => "failed",
            };
            tracing::warn!(
                "`export` of app.rs {what} in generation {}, so its state is lost: {failure}",
                old.id
            );
            None
        })
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
}

/// A drain without limit, in a unit that an `Instant` can add.
const FOR_EVER: Duration = Duration::from_secs(60 * 60 * 24 * 365);

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
