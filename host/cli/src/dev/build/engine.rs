//! The dev engine: what is compiled, and in which order, so that the page on screen comes first.
//!
//! One job runs at a time. What a developer waits for (a request, a save) stops what nobody waits
//! for. The order:
//!
//! 1. read the app, find its sys image;
//! 2. the app library, if a shared file has changed;
//! 3. the pages that are waited for, then those that were saved, the one on screen first;
//! 4. when all is quiet: a check of the whole crate, and pages that were never compiled, the one
//!    asked for last first.
//!
//! A page that compiles only as a part of the crate moves into the app library ([`hazard`]). The
//! pages that serve at one time are all built against one app library: after a change to that one,
//! nothing is published before the page on screen fits it.

mod event;
mod hazard;
mod inventory;
mod jobs;
mod outcomes;
mod precompiled;
mod publish;
mod work;

use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nova_route_template::parts::{PartsCompiler, PartsError, UnitOutput};
use nova_route_template::{CargoError, PreparedApp};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

pub(crate) use self::event::{EngineEvent, Health, PageView, Publication, Timing};
use self::inventory::{AppBuild, Inventory, PageBuild};
use self::precompiled::PrecompiledLibrary;
use self::work::{AppScan, Cancellation, CompiledApp, CompiledPage, ImageProgress, Sources};
use super::builder::BuildFailure;
use crate::dev::settings::Environment;
use crate::dev::watch::change::{Area, Change};
use crate::dev::wire::protocol::PageRoute;

/// Nothing was saved or asked for in so long: there is time for what nobody waits for.
const QUIET: Duration = Duration::from_millis(1500);

/// More pages than this are not compiled because they were saved, but when they are asked for: it
/// was a checkout, not a save.
const SAVED_AT_ONCE: usize = 4;

/// Compiles an app in parts.
pub(crate) struct Engine {
    dir: PathBuf,
    program: PathBuf,
    /// Variables that the compiler sees besides those of this process.
    environment: Environment,
    sources: Arc<Mutex<Option<Sources>>>,
    prepared: Option<Arc<PreparedApp>>,
    /// The pages that other files name.
    named: BTreeSet<String>,
    split: Option<Arc<PartsCompiler>>,
    known: Inventory,
    /// What serves until somebody saves a page, or asks for one that it does not fit.
    precompiled: Option<PrecompiledLibrary>,
    /// What must be done before any page can be compiled.
    stale: Stale,
    /// Whether the app library in `known` is the one that serves.
    published: Option<String>,
    /// The pages that somebody waits for, then those that were saved.
    urgent: VecDeque<String>,
    /// Why pages do not compile, until they change.
    failed: BTreeMap<String, Broken>,
    /// The compiled pages that serve. After a start, those of the session before wait until they
    /// are asked for: a thousand libraries are not mapped in no time.
    loaded: BTreeSet<String>,
    /// What serves until the server has taken the newest app library.
    before: Option<PreviousApp>,
    /// Pages of which an older version serves until the new one compiles.
    outdated: BTreeSet<String>,
    /// Pages that were saved in this session.
    edited: BTreeSet<String>,
    /// What the next publication is for.
    pending: PublicationDraft,
    job: Option<RunningJob>,
    ready: VecDeque<EngineEvent>,
    /// The pages that were told last.
    told: Vec<PageRoute>,
    progress: (mpsc::UnboundedSender<ImageProgress>, mpsc::UnboundedReceiver<ImageProgress>),
    /// When the developer last did something.
    active: Instant,
    /// Whether the whole crate was checked since the last change.
    checked: bool,
    /// Whether more is known than is written down.
    unsaved: bool,
    count: u64,
}

/// What must be done before any page can be compiled.
#[derive(Debug, Default)]
struct Stale {
    files: bool,
    image: bool,
    /// Only cargo knows: a crate in a folder of the user's has changed.
    cargo: bool,
    app: bool,
}

/// What the next publication is for.
#[derive(Debug, Default)]
struct PublicationDraft {
    changes: Vec<Change>,
    since: Option<Instant>,
    watch: Duration,
    timing: Timing,
    /// Whether a publication is due even if no page is compiled.
    due: bool,
    /// Whether the developer asked for everything anew.
    rebuild: bool,
}

/// An app library that served, and its pages.
struct PreviousApp {
    app: AppBuild,
    pages: BTreeMap<String, PageBuild>,
    loaded: BTreeSet<String>,
}

/// A page that does not compile.
struct Broken {
    failure: Arc<BuildFailure>,
    /// Whether it was saved or asked for, so that somebody should see this.
    shown: bool,
}

struct RunningJob {
    what: JobKind,
    cancel: Cancellation,
    handle: JoinHandle<JobResult>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum JobKind {
    Scan,
    Open,
    App,
    Page {
        file: String,
        waited_for: bool,
    },
    /// Whether the app library would compile with this page, or with all pages.
    Trial {
        file: Option<String>,
        reason: &'static str,
    },
    /// The whole crate, when nobody waits.
    Check,
}

enum JobResult {
    AppScan(Box<Result<AppScan, BuildFailure>>),
    Opened(Box<Result<(PartsCompiler, Inventory), PartsError>>),
    App(Box<Result<CompiledApp, BuildFailure>>),
    Page(Box<Result<CompiledPage, BuildFailure>>),
    Tried(Box<Result<UnitOutput, CargoError>>),
}

impl Engine {
    /// An engine for the app in `dir`; `program` is this executable.
    pub(crate) fn new(dir: &Path, program: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            program: program.to_owned(),
            environment: Environment::new(),
            sources: Arc::default(),
            prepared: None,
            named: BTreeSet::new(),
            split: None,
            known: Inventory::default(),
            precompiled: None,
            stale: Stale { files: true, image: true, ..Stale::default() },
            published: None,
            urgent: VecDeque::new(),
            failed: BTreeMap::new(),
            loaded: BTreeSet::new(),
            before: None,
            outdated: BTreeSet::new(),
            unsaved: false,
            edited: BTreeSet::new(),
            pending: PublicationDraft::default(),
            job: None,
            ready: VecDeque::new(),
            told: Vec::new(),
            progress: mpsc::unbounded_channel(),
            active: Instant::now(),
            checked: false,
            count: 0,
        }
    }

    /// The variables that the compiler sees besides those of this process.
    pub(crate) fn environment(&mut self, environment: Environment) {
        self.environment = environment;
        let Some(split) = &mut self.split else { return };
        Arc::make_mut(split).set_environment(&self.environment);
        self.stale.app |= self.known.forget_other_environment(split);
    }

    /// Files have changed; `watch` is how long it took to notice, `since` when that was.
    pub(crate) fn changed(&mut self, changes: Vec<Change>, watch: Duration, since: Instant) {
        self.active = Instant::now();
        self.checked = false;
        if !changes.is_empty() {
            self.release();
        }
        let paths: BTreeSet<PathBuf> =
            changes.iter().map(|change| self.dir.join(&change.path)).collect();
        let in_mirror: BTreeSet<PathBuf> = self.in_mirror(&changes);
        let mut saved = Vec::new();
        for (file, page) in &self.known.pages {
            if page.record.reads(&paths) {
                saved.push(file.clone());
            }
        }
        for change in &changes {
            match Area::of(&change.path) {
                Some(Area::Page) => {
                    self.stale.files = true;
                    let file = change.path.to_string_lossy().into_owned();
                    if !saved.contains(&file) {
                        saved.push(file);
                    }
                }
                Some(Area::Manifest | Area::Source) => {
                    self.stale.files = true;
                    self.stale.image = true;
                }
                Some(Area::Component | Area::App | Area::CrateRoot) => self.stale.files = true,
                // A crate beside the app.
                None if change.path.is_absolute() => {
                    self.stale.image = true;
                    self.stale.cargo = true;
                }
                _ => {}
            }
        }
        let app_reads = self
            .known
            .app
            .as_ref()
            .is_some_and(|app| app.record.reads(&paths) || app.record.reads(&in_mirror));
        let is_in_app =
            |file: &String| self.known.app.as_ref().is_some_and(|app| app.inside.contains(file));
        let shared = changes.iter().any(|change| {
            matches!(Area::of(&change.path), Some(Area::Component | Area::App | Area::CrateRoot))
        });
        self.stale.app |= app_reads || shared || saved.iter().any(is_in_app);
        if self.stale.app || self.stale.image {
            // An error in one file is often mended in another.
            self.failed.clear();
        }
        self.failed.retain(|file, _| !saved.contains(file));
        self.mark_saved(saved);
        self.pending.changes.extend(changes);
        self.pending.changes.sort();
        self.pending.changes.dedup();
        self.pending.since.get_or_insert(since);
        self.pending.watch = self.pending.watch.max(watch);
        self.interrupt();
    }

    /// The paths of changed files as the app library's record has them: below its mirror.
    fn in_mirror(&self, changes: &[Change]) -> BTreeSet<PathBuf> {
        let Some(split) = &self.split else { return BTreeSet::new() };
        let mirror = split.folder().join("root");
        changes.iter().map(|change| mirror.join(&change.path)).collect()
    }

    /// These pages are not what they were. One that is live serves on until its new version
    /// compiles; of many, those that nobody looks at are compiled when they are asked for.
    fn mark_saved(&mut self, saved: Vec<String>) {
        let on_screen = self.known.recent().first().cloned();
        let many = saved.len() > SAVED_AT_ONCE;
        for file in saved {
            let shown = on_screen.as_ref() == Some(&file);
            if many && !shown {
                self.known.pages.remove(&file);
                continue;
            }
            self.outdated.insert(file.clone());
            self.edited.insert(file.clone());
            self.urgent.retain(|other| *other != file);
            if shown {
                self.urgent.push_front(file);
            } else {
                self.urgent.push_back(file);
            }
        }
        self.pending.due = true;
    }

    /// Whether the compiler has read this file of the app.
    pub(crate) fn reads(&self, path: &Path) -> bool {
        let own = BTreeSet::from([self.dir.join(path)]);
        let mirror = self.split.as_ref().map(|split| split.folder().join("root").join(path));
        self.known.pages.values().any(|page| page.record.reads(&own))
            || self.known.app.as_ref().is_some_and(|app| {
                app.record.reads(&own) || app.record.reads(&mirror.into_iter().collect())
            })
    }

    /// A request waits for a page.
    pub(crate) fn wanted(&mut self, file: &str) {
        self.active = Instant::now();
        self.known.seen(file);
        if let Some(broken) = self.failed.get_mut(file) {
            broken.shown = true;
            let failure = broken.failure.clone();
            self.ready.push_back(EngineEvent::PageFailed { file: file.to_owned(), failure });
            return;
        }
        if self.known.pages.contains_key(file) && self.is_app_published() {
            self.loaded.insert(file.to_owned());
            self.publish();
            return;
        }
        self.release();
        self.pending.due = true;
        self.urgent.retain(|other| other != file);
        self.urgent.push_front(file.to_owned());
        self.pending.since.get_or_insert_with(Instant::now);
        self.interrupt();
    }

    /// A page was asked for.
    pub(crate) fn seen(&mut self, file: &str) {
        self.active = Instant::now();
        self.known.seen(file);
    }

    /// Compiles everything anew, because the developer says so.
    pub(crate) fn rebuild(&mut self) {
        self.active = Instant::now();
        self.stale = Stale { files: true, image: true, cargo: true, app: true };
        self.release();
        self.known.pages.clear();
        self.known.inside.clear();
        self.failed.clear();
        self.pending.since = Some(Instant::now());
        self.pending.due = true;
        self.pending.rebuild = true;
        self.interrupt();
    }

    /// Whether something is being compiled for which somebody waits.
    pub(crate) fn is_building(&self) -> bool {
        self.job.as_ref().is_some_and(|job| !job.is_idle_work())
    }

    /// The server has taken what was published.
    pub(crate) fn accepted(&mut self) {
        self.precompiled = None;
        self.before = None;
    }

    /// The server could not take what was published. If that was another app library, the one
    /// before it serves on, and pages that are asked for are compiled against that.
    pub(crate) fn refused(&mut self) {
        self.forget_precompiled();
        let Some(PreviousApp { app, pages, loaded }) = self.before.take() else { return };
        self.published = Some(app.library.build.clone());
        self.known.app = Some(app);
        self.known.pages = pages;
        self.loaded = loaded;
    }

    /// Whether it was said that a page does not compile, and still holds.
    pub(crate) fn is_said(&self, file: &str) -> bool {
        self.failed.get(file).is_some_and(|broken| broken.shown)
    }

    /// How many pages answer, whether they are compiled or will be when they are asked for.
    pub(crate) fn routes(&self) -> usize {
        let pages = self.prepared.iter().flat_map(|prepared| &prepared.tree.pages);
        pages.filter(|page| !page.handlers.is_empty()).count()
    }

    /// Every page and what is known of it.
    pub(crate) fn view(&self) -> Vec<PageView> {
        let Some(prepared) = &self.prepared else { return Vec::new() };
        let inside = self.known.app.as_ref().map(|app| &app.inside);
        let building = self.job.as_ref().and_then(|job| match &job.what {
            JobKind::Page { file, .. } => Some(file.as_str()),
            _ => None,
        });
        let view = |page: &nova_route_template::Page| {
            let known = self.known.pages.get(&page.file);
            let health = if self.failed.contains_key(&page.file) {
                Health::Failed
            } else if inside.is_some_and(|inside| inside.contains(&page.file)) {
                let reason = self.known.inside.get(&page.file);
                Health::Inside(reason.cloned().unwrap_or_else(|| "another file names it".into()))
            } else if known.is_some() {
                Health::Live
            } else if building == Some(page.file.as_str()) {
                Health::Building
            } else {
                Health::NotBuilt
            };
            PageView {
                pattern: page.pattern.to_string(),
                file: page.file.clone(),
                methods: page
                    .handlers
                    .iter()
                    .map(|it| it.method.http_name().unwrap_or("any").to_owned())
                    .collect(),
                health,
                size: known.map(|known| known.size),
                took: known.map(|known| known.took),
            }
        };
        prepared.tree.pages.iter().map(view).collect()
    }

    /// Stops what runs, and waits until its process is gone.
    pub(crate) async fn stop(&mut self) {
        if let Some(job) = self.job.take() {
            job.cancel.cancel();
            let _ = job.handle.await;
        }
        // The order in which pages were asked for, too.
        self.unsaved = true;
        self.save();
    }

    /// The next thing to do or to report. A call that is given up loses nothing.
    pub(crate) async fn update(&mut self) -> EngineEvent {
        loop {
            if let Some(update) = self.ready.pop_front() {
                return update;
            }
            if self.job.is_none() {
                self.start_next();
            }
            let quiet = tokio::time::Instant::from_std(self.active + QUIET);
            let Some(job) = &mut self.job else {
                if self.ready.is_empty() {
                    if !self.has_idle_work() {
                        std::future::pending::<()>().await;
                    }
                    tokio::time::sleep_until(quiet).await;
                    tokio::task::block_in_place(|| self.save());
                    self.start_idle();
                }
                continue;
            };
            tokio::select! {
                Some((crates, name)) = self.progress.1.recv() => {
                    return EngineEvent::Progress { crates, name };
                }
                outcome = &mut job.handle => {
                    let what = job.what.clone();
                    let cancelled = job.cancel.is_cancelled();
                    self.job = None;
                    match outcome {
                        Ok(_) if cancelled => self.requeue(what),
                        Ok(outcome) => self.finished(what, outcome),
                        Err(error) => std::panic::resume_unwind(error.into_panic()),
                    }
                }
            }
        }
    }
}

impl RunningJob {
    fn is_idle_work(&self) -> bool {
        matches!(&self.what, JobKind::Check | JobKind::Page { waited_for: false, .. })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(job) = &self.job {
            job.cancel.cancel();
        }
    }
}
