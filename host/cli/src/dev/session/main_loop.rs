//! The loop of a session: one thing that happened after the other, and what is done about each.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use nova_host::library::start::StartInfo;
use nova_host::site::files::favicon_of;
use nova_route_template::Project;
use tokio::sync::mpsc;

use super::DevError;
use super::journal::Journal;
use super::keys::{Key, Keys};
use super::problems;
use super::publisher::{PublishReport, Publisher};
use super::server_settings::ServerSettings;
use super::styles::{self, StyleInputs};
use super::whole_app::WholeApp;
use crate::dev::build::engine::{Engine, EngineEvent, Publication};
use crate::dev::build::failure::BuildFailure;
use crate::dev::child::handle::{Notice, ServerHandle};
use crate::dev::report::Label;
use crate::dev::watch::age::since_written;
use crate::dev::watch::change::{Change, Plan, Readers, plan};
use crate::dev::watch::sources::SourceWatcher;
use crate::dev::wire::phases::{Phases, micros};
use crate::dev::wire::protocol::{Load, LoadOutcome, Order, Refusal, Topic};
use crate::dev::wire::public_file::PublicFile;
use crate::dev::wire::save::{Save, SaveOutcome, Scope};
use crate::dev::wire::state::BuildMode;

/// What follows the app's files, and what it needs for that.
pub(super) struct Session {
    /// The app's folder.
    pub(super) dir: PathBuf,
    /// Says what was saved.
    pub(super) sources: SourceWatcher,
    /// Compiles what was saved or asked for.
    pub(super) engine: Engine,
    /// Brings that to the server.
    pub(super) publisher: Publisher,
    /// Compiles the app where the engine cannot.
    pub(super) whole_app: WholeApp,
    /// What the stylesheet is made of.
    pub(super) style_inputs: StyleInputs,
    /// What apps are started with.
    pub(super) info: StartInfo,
    /// How often something other than code has changed what pages look like.
    pub(super) revision: u64,
    pub(super) settings: ServerSettings,
    pub(super) server: ServerHandle,
    /// What the supervisor of the server has to say.
    pub(super) notices: mpsc::UnboundedReceiver<Notice>,
    pub(super) keys: Option<Keys>,
    pub(super) journal: Journal,
}

impl Session {
    /// Serves a library that was built before, until the first build is there.
    pub(super) async fn serve_precompiled(&mut self, library: &Path) -> Result<(), Refusal> {
        let began = Instant::now();
        // Before it answers anything: some pages may be others by now.
        if let Some(pages) = self.engine.begin_with(library) {
            self.server.tell(Order::Routes(pages));
        }
        let load = Load::Library { path: library.to_owned(), info: self.info.clone() };
        if let LoadOutcome::Swapped(swapped) = self.server.load(load).await? {
            let note = format!("generation {}, {} routes", swapped.generation, swapped.routes);
            let subject = library.display().to_string();
            self.journal.line(Label::Build, &subject, Some(began.elapsed()), &note);
        }
        Ok(())
    }

    /// Builds everything, and then follows what happens until a key says stop, or it cannot go on.
    pub(super) async fn follow(&mut self) -> Result<(), DevError> {
        self.act(&Plan::first(), Vec::new());
        loop {
            tokio::select! {
                changes = self.sources.changes() => self.changed(changes?),
                event = self.engine.next_event() => self.hear_engine(event)?,
                report = self.publisher.next_report() => self.published(report),
                event = self.whole_app.next_event() => self.hear_builder(event),
                Some(notice) = self.notices.recv() => self.hear_server(notice)?,
                key = Keys::next(&mut self.keys) => {
                    if self.pressed(key).is_break() {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Stops what compiles, and waits until its processes are gone.
    pub(super) async fn stop(&mut self) {
        self.whole_app.stop().await;
        self.engine.stop().await;
    }

    fn pressed(&mut self, key: Key) -> ControlFlow<()> {
        match key {
            Key::Quit => return ControlFlow::Break(()),
            Key::Rebuild => {
                self.journal.note("everything is built anew");
                self.renew_again();
                self.engine.rebuild();
                self.act(&Plan { styles: true, ..Plan::default() }, Vec::new());
            }
            key => self.journal.pressed(key, &self.dir),
        }
        ControlFlow::Continue(())
    }

    fn changed(&mut self, changes: Vec<Change>) {
        let changes = self.without_locks(changes);
        self.whole_app.changed(&changes);
        let readers = |path: &Path| {
            let absolute = self.dir.join(path);
            Readers {
                compiler: self.whole_app.reads(&absolute) || self.engine.reads(path),
                stylesheet: self.style_inputs.contains(&absolute),
                crate_beside: self.sources.is_beside(path),
            }
        };
        let plan = plan(&changes, readers);
        self.act(&plan, changes);
    }

    /// Takes the lock file out of `changes` while something is built: a build that brings it up to
    /// date is not out of date for that. If it was not the build, that is found out at its end.
    fn without_locks(&mut self, changes: Vec<Change>) -> Vec<Change> {
        let is_whole = self.whole_app.is_building();
        if !is_whole && !self.engine.is_building() {
            return changes;
        }
        let is_lock = |change: &Change| self.engine.is_lock(&change.path);
        let (locks, rest): (Vec<_>, Vec<_>) = changes.into_iter().partition(is_lock);
        if !locks.is_empty() {
            if is_whole {
                self.whole_app.lock_changed();
            }
            if self.engine.is_at_work() {
                self.engine.lock_changed(locks);
            }
        }
        rest
    }

    /// From now on these are watched, wherever they are.
    pub(super) fn watch_files(&mut self, files: &BTreeSet<PathBuf>) {
        if let Err(error) = self.sources.add_files(files.iter().map(PathBuf::as_path)) {
            self.journal.note(&format!("{error}; press r after a change of it"));
        }
    }

    /// Does what `changes` ask for; builds and a change of servers go on by themselves.
    fn act(&mut self, plan: &Plan, changes: Vec<Change>) {
        let since = Instant::now();
        // Code may be compiled with a variable in it.
        let rebuild = plan.restart && self.renew_server(&changes, since);
        // `nova.toml` names the browsers that they are written for.
        if plan.styles || rebuild {
            self.restyle(&changes, since);
        }
        if plan.public {
            self.refresh_public(&changes);
        }
        if plan.build || rebuild {
            self.build(changes, since);
        }
    }

    fn build(&mut self, changes: Vec<Change>, since: Instant) {
        let is_whole = matches!(self.journal.mode(), BuildMode::Whole { .. });
        let may_split = changes.iter().any(|change| self.engine.is_key_file(&change.path));
        // While it is being found out whether the app has parts, both may be the one that serves.
        if !is_whole || may_split || self.engine.is_at_work() {
            let watch = since_written(&self.dir, &changes);
            self.engine.changed(changes.clone(), watch, since);
        }
        if is_whole && !may_split {
            self.build_whole(changes, since);
        }
    }

    pub(super) fn build_whole(&mut self, changes: Vec<Change>, since: Instant) {
        let environment = self.engine.environment().clone();
        self.whole_app.start(changes, since, environment, self.info.clone());
    }

    fn restyle(&mut self, changes: &[Change], since: Instant) {
        let is_input = |path: &Path| self.style_inputs.contains(&self.dir.join(path));
        let is_style = |change: &&Change| change.is_style() || is_input(&change.path);
        let files: Vec<_> = changes.iter().filter(is_style).cloned().collect();
        let watch_us = micros(since_written(&self.dir, &files));
        // A missing Cargo.toml is the build's to report.
        let Ok(project) = Project::open(&self.dir) else { return };
        let inputs = &mut self.style_inputs;
        let compiled = tokio::task::block_in_place(|| styles::compile(&project, inputs));
        // Partials may be anywhere.
        self.watch_files(&self.style_inputs.paths().clone());
        let phases = Phases { watch_us, compile_us: micros(since.elapsed()), ..Phases::default() };
        match compiled {
            Ok(compiled) => {
                self.journal.problems(Topic::Style, Vec::new());
                self.server.tell(Order::Style { href: compiled.href, css: compiled.css });
                if !files.is_empty() {
                    let save = Save::now(Scope::Styles, SaveOutcome::Live, &files, phases);
                    self.journal.saved(save);
                }
                for warning in compiled.warnings {
                    self.journal.note(&warning);
                }
            }
            Err(error) => {
                let mut save = Save::now(Scope::Styles, SaveOutcome::Failed, &files, phases);
                if files.is_empty() {
                    save.subject = "styles".to_owned();
                }
                let problems = vec![problems::of_style(&error)];
                self.journal.failed(save, Topic::Style, problems, &error.to_string());
            }
        }
    }

    fn refresh_public(&mut self, changes: &[Change]) {
        let public = self.dir.join("public");
        let favicon = tokio::task::block_in_place(|| favicon_of(&public));
        self.info.favicon = favicon.map(str::to_owned);
        self.server.tell(Order::Public);
        self.revision += 1;
        let files: Vec<_> = changes.iter().filter(|it| it.is_public()).cloned().collect();
        let paths: Vec<_> = files.iter().map(|it| it.path.as_path()).collect();
        let named = PublicFile::all(&self.dir, &paths);
        self.server.tell(Order::Refreshed { revision: self.revision, files: named });
        let phases = Phases::default();
        self.journal.saved(Save::now(Scope::Public, SaveOutcome::Live, &files, phases));
    }

    fn hear_engine(&mut self, event: EngineEvent) -> Result<(), DevError> {
        match event {
            EngineEvent::Progress(progress) => self.journal.progress(progress),
            EngineEvent::Routes(routes) => {
                self.server.tell(Order::Routes(routes));
                self.show_pages();
            }
            EngineEvent::Watch(folders) => {
                for folder in folders {
                    self.sources.add_beside(&folder)?;
                }
            }
            EngineEvent::Inputs(files) => self.watch_files(&files),
            EngineEvent::Publish(publication) => self.publisher.add(publication, self.info.clone()),
            EngineEvent::Failed { changes, took, failure } => {
                let phases = Phases { compile_us: micros(took), ..Phases::default() };
                let save = Save::now(Scope::Code, SaveOutcome::Failed, &changes, phases);
                self.journal.build_failed(save, &failure);
                // The others are there still.
                self.journal.build_serves(&self.engine.failures());
                self.show_pages();
            }
            EngineEvent::PageFailed { file, failure } => {
                if let Some(problem) = problems::of_build(&failure).into_iter().next() {
                    self.server.tell(Order::PageFailed { file, problem });
                }
            }
            EngineEvent::Warnings(diagnostics) => self.journal.warn(&diagnostics),
            EngineEvent::Note(text) => self.journal.note(&text),
            EngineEvent::Checked(check) => {
                self.journal.checked(check, |file| self.engine.is_said(file));
            }
            EngineEvent::NotInParts { reason, changes } => self.give_up_parts(reason, changes),
        }
        Ok(())
    }

    /// The app goes on as one library.
    fn give_up_parts(&mut self, reason: String, changes: Vec<Change>) {
        self.engine.retire();
        self.publisher.forget();
        self.journal.not_in_parts(reason);
        self.build_whole(changes, Instant::now());
    }

    /// The server has taken what the engine compiled, or has said why not.
    fn published(&mut self, report: PublishReport) {
        let PublishReport { publication, asked, result } = report;
        if self.engine.is_retired() {
            // It was on its way when another part did not load.
            return;
        }
        match result {
            Err(refusal) if refusal.of_part && self.whole_app.suspects(refusal.page.as_ref()) => {
                self.give_up_parts(problems::reason_of_part(&refusal.text), publication.changes);
            }
            Ok(outcome) => {
                // If it was built as a whole, it has parts after all.
                self.whole_app.cancel();
                self.engine.accepted(&publication);
                let began = self.journal.begin_parts();
                self.journal.build_serves(&self.engine.failures());
                let changes = &publication.changes;
                match outcome {
                    LoadOutcome::Swapped(swapped) => {
                        let (loading, routes) = (asked.elapsed(), self.engine.routes());
                        self.journal.went_live(&publication, &swapped, loading, routes, began);
                        if publication.rebuild || !changes.is_empty() {
                            self.renew_for_code();
                        }
                    }
                    // What asked for another server has its line.
                    LoadOutcome::Same
                        if !publication.rebuild && changes.iter().all(Change::is_settings) => {}
                    LoadOutcome::Same => {
                        let phases = publication.phases();
                        let save = publication.save(changes, SaveOutcome::Same, phases);
                        self.journal.saved(save);
                    }
                }
            }
            Err(refusal) if refusal.page.is_some() => self.refused_page(&publication, refusal),
            Err(refusal) => {
                self.engine.refused(&publication);
                for page in &publication.pages {
                    let (file, problem) = (page.file.clone(), refusal.problem());
                    self.server.tell(Order::PageFailed { file, problem });
                }
                let (changes, phases) = (&publication.changes, publication.phases());
                let save = publication.save(changes, SaveOutcome::Refused, phases);
                self.journal.build_failed(save, &BuildFailure::Refused(refusal));
            }
        }
        self.show_pages();
    }

    /// The server does not take one page: it is told of, and the others are published without it.
    fn refused_page(&mut self, publication: &Publication, refusal: Refusal) {
        let Some(file) = refusal.page.clone() else { return };
        if self.engine.refused_page(publication, &file, &refusal) {
            let problem = refusal.problem();
            self.server.tell(Order::PageFailed { file: file.clone(), problem });
            let changes = publication.changes.iter();
            let own: Vec<_> = changes.filter(|it| it.path == Path::new(&file)).cloned().collect();
            let mut save = publication.save(&own, SaveOutcome::Refused, publication.phases());
            // Another save, or a request, may have brought it here.
            save.subject = file;
            self.journal.build_failed(save, &BuildFailure::Refused(refusal));
            self.journal.build_serves(&self.engine.failures());
        }
    }

    /// Brings the dev page in step with the engine.
    fn show_pages(&mut self) {
        let mut routes = self.engine.view();
        routes.sort_by(|a, b| a.pattern.cmp(&b.pattern));
        if let Some(app) = self.engine.app_name() {
            self.journal.named(app);
        }
        self.journal.pages(routes);
    }

    /// What became of the server; the error: there will be none any more.
    fn hear_server(&mut self, notice: Notice) -> Result<(), Refusal> {
        match notice {
            Notice::Failed { kind, request, location, message } => {
                self.journal.request_failed(kind, &request, &message, &location);
            }
            Notice::Crashed(crash) => self.journal.crashed(&crash),
            Notice::Back(swapped) => self.journal.restarted("the server", None, swapped.as_ref()),
            Notice::GaveUp => {
                self.publisher.nothing_serves();
                self.journal.note("it is not started with this code again; save a change");
            }
            Notice::Moved(reason) => self.journal.moved(&reason),
            Notice::Renewed(renewed) => self.renewed(renewed),
            Notice::Wanted { file } => self.engine.wanted(&file),
            Notice::Seen { file } => self.engine.seen(&file),
            Notice::Unlisted { host } => self.journal.unlisted(&host),
            Notice::Lost(refusal) => return Err(refusal),
        }
        Ok(())
    }
}
