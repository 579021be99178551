//! An app as a whole, where it cannot be in parts: their folder or the cache of sys images cannot be
//! written, a part does not link or load, or the profile, the allocator or a crate rules parts out.
//! Cargo may manage all the same, or says what is wrong. One build at a time, always of the newest
//! save.
//!
//! A build reads the pages, brings the crate root in step, runs cargo, and has the server load the
//! library. A newer save stops it as long as it has not reached the server; from there on it
//! runs to its end, and the newer build waits for that. Whatever happens, the generation that
//! serves goes on serving until another is published.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nova_host::library::start::StartInfo;
use nova_host::swap::SwapReport;
use nova_route_template::{
    Build, BuildOutput, CargoError, DepInfo, Diagnostic, Output, PrepareError, Problems, Reach,
    SourceCache, Stopper, prepare_rest,
};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::failure::BuildFailure;
use super::touch::touch_crate_root;
use crate::dev::child::handle::ServerHandle;
use crate::dev::settings::Environment;
use crate::dev::watch::age::since_written;
use crate::dev::watch::change::Change;
use crate::dev::wire::phases::{Phases, micros};
use crate::dev::wire::progress::Progress;
use crate::dev::wire::protocol::{Load, LoadOutcome};
use crate::dev::wire::state::RouteInfo;

/// What the builder has to say.
#[derive(Debug)]
pub(crate) enum BuildEvent {
    /// What it is at.
    Progress(Progress),
    /// The files were read: these are the routes that are built now.
    Scanned {
        /// The name of the app.
        app: String,
        /// Its routes.
        routes: Vec<RouteInfo>,
    },
    /// A build reached an end of its own.
    Ended(Box<BuildReport>),
}

/// A build that reached an end of its own.
#[derive(Debug)]
pub(crate) struct BuildReport {
    /// What was saved, also for builds that were stopped; empty for the first one.
    pub(crate) changes: Vec<Change>,
    /// Where the time went.
    pub(crate) phases: Phases,
    /// From the write of the newest file to the end.
    pub(crate) took: Duration,
    pub(crate) result: Result<BuildSuccess, BuildFailure>,
}

/// A library that serves.
#[derive(Debug)]
pub(crate) struct BuildSuccess {
    /// `None`: it did already.
    pub(crate) swapped: Option<SwapReport>,
    /// What its owner may want to know about the pages.
    pub(crate) notes: Vec<String>,
    /// What is wrong with pages that were left out.
    pub(crate) mistakes: Option<Arc<BuildFailure>>,
    /// What rustc printed about the app itself.
    pub(crate) warnings: BTreeSet<String>,
    /// The files that the compiler read, by absolute paths.
    pub(crate) inputs: BTreeSet<PathBuf>,
    /// The size of the library.
    pub(crate) bytes: u64,
}

/// Builds an app and has a server load what it built.
pub(crate) struct Builder {
    dir: PathBuf,
    server: ServerHandle,
    current: Option<RunningBuild>,
    sender: mpsc::UnboundedSender<BuildEvent>,
    events: mpsc::UnboundedReceiver<BuildEvent>,
}

struct RunningBuild {
    changes: Vec<Change>,
    cancel: BuildGate,
    task: JoinHandle<()>,
}

impl Builder {
    /// A builder of the app in `dir`.
    pub(crate) fn new(dir: &Path, server: ServerHandle) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        Self { dir: dir.to_owned(), server, current: None, sender, events }
    }

    /// Builds the app as it is now, because of `changes`; a build that goes on is out of date.
    /// `since` is when they were seen. Compilers see `environment`, and the library is started with
    /// `info`.
    pub(crate) fn start(
        &mut self,
        mut changes: Vec<Change>,
        since: Instant,
        environment: Environment,
        info: StartInfo,
    ) {
        let before = self.current.take().map(|job| {
            if !job.task.is_finished() && job.cancel.cancel() {
                // What it was for is told by this build, or not at all.
                changes.splice(0..0, job.changes);
                changes.sort();
                changes.dedup();
            }
            job.task
        });
        let watch = since_written(&self.dir, &changes);
        let cancel = BuildGate::default();
        let work = BuildTask {
            dir: self.dir.clone(),
            changes: changes.clone(),
            server: self.server.clone(),
            info,
            environment,
            cancel: cancel.clone(),
            events: self.sender.clone(),
        };
        let (reported, gate) = (changes.clone(), cancel.clone());
        let task = tokio::spawn(async move {
            if let Some(before) = before {
                // It ends by itself; if it panicked, that was reported.
                let _ = before.await;
            }
            let events = work.events.clone();
            let mut phases = Phases { watch_us: micros(watch), ..Phases::default() };
            let result = work.run(&mut phases).await;
            if result.is_err() && gate.is_cancelled() {
                return;
            }
            let took = watch + since.elapsed();
            let report = BuildReport { changes: reported, phases, took, result };
            // Without a listener the session is over.
            let _ = events.send(BuildEvent::Ended(Box::new(report)));
        });
        self.current = Some(RunningBuild { changes, cancel, task });
    }

    /// Whether a build goes on.
    pub(crate) fn is_building(&self) -> bool {
        self.current.as_ref().is_some_and(|job| !job.task.is_finished())
    }

    /// The next thing to report. A call that is given up loses nothing.
    pub(crate) async fn next_event(&mut self) -> BuildEvent {
        self.events.recv().await.expect("the builder holds a sender")
    }

    /// Stops the build that goes on, if it has not reached the server; the next one waits until its
    /// processes are gone.
    pub(crate) fn cancel(&mut self) {
        if let Some(job) = &self.current {
            job.cancel.cancel();
        }
    }

    /// Stops the build that goes on, and waits until its processes are gone.
    pub(crate) async fn stop(&mut self) {
        if let Some(job) = self.current.take() {
            job.cancel.cancel();
            let _ = job.task.await;
        }
    }
}

struct BuildTask {
    dir: PathBuf,
    changes: Vec<Change>,
    server: ServerHandle,
    info: StartInfo,
    environment: Environment,
    cancel: BuildGate,
    events: mpsc::UnboundedSender<BuildEvent>,
}

impl BuildTask {
    async fn run(self, phases: &mut Phases) -> Result<BuildSuccess, BuildFailure> {
        let Self { dir, changes, server, info, environment, cancel, events } = self;
        let gate = cancel.clone();
        let began = Instant::now();
        let built = tokio::task::spawn_blocking(move || {
            build(&dir, &changes, environment, &cancel, &events)
        })
        .await;
        phases.compile_us = micros(began.elapsed());
        let CargoBuild { built, notes, mistakes, inputs } = match built {
            Ok(compiled) => compiled?,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        if !gate.pass() {
            return Err(CargoError::Stopped.into());
        }
        let load = Load::Library { path: built.library.clone(), info };
        let swapped = match server.load(load).await? {
            LoadOutcome::Swapped(swapped) => {
                phases.load_us = swapped.preflight_us + swapped.load_us;
                phases.swap_us = swapped.total_us.saturating_sub(phases.load_us);
                Some(*swapped)
            }
            LoadOutcome::Same => None,
        };
        // Those of dependencies, the SDK for one, are not for the app's owner to mend.
        let own = |it: &Diagnostic| it.place.as_ref().is_none_or(|it| !it.file.starts_with('/'));
        let warnings = built.diagnostics.into_iter().filter(own).map(|it| it.rendered).collect();
        let bytes = built.library.metadata().map_or(0, |library| library.len());
        Ok(BuildSuccess { swapped, notes, mistakes, warnings, inputs, bytes })
    }
}

struct CargoBuild {
    built: BuildOutput,
    notes: Vec<String>,
    mistakes: Option<Arc<BuildFailure>>,
    inputs: BTreeSet<PathBuf>,
}

fn build(
    dir: &Path,
    changes: &[Change],
    environment: Environment,
    cancel: &BuildGate,
    events: &mpsc::UnboundedSender<BuildEvent>,
) -> Result<CargoBuild, BuildFailure> {
    let prepared = prepare_rest(dir, &mut SourceCache::open(dir), |_| false)?;
    if prepared.problems.iter().any(|problem| problem.reach() != Reach::File) {
        return Err(PrepareError::Problems(Problems(prepared.problems)).into());
    }
    let routes = RouteInfo::all(&prepared.tree);
    let app = prepared.project.name().to_owned();
    let _ = events.send(BuildEvent::Scanned { app, routes });
    touch_crate_root(dir, prepared.project.crate_root(), changes);
    let running = Build::new(&prepared.project, prepared.crate_root.origins)
        .profile("dev")
        .output(Output::Capture)
        .own_process_group()
        .environment(environment)
        .start()?;
    cancel.arm(running.stopper());
    let built = running.wait(|event| {
        if let Some(progress) = Progress::of(event) {
            let _ = events.send(BuildEvent::Progress(progress));
        }
    })?;
    let read = DepInfo::beside(&built.library, prepared.project.dir());
    let inputs = read.files.into_iter().collect();
    let notes = prepared.warnings.iter().map(ToString::to_string).collect();
    let mistakes = BuildFailure::of_mistakes(prepared.problems).map(Arc::new);
    Ok(CargoBuild { built, notes, mistakes, inputs })
}

/// Whether a build goes on, is to stop, or has passed the point where it cannot be stopped.
#[derive(Clone, Default)]
struct BuildGate(Arc<Mutex<Stage>>);

#[derive(Default)]
enum Stage {
    #[default]
    Preparing,
    Compiling(Stopper),
    Swapping,
    Cancelled,
}

impl BuildGate {
    /// Stops the build; `false` if it is too late for that.
    fn cancel(&self) -> bool {
        let mut stage = self.lock();
        match &*stage {
            Stage::Swapping => return false,
            Stage::Compiling(stopper) => stopper.stop(),
            Stage::Preparing | Stage::Cancelled => {}
        }
        *stage = Stage::Cancelled;
        true
    }

    fn is_cancelled(&self) -> bool {
        matches!(*self.lock(), Stage::Cancelled)
    }

    /// From here on cargo runs.
    fn arm(&self, stopper: Stopper) {
        let mut stage = self.lock();
        match *stage {
            Stage::Cancelled => stopper.stop(),
            _ => *stage = Stage::Compiling(stopper),
        }
    }

    /// From here on the build runs to its end; `false` if it was cancelled before.
    fn pass(&self) -> bool {
        let mut stage = self.lock();
        let go = !matches!(*stage, Stage::Cancelled);
        if go {
            *stage = Stage::Swapping;
        }
        go
    }

    fn lock(&self) -> parking_lot::MutexGuard<'_, Stage> {
        self.0.lock()
    }
}
