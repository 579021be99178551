//! The dev engine: what is compiled, and in which order, so that the page on screen comes first.
//!
//! One job runs at a time. What a developer waits for (a request, a save) stops what is not waited
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
//!
//! How each page is, a [`page`] knows, and [`pages`] which of them is next; which app libraries there
//! are, [`app_library`]. [`changes`] finds out what a save makes out of date. [`jobs`] says what is next
//! and [`work`] does it, [`outcomes`] draws the conclusions, and [`publish`] hands out what is compiled.
//! [`inventory`] is the memory on disk.

mod app_library;
mod changes;
mod event;
mod hazard;
mod inventory;
mod jobs;
mod mistakes;
mod outcomes;
mod page;
mod pages;
mod precompiled;
mod publish;
mod sources;
#[cfg(test)]
mod tests;
mod work;

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nova_parts::PageLibrary;
use nova_route_template::PreparedApp;
use nova_route_template::parts::{BuildScript, PartsCompiler};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use self::app_library::AppLibraries;
use self::changes::Stale;
pub(crate) use self::event::{EngineEvent, Publication, Timing};
use self::jobs::RunningJob;
use self::mistakes::Mistakes;
use self::pages::Pages;
use self::precompiled::PrecompiledLibrary;
use self::publish::PublicationDraft;
use self::sources::Sources;
use crate::dev::build::failure::BuildFailure;
use crate::dev::settings::Environment;
use crate::dev::watch::change::Change;
use crate::dev::wire::progress::Progress;
use crate::dev::wire::protocol::PageRoute;
use crate::dev::wire::state::RouteInfo;

/// Nothing was saved or asked for in so long: there is time for what is not waited for.
const QUIET: Duration = Duration::from_millis(1500);

/// Compiles an app in parts.
pub(crate) struct Engine {
    dir: PathBuf,
    program: PathBuf,
    /// Variables that the compiler sees besides those of this process.
    environment: Environment,
    sources: Arc<Mutex<Option<Sources>>>,
    /// The app as it was read last.
    prepared: Option<Arc<PreparedApp>>,
    /// The compiler of its parts; `None` until its sys image is there.
    parts: Option<Arc<PartsCompiler>>,
    app: AppLibraries,
    pages: Pages,
    /// What is wrong with the app's files.
    mistakes: Mistakes,
    /// Why what the app depends on cannot be built as it is now.
    image_failure: Option<Arc<BuildFailure>>,
    /// Why the newest attempt at an app library came to nothing.
    app_failure: Option<Arc<BuildFailure>>,
    /// Pages that requests wait for.
    waiting: BTreeSet<String>,
    /// The page libraries of the publication that the server has taken last.
    accepted: BTreeSet<PathBuf>,
    /// When the app's build script runs again.
    script: BuildScript,
    /// The files that were announced as read.
    inputs: BTreeSet<PathBuf>,
    /// The files that decide how everything is compiled, some of them in folders above the app's.
    key_files: BTreeSet<PathBuf>,
    /// Changes of lock files that may be cargo's own.
    locks: Vec<Change>,
    /// What serves until a page is saved, or one is asked for that it does not fit.
    precompiled: Option<PrecompiledLibrary>,
    /// The list of pages that was announced last.
    announced: Vec<PageRoute>,
    /// What must be done before any page can be compiled.
    stale: Stale,
    /// What the next publication is for.
    draft: PublicationDraft,
    job: Option<RunningJob>,
    events: VecDeque<EngineEvent>,
    progress: (mpsc::UnboundedSender<Progress>, mpsc::UnboundedReceiver<Progress>),
    /// When the developer last did something.
    active: Instant,
    /// Whether the whole crate was checked since the last change.
    checked: bool,
    /// Whether more is known than is written down.
    unsaved: bool,
    /// How many libraries were named.
    named_libraries: u64,
}

impl Engine {
    /// The name of the app, once its files were read.
    pub(crate) fn app_name(&self) -> Option<&str> {
        self.prepared.as_ref().map(|prepared| prepared.project.name())
    }

    /// An engine for the app in `dir`; `program` is this executable.
    pub(crate) fn new(dir: &Path, program: &Path, environment: Environment) -> Self {
        Self {
            dir: dir.to_owned(),
            program: program.to_owned(),
            environment,
            sources: Arc::default(),
            prepared: None,
            parts: None,
            app: AppLibraries::default(),
            pages: Pages::default(),
            mistakes: Mistakes::default(),
            image_failure: None,
            app_failure: None,
            waiting: BTreeSet::new(),
            accepted: BTreeSet::new(),
            script: BuildScript::default(),
            inputs: BTreeSet::new(),
            key_files: BTreeSet::new(),
            locks: Vec::new(),
            precompiled: None,
            announced: Vec::new(),
            stale: Stale { files: true, image: true, ..Stale::default() },
            draft: PublicationDraft::default(),
            job: None,
            events: VecDeque::new(),
            progress: mpsc::unbounded_channel(),
            active: Instant::now(),
            checked: false,
            unsaved: false,
            named_libraries: 0,
        }
    }

    /// The variables that compilers see besides those of this process.
    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// From now on compilers see these.
    pub(crate) fn set_environment(&mut self, environment: Environment) {
        self.environment = environment;
        let Some(parts) = &mut self.parts else { return };
        let of_script = |parts: &PartsCompiler| -> Vec<_> {
            self.script.variables.iter().map(|name| parts.variable(name)).collect()
        };
        let before = of_script(parts);
        Arc::make_mut(parts).set_environment(&self.environment);
        self.stale.image |= before != of_script(parts);
        let variable = |name: &str| parts.variable(name);
        self.pages.retain(|page| page.fingerprint.sees(variable));
        self.stale.app |= self.app.holds_other_variables(variable);
    }

    /// A request waits for a page.
    pub(crate) fn wanted(&mut self, file: &str) {
        self.seen(file);
        if let Some(failure) = self.pages.show_failure(file) {
            self.events.push_back(EngineEvent::PageFailed { file: file.to_owned(), failure });
            return;
        }
        if self.app.is_published() {
            if self.pages.serves(file) {
                // It is on its way to the server.
                return;
            }
            if self.pages.serve(file) {
                self.publish();
                return;
            }
        }
        self.waiting.insert(file.to_owned());
        self.release_precompiled();
        self.pages.put_first(file);
        // One that belongs into the app library and is not in it waits for that, and not for what
        // there is already.
        if !self.pages.is_inside(file) || self.app.has(file) {
            self.draft.ask(Instant::now());
        }
        self.interrupt();
    }

    /// A page was asked for.
    pub(crate) fn seen(&mut self, file: &str) {
        self.active = Instant::now();
        self.pages.seen(file);
    }

    /// Compiles everything anew, because the developer says so.
    pub(crate) fn rebuild(&mut self) {
        self.active = Instant::now();
        self.stale = Stale::all();
        self.release_precompiled();
        self.pages.forget_all();
        self.draft.rebuild(Instant::now());
        self.interrupt();
    }

    /// The app is built as a whole, until its manifest changes or everything is asked for anew.
    pub(crate) fn retire(&mut self) {
        if let Some(job) = &self.job {
            job.cancel();
        }
        self.parts = None;
        self.stale = Stale::default();
        self.locks.clear();
        self.image_failure = None;
        self.app_failure = None;
        self.app = AppLibraries::default();
        self.pages.forget_all();
        self.draft = PublicationDraft::default();
        self.unsaved = false;
        self.forget_precompiled();
    }

    /// Whether the app has no parts.
    pub(crate) fn is_retired(&self) -> bool {
        self.parts.is_none()
    }

    /// Whether the app is compiled in parts, or it is being found out whether it can be: what is
    /// saved now counts.
    pub(crate) fn is_at_work(&self) -> bool {
        let is_running = self.job.as_ref().is_some_and(|job| !job.is_cancelled());
        !self.is_retired() || is_running || self.stale.files || self.stale.image
    }

    /// Whether something is being compiled that is waited for.
    pub(crate) fn is_building(&self) -> bool {
        self.job.as_ref().is_some_and(|job| !job.is_idle_work())
    }

    /// The server has taken a publication of this app library.
    pub(crate) fn accepted(&mut self, publication: &Publication) {
        self.precompiled = None;
        self.app.accepted(&publication.app.app);
        self.accepted = publication.pages.iter().map(|page| page.path.clone()).collect();
    }

    /// The server could not take one. If that was another app library, the one
    /// before it serves on, and pages that are asked for are compiled against that.
    pub(crate) fn refused(&mut self, publication: &Publication) {
        self.forget_precompiled();
        let is_new = |page: &&PageLibrary| !self.accepted.contains(&page.path);
        self.pages.withdraw(publication.pages.iter().filter(is_new));
        if let Some(libraries) = self.app.refused(&publication.app.app) {
            self.pages.put_libraries_back(libraries);
            // Those that were saved together with what was refused.
            if let Some(parts) = self.parts.clone() {
                let variable = |name: &str| parts.variable(name);
                self.pages.outdate_unless(|page| page.fingerprint.is_fresh(variable));
            }
        }
    }

    /// All that is wrong and was said.
    pub(crate) fn failures(&self) -> Vec<Arc<BuildFailure>> {
        let mut failures = self.mistakes.failures();
        failures.extend(self.image_failure.iter().chain(&self.app_failure).cloned());
        failures.extend(self.pages.shown_failures());
        failures
    }

    /// Whether it was said that a page does not compile, and still holds.
    pub(crate) fn is_said(&self, file: &str) -> bool {
        self.pages.is_said(file)
    }

    /// How many pages answer, whether they are compiled or will be when they are asked for.
    pub(crate) fn routes(&self) -> usize {
        self.pages.answering()
    }

    /// Every page and what is known of it.
    pub(crate) fn view(&self) -> Vec<RouteInfo> {
        self.pages.view(self.job.as_ref().and_then(RunningJob::page))
    }

    /// Stops what runs, and waits until its process is gone.
    pub(crate) async fn stop(&mut self) {
        if let Some(job) = self.job.take() {
            job.stop().await;
        }
        // The order in which pages were asked for, too.
        self.unsaved = true;
        self.save();
    }

    /// The next thing to do or to report. A call that is given up loses nothing.
    pub(crate) async fn next_event(&mut self) -> EngineEvent {
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            if self.job.is_none() {
                self.start_next();
            }
            let quiet = tokio::time::Instant::from_std(self.active + QUIET);
            let Some(job) = &mut self.job else {
                if self.events.is_empty() {
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
                Some(progress) = self.progress.1.recv() => {
                    return EngineEvent::Progress(progress);
                }
                result = job.result() => {
                    let job = self.job.take().expect("it was there just now");
                    match result {
                        Some(result) => self.conclude(job.kind, result),
                        None => self.requeue(job.kind),
                    }
                }
            }
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(job) = &self.job {
            job.cancel();
        }
    }
}
