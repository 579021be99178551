//! What is told of a session: a line in the terminal now, an entry on the dev page for later, the
//! overlay of open pages for as long as something is wrong.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nova_host::swap::SwapReport;
use nova_route_template::{CargoError, Diagnostic, Level, Project, RouteTree};

use super::keys::Key;
use super::problems;
use crate::dev::build::engine::Publication;
use crate::dev::build::failure::BuildFailure;
use crate::dev::child::crash::Crash;
use crate::dev::child::handle::{MoveReason, ServerHandle};
use crate::dev::report::{Banner, Label, Terminal};
use crate::dev::settings::DevSettingsError;
use crate::dev::wire::message::{Problem, ProblemKind};
use crate::dev::wire::phases::{Phases, micros};
use crate::dev::wire::progress::Progress;
use crate::dev::wire::protocol::{Obstacle, Order, Refusal, Topic};
use crate::dev::wire::save::{Save, SaveOutcome};
use crate::dev::wire::state::{BuildMode, DevState, RouteInfo, SharedLibrary};
use crate::terminal::launch;
use crate::terminal::listing::listing;

/// A check of the whole crate names so many files at most.
const NAMED: usize = 3;

/// Tells what happens, and keeps what the dev page shows.
pub(crate) struct Journal {
    terminal: Arc<Terminal>,
    server: ServerHandle,
    banner: Banner,
    state: DevState,
    /// The warnings that the terminal shows already: cargo repeats them at every build.
    warned: BTreeSet<String>,
}

impl Journal {
    /// A journal of nothing; the banner was shown already.
    pub(crate) fn new(terminal: Arc<Terminal>, server: ServerHandle, banner: Banner) -> Self {
        let (state, warned) = (DevState::default(), BTreeSet::new());
        Self { terminal, server, banner, state, warned }
    }

    /// How the app is built.
    pub(crate) fn mode(&self) -> &BuildMode {
        &self.state.mode
    }

    /// One line: what happened to what, how long it took, and what else there is to say.
    pub(crate) fn line(&self, label: Label, subject: &str, time: Option<Duration>, note: &str) {
        self.terminal.line(label, subject, time, note);
    }

    /// Something to know.
    pub(crate) fn note(&self, text: &str) {
        self.line(Label::Note, text, None, "");
    }

    /// These are now the problems of one topic.
    pub(crate) fn problems(&self, topic: Topic, problems: Vec<Problem>) {
        self.server.tell(Order::Problems { topic, problems });
    }

    /// How far the build is.
    pub(crate) fn progress(&self, progress: Progress) {
        self.terminal.progress(&progress);
        self.server.tell(Order::Progress(progress));
    }

    /// A save came to something.
    pub(crate) fn saved(&mut self, save: Save) {
        self.terminal.saved(&save);
        self.state.saved(save, &[]);
        self.show();
    }

    /// A save has problems of this topic; `text` is what the compiler said about them.
    pub(crate) fn failed(&mut self, save: Save, topic: Topic, problems: Vec<Problem>, text: &str) {
        let save = save.with_problems(problems.len());
        self.terminal.failed(&save, &problems, text);
        let files: Vec<_> = problems.iter().filter_map(|problem| problem.file.as_deref()).collect();
        self.state.saved(save, &files);
        self.show();
        self.problems(topic, problems);
    }

    /// A save of code came to nothing, for this reason.
    pub(crate) fn build_failed(&mut self, save: Save, failure: &BuildFailure) {
        let text = problems::text_of_build(failure);
        self.failed(save, Topic::Build, problems::of_build(failure), &text);
    }

    /// A build serves, with these mistakes in other pages.
    pub(crate) fn build_serves(&self, failures: &[Arc<BuildFailure>]) {
        let problems = failures.iter().flat_map(|failure| problems::of_build(failure)).collect();
        self.problems(Topic::Build, problems);
    }

    /// The app is served in parts from now on; gives whether it was not before.
    pub(crate) fn begin_parts(&mut self) -> bool {
        std::mem::replace(&mut self.state.mode, BuildMode::Parts) != BuildMode::Parts
    }

    /// What the engine compiled serves; `loading` is how long the server took, and `routes` how
    /// many pages answer. `begins`: it is the first of them.
    pub(crate) fn went_live(
        &mut self,
        publication: &Publication,
        swapped: &SwapReport,
        loading: Duration,
        routes: usize,
        begins: bool,
    ) {
        let load_us = swapped.load_us;
        let swap_us = micros(loading).saturating_sub(load_us);
        let phases = Phases { load_us, swap_us, ..publication.phases() };
        // A page that was asked for is no save; and what is saved before anything serves is a part
        // of the start.
        let is_first = begins || swapped.replaced.is_none();
        if is_first || publication.rebuild || !publication.changes.is_empty() {
            let changes = if is_first { &[] } else { publication.changes.as_slice() };
            let save = publication.save(changes, SaveOutcome::Live, phases);
            self.saved(save.in_generation(swapped.generation.0, routes));
        }
    }

    /// A browser asked for something under `/__nova/` under this name, and got nothing.
    pub(crate) fn unlisted(&self, host: &str) {
        self.note(&format!(
            "pages under {host} have no overlay and no updates: other sites could use that name to \
             read them; if it is yours, put it into nova.toml: [dev] allowed_hosts = [{host:?}]"
        ));
    }

    /// The app cannot be compiled in parts.
    pub(crate) fn not_in_parts(&mut self, reason: String) {
        self.note(&format!("the app is built as a whole: {reason}"));
        self.state.mode = BuildMode::Whole { reason };
    }

    /// The files of an app that is built as a whole were read, and are compiled now.
    pub(crate) fn scanned(&mut self, app: String, routes: Vec<RouteInfo>) {
        self.state.app = app;
        self.state.scanned(routes);
        self.state.building();
        self.show();
    }

    /// The files of the pages.
    pub(crate) fn files(&self) -> Vec<String> {
        self.state.routes.iter().map(|route| route.file.clone()).collect()
    }

    /// All pages are in one library of this size.
    pub(crate) fn one_library(&mut self, bytes: u64) {
        let name = "one library".to_owned();
        self.state.shared = vec![SharedLibrary { name, bytes, compile_us: None }];
    }

    /// The app has this name.
    pub(crate) fn named(&mut self, app: &str) {
        if self.state.app != app {
            app.clone_into(&mut self.state.app);
            self.show();
        }
    }

    /// These are the routes now, and how far each is.
    pub(crate) fn pages(&mut self, routes: Vec<RouteInfo>) {
        if self.state.routes != routes {
            self.state.routes = routes;
            self.show();
        }
    }

    /// Prints what the compiler advises about one part of the app, once.
    pub(crate) fn warn(&mut self, diagnostics: &[Diagnostic]) {
        // The closing line, which counts the others, is about no place.
        for diagnostic in diagnostics.iter().filter(|it| it.place.is_some()) {
            if self.warned.insert(diagnostic.rendered.clone()) {
                self.terminal.text(diagnostic.rendered.trim_end());
            }
        }
    }

    /// Prints what is new of all that the compiler advises about the app.
    pub(crate) fn warn_all(&mut self, warnings: BTreeSet<String>) {
        for warning in warnings.difference(&self.warned) {
            self.terminal.text(warning.trim_end());
        }
        self.warned = warnings;
    }

    /// The whole crate was checked: says which files do not compile that nothing was said about.
    pub(crate) fn checked(
        &mut self,
        check: Result<Vec<Diagnostic>, CargoError>,
        is_said: impl Fn(&str) -> bool,
    ) {
        let diagnostics = match check {
            Ok(diagnostics) => return self.warn(&diagnostics),
            Err(CargoError::Failed { diagnostics, .. }) => diagnostics,
            Err(error) => return tracing::debug!("the app was not checked: {error}"),
        };
        let errors = diagnostics.iter().filter(|it| it.level == Level::Error);
        let mut files: Vec<&str> =
            errors.filter_map(|it| Some(it.place.as_ref()?.file.as_str())).collect();
        files.sort_unstable();
        files.dedup();
        files.retain(|file| !is_said(file));
        let more = files.len().saturating_sub(NAMED);
        let named = files[..files.len() - more].join(", ");
        let text = match (files.len(), more) {
            (0, _) => return,
            (1, _) => format!("{named} does not compile"),
            (count, 0) => format!("{count} files do not compile: {named}"),
            (count, more) => format!("{count} files do not compile: {named} and {more} more"),
        };
        self.line(Label::Note, &text, None, "check of the whole app");
    }

    /// A handler panicked while it answered `request`, or answered with an error.
    pub(crate) fn request_failed(
        &self,
        kind: ProblemKind,
        request: &str,
        message: &str,
        location: &str,
    ) {
        self.terminal.request_failed(kind, request, message, location);
    }

    /// A server ended.
    pub(crate) fn crashed(&self, crash: &Crash) {
        let suspects = crash.suspects();
        for request in &suspects {
            let file = request.file.as_ref().map(|file| format!("{file}: ")).unwrap_or_default();
            let note = format!("{file}{}", crash.cause());
            self.line(Label::Crash, &request.label(), None, &note);
        }
        if suspects.is_empty() {
            self.line(Label::Crash, "the server", None, &crash.cause());
        }
    }

    /// Code went into a process of its own, for the first time for this reason.
    pub(crate) fn moved(&self, reason: &MoveReason) {
        let text = match reason {
            // Why the app is one library now was said, and its dependencies are what they were.
            MoveReason::OtherImage if matches!(self.state.mode, BuildMode::Whole { .. }) => return,
            MoveReason::OtherImage => {
                "the dependencies have changed, so another server process has taken over: what they \
                 link in, such as a C library, is only once in each"
                    .to_owned()
            }
            MoveReason::Obstacle(Obstacle::Linked, _) => {
                "a process may have only once what is linked into the app, such as SQLite, so each \
                 build starts in a server process of its own; what `export` saves goes with it"
                    .to_owned()
            }
            MoveReason::Obstacle(Obstacle::Init, error) => format!(
                "`init` does not start again in a process where the app has run: {}\n\
                 From now on a save of anything but a page starts another server process; what \
                 `export` saves goes with it.\n\
                 To keep the process: leave what is installed for good (a logger, a recorder, a \
                 signal handler) as it is where it is there already, and let `shutdown` give back \
                 what one app alone may hold (a lock, a port).",
                reason_of_init(error)
            ),
        };
        self.note(&text);
        self.server.tell(Order::Note(text));
    }

    /// Another server serves, because of `subject`.
    pub(crate) fn restarted(
        &self,
        subject: &str,
        time: Option<Duration>,
        swapped: Option<&SwapReport>,
    ) {
        let generation = swapped.map(|swapped| format!("generation {}", swapped.generation));
        self.line(Label::Restart, subject, time, &generation.unwrap_or_default());
    }

    /// A server does not start with what `subject` says.
    pub(crate) fn not_restarted(&self, subject: &str, time: Option<Duration>, refusal: &Refusal) {
        self.line(Label::Refused, subject, time, "");
        self.terminal.text(&refusal.to_string());
        self.problems(Topic::Settings, vec![refusal.problem()]);
    }

    /// A file of settings, `subject`, has a mistake.
    pub(crate) fn settings_failed(&self, subject: &str, error: &DevSettingsError) {
        self.line(Label::Error, subject, None, "");
        self.terminal.text(&error.to_string());
        self.problems(Topic::Settings, vec![problems::of_settings(error)]);
    }

    /// Does what a key asks for, where that is a matter of telling.
    pub(crate) fn pressed(&self, key: Key, dir: &Path) {
        match key {
            Key::Open => self.open(),
            Key::Clear => {
                self.terminal.clear();
                self.terminal.ready(&self.banner, true);
            }
            Key::Routes => self.terminal.text(&routes(dir)),
            Key::Help => self.terminal.text(&Key::help()),
            Key::Rebuild | Key::Quit => {}
        }
    }

    /// Opens the app in a browser.
    pub(crate) fn open(&self) {
        if let Err(error) = launch::browse(&self.banner.url) {
            self.note(&format!("{} does not open by itself: {error}", self.banner.url));
        }
    }

    fn show(&self) {
        self.server.tell(Order::State(Box::new(self.state.clone())));
    }
}

/// What `init` says in the error of a load, without the library that it is in.
fn reason_of_init(error: &str) -> &str {
    let line = error.lines().next().unwrap_or_default();
    line.find("`init`").map_or(line, |at| &line[at..])
}

/// The routes of the app in `dir` as its files are now, or what is wrong with them.
fn routes(dir: &Path) -> String {
    let project = match Project::open(dir) {
        Ok(project) => project,
        Err(error) => return error.to_string(),
    };
    match RouteTree::build(&project.scan()) {
        Ok(tree) => listing(&tree).trim_end().to_owned(),
        Err(problems) => problems.to_string(),
    }
}
