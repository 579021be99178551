//! Which job is next, starting it, and stopping one that has become pointless.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nova_route_template::parts::{PartsCompiler, PartsError, UnitOutput};
use nova_route_template::{CargoError, PreparedApp};
use tokio::task::JoinHandle;

use super::Engine;
use super::inventory::Inventory;
use super::sources::{AppScan, Sources};
use super::work::{
    self, AppWork, Cancellation, CompiledApp, CompiledPage, FailedApp, ImageWork, PageWork,
};
use crate::dev::build::failure::BuildFailure;

/// How nice a compiler is that is not waited for.
const NICE: u8 = 19;

/// The job that runs.
pub(super) struct RunningJob {
    pub(super) kind: JobKind,
    cancellation: Cancellation,
    handle: JoinHandle<JobResult>,
}

/// What a job is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum JobKind {
    /// Reading the app.
    Scan,
    /// Finding or building the sys image.
    Image,
    App,
    Page {
        file: String,
        waited_for: bool,
    },
    /// Whether the app library would compile with this page, or with all pages.
    Trial {
        file: Option<String>,
        reason: &'static str,
        waited_for: bool,
    },
    /// The whole crate, when nothing is waited for.
    Check,
}

impl JobKind {
    /// Whether it is not waited for.
    fn is_idle_work(&self) -> bool {
        match self {
            Self::Check => true,
            Self::Page { waited_for, .. } | Self::Trial { waited_for, .. } => !waited_for,
            Self::Scan | Self::Image | Self::App => false,
        }
    }

    /// How nice its compiler is.
    fn nice(&self) -> u8 {
        if self.is_idle_work() { NICE } else { 0 }
    }
}

/// What a job has found.
pub(super) enum JobResult {
    Scan(Box<Result<AppScan, BuildFailure>>),
    Image(Box<Result<(PartsCompiler, Inventory), PartsError>>),
    App(Box<Result<CompiledApp, FailedApp>>),
    Page(Box<Result<CompiledPage, BuildFailure>>),
    Check(Box<Result<UnitOutput, CargoError>>),
}

impl RunningJob {
    /// Whether it is not waited for.
    pub(super) fn is_idle_work(&self) -> bool {
        self.kind.is_idle_work()
    }

    /// The page that it compiles.
    pub(super) fn page(&self) -> Option<&str> {
        match &self.kind {
            JobKind::Page { file, .. } => Some(file),
            _ => None,
        }
    }

    /// Waits for its result; `None`: it was stopped. A call that is given up loses nothing.
    pub(super) async fn result(&mut self) -> Option<JobResult> {
        match (&mut self.handle).await {
            Ok(_) if self.cancellation.is_cancelled() => None,
            Ok(result) => Some(result),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// Stops it, sooner or later.
    pub(super) fn cancel(&self) {
        self.cancellation.cancel();
    }

    /// Whether nothing comes of it.
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancellation.is_cancelled()
    }

    /// Stops it, and waits until its process is gone.
    pub(super) async fn stop(self) {
        self.cancel();
        let _ = self.handle.await;
    }
}

impl Engine {
    /// Stops a job that the latest event has made pointless or less urgent.
    pub(super) fn interrupt(&mut self) {
        let Some(job) = &self.job else { return };
        let is_pointless = match &job.kind {
            kind if kind.is_idle_work() => true,
            JobKind::Page { file, .. } => {
                self.is_app_due() || self.stale.files && self.pages.is_edited(file)
            }
            JobKind::App | JobKind::Trial { .. } => self.stale.files || self.stale.app,
            JobKind::Scan | JobKind::Image | JobKind::Check => false,
        };
        if is_pointless {
            job.cancel();
        }
    }

    /// A job was stopped: what it was for is still to be done.
    pub(super) fn requeue(&mut self, kind: JobKind) {
        match kind {
            JobKind::Page { file, waited_for: true }
            | JobKind::Trial { file: Some(file), waited_for: true, .. } => {
                self.pages.put_last(file);
            }
            JobKind::App | JobKind::Trial { file: None, .. } => self.stale.app = true,
            JobKind::Check => self.checked = false,
            // What no request waits for is found again when all is quiet.
            JobKind::Page { .. } | JobKind::Trial { .. } | JobKind::Scan | JobKind::Image => {}
        }
    }

    /// Starts the next job that is waited for, or publishes what the latest have come to.
    pub(super) fn start_next(&mut self) {
        if std::mem::take(&mut self.stale.files) {
            return self.start_scan();
        }
        // What is known of the files is not what they are: nothing can be made of that.
        if self.mistakes.are_fatal() {
            return self.answer_waiting();
        }
        let Some(prepared) = self.prepared.clone() else { return };
        self.check_locks();
        if std::mem::take(&mut self.stale.image) && self.start_image(&prepared) {
            return;
        }
        let Some(parts) = self.parts.clone() else { return };
        let inside = self.pages.inside();
        if self.is_app_due() || self.mistakes.allow_app() && !self.app.was_attempted_with(&inside) {
            self.stale.app = false;
            return self.start_app(parts, prepared, inside);
        }
        if self.app.newest().is_some()
            && let Some(file) = self.pages.next_waiting()
        {
            return self.start_page(&parts, &prepared, file, true);
        }
        if self.draft.is_due() && !self.holds() {
            self.publish();
        }
        self.answer_waiting();
    }

    /// Whether the app library is out of date, and can be compiled.
    fn is_app_due(&self) -> bool {
        self.stale.app && self.mistakes.allow_app()
    }

    fn start_scan(&mut self) {
        let (dir, sources, known) = (self.dir.clone(), self.sources.clone(), self.pages.sound());
        self.start(JobKind::Scan, move |_| {
            let mut sources = sources.lock();
            let sources = sources.get_or_insert_with(|| Sources::open(&dir));
            JobResult::Scan(Box::new(sources.scan(&dir, &known)))
        });
    }

    /// Finds out whose the changes of lock files are: what cargo itself has written is what it was
    /// asked with.
    pub(super) fn check_locks(&mut self) {
        let locks = std::mem::take(&mut self.locks);
        let is_current = || self.parts.as_ref().is_some_and(|parts| parts.is_current());
        if locks.is_empty() || is_current() {
            return;
        }
        self.stale.image = true;
        self.draft.add(locks, Duration::ZERO, Instant::now());
    }

    /// Looks for the sys image; `false` if the one that is known is still right.
    fn start_image(&mut self, prepared: &Arc<PreparedApp>) -> bool {
        let cargo = std::mem::take(&mut self.stale.cargo);
        let is_current =
            |parts: &Arc<PartsCompiler>| !parts.has_build_script() && parts.is_current();
        if !cargo && self.parts.as_ref().is_some_and(is_current) {
            // What kept cargo from building another one is gone.
            self.image_failure = None;
            return false;
        }
        self.save();
        let image = ImageWork {
            prepared: prepared.clone(),
            inside: self.pages.inside(),
            program: self.program.clone(),
            environment: self.environment.clone(),
            progress: self.progress.0.clone(),
        };
        self.start(JobKind::Image, move |cancellation| {
            JobResult::Image(Box::new(image.run(cancellation)))
        });
        true
    }

    fn start_app(
        &mut self,
        parts: Arc<PartsCompiler>,
        prepared: Arc<PreparedApp>,
        inside: BTreeSet<String>,
    ) {
        self.app.attempt_with(&inside);
        let build = self.library_name();
        // What is on screen goes live first, and with it the app library.
        let fits = |file: &&String| !inside.contains(*file) && !self.pages.is_failed(file);
        let page = self.pages.on_screen().filter(fits).cloned();
        let before = self.app.library();
        self.start(JobKind::App, move |cancellation| {
            let (parts, prepared, build) = (&parts, &prepared, &build);
            let work = AppWork { parts, prepared, inside, build, before, page };
            JobResult::App(Box::new(work.run(cancellation)))
        });
    }

    pub(super) fn start_page(
        &mut self,
        parts: &Arc<PartsCompiler>,
        prepared: &Arc<PreparedApp>,
        file: String,
        waited_for: bool,
    ) {
        let Some(app) = self.app.library() else { return };
        let (parts, prepared, build) = (parts.clone(), prepared.clone(), self.library_name());
        let edited = self.pages.is_edited(&file);
        let kind = JobKind::Page { file: file.clone(), waited_for };
        let nice = kind.nice();
        self.start(kind, move |cancellation| {
            let work = PageWork {
                parts: &parts,
                prepared: &prepared,
                app: &app,
                file: &file,
                build: &build,
                edited,
                nice,
            };
            JobResult::Page(Box::new(work.run(cancellation)))
        });
    }

    fn start(
        &mut self,
        kind: JobKind,
        run: impl FnOnce(&Cancellation) -> JobResult + Send + 'static,
    ) {
        let cancellation = Cancellation::default();
        let own = cancellation.clone();
        let handle = tokio::task::spawn_blocking(move || run(&own));
        self.job = Some(RunningJob { kind, cancellation, handle });
    }

    pub(super) fn has_idle_work(&self) -> bool {
        self.unsaved || self.next_idle().is_some()
    }

    /// What to do when nothing is waited for. The check is first: it finds every mistake of a
    /// checkout in less time than its pages take to compile.
    fn next_idle(&self) -> Option<JobKind> {
        self.prepared.as_ref().and(self.parts.as_ref())?;
        let serves = self.app.is_published() || self.holds();
        let app = self.app.newest().filter(|_| serves)?;
        if !self.checked {
            return Some(JobKind::Check);
        }
        let file = self.pages.next_unbuilt(&app.inside)?;
        Some(JobKind::Page { file, waited_for: false })
    }

    pub(super) fn start_idle(&mut self) {
        let (Some(parts), Some(prepared)) = (self.parts.clone(), self.prepared.clone()) else {
            return;
        };
        match self.next_idle() {
            Some(JobKind::Page { file, .. }) => self.start_page(&parts, &prepared, file, false),
            Some(JobKind::Check) => {
                self.checked = true;
                self.start_check(JobKind::Check, self.pages.sound());
            }
            _ => {}
        }
    }

    /// Checks the crate with these pages inside.
    pub(super) fn start_check(&mut self, kind: JobKind, inside: BTreeSet<String>) {
        let (Some(parts), Some(prepared)) = (self.parts.clone(), self.prepared.clone()) else {
            return;
        };
        let nice = kind.nice();
        self.start(kind, move |cancellation| {
            let unit = parts
                .check(&prepared.tree, &inside)
                .map_err(|source| CargoError::Run { program: parts.folder(), source });
            let checked = unit.and_then(|unit| work::compile(&parts, unit, nice, cancellation));
            JobResult::Check(Box::new(checked.map(|checked| checked.output)))
        });
    }

    /// A name that no other library has.
    fn library_name(&mut self) -> String {
        self.named_libraries += 1;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        format!("{:x}{:04x}", now.as_micros(), self.named_libraries & 0xffff)
    }
}
