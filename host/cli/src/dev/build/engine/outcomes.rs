//! What a job has found, and what follows from it.

use std::sync::Arc;

use nova_route_template::parts::{PartsCompiler, PartsError, UnitOutput};
use nova_route_template::{CargoError, Level};

use super::inventory::Inventory;
use super::jobs::{JobKind, JobResult};
use super::sources::AppScan;
use super::work::{CompiledApp, CompiledPage};
use super::{Engine, EngineEvent, hazard};
use crate::dev::build::failure::BuildFailure;

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
            (JobKind::Trial { file, reason }, JobResult::Check(check)) => {
                self.conclude_trial(file, reason, *check);
            }
            _ => unreachable!("a job has the result of its kind"),
        }
    }

    fn conclude_scan(&mut self, scan: Result<AppScan, BuildFailure>) {
        match scan {
            Ok(AppScan { prepared, named }) => {
                self.announce_pages(&prepared);
                self.pages.scanned(&prepared.tree, &named);
                for warning in &prepared.warnings {
                    self.events.push_back(EngineEvent::Note(warning.to_string()));
                }
                self.prepared = Some(Arc::new(prepared));
            }
            Err(failure) => {
                self.pages.unreadable();
                self.checked = true;
                self.fail(failure);
            }
        }
    }

    fn conclude_image(&mut self, image: Result<(PartsCompiler, Inventory), PartsError>) {
        match image {
            Ok((parts, inventory)) => {
                let Inventory { app, hazards, pages, recent, .. } = inventory;
                self.app.restore(app);
                self.pages.restore(pages, &hazards, recent);
                self.events.push_back(EngineEvent::Watch(parts.local_folders().to_vec()));
                self.parts = Some(Arc::new(parts));
                self.draft.make_due();
                // The page that was open when the session ended is open when the next one begins.
                if let Some(file) = self.pages.on_screen().cloned()
                    && !self.pages.is_built(&file)
                    && self.app.newest().is_some()
                {
                    self.pages.put_last(file);
                }
            }
            Err(PartsError::Cargo(error)) => self.fail(error.into()),
            Err(error) => self.give_up_parts(&error),
        }
    }

    /// The app is for cargo to build.
    fn give_up_parts(&mut self, reason: &PartsError) {
        let (changes, _) = std::mem::take(&mut self.draft).give_up();
        self.retire();
        self.events.push_back(EngineEvent::NotInParts { reason: reason.to_string(), changes });
    }

    fn conclude_app(&mut self, app: Result<CompiledApp, BuildFailure>) {
        match app {
            Ok(CompiledApp { own_allocator: true, .. }) => {
                self.give_up_parts(&PartsError::Allocator);
            }
            Ok(CompiledApp { app, output, page, own_allocator: _ }) => {
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
            Err(BuildFailure::Cargo(error)) if is_of_linker(&error) => {
                self.give_up_parts(&PartsError::Link(error));
            }
            Err(failure) => match hazard_of(&failure) {
                Some(reason) if self.pages.files() != self.pages.inside() => {
                    self.start_trial(None, reason);
                }
                _ => self.fail(failure),
            },
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
                Some(reason) => self.start_trial(Some(file.to_owned()), reason),
                None => self.fail_page(file, failure, waited_for),
            },
        }
    }

    /// Finds out whether these errors come from compiling the page, or the app, by itself.
    fn start_trial(&mut self, file: Option<String>, reason: &'static str) {
        let inside = match &file {
            Some(file) => self.pages.inside().into_iter().chain([file.clone()]).collect(),
            None => self.pages.files(),
        };
        self.start_check(JobKind::Trial { file, reason }, inside, 0);
    }

    fn conclude_trial(
        &mut self,
        file: Option<String>,
        reason: &'static str,
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
            (Some(file), Err(error)) => return self.fail_page(&file, error.into(), true),
            (None, Err(error)) => return self.fail(error.into()),
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

    fn fail(&mut self, failure: BuildFailure) {
        self.forget_precompiled();
        self.report_failure(Arc::new(failure));
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
