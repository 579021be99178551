//! Which job is next, starting it, and stopping one that has become pointless.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use nova_route_template::parts::PartsCompiler;
use nova_route_template::{CargoError, PreparedApp};

use super::work::{self, AppWork, Cancellation, PageWork, Sources};
use super::{Engine, JobKind, JobResult, RunningJob};

impl Engine {
    /// Stops a job that the latest event has made pointless or less urgent.
    pub(super) fn interrupt(&mut self) {
        let Some(job) = &self.job else { return };
        let pointless = match &job.what {
            JobKind::Check => true,
            JobKind::Page { file, waited_for } => {
                !waited_for || self.stale.app || self.stale.files && self.edited.contains(file)
            }
            JobKind::App | JobKind::Trial { .. } => self.stale.files || self.stale.app,
            JobKind::Scan | JobKind::Open => false,
        };
        if pointless {
            job.cancel.cancel();
        }
    }

    /// A job was stopped: what it was for is still to be done.
    pub(super) fn requeue(&mut self, what: JobKind) {
        match what {
            JobKind::Page { file, waited_for: true } if !self.urgent.contains(&file) => {
                self.urgent.push_back(file);
            }
            JobKind::App => self.stale.app = true,
            JobKind::Trial { file: Some(file), .. } => self.urgent.push_back(file),
            JobKind::Trial { file: None, .. } => self.stale.app = true,
            JobKind::Check => self.checked = false,
            _ => {}
        }
    }

    pub(super) fn start_next(&mut self) {
        if self.stale.files || self.prepared.is_none() {
            if !self.stale.files {
                return;
            }
            self.stale.files = false;
            let (dir, sources) = (self.dir.clone(), self.sources.clone());
            return self.start(JobKind::Scan, move |_| {
                let mut sources = sources.lock();
                let sources = sources.get_or_insert_with(|| Sources::open(&dir));
                JobResult::AppScan(Box::new(sources.scan(&dir)))
            });
        }
        let Some(prepared) = self.prepared.clone() else { return };
        if self.stale.image || self.split.is_none() {
            if !self.stale.image {
                return;
            }
            self.stale.image = false;
            let cargo = std::mem::take(&mut self.stale.cargo);
            let is_current =
                |split: &Arc<PartsCompiler>| !split.has_build_script() && split.is_current();
            if !cargo && self.split.as_ref().is_some_and(is_current) {
                return self.start_next();
            }
            self.save();
            let open = work::Open {
                prepared,
                named: self.named.clone(),
                program: self.program.clone(),
                environment: self.environment.clone(),
                progress: self.progress.0.clone(),
            };
            return self
                .start(JobKind::Open, move |cancel| JobResult::Opened(Box::new(open.run(cancel))));
        }
        let Some(split) = self.split.clone() else { return };
        let inside = self.inside();
        let fits = self.known.app.as_ref().is_some_and(|app| app.inside == inside);
        if self.stale.app || !fits {
            self.stale.app = false;
            let build = self.name();
            // What is on screen goes live first, and with it the app library.
            let page = self.known.recent().first();
            let page =
                page.filter(|file| !inside.contains(*file) && !self.failed.contains_key(*file));
            let page = page.cloned();
            let before = self.known.app.as_ref().map(|app| app.library.clone());
            return self.start(JobKind::App, move |cancel| {
                let (split, prepared, build) = (&split, &prepared, &build);
                let work = AppWork { split, prepared, inside, build, before, page };
                JobResult::App(Box::new(work.run(cancel)))
            });
        }
        let exists = |file: &String| prepared.tree.pages.iter().any(|page| page.file == *file);
        while let Some(file) = self.urgent.pop_front() {
            if exists(&file) && !inside.contains(&file) && !self.failed.contains_key(&file) {
                return self.start_page(&split, &prepared, file, true);
            }
        }
        if self.pending.due && !self.holds() {
            self.publish();
        }
    }

    pub(super) fn start_page(
        &mut self,
        split: &Arc<PartsCompiler>,
        prepared: &Arc<PreparedApp>,
        file: String,
        waited_for: bool,
    ) {
        let Some(app) = self.known.app.as_ref().map(|app| app.library.clone()) else { return };
        let (split, prepared, build) = (split.clone(), prepared.clone(), self.name());
        let edited = self.edited.contains(&file);
        let what = JobKind::Page { file: file.clone(), waited_for };
        self.start(what, move |cancel| {
            let work = PageWork {
                split: &split,
                prepared: &prepared,
                app: &app,
                file: &file,
                build: &build,
                edited,
                nice: if waited_for { 0 } else { 19 },
            };
            JobResult::Page(Box::new(work.run(cancel)))
        });
    }

    pub(super) fn start(
        &mut self,
        what: JobKind,
        run: impl FnOnce(&Cancellation) -> JobResult + Send + 'static,
    ) {
        let cancel = Cancellation::default();
        let own = cancel.clone();
        let handle = tokio::task::spawn_blocking(move || run(&own));
        self.job = Some(RunningJob { what, cancel, handle });
    }

    pub(super) fn has_idle_work(&self) -> bool {
        self.unsaved || self.next_idle().is_some()
    }

    /// What to do when nobody waits for anything. The check is first: it finds every mistake of a
    /// checkout in less time than its pages take to compile.
    pub(super) fn next_idle(&self) -> Option<JobKind> {
        let prepared = self.prepared.as_ref()?;
        let serves = self.is_app_published() || self.holds();
        let app = self.known.app.as_ref().filter(|_| serves)?;
        if !self.checked {
            return Some(JobKind::Check);
        }
        let unbuilt = |file: &&String| {
            !self.known.pages.contains_key(*file)
                && !self.failed.contains_key(*file)
                && !app.inside.contains(*file)
                && prepared
                    .tree
                    .pages
                    .iter()
                    .any(|page| page.file == **file && !page.handlers.is_empty())
        };
        let all = prepared.tree.pages.iter().map(|page| &page.file);
        let file = self.known.recent().iter().chain(all).find(unbuilt)?;
        Some(JobKind::Page { file: file.clone(), waited_for: false })
    }

    pub(super) fn start_idle(&mut self) {
        let (Some(split), Some(prepared)) = (self.split.clone(), self.prepared.clone()) else {
            return;
        };
        match self.next_idle() {
            Some(JobKind::Page { file, .. }) => self.start_page(&split, &prepared, file, false),
            Some(JobKind::Check) => {
                self.checked = true;
                let all = prepared.tree.pages.iter().map(|page| page.file.clone()).collect();
                self.start_check(JobKind::Check, all, 19);
            }
            _ => {}
        }
    }

    pub(super) fn start_check(&mut self, what: JobKind, inside: BTreeSet<String>, nice: u8) {
        let (Some(split), Some(prepared)) = (self.split.clone(), self.prepared.clone()) else {
            return;
        };
        self.start(what, move |cancel| {
            let unit = split
                .check(&prepared.tree, &inside)
                .map_err(|source| CargoError::Run { program: split.folder(), source });
            let made = unit.and_then(|unit| work::compile(&split, unit, nice, cancel));
            JobResult::Tried(Box::new(made.map(|made| made.compiled)))
        });
    }

    /// A name that no other library has.
    pub(super) fn name(&mut self) -> String {
        self.count += 1;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        format!("{:x}{:04x}", now.as_micros(), self.count & 0xffff)
    }
}
