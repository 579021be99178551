//! What a job has found, and what follows from it.

use std::path::Path;
use std::sync::Arc;

use nova_route_template::parts::{PartsCompiler, PartsError, UnitOutput};
use nova_route_template::{CargoError, Level, Problem, Project};

use super::inventory::Inventory;
use super::jobs::{JobKind, JobResult};
use super::sources::AppScan;
use super::work::{CompiledApp, CompiledPage, FailedApp};
use super::{Engine, EngineEvent, hazard, mistakes};
use crate::dev::build::failure::BuildFailure;
use crate::dev::wire::progress::Progress;

impl Engine {
    /// Draws the conclusions of a job of this kind.
    pub(super) fn conclude(&mut self, kind: JobKind, result: JobResult) {
        match (kind, result) {
            (_, JobResult::Scan(scan)) => self.conclude_scan(*scan),
            (_, JobResult::Image(image)) => self.conclude_image(*image),
            (_, JobResult::App(app)) => self.conclude_app(*app),
            (JobKind::Page { file, waited_for }, JobResult::Page(page)) => {
                self.conclude_page(&file, waited_for, *page);
            }
            (JobKind::Check, JobResult::Check(check)) => {
                let diagnostics = check.map(|output| output.diagnostics);
                self.events.push_back(EngineEvent::Checked(diagnostics));
            }
            (JobKind::Trial { file, reason, waited_for }, JobResult::Check(check)) => {
                self.conclude_trial(file, reason, waited_for, *check);
            }
            _ => unreachable!("a job has the result of its kind"),
        }
    }

    fn conclude_scan(&mut self, scan: Result<AppScan, BuildFailure>) {
        match scan {
            Ok(AppScan { prepared, named }) => {
                self.announce_pages(&prepared);
                let was_saved = |path: &Path| self.draft.is_for(path);
                let told = self.mistakes.found(prepared.problems.clone(), was_saved);
                self.pages.scanned(&prepared.tree, &named, self.mistakes.of_pages());
                self.report_mistakes(told);
                // A new layout is a file that nothing has read yet.
                let before = self.prepared.as_ref();
                self.stale.app |=
                    before.is_some_and(|before| !before.tree.shares_with(&prepared.tree));
                for warning in &prepared.warnings {
                    self.events.push_back(EngineEvent::Note(warning.to_string()));
                }
                self.prepared = Some(Arc::new(prepared));
            }
            Err(failure) => {
                self.pages.unreadable();
                self.checked = true;
                let failure = Arc::new(failure);
                self.mistakes.found_fatal(failure.clone());
                self.forget_precompiled();
                self.report_failure(failure);
            }
        }
    }

    /// Says what is wrong with files; what else was saved goes on.
    fn report_mistakes(&mut self, told: Vec<Problem>) {
        let changes = self.draft.take_changes(|path| mistakes::are_in(&told, path));
        if let Some(failure) = BuildFailure::of_mistakes(told).map(Arc::new) {
            let took = self.draft.age();
            self.events.push_back(EngineEvent::Failed { changes, took, failure });
        }
    }

    pub(super) fn conclude_image(&mut self, image: Result<(PartsCompiler, Inventory), PartsError>) {
        self.announce_key_files();
        match image {
            Ok((parts, inventory)) => {
                let Inventory { app, hazards, pages, recent, .. } = inventory;
                self.app.restore(app);
                self.pages.restore(pages, &hazards, recent);
                self.events.push_back(EngineEvent::Watch(parts.local_folders().to_vec()));
                self.script = parts.build_script();
                self.parts = Some(Arc::new(parts));
                self.events.push_back(EngineEvent::Progress(Progress::App));
                self.image_failure = None;
                self.app_failure = None;
                self.announce_inputs();
                self.draft.make_due();
                // The page that was open when the session ended is open when the next one begins.
                if let Some(file) = self.pages.on_screen().cloned()
                    && !self.pages.is_built(&file)
                    && self.app.newest().is_some()
                {
                    self.pages.put_last(file);
                }
            }
            // It met files in the middle of a change, and what it says of them holds no more; or they
            // cannot be read, and the scan says why.
            Err(_) if self.stale.files || Project::open(&self.dir).is_err() => {
                self.stale.files = true;
                self.stale.image = true;
            }
            // What cargo says of a lock file holds no more when that is another one. It may have
            // written it itself, and does not do so twice.
            Err(PartsError::Cargo(_)) if !self.locks.is_empty() => {
                self.stale.image = true;
                self.locks.clear();
            }
            Err(PartsError::Cargo(error)) => {
                let failure = Arc::new(BuildFailure::from(error));
                self.image_failure = Some(failure.clone());
                self.forget_precompiled();
                self.report_failure(failure);
            }
            Err(error) => {
                self.forget_precompiled();
                self.give_up_parts(&error);
            }
        }
    }

    /// The app is for cargo to build.
    fn give_up_parts(&mut self, reason: &PartsError) {
        let (changes, _) = std::mem::take(&mut self.draft).give_up();
        self.retire();
        self.events.push_back(EngineEvent::NotInParts { reason: reason.to_string(), changes });
    }

    fn conclude_app(&mut self, app: Result<CompiledApp, FailedApp>) {
        match app {
            Ok(CompiledApp { own_allocator: true, .. }) => {
                self.give_up_parts(&PartsError::Allocator);
            }
            Ok(CompiledApp { app, output, page, own_allocator: _ }) => {
                self.app_failure = None;
                self.draft.add_time_of(&output);
                let libraries = self.pages.take_libraries();
                self.app.replace(app, libraries);
                self.draft.make_due();
                self.events.push_back(EngineEvent::Warnings(output.diagnostics));
                if let Some((file, page)) = page {
                    self.pages.unqueue(&file);
                    self.conclude_page(&file, true, Ok(page));
                } else if let Some(file) = self.pages.on_screen().cloned() {
                    // What is on screen goes live first, and with it the app library.
                    self.pages.put_first(&file);
                }
            }
            Err(FailedApp { failure: BuildFailure::Cargo(error), .. }) if is_of_linker(&error) => {
                self.give_up_parts(&PartsError::Link(error));
            }
            Err(FailedApp { failure, inputs }) => {
                self.app.failed(inputs);
                self.announce_inputs();
                match hazard_of(&failure) {
                    Some(reason) if self.pages.files() != self.pages.inside() => {
                        self.start_trial(None, reason, true);
                    }
                    _ => self.fail_app(failure),
                }
            }
        }
    }

    fn conclude_page(
        &mut self,
        file: &str,
        waited_for: bool,
        page: Result<CompiledPage, BuildFailure>,
    ) {
        match page {
            Ok(CompiledPage { page, output }) => {
                self.pages.built(file, page);
                if waited_for {
                    self.draft.add_time_of(&output);
                    self.events.push_back(EngineEvent::Warnings(output.diagnostics));
                    self.publish();
                } else {
                    self.publish_quietly();
                }
            }
            Err(BuildFailure::Cargo(error)) if is_of_linker(&error) => {
                self.give_up_parts(&PartsError::Link(error));
            }
            Err(failure) => match hazard_of(&failure) {
                Some(reason) => self.start_trial(Some(file.to_owned()), reason, waited_for),
                None => self.fail_page(file, failure, waited_for),
            },
        }
    }

    /// Finds out whether these errors come from compiling the page, or the app, by itself.
    fn start_trial(&mut self, file: Option<String>, reason: &'static str, waited_for: bool) {
        let inside = match &file {
            Some(file) => self.pages.inside().into_iter().chain([file.clone()]).collect(),
            None => self.pages.files(),
        };
        self.start_check(JobKind::Trial { file, reason, waited_for }, inside);
    }

    pub(super) fn conclude_trial(
        &mut self,
        file: Option<String>,
        reason: &'static str,
        waited_for: bool,
        check: Result<UnitOutput, CargoError>,
    ) {
        let note = match (file, check) {
            (Some(file), Ok(_)) => {
                self.pages.move_into_app(&file, reason);
                format!("{file} is compiled with the app library: {reason}")
            }
            (None, Ok(_)) => {
                self.pages.move_all_into_app(reason);
                format!("the app is compiled as one library: {reason}")
            }
            // As a part of the crate it has errors too, and those are the true ones.
            (Some(file), Err(error)) => return self.fail_page(&file, error.into(), waited_for),
            (None, Err(error)) => return self.fail_app(error.into()),
        };
        self.events.push_back(EngineEvent::Note(note));
    }

    fn fail_page(&mut self, file: &str, failure: BuildFailure, waited_for: bool) {
        let failure = Arc::new(failure);
        self.pages.failed(file, failure.clone(), waited_for);
        let event = EngineEvent::PageFailed { file: file.to_owned(), failure: failure.clone() };
        self.events.push_back(event);
        if waited_for {
            self.report_failure(failure);
        }
    }

    /// The app library does not compile.
    fn fail_app(&mut self, failure: BuildFailure) {
        let failure = Arc::new(failure);
        self.app_failure = Some(failure.clone());
        self.forget_precompiled();
        self.report_failure(failure);
    }

    /// Tells those who wait for pages that nothing comes of it.
    pub(super) fn answer_waiting(&mut self) {
        for file in std::mem::take(&mut self.waiting) {
            let built = || self.image_failure.clone().or_else(|| self.app_failure.clone());
            let app = || self.mistakes.of_app().or_else(built);
            if let Some(failure) = self.pages.show_failure(&file).or_else(app) {
                self.events.push_back(EngineEvent::PageFailed { file, failure });
            }
        }
    }

    fn report_failure(&mut self, failure: Arc<BuildFailure>) {
        let (changes, took) = std::mem::take(&mut self.draft).give_up();
        self.events.push_back(EngineEvent::Failed { changes, took, failure });
    }
}

/// Whether the code is right, and the linker has refused it.
fn is_of_linker(error: &CargoError) -> bool {
    let CargoError::Failed { diagnostics, .. } = error else { return false };
    let mut errors = diagnostics.iter().filter(|it| it.level == Level::Error);
    errors.all(|it| it.message.starts_with("linking with ") || it.message.starts_with("aborting"))
        && diagnostics.iter().any(|it| it.message.starts_with("linking with "))
}

fn hazard_of(failure: &BuildFailure) -> Option<&'static str> {
    match failure {
        BuildFailure::Cargo(CargoError::Failed { diagnostics, .. }) => hazard::of(diagnostics),
        _ => None,
    }
}
