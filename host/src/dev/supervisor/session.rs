//! What a session does about changes, and what it says about builds.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use nova_route_template::Project;

use super::builder::{Builder, Failure, Finished, Success, Update};
use super::change::{Change, Plan, headline};
use super::copies::Copies;
use super::journal::Journal;
use super::keys::Key;
use super::problems;
use super::report::Label;
use super::settings;
use super::styles::Styles;
use crate::assets::Assets;
use crate::dev::phases::{Phases, micros, since_written};
use crate::dev::save::{Outcome, Save, Scope};
use crate::dev::server::hub::{Hub, Topic};
use crate::start::StartInfo;
use crate::swap::{SwapError, Switch};

/// Whether a session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Go,
    Stop,
}

/// What follows the app's files.
pub(crate) struct Session {
    pub(crate) dir: PathBuf,
    pub(crate) builder: Builder,
    pub(crate) hub: Arc<Hub>,
    pub(crate) styles: Arc<Styles>,
    pub(crate) assets: Arc<Assets>,
    pub(crate) journal: Journal,
    /// The files that the compiler read the last time.
    pub(crate) inputs: BTreeSet<PathBuf>,
    /// The warnings that the terminal shows already: cargo repeats them at every build.
    pub(crate) warned: BTreeSet<String>,
    pub(crate) copies: Copies,
}

impl Session {
    /// Serves a library that was built before, until the first build is there.
    pub(crate) async fn serve(
        &mut self,
        switch: &Switch,
        library: &Path,
        info: &StartInfo,
    ) -> Result<(), SwapError> {
        let began = Instant::now();
        for swapped in switch.start(&[library.to_owned()], info).await? {
            self.hub.published(swapped.build_id.as_str());
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
            Key::Rebuild => self.act(&Plan::first(), Vec::new()),
            key => self.journal.pressed(key, &self.dir),
        }
        Next::Go
    }

    /// Whether a fresh process would start; if not, this one says why and goes on.
    pub(crate) fn may_restart(&self, changes: &[Change]) -> bool {
        let fit = settings::check(&self.dir);
        let label = if fit.is_ok() { Label::Restart } else { Label::Error };
        self.journal.terminal.line(label, &headline(changes), None, "");
        let problems = fit.err().map(|error| {
            self.journal.terminal.text(&error.to_string());
            problems::of_settings(&error)
        });
        let fit = problems.is_none();
        self.hub.problems(Topic::Settings, problems.into_iter().collect());
        fit
    }

    /// Does what `changes` ask for; the build goes on by itself.
    pub(crate) fn act(&mut self, plan: &Plan, changes: Vec<Change>) {
        let since = Instant::now();
        if plan.styles {
            self.restyle(&changes, since);
        }
        if plan.public {
            tokio::task::block_in_place(|| self.assets.refresh());
            self.builder.favicon(self.assets.favicon());
            self.hub.refreshed();
            let files: Vec<_> = changes.iter().filter(|it| it.is_public()).cloned().collect();
            let phases = Phases::default();
            self.journal.saved(Save::now(Scope::Public, Outcome::Live, &files, phases));
        }
        if plan.build {
            self.builder.start(changes, since);
        }
    }

    fn restyle(&mut self, changes: &[Change], since: Instant) {
        let styles: Vec<_> = changes.iter().filter(|change| change.is_style()).cloned().collect();
        let watch_us = micros(since_written(&self.dir, &styles));
        // A missing Cargo.toml is the build's to report.
        let Ok(project) = Project::open(&self.dir) else { return };
        let compiled = tokio::task::block_in_place(|| self.styles.compile(&project));
        let phases = Phases { watch_us, compile_us: micros(since.elapsed()), ..Phases::default() };
        match compiled {
            Ok(compiled) => {
                self.hub.problems(Topic::Style, Vec::new());
                self.hub.restyled(&compiled.href);
                if !styles.is_empty() {
                    let save = Save::now(Scope::Styles, Outcome::Live, &styles, phases);
                    self.journal.saved(save);
                }
                for warning in compiled.warnings {
                    self.journal.terminal.line(Label::Note, &warning, None, "");
                }
            }
            Err(error) => {
                let problems = vec![problems::of_style(&error)];
                let mut save = Save::now(Scope::Styles, Outcome::Failed, &styles, phases);
                if styles.is_empty() {
                    save.subject = "styles".to_owned();
                }
                self.journal.failed(save.with_problems(1), &problems, &error.to_string());
                self.hub.problems(Topic::Style, problems);
            }
        }
    }

    pub(crate) fn report(&mut self, update: Update) {
        match update {
            Update::Progress { crates, name } => {
                self.journal
                    .terminal
                    .progress(&format!("compiling, {crates} crates ready: {name}"));
                self.hub.progress(format!("{crates} crates ready: {name}"));
            }
            Update::Scanned { app, routes } => self.journal.scanned(app, routes),
            Update::Finished(finished) => {
                let Finished { changes, phases, took, result } = *finished;
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
        success: Success,
        save: impl Fn(Outcome, &[Change]) -> Save,
    ) {
        let Success { swapped, notes, warnings, inputs, bytes } = success;
        self.inputs = inputs;
        self.hub.problems(Topic::Build, Vec::new());
        self.journal.whole(bytes);
        self.journal.saved(match swapped {
            Some(swapped) => {
                self.hub.published(swapped.build_id.as_str());
                // What is saved while the first build goes on is a part of it.
                let changes = if swapped.replaced.is_some() { changes } else { &[] };
                save(Outcome::Live, changes).in_generation(swapped.generation.0, swapped.routes)
            }
            None => save(Outcome::Same, changes),
        });
        for note in notes {
            self.journal.terminal.line(Label::Note, &note, None, "");
        }
        for warning in warnings.difference(&self.warned) {
            self.journal.terminal.text(warning.trim_end());
        }
        self.warned = warnings;
        self.copies.prune();
    }

    fn failed(
        &mut self,
        changes: &[Change],
        failure: &Failure,
        save: impl Fn(Outcome, &[Change]) -> Save,
    ) {
        let problems = problems::of_build(failure);
        let refused = matches!(failure, Failure::Swap(_));
        let outcome = if refused { Outcome::Refused } else { Outcome::Failed };
        let save = save(outcome, changes).with_problems(problems.len());
        self.journal.failed(save, &problems, &problems::text_of_build(failure));
        self.hub.problems(Topic::Build, problems);
    }
}
