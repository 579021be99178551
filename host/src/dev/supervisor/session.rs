//! What a session does about changes, and what it says about builds.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nova_route_template::Project;

use super::builder::{Builder, Failure, Finished, Success, Update};
use super::change::{Change, Plan, headline};
use super::copies::Copies;
use super::problems;
use super::report::{Label, Terminal};
use super::settings;
use super::styles::Styles;
use crate::assets::Assets;
use crate::dev::server::hub::{Hub, Topic};
use crate::start::StartInfo;
use crate::swap::{SwapError, Switch};

/// What follows the app's files.
pub(crate) struct Session {
    pub(crate) dir: PathBuf,
    pub(crate) builder: Builder,
    pub(crate) hub: Arc<Hub>,
    pub(crate) styles: Arc<Styles>,
    pub(crate) assets: Arc<Assets>,
    pub(crate) terminal: Arc<Terminal>,
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
            self.terminal.line(Label::Build, &subject, Some(began.elapsed()), &note);
        }
        Ok(())
    }

    /// Whether a fresh process would start; if not, this one says why and goes on.
    pub(crate) fn may_restart(&self, changes: &[Change]) -> bool {
        let fit = settings::check(&self.dir);
        let label = if fit.is_ok() { Label::Restart } else { Label::Error };
        self.terminal.line(label, &headline(changes), None, "");
        let problems = fit.err().map(|error| {
            self.terminal.text(&error.to_string());
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
            self.terminal.line(Label::Public, &headline(&files), None, "");
        }
        if plan.build {
            self.builder.start(changes, since);
        }
    }

    fn restyle(&self, changes: &[Change], since: Instant) {
        let styles: Vec<_> = changes.iter().filter(|change| change.is_style()).cloned().collect();
        // A missing Cargo.toml is the build's to report.
        let Ok(project) = Project::open(&self.dir) else { return };
        match tokio::task::block_in_place(|| self.styles.compile(&project)) {
            Ok(compiled) => {
                self.hub.problems(Topic::Style, Vec::new());
                self.hub.restyled(&compiled.href);
                if !styles.is_empty() {
                    self.terminal.line(Label::Style, &headline(&styles), Some(since.elapsed()), "");
                }
                for warning in compiled.warnings {
                    self.terminal.line(Label::Note, &warning, None, "");
                }
            }
            Err(error) => {
                let subject = if styles.is_empty() { "styles".into() } else { headline(&styles) };
                self.terminal.line(Label::Error, &subject, Some(since.elapsed()), "");
                self.terminal.text(&error.to_string());
                self.hub.problems(Topic::Style, vec![problems::of_style(&error)]);
            }
        }
    }

    pub(crate) fn report(&mut self, update: Update) {
        match update {
            Update::Progress { crates, name } => {
                self.terminal.progress(&format!("compiling, {crates} crates ready: {name}"));
                self.hub.progress(format!("{crates} crates ready: {name}"));
            }
            Update::Finished(Finished { changes, took, result: Ok(success) }) => {
                self.succeeded(&changes, took, success);
            }
            Update::Finished(Finished { changes, took, result: Err(failure) }) => {
                self.failed(&changes, took, &failure);
            }
        }
    }

    fn succeeded(&mut self, changes: &[Change], took: Duration, success: Success) {
        let Success { swapped, notes, warnings, inputs } = success;
        self.inputs = inputs;
        self.hub.problems(Topic::Build, Vec::new());
        let subject = headline(changes);
        match swapped {
            Some(swapped) => {
                self.hub.published(swapped.build_id.as_str());
                let generation = format!("generation {}", swapped.generation);
                let (label, subject) = match (swapped.replaced, subject.is_empty()) {
                    (Some(_), false) => (Label::Swap, subject),
                    _ => (Label::Build, format!("{} routes", swapped.routes)),
                };
                self.terminal.line(label, &subject, Some(took), &generation);
            }
            None => self.terminal.line(Label::Same, &subject, Some(took), "nothing to swap"),
        }
        for note in notes {
            self.terminal.line(Label::Note, &note, None, "");
        }
        for warning in warnings.difference(&self.warned) {
            self.terminal.text(warning.trim_end());
        }
        self.warned = warnings;
        self.copies.prune();
    }

    fn failed(&mut self, changes: &[Change], took: Duration, failure: &Failure) {
        let problems = problems::of_build(failure);
        let label = if matches!(failure, Failure::Swap(_)) { Label::Refused } else { Label::Error };
        let count = match problems.len() {
            1 => "1 error".to_owned(),
            many => format!("{many} errors"),
        };
        let subject = match headline(changes) {
            empty if empty.is_empty() => "the app".to_owned(),
            subject => subject,
        };
        self.terminal.line(label, &subject, Some(took), &count);
        self.terminal.text(&problems::text_of_build(failure));
        self.hub.problems(Topic::Build, problems);
    }
}
