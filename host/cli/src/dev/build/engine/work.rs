//! The jobs of the engine: what blocks, on a thread of its own, and can be stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use nova_route_template::parts::{
    AppLibrary, Fingerprint, ImageCache, PageAhead, PartsCompiler, PartsError, Unit, UnitOutput,
    chooses_allocator,
};
use nova_route_template::{CargoError, DepInfo, PreparedApp, Stopper};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::inventory::{AppBuild, Inventory, PageBuild};
use crate::dev::build::failure::BuildFailure;
use crate::dev::settings::Environment;
use crate::dev::wire::progress::Progress;

/// Stops a job, whether its process runs already or not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cancellation(Arc<Mutex<CancellationState>>);

#[derive(Debug, Default)]
struct CancellationState {
    cancelled: bool,
    /// Of every process that the job has started.
    stoppers: Vec<Stopper>,
}

impl Cancellation {
    pub(crate) fn cancel(&self) {
        let mut state = self.0.lock();
        state.cancelled = true;
        state.stoppers.iter().for_each(Stopper::stop);
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.0.lock().cancelled
    }

    fn arm(&self, stopper: Stopper) {
        let mut state = self.0.lock();
        if state.cancelled {
            stopper.stop();
        }
        state.stoppers.push(stopper);
    }
}

/// Finding or building the sys image, and reading what was known of the app.
pub(crate) struct ImageWork {
    pub(crate) prepared: Arc<PreparedApp>,
    /// The pages that are modules of the app library, as far as this session knows.
    pub(crate) inside: BTreeSet<String>,
    /// This executable.
    pub(crate) program: PathBuf,
    pub(crate) environment: Environment,
    pub(crate) progress: mpsc::UnboundedSender<Progress>,
}

impl ImageWork {
    pub(crate) fn run(
        &self,
        cancellation: &Cancellation,
    ) -> Result<(PartsCompiler, Inventory), PartsError> {
        let Self { prepared, inside, program, environment, progress } = self;
        let cache = ImageCache::of_user()
            .map_err(|source| PartsError::Io { what: "the cache of sys images", source })?;
        let on_event = |event| {
            if let Some(step) = Progress::of(event) {
                let _ = progress.send(step);
            }
        };
        let on_start = |stopper| cancellation.arm(stopper);
        let parts = PartsCompiler::open(
            &prepared.project,
            &cache,
            program,
            environment,
            on_start,
            on_event,
        )?;
        let mut inventory = Inventory::load(&parts.folder(), &parts.key());
        // The root of the app library is one of the texts that it was output from: it is written
        // as it would be now, before that is asked.
        let inside = inside.iter().chain(inventory.hazards.keys()).cloned().collect();
        let io = |source| PartsError::Io { what: "the root of the app library", source };
        parts.app(&prepared.tree, &inside, "next").map_err(io)?;
        inventory.verify(&parts);
        inventory.sweep(&parts.folder());
        Ok((parts, inventory))
    }
}

/// A library that was compiled.
#[derive(Debug)]
pub(crate) struct CompiledUnit {
    pub(crate) output: UnitOutput,
    pub(crate) fingerprint: Fingerprint,
}

/// An app library that was compiled.
#[derive(Debug)]
pub(crate) struct CompiledApp {
    pub(crate) app: AppBuild,
    pub(crate) output: UnitOutput,
    /// Whether it chooses its allocator, so that no page can be beside it.
    pub(crate) own_allocator: bool,
    /// The page on screen, if it could be compiled at the same time; of what that took, only what
    /// came after the app library counts.
    pub(crate) page: Option<(String, CompiledPage)>,
}

/// An app library that does not compile.
#[derive(Debug)]
pub(crate) struct FailedApp {
    pub(crate) failure: BuildFailure,
    /// The files that the compiler has read, as far as it came.
    pub(crate) inputs: Vec<PathBuf>,
}

impl From<CargoError> for FailedApp {
    fn from(error: CargoError) -> Self {
        Self { failure: error.into(), inputs: Vec::new() }
    }
}

/// A page that was compiled.
#[derive(Debug)]
pub(crate) struct CompiledPage {
    pub(crate) page: PageBuild,
    pub(crate) output: UnitOutput,
}

/// Runs the compiler to its end.
pub(crate) fn compile(
    parts: &PartsCompiler,
    unit: Unit,
    nice: u8,
    cancellation: &Cancellation,
) -> Result<CompiledUnit, CargoError> {
    let began = SystemTime::now();
    let running = unit.start_nice(nice)?;
    cancellation.arm(running.stopper());
    let output = running.wait()?;
    let fingerprint = fingerprint(parts, &output, began);
    Ok(CompiledUnit { output, fingerprint })
}

/// What a compilation has read, but for the roots of pages, which Nova writes.
fn fingerprint(parts: &PartsCompiler, output: &UnitOutput, began: SystemTime) -> Fingerprint {
    let generated = parts.folder().join("pages");
    Fingerprint::of(&output.dep_info, began, &generated, |name| parts.variable(name))
}

/// The app library, and the page on screen.
pub(crate) struct AppWork<'a> {
    pub(crate) parts: &'a PartsCompiler,
    pub(crate) prepared: &'a PreparedApp,
    pub(crate) inside: BTreeSet<String>,
    pub(crate) build: &'a str,
    /// The app library before this one.
    pub(crate) before: Option<AppLibrary>,
    /// The file of the page on screen, if that has a library of its own.
    pub(crate) page: Option<String>,
}

impl AppWork<'_> {
    pub(crate) fn run(self, cancellation: &Cancellation) -> Result<CompiledApp, FailedApp> {
        let Self { parts, prepared, inside, build, before, page } = self;
        let tree = &prepared.tree;
        let io = |source| CargoError::Run { program: parts.folder(), source };
        let (unit, library) = parts.app(tree, &inside, build).map_err(io)?;
        let page = page.and_then(|file| tree.pages.iter().find(|page| page.file == file));
        let ahead = match page.zip(before) {
            Some((page, before)) => {
                PageAhead::new(parts, &library, &before, tree, page, build).map_err(io)?
            }
            None => None,
        };
        let (written, dir) = (unit.written(), unit.dir().to_owned());
        // The note of an attempt before, if there is one, is not about this.
        let _ = std::fs::remove_file(written.with_extension("d"));
        let failed = |error: CargoError| {
            let inputs = DepInfo::beside(&written, &dir).files;
            FailedApp { failure: error.into(), inputs }
        };
        let began = SystemTime::now();
        std::thread::scope(|scope| {
            let running = unit.start()?;
            cancellation.arm(running.stopper());
            let mut beside = None;
            let on_metadata = || {
                beside = ahead.map(|ahead| scope.spawn(|| page_ahead(ahead, parts, cancellation)));
            };
            let mut output = running.wait_and(on_metadata).map_err(failed)?;
            output.dep_info.files.extend(parts.local_crates().map(Path::to_owned));
            let fingerprint = fingerprint(parts, &output, began);
            let since = Instant::now();
            let made = beside.and_then(|page| page.join().ok().flatten()).map(|mut made| {
                made.output.took = since.elapsed();
                made
            });
            let page = page.map(|page| page.file.clone()).zip(made);
            let own_allocator = chooses_allocator(&library.library);
            let app = AppBuild { library, fingerprint, inside };
            Ok(CompiledApp { app, output, own_allocator, page })
        })
    }
}

/// A page beside its app library. What goes wrong with it is not reported: it is compiled again
/// after the library, and that says what is wrong.
fn page_ahead(
    ahead: PageAhead,
    parts: &PartsCompiler,
    cancellation: &Cancellation,
) -> Option<CompiledPage> {
    let PageAhead { unit, symbol, link } = ahead;
    let (since, began) = (Instant::now(), SystemTime::now());
    let running = unit.start().ok()?;
    cancellation.arm(running.stopper());
    let mut output = running.wait().ok()?;
    let fingerprint = fingerprint(parts, &output, began);
    if let Err(error) = link.run(|stopper| cancellation.arm(stopper)) {
        tracing::debug!("a page is compiled again, after its app library: {error}");
        return None;
    }
    output.output = link.output;
    let size = std::fs::metadata(&output.output).map_or(0, |metadata| metadata.len());
    let (library, took) = (output.output.clone(), since.elapsed());
    Some(CompiledPage { page: PageBuild { library, symbol, fingerprint, took, size }, output })
}

/// One page.
pub(crate) struct PageWork<'a> {
    pub(crate) parts: &'a PartsCompiler,
    pub(crate) prepared: &'a PreparedApp,
    pub(crate) app: &'a AppLibrary,
    pub(crate) file: &'a str,
    pub(crate) build: &'a str,
    /// Whether it was saved, and will be again.
    pub(crate) edited: bool,
    pub(crate) nice: u8,
}

impl PageWork<'_> {
    pub(crate) fn run(&self, cancellation: &Cancellation) -> Result<CompiledPage, BuildFailure> {
        let io = |source| CargoError::Run { program: PathBuf::from(self.file), source };
        let tree = &self.prepared.tree;
        let Some(page) = tree.pages.iter().find(|page| page.file == self.file) else {
            return Err(io(std::io::Error::from(std::io::ErrorKind::NotFound)).into());
        };
        let unit = self.parts.page(self.app, tree, page, self.build, self.edited).map_err(io)?;
        log_command(self.parts, self.file, &unit.unit);
        let CompiledUnit { output, fingerprint } =
            compile(self.parts, unit.unit, self.nice, cancellation)?;
        let size = std::fs::metadata(&output.output).map_or(0, |metadata| metadata.len());
        let page = PageBuild {
            library: output.output.clone(),
            symbol: unit.symbol,
            fingerprint,
            took: output.took,
            size,
        };
        Ok(CompiledPage { page, output })
    }
}

/// Leaves the compiler's call for the page, so that it can be run and timed by itself.
fn log_command(parts: &PartsCompiler, file: &str, unit: &Unit) {
    let text = |it: &OsString| it.to_string_lossy().into_owned();
    let env = unit.variables().iter().map(|(name, value)| (text(name), text(value)));
    let line = serde_json::json!({
        "file": file,
        "argv": unit.command_line(),
        "env": env.collect::<BTreeMap<_, _>>(),
        "cwd": unit.dir(),
    });
    // For benchmarks; a session does not depend on it.
    let _ = std::fs::write(parts.folder().join("commands.jsonl"), format!("{line}\n"));
}
