//! What a session does about changes, and what it says about builds.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use nova_host::library::start::StartInfo;
use nova_host::site::files::favicon_of;
use nova_host::swap::Swapped;
use nova_route_template::{PartialSettings, Project};

use super::journal::Journal;
use super::keys::Key;
use super::problems;
use super::publisher::Publisher;
use super::styles;
use crate::dev::build::builder::{BuildEvent, BuildFailure, BuildReport, BuildSuccess, Builder};
use crate::dev::build::engine::Engine;
use crate::dev::child::crash::Crash;
use crate::dev::child::handle::{Notice, ProcessSettings, ServerHandle};
use crate::dev::report::Label;
use crate::dev::session::store::SessionStore;
use crate::dev::settings;
use crate::dev::watch::age::since_written;
use crate::dev::watch::change::{Area, Change, Plan, headline};
use crate::dev::wire::message::Problem;
use crate::dev::wire::phases::{Phases, micros};
use crate::dev::wire::protocol::{Load, LoadOutcome, Order, Refusal, Topic};
use crate::dev::wire::save::{Save, SaveOutcome, Scope};

/// Whether a session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Go,
    Stop,
}

/// What follows the app's files.
pub(crate) struct Session {
    pub(crate) dir: PathBuf,
    /// Compiles what was saved or asked for.
    pub(crate) engine: Engine,
    /// What it compiled, on its way to the server.
    pub(crate) publishing: Publisher,
    /// What apps are started with.
    pub(crate) info: StartInfo,
    /// Compiles the app as a whole.
    pub(crate) builder: Builder,
    /// Whether that is what this app needs.
    pub(crate) whole: bool,
    /// Folders that are to be watched, too.
    pub(crate) beside: Vec<PathBuf>,
    pub(crate) server: ServerHandle,
    pub(crate) journal: Journal,
    /// Whether pages may take as long as they like.
    pub(crate) debugger: bool,
    /// What the command line says.
    pub(crate) flags: PartialSettings,
    /// The address that is served, by name and port, as the settings had it.
    pub(crate) address: (String, u16),
    /// Why the server is being replaced, and since when.
    pub(crate) renewing: Option<(String, Instant)>,
    /// How often something other than code has changed what pages look like.
    pub(crate) revision: u64,
    /// The files that the compiler read the last time.
    pub(crate) inputs: BTreeSet<PathBuf>,
    /// The warnings that the terminal shows already: cargo repeats them at every build.
    pub(crate) warned: BTreeSet<String>,
    pub(crate) copies: SessionStore,
}

impl Session {
    /// Serves a library that was built before, until the first build is there.
    pub(crate) async fn serve(&mut self, library: &Path, info: &StartInfo) -> Result<(), Refusal> {
        let began = Instant::now();
        // Before it answers anything: some pages may be others by now.
        if let Some(pages) = self.engine.begin_with(library) {
            self.server.tell(Order::Routes(pages));
        }
        let load = Load::Library { path: library.to_owned(), info: info.clone() };
        if let LoadOutcome::Swapped(swapped) = self.server.load(load).await? {
            let note = format!("generation {}, {} routes", swapped.generation, swapped.routes);
            let subject = library.display().to_string();
            self.journal.terminal.line(Label::Build, &subject, Some(began.elapsed()), &note);
        }
        Ok(())
    }

    /// Does what a key asks for.
    pub(crate) fn pressed(&mut self, key: Key) -> Next {
        match key {
            Key::Quit => return Next::Stop,
            Key::Rebuild => {
                self.engine.rebuild();
                self.act(&Plan { styles: true, ..Plan::default() }, Vec::new());
            }
            key => self.journal.pressed(key, &self.dir),
        }
        Next::Go
    }

    /// Does what `changes` ask for; builds and a change of servers go on by themselves.
    pub(crate) fn act(&mut self, plan: &Plan, changes: Vec<Change>) {
        let since = Instant::now();
        // Code may be compiled with a variable in it.
        let rebuild = plan.restart && self.renew(&changes, since);
        if plan.styles {
            self.restyle(&changes, since);
        }
        if plan.public {
            let public = self.dir.join("public");
            let favicon = tokio::task::block_in_place(|| favicon_of(&public));
            self.info.favicon = favicon.map(str::to_owned);
            self.builder.favicon(favicon);
            self.server.tell(Order::Public);
            self.revision += 1;
            self.server.tell(Order::Refreshed { revision: self.revision });
            let files: Vec<_> = changes.iter().filter(|it| it.is_public()).cloned().collect();
            let phases = Phases::default();
            self.journal.saved(Save::now(Scope::Public, SaveOutcome::Live, &files, phases));
        }
        if plan.build || rebuild {
            self.build(changes, since);
        }
    }

    fn build(&mut self, changes: Vec<Change>, since: Instant) {
        let watch = since_written(&self.dir, &changes);
        let reopens = changes.iter().any(|change| Area::of(&change.path) == Some(Area::Manifest));
        if self.whole && !reopens {
            self.builder.start(changes, since);
        } else {
            self.engine.changed(changes, watch, since);
        }
    }

    /// Whether the compiler has read a file of the app.
    pub(crate) fn reads(&self, path: &Path) -> bool {
        self.inputs.contains(path) || self.engine.reads(path)
    }

    /// Whether something is being compiled for which somebody waits.
    pub(crate) fn is_building(&self) -> bool {
        self.builder.is_building() || self.engine.is_building()
    }

    /// Puts a server with the settings of now in the place of the one that serves; `false` if
    /// there is a mistake in them.
    fn renew(&mut self, changes: &[Change], since: Instant) -> bool {
        let (settings, environment) = match settings::read(&self.dir, self.flags.clone()) {
            Ok(read) => read,
            Err(error) => {
                self.journal.terminal.line(Label::Error, &headline(changes), None, "");
                self.journal.terminal.text(&error.to_string());
                self.problems(Topic::Settings, vec![problems::of_settings(&error)]);
                return false;
            }
        };
        self.problems(Topic::Settings, Vec::new());
        if (&settings.host, settings.port) != (&self.address.0, self.address.1) {
            let note = "another address holds from the next start of `nova dev` on";
            self.journal.terminal.line(Label::Note, note, None, "");
            self.address = (settings.host, settings.port);
        }
        self.builder.environment(environment.clone());
        self.engine.environment(environment.clone());
        let poll_limit = (!self.debugger).then_some(settings.dev.poll_limit);
        self.renewing = Some((headline(changes), since));
        self.server.renew(ProcessSettings { environment, poll_limit });
        true
    }

    fn restyle(&mut self, changes: &[Change], since: Instant) {
        let styles: Vec<_> = changes.iter().filter(|change| change.is_style()).cloned().collect();
        let watch_us = micros(since_written(&self.dir, &styles));
        // A missing Cargo.toml is the build's to report.
        let Ok(project) = Project::open(&self.dir) else { return };
        let compiled = tokio::task::block_in_place(|| styles::compile(&project));
        let phases = Phases { watch_us, compile_us: micros(since.elapsed()), ..Phases::default() };
        match compiled {
            Ok(compiled) => {
                self.problems(Topic::Style, Vec::new());
                self.server.tell(Order::Style { href: compiled.href, css: compiled.css });
                if !styles.is_empty() {
                    let save = Save::now(Scope::Styles, SaveOutcome::Live, &styles, phases);
                    self.journal.saved(save);
                }
                for warning in compiled.warnings {
                    self.journal.terminal.line(Label::Note, &warning, None, "");
                }
            }
            Err(error) => {
                let problems = vec![problems::of_style(&error)];
                let mut save = Save::now(Scope::Styles, SaveOutcome::Failed, &styles, phases);
                if styles.is_empty() {
                    save.subject = "styles".to_owned();
                }
                self.journal.failed(save.with_problems(1), &problems, &error.to_string());
                self.problems(Topic::Style, problems);
            }
        }
    }

    pub(crate) fn problems(&self, topic: Topic, problems: Vec<Problem>) {
        self.server.tell(Order::Problems { topic, problems });
    }

    /// Says what became of the server; the error: there will be none any more.
    pub(crate) fn hear(&mut self, notice: Notice) -> Result<(), Refusal> {
        let line = |label, subject: &str, time, note: &str| {
            self.journal.terminal.line(label, subject, time, note);
        };
        match notice {
            Notice::Panicked { request, location, message } => {
                self.journal.terminal.panicked(&request, &message, &location);
            }
            Notice::Crashed(crash) => self.crashed(&crash),
            Notice::Back(swapped) => line(Label::Restart, "the server", None, &serving(swapped)),
            Notice::GaveUp => {
                self.publishing.nothing_serves();
                line(
                    Label::Note,
                    "it is not started with this code again; save a change",
                    None,
                    "",
                );
            }
            Notice::Renewed(renewed) => {
                let (subject, since) = self.renewing.take().unzip();
                let (subject, time) = (subject.unwrap_or_default(), since.map(|it| it.elapsed()));
                match renewed {
                    Ok(swapped) => {
                        self.journal.terminal.line(
                            Label::Restart,
                            &subject,
                            time,
                            &serving(swapped),
                        );
                    }
                    Err(refusal) => {
                        self.journal.terminal.line(Label::Refused, &subject, time, "");
                        self.journal.terminal.text(&refusal.to_string());
                        let problem = refusal.problem();
                        self.problems(Topic::Settings, vec![problem]);
                    }
                }
            }
            Notice::Wanted { file } => self.engine.wanted(&file),
            Notice::Seen { file } => self.engine.seen(&file),
            Notice::Lost(refusal) => return Err(refusal),
        }
        Ok(())
    }

    fn crashed(&self, crash: &Crash) {
        let suspects = crash.suspects();
        for flight in &suspects {
            let file = flight.file.as_ref().map(|file| format!("{file}: ")).unwrap_or_default();
            let note = format!("{file}{}", crash.cause());
            self.journal.terminal.line(Label::Crash, &flight.request(), None, &note);
        }
        if suspects.is_empty() {
            self.journal.terminal.line(Label::Crash, "the server", None, &crash.cause());
        }
    }

    /// Says how far the compilation of what the app depends on is.
    pub(crate) fn progress(&self, crates: usize, name: &str) {
        let text = format!("{crates} crates ready: {name}");
        self.journal.terminal.progress(&format!("compiling, {text}"));
        self.server.tell(Order::Progress(text));
    }

    pub(crate) fn report(&mut self, update: BuildEvent) {
        match update {
            BuildEvent::Progress { crates, name } => self.progress(crates, &name),
            BuildEvent::Scanned { app, routes } => self.journal.scanned(app, routes),
            BuildEvent::BuildReport(finished) => {
                let BuildReport { changes, phases, took, result } = *finished;
                let save = |outcome, changes: &[Change]| {
                    let save = Save::now(Scope::Code, outcome, changes, phases);
                    Save { total_us: micros(took), ..save }
                };
                match result {
                    Ok(success) => self.succeeded(&changes, success, save),
                    Err(failure) => self.failed(&changes, &failure, save),
                }
            }
        }
    }

    fn succeeded(
        &mut self,
        changes: &[Change],
        success: BuildSuccess,
        save: impl Fn(SaveOutcome, &[Change]) -> Save,
    ) {
        let BuildSuccess { swapped, notes, warnings, inputs, bytes } = success;
        self.inputs = inputs;
        self.problems(Topic::Build, Vec::new());
        self.journal.whole(bytes);
        self.journal.saved(match swapped {
            Some(swapped) => {
                self.copies.prune(swapped.build_id.as_str());
                // What is saved while the first build goes on is a part of it.
                let changes = if swapped.replaced.is_some() { changes } else { &[] };
                save(SaveOutcome::Live, changes).in_generation(swapped.generation.0, swapped.routes)
            }
            None => save(SaveOutcome::Same, changes),
        });
        for note in notes {
            self.journal.terminal.line(Label::Note, &note, None, "");
        }
        for warning in warnings.difference(&self.warned) {
            self.journal.terminal.text(warning.trim_end());
        }
        self.warned = warnings;
    }

    fn failed(
        &mut self,
        changes: &[Change],
        failure: &BuildFailure,
        save: impl Fn(SaveOutcome, &[Change]) -> Save,
    ) {
        let problems = problems::of_build(failure);
        let refused = matches!(failure, BuildFailure::Refused(_));
        let outcome = if refused { SaveOutcome::Refused } else { SaveOutcome::Failed };
        let save = save(outcome, changes).with_problems(problems.len());
        self.journal.failed(save, &problems, &problems::text_of_build(failure));
        self.problems(Topic::Build, problems);
    }
}

/// What a server that has just started serves.
fn serving(swapped: Option<Swapped>) -> String {
    swapped.map(|swapped| format!("generation {}", swapped.generation)).unwrap_or_default()
}
