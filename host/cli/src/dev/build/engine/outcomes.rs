//! What a job has found, and what follows from it.

use std::collections::BTreeSet;
use std::sync::Arc;

use nova_route_template::CargoError;
use nova_route_template::parts::{PartsCompiler, PartsError, UnitOutput};

use super::inventory::Inventory;
use super::work::{AppScan, CompiledApp, CompiledPage};
use super::{
    Broken, BuildFailure, Engine, EngineEvent, JobKind, JobResult, PreviousApp, PublicationDraft,
    hazard,
};

impl Engine {
    pub(super) fn finished(&mut self, what: JobKind, outcome: JobResult) {
        match (what, outcome) {
            (_, JobResult::AppScan(scanned)) => self.scanned(*scanned),
            (_, JobResult::Opened(opened)) => self.opened(*opened),
            (_, JobResult::App(made)) => self.made_app(*made),
            (JobKind::Page { file, waited_for }, JobResult::Page(made)) => {
                self.made_page(file, waited_for, *made);
            }
            (JobKind::Check, JobResult::Tried(tried)) => {
                self.ready
                    .push_back(EngineEvent::Checked(tried.map(|compiled| compiled.diagnostics)));
            }
            (JobKind::Trial { file, reason }, JobResult::Tried(tried)) => {
                self.tried(file, reason, *tried);
            }
            _ => unreachable!("a job has the outcome of its kind"),
        }
    }

    pub(super) fn scanned(&mut self, scanned: Result<AppScan, BuildFailure>) {
        match scanned {
            Ok(AppScan { prepared, named }) => {
                self.tell_routes(&prepared);
                let files: BTreeSet<&str> =
                    prepared.tree.pages.iter().map(|page| page.file.as_str()).collect();
                self.known.pages.retain(|file, _| files.contains(file.as_str()));
                self.failed.retain(|file, _| files.contains(file.as_str()));
                self.outdated.retain(|file| files.contains(file.as_str()));
                self.known.inside.retain(|file, _| files.contains(file.as_str()));
                self.named = named;
                for warning in &prepared.warnings {
                    self.ready.push_back(EngineEvent::Note(warning.to_string()));
                }
                self.prepared = Some(Arc::new(prepared));
                // What was put back while the app could not be read.
                for file in &self.outdated {
                    if !self.urgent.contains(file) {
                        self.urgent.push_back(file.clone());
                    }
                }
            }
            Err(failure) => {
                // What was saved is not what the routes that are known were read from. To compile
                // it would be to say the same mistake in other words.
                self.urgent.retain(|file| !self.outdated.contains(file));
                self.checked = true;
                self.fail(failure);
            }
        }
    }

    pub(super) fn opened(&mut self, opened: Result<(PartsCompiler, Inventory), PartsError>) {
        match opened {
            Ok((split, known)) => {
                let recent: Vec<String> = self.known.recent().to_vec();
                self.known = known;
                recent.iter().rev().for_each(|file| self.known.seen(file));
                let compiled = |file: &&String| self.known.pages.contains_key(*file);
                self.loaded = self.known.recent().iter().filter(compiled).cloned().collect();
                self.ready.push_back(EngineEvent::Watch(split.local_folders().to_vec()));
                self.split = Some(Arc::new(split));
                self.pending.due = true;
                // The page that was open when the session ended is open when the next one begins.
                if let Some(file) = self.known.recent().first().cloned()
                    && !self.known.pages.contains_key(&file)
                    && self.known.app.is_some()
                {
                    self.urgent.push_back(file);
                }
            }
            Err(PartsError::Cargo(error)) => self.fail(error.into()),
            Err(error) => {
                self.forget_precompiled();
                self.ready.push_back(EngineEvent::Whole { reason: error.to_string() });
            }
        }
    }

    pub(super) fn made_app(&mut self, made: Result<CompiledApp, BuildFailure>) {
        match made {
            Ok(CompiledApp { app, compiled, page }) => {
                self.pending.timing.add(&compiled);
                let serves = self.is_app_published();
                let old = self.known.app.replace(app);
                let pages = std::mem::take(&mut self.known.pages);
                let loaded = std::mem::take(&mut self.loaded);
                if let Some(app) = old.filter(|_| serves) {
                    self.before = Some(PreviousApp { app, pages, loaded });
                }
                self.outdated.clear();
                self.pending.due = true;
                self.ready.push_back(EngineEvent::Warnings(compiled.diagnostics));
                if let Some((file, page)) = page {
                    self.urgent.retain(|other| *other != file);
                    self.made_page(file, true, Ok(page));
                } else if let Some(file) = self.known.recent().first().cloned() {
                    // What is on screen goes live first, and with it the app library.
                    self.urgent.retain(|other| *other != file);
                    self.urgent.push_front(file);
                }
            }
            Err(failure) => match self.hazard_of(&failure) {
                Some(reason) if !self.all_inside() => self.start_trial(None, reason),
                _ => self.fail(failure),
            },
        }
    }

    pub(super) fn made_page(
        &mut self,
        file: String,
        waited_for: bool,
        made: Result<CompiledPage, BuildFailure>,
    ) {
        match made {
            Ok(CompiledPage { page, compiled }) => {
                self.outdated.remove(&file);
                self.loaded.insert(file.clone());
                self.known.pages.insert(file, page);
                if waited_for {
                    self.pending.timing.add(&compiled);
                    self.ready.push_back(EngineEvent::Warnings(compiled.diagnostics));
                    self.publish();
                } else {
                    self.publish_quietly();
                }
            }
            Err(failure) => match self.hazard_of(&failure) {
                Some(reason) => self.start_trial(Some(file), reason),
                None => self.fail_page(file, failure, waited_for),
            },
        }
    }

    /// Finds out whether it is the split that these errors come from.
    pub(super) fn start_trial(&mut self, file: Option<String>, reason: &'static str) {
        let mut inside = self.inside();
        match &file {
            Some(file) => {
                inside.insert(file.clone());
            }
            None => inside = self.all_pages(),
        }
        self.start_check(JobKind::Trial { file, reason }, inside, 0);
    }

    pub(super) fn tried(
        &mut self,
        file: Option<String>,
        reason: &'static str,
        tried: Result<UnitOutput, CargoError>,
    ) {
        match (file, tried) {
            (Some(file), Ok(_)) => {
                self.ready.push_back(EngineEvent::Note(format!(
                    "{file} is compiled with the app library: {reason}"
                )));
                self.known.inside.insert(file, reason.to_owned());
            }
            (None, Ok(_)) => {
                self.ready.push_back(EngineEvent::Note(format!(
                    "the app is compiled as one library: {reason}"
                )));
                let all = self.all_pages();
                self.known.inside.extend(all.into_iter().map(|file| (file, reason.to_owned())));
            }
            // As a part of the crate it has errors too, and those are the true ones.
            (Some(file), Err(error)) => self.fail_page(file, error.into(), true),
            (None, Err(error)) => self.fail(error.into()),
        }
    }

    pub(super) fn hazard_of(&self, failure: &BuildFailure) -> Option<&'static str> {
        match failure {
            BuildFailure::Cargo(CargoError::Failed { diagnostics, .. }) => hazard::of(diagnostics),
            _ => None,
        }
    }

    pub(super) fn fail_page(&mut self, file: String, failure: BuildFailure, waited_for: bool) {
        let failure = Arc::new(failure);
        let broken = Broken { failure: failure.clone(), shown: waited_for };
        self.failed.insert(file.clone(), broken);
        self.ready.push_back(EngineEvent::PageFailed { file, failure: failure.clone() });
        if waited_for {
            self.fail_shared(failure);
        }
    }

    pub(super) fn fail(&mut self, failure: BuildFailure) {
        self.forget_precompiled();
        self.fail_shared(Arc::new(failure));
    }

    pub(super) fn fail_shared(&mut self, failure: Arc<BuildFailure>) {
        let PublicationDraft { changes, since, .. } = std::mem::take(&mut self.pending);
        let took = since.map(|since| since.elapsed()).unwrap_or_default();
        self.ready.push_back(EngineEvent::Failed { changes, took, failure });
    }

    /// The pages that are in the app library, by what is known.
    pub(super) fn inside(&self) -> BTreeSet<String> {
        self.named.iter().chain(self.known.inside.keys()).cloned().collect()
    }

    pub(super) fn all_pages(&self) -> BTreeSet<String> {
        let pages = self.prepared.iter().flat_map(|prepared| &prepared.tree.pages);
        pages.map(|page| page.file.clone()).collect()
    }

    pub(super) fn all_inside(&self) -> bool {
        self.all_pages().is_subset(&self.inside())
    }

    pub(super) fn is_app_published(&self) -> bool {
        let app = self.known.app.as_ref().map(|app| &app.library.build);
        app.is_some() && app == self.published.as_ref()
    }
}
