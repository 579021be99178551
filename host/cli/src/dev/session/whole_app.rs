//! An app that cannot be compiled in parts, and is built as a whole instead.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use nova_host::library::start::StartInfo;

use super::main_loop::Session;
use super::problems;
use super::store::SessionStore;
use crate::dev::build::builder::{BuildEvent, BuildReport, BuildSuccess, Builder};
use crate::dev::build::failure::BuildFailure;
use crate::dev::settings::Environment;
use crate::dev::watch::change::Change;
use crate::dev::wire::phases::micros;
use crate::dev::wire::protocol::Order;
use crate::dev::wire::save::{Save, SaveOutcome, Scope};
use crate::dev::wire::state::BuildMode;

/// The builder, and what it has left.
pub(crate) struct WholeApp {
    builder: Builder,
    store: SessionStore,
    /// The files that the compiler read the last time, by absolute paths.
    inputs: BTreeSet<PathBuf>,
    /// The page whose library did not load, so that the app is built as a whole.
    suspect: Option<String>,
    /// Pages that do not load in either way: the others go on without them.
    unloadable: BTreeSet<String>,
    /// Whether the lock file has changed while it was built, by cargo or by another program.
    lock_changed: bool,
    /// Whether it is built once more for that alone.
    is_check: bool,
}

impl WholeApp {
    /// Nothing is built before [`start`](Self::start).
    pub(crate) fn new(builder: Builder, store: SessionStore) -> Self {
        Self {
            builder,
            store,
            inputs: BTreeSet::new(),
            suspect: None,
            unloadable: BTreeSet::new(),
            lock_changed: false,
            is_check: false,
        }
    }

    /// Builds the app as it is now; see [`Builder::start`].
    pub(crate) fn start(
        &mut self,
        changes: Vec<Change>,
        since: Instant,
        environment: Environment,
        info: StartInfo,
    ) {
        self.builder.start(changes, since, environment, info);
    }

    /// The next thing to report. A call that is given up loses nothing.
    pub(crate) async fn next_event(&mut self) -> BuildEvent {
        self.builder.next_event().await
    }

    /// The library of this page did not load; whether the whole app may be built for that.
    pub(crate) fn suspects(&mut self, page: Option<&String>) -> bool {
        if page.is_some_and(|page| self.unloadable.contains(page)) {
            return false;
        }
        self.suspect = page.cloned();
        true
    }

    /// These files are others now.
    pub(crate) fn changed(&mut self, changes: &[Change]) {
        let is_changed = |page: &String| changes.iter().any(|it| it.path == Path::new(page));
        self.unloadable.retain(|page| !is_changed(page));
    }

    /// The lock file has changed while the app is built.
    pub(crate) fn lock_changed(&mut self) {
        self.lock_changed = true;
    }

    /// A build serves.
    pub(crate) fn serves(&mut self, success: &BuildSuccess) {
        self.suspect = None;
        self.inputs.clone_from(&success.inputs);
        if let Some(swapped) = &success.swapped {
            self.store.prune(swapped.build_id.as_str());
        }
    }

    /// Whether the compiler has read the file at an absolute path.
    pub(crate) fn reads(&self, path: &Path) -> bool {
        self.inputs.contains(path)
    }

    /// Stops the build that goes on, if it has not reached the server.
    pub(crate) fn cancel(&mut self) {
        self.builder.cancel();
    }

    /// Whether a build goes on.
    pub(crate) fn is_building(&self) -> bool {
        self.builder.is_building()
    }

    /// Stops the build that goes on, and waits until its processes are gone.
    pub(crate) async fn stop(&mut self) {
        self.builder.stop().await;
    }
}

impl Session {
    /// What the builder has to say.
    pub(super) fn hear_builder(&mut self, event: BuildEvent) {
        match event {
            BuildEvent::Progress(progress) => self.journal.progress(progress),
            BuildEvent::Scanned { app, routes } => self.journal.scanned(app, routes),
            BuildEvent::Ended(report) => self.built_whole(*report),
        }
    }

    /// A page does not load, in parts or as a whole: the others are compiled in parts again.
    fn go_on_without(&mut self, page: String) {
        self.journal.note(&format!("{page} does not load as a whole either; the others go on"));
        self.whole_app.unloadable.insert(page);
        self.journal.begin_parts();
        self.engine.rebuild();
    }

    /// A build of the whole app has ended.
    fn built_whole(&mut self, report: BuildReport) {
        let BuildReport { changes, phases, took, result } = report;
        let is_whole = matches!(self.journal.mode(), BuildMode::Whole { .. });
        let lock_changed = std::mem::take(&mut self.whole_app.lock_changed) && is_whole;
        let is_check = std::mem::take(&mut self.whole_app.is_check) && changes.is_empty();
        if lock_changed && matches!(result, Err(BuildFailure::Cargo(_))) {
            // What it says holds no more, if it was not cargo that wrote the file.
            return self.build_whole(changes, Instant::now());
        }
        let save = |outcome, changes: &[Change]| {
            let save = Save::now(Scope::Code, outcome, changes, phases);
            Save { total_us: micros(took), ..save }
        };
        let success = match result {
            Ok(success) => success,
            Err(failure) => {
                let is_refused = matches!(failure, BuildFailure::Refused(_));
                if is_refused && let Some(page) = self.whole_app.suspect.take() {
                    return self.go_on_without(page);
                }
                let outcome = if is_refused { SaveOutcome::Refused } else { SaveOutcome::Failed };
                // Where parts serve still, a request may wait for a page of this library.
                if let Some(problem) = problems::of_build(&failure).into_iter().next() {
                    for file in self.journal.files() {
                        let problem = problem.clone();
                        self.server.tell(Order::PageFailed { file, problem });
                    }
                }
                return self.journal.build_failed(save(outcome, &changes), &failure);
            }
        };
        self.whole_app.serves(&success);
        self.watch_files(&success.inputs);
        if success.swapped.is_some() {
            // Pages have nothing to be attached to any more.
            self.publisher.nothing_serves();
        }
        self.journal.build_serves(success.mistakes.as_slice());
        self.journal.one_library(success.bytes);
        match &success.swapped {
            Some(swapped) => {
                // What is saved while the first build goes on is a part of it.
                let changes = if swapped.replaced.is_some() { changes.as_slice() } else { &[] };
                let live = save(SaveOutcome::Live, changes);
                self.journal.saved(live.in_generation(swapped.generation.0, swapped.routes));
                self.renew_for_code();
            }
            None if is_check => {}
            None => self.journal.saved(save(SaveOutcome::Same, &changes)),
        }
        for note in &success.notes {
            self.journal.note(note);
        }
        let mistakes = success.mistakes.iter().map(|it| problems::text_of_build(it));
        self.journal.warn_all(success.warnings.into_iter().chain(mistakes).collect());
        if lock_changed {
            self.whole_app.is_check = true;
            self.build_whole(Vec::new(), Instant::now());
        }
    }
}
