//! What a session does about what the engine says.

use std::sync::Arc;
use std::time::{Duration, Instant};

use nova_host::swap::Swapped;
use nova_route_template::{CargoError, Diagnostic, Level};

use super::problems;
use super::publisher::PublishReport;
use crate::dev::build::builder::BuildFailure;
use crate::dev::build::engine::{EngineEvent, Health, PageView, Publication};
use crate::dev::report::Label;
use crate::dev::session::actions::Session;
use crate::dev::watch::change::Change;
use crate::dev::wire::phases::{Phases, micros};
use crate::dev::wire::protocol::{LoadOutcome, Order, Topic};
use crate::dev::wire::save::{Save, SaveOutcome, Scope};
use crate::dev::wire::state::{RouteInfo, RouteState};

/// A check of the whole crate names so many pages at most.
const NAMED: usize = 3;

impl Session {
    /// Does, or tells, what the engine says.
    pub(crate) fn hear_engine(&mut self, update: EngineEvent) {
        match update {
            EngineEvent::Progress { crates, name } => self.progress(crates, &name),
            EngineEvent::Routes(routes) => {
                self.server.tell(Order::Routes(routes));
                self.show_pages();
            }
            EngineEvent::Watch(folders) => self.beside.extend(folders),
            EngineEvent::Publish(publication) => {
                self.publishing.add(publication, &self.server, &self.info);
            }
            EngineEvent::Failed { changes, took, failure } => {
                self.engine_failed(&changes, took, &failure);
            }
            EngineEvent::PageFailed { file, failure } => {
                if let Some(problem) = problems::of_build(&failure).into_iter().next() {
                    self.server.tell(Order::PageFailed { file, problem });
                }
            }
            EngineEvent::Warnings(diagnostics) => self.warn(&diagnostics),
            EngineEvent::Note(text) => self.journal.terminal.line(Label::Note, &text, None, ""),
            EngineEvent::Checked(checked) => self.checked(checked),
            EngineEvent::Whole { reason } => {
                self.whole = true;
                self.journal.state.build.split = false;
                self.journal.state.build.why_whole = Some(reason.clone());
                let note = format!("the app is built as a whole: {reason}");
                self.journal.terminal.line(Label::Note, &note, None, "");
                self.builder.start(Vec::new(), Instant::now());
            }
        }
    }

    /// The server has taken what the engine compiled, or has said why not.
    pub(crate) fn published(&mut self, published: PublishReport) {
        self.publishing.go_on(&self.server, &self.info);
        let PublishReport { publication, asked, result } = published;
        let loading = asked.elapsed();
        if result.is_ok() {
            self.engine.accepted();
        }
        match result {
            Ok(LoadOutcome::Swapped(swapped)) => self.went_live(&publication, &swapped, loading),
            Ok(LoadOutcome::Same) => {
                self.build_problems(&publication.failures);
                // What asked for another server has its line.
                if publication.rebuild || !publication.changes.iter().all(Change::is_settings) {
                    let save = save(
                        &publication,
                        &publication.changes,
                        SaveOutcome::Same,
                        phases(&publication),
                    );
                    self.journal.saved(save);
                }
            }
            Err(refusal) => {
                self.engine.refused();
                let failure = BuildFailure::Refused(refusal);
                let problems = problems::of_build(&failure);
                if let Some(problem) = problems.first() {
                    for page in &publication.pages {
                        let (file, problem) = (page.file.clone(), problem.clone());
                        self.server.tell(Order::PageFailed { file, problem });
                    }
                }
                let save = save(
                    &publication,
                    &publication.changes,
                    SaveOutcome::Refused,
                    phases(&publication),
                );
                let text = problems::text_of_build(&failure);
                self.journal.failed(save.with_problems(problems.len()), &problems, &text);
                self.problems(Topic::Build, problems);
            }
        }
        self.show_pages();
    }

    fn went_live(&mut self, publication: &Publication, swapped: &Swapped, loading: Duration) {
        self.build_problems(&publication.failures);
        self.whole = false;
        let begins = !std::mem::replace(&mut self.journal.state.build.split, true);
        let load_us = swapped.load_us;
        let phases = Phases {
            load_us,
            swap_us: micros(loading).saturating_sub(load_us),
            ..phases(publication)
        };
        // A page that was asked for is no save; and what is saved before anything serves is a part
        // of the start.
        let is_first = begins || swapped.replaced.is_none();
        if is_first || publication.rebuild || !publication.changes.is_empty() {
            let changes = if is_first { &[] } else { publication.changes.as_slice() };
            let save = save(publication, changes, SaveOutcome::Live, phases);
            self.journal.saved(save.in_generation(swapped.generation.0, self.engine.routes()));
        }
    }

    fn engine_failed(&mut self, changes: &[Change], took: Duration, failure: &BuildFailure) {
        let problems = problems::of_build(failure);
        let phases = Phases { compile_us: micros(took), ..Phases::default() };
        let save = Save::now(Scope::Code, SaveOutcome::Failed, changes, phases);
        let text = problems::text_of_build(failure);
        self.journal.failed(save.with_problems(problems.len()), &problems, &text);
        self.problems(Topic::Build, problems);
        self.show_pages();
    }

    fn build_problems(&mut self, failures: &[Arc<BuildFailure>]) {
        let problems = failures.iter().flat_map(|failure| problems::of_build(failure)).collect();
        self.problems(Topic::Build, problems);
    }

    /// Prints what the compiler advises, once.
    fn warn(&mut self, diagnostics: &[Diagnostic]) {
        // The closing line, which counts the others, is about no place.
        for diagnostic in diagnostics.iter().filter(|it| it.place.is_some()) {
            if self.warned.insert(diagnostic.rendered.clone()) {
                self.journal.terminal.text(diagnostic.rendered.trim_end());
            }
        }
    }

    /// Says which pages would not compile, though nobody has asked for them.
    fn checked(&mut self, checked: Result<Vec<Diagnostic>, CargoError>) {
        let diagnostics = match checked {
            Ok(diagnostics) => return self.warn(&diagnostics),
            Err(CargoError::Failed { diagnostics, .. }) => diagnostics,
            Err(error) => return tracing::debug!("the app was not checked: {error}"),
        };
        let errors = diagnostics.iter().filter(|it| it.level == Level::Error);
        let mut files: Vec<&str> =
            errors.filter_map(|it| Some(it.place.as_ref()?.file.as_str())).collect();
        files.sort_unstable();
        files.dedup();
        files.retain(|file| !self.engine.is_said(file));
        let more = files.len().saturating_sub(NAMED);
        let named = files[..files.len() - more].join(", ");
        let text = match (files.len(), more) {
            (0, _) => return,
            (1, _) => format!("{named} does not compile"),
            (count, 0) => format!("{count} files do not compile: {named}"),
            (count, more) => format!("{count} files do not compile: {named} and {more} more"),
        };
        self.journal.terminal.line(Label::Note, &text, None, "check of the whole app");
    }

    /// Brings the dev page in step with the engine.
    pub(crate) fn show_pages(&mut self) {
        let mut routes: Vec<RouteInfo> = self.engine.view().into_iter().map(route).collect();
        routes.sort_by(|a, b| a.pattern.cmp(&b.pattern));
        self.journal.pages(routes);
    }
}

/// The phases that were over when the server was asked.
fn phases(publication: &Publication) -> Phases {
    Phases {
        watch_us: micros(publication.watch),
        compile_us: micros(publication.timing.compile),
        link_us: micros(publication.timing.link),
        ..Phases::default()
    }
}

fn save(
    publication: &Publication,
    changes: &[Change],
    outcome: SaveOutcome,
    phases: Phases,
) -> Save {
    let mut save = Save::now(Scope::Code, outcome, changes, phases);
    if publication.rebuild && changes.is_empty() {
        "everything".clone_into(&mut save.subject);
    }
    let since = publication.since.map(|since| since.elapsed()).unwrap_or_default();
    Save { total_us: micros(publication.watch + since), ..save }
}

fn route(page: PageView) -> RouteInfo {
    let PageView { pattern, file, methods, health, size, took } = page;
    let (state, note) = match health {
        Health::NotBuilt => (RouteState::NotBuilt, None),
        Health::Building => (RouteState::Building, None),
        Health::Live => (RouteState::Live, None),
        Health::Failed => (RouteState::Failed, None),
        Health::Inside(why) => (RouteState::InApp, Some(why)),
    };
    RouteInfo { pattern, methods, file, state, note, bytes: size, compile_us: took.map(micros) }
}
