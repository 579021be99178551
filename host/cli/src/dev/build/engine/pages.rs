//! The pages of an app, and the order in which they matter: those that are waited for, those that
//! were saved, those that were asked for last.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nova_parts::PageLibrary;
use nova_route_template::RouteTree;
use nova_route_template::parts::Fingerprint;

use super::inventory::PageBuild;
use super::page::{OwnLibrary, Page};
use crate::dev::build::failure::BuildFailure;
use crate::dev::wire::state::RouteInfo;

/// More pages than this are not compiled because they were saved, but when they are asked for: it
/// was a checkout, not a save.
const SAVED_AT_ONCE: usize = 4;

/// How many pages are remembered as asked for.
const RECENT: usize = 64;

/// Every page of the app, by its file.
#[derive(Debug, Default)]
pub(super) struct Pages {
    pages: BTreeMap<String, Page>,
    /// The pages that are waited for, then those that were saved.
    queue: VecDeque<String>,
    /// The files of pages, the one asked for last first.
    recent: Vec<String>,
}

impl Pages {
    /// The files were read: these pages there are, these of them other files name, and this is wrong
    /// with some.
    pub(super) fn scanned(
        &mut self,
        tree: &RouteTree,
        named: &BTreeSet<String>,
        mut mistakes: BTreeMap<String, Arc<BuildFailure>>,
    ) {
        let mut before = std::mem::take(&mut self.pages);
        for route in RouteInfo::all(tree) {
            let file = route.file.clone();
            let mut page = before.remove(&file).unwrap_or_default();
            page.scanned(route, named.contains(&file));
            page.set_mistake(mistakes.remove(&file));
            self.pages.insert(file, page);
        }
        // What was put back while the app could not be read.
        for (file, page) in &self.pages {
            if page.is_outdated() && !self.queue.contains(file) {
                self.queue.push_back(file.clone());
            }
        }
    }

    /// The files cannot be read. What was saved is not what the routes that are known were read
    /// from: to compile it would be to say the same mistake in other words.
    pub(super) fn unreadable(&mut self) {
        let pages = &self.pages;
        self.queue.retain(|file| !pages.get(file).is_some_and(Page::is_outdated));
    }

    /// What an earlier session knew, or this one with other flags.
    pub(super) fn restore(
        &mut self,
        mut builds: BTreeMap<String, PageBuild>,
        hazards: &BTreeMap<String, String>,
        recent: Vec<String>,
    ) {
        let asked = std::mem::replace(&mut self.recent, recent);
        asked.iter().rev().for_each(|file| self.seen(file));
        for (file, page) in &mut self.pages {
            page.take_library();
            if let Some(reason) = hazards.get(file) {
                page.move_into_app(reason);
            } else if let Some(build) = builds.remove(file) {
                let serves = self.recent.contains(file);
                page.put_library(OwnLibrary { build, serves });
            }
        }
    }

    /// These pages were saved. Of many, those that are not on screen are compiled when they are
    /// asked for.
    pub(super) fn saved(&mut self, files: Vec<String>) {
        let on_screen = self.recent.first().cloned();
        let many = files.len() > SAVED_AT_ONCE;
        for file in files {
            let shown = on_screen.as_ref() == Some(&file);
            let page = self.pages.entry(file.clone()).or_default();
            if many && !shown {
                page.saved_among_many();
                continue;
            }
            page.saved();
            if shown {
                self.put_first(&file);
            } else {
                self.unqueue(&file);
                self.queue.push_back(file);
            }
        }
    }

    /// Forgets what was compiled, and why what was not.
    pub(super) fn forget_all(&mut self) {
        self.pages.values_mut().for_each(Page::forget);
    }

    /// Something changed that may mend what does not compile.
    pub(super) fn forget_failures(&mut self) {
        self.pages.values_mut().for_each(Page::forget_failure);
    }

    /// Forgets the libraries that are not `good`.
    pub(super) fn retain(&mut self, good: impl Fn(&PageBuild) -> bool) {
        for page in self.pages.values_mut() {
            if page.library().is_some_and(|library| !good(&library.build)) {
                page.take_library();
            }
        }
    }

    /// A page was compiled.
    pub(super) fn built(&mut self, file: &str, build: PageBuild) {
        self.page(file).built(build);
    }

    /// A page does not compile; `shown`: it was saved or asked for.
    pub(super) fn failed(&mut self, file: &str, failure: Arc<BuildFailure>, shown: bool) {
        self.page(file).failed(failure, shown);
    }

    /// The server has refused this library of a page; `false` if there is another one by now.
    pub(super) fn refused(
        &mut self,
        file: &str,
        library: &Path,
        failure: Arc<BuildFailure>,
    ) -> bool {
        self.pages.get_mut(file).is_some_and(|page| page.refused(library, failure))
    }

    /// A page only compiles as a part of the crate.
    pub(super) fn move_into_app(&mut self, file: &str, reason: &str) {
        self.page(file).move_into_app(reason);
    }

    /// All pages only compile as a part of the crate.
    pub(super) fn move_all_into_app(&mut self, reason: &str) {
        self.pages.values_mut().for_each(|page| page.move_into_app(reason));
    }

    fn page(&mut self, file: &str) -> &mut Page {
        self.pages.entry(file.to_owned()).or_default()
    }

    /// Another app library: what was compiled against the one before fits it no more, and is given
    /// back.
    pub(super) fn take_libraries(&mut self) -> BTreeMap<String, OwnLibrary> {
        let pages = self.pages.iter_mut();
        pages.filter_map(|(file, page)| Some((file.clone(), page.leave_app_library()?))).collect()
    }

    /// The app library of before serves on, and with it these.
    pub(super) fn put_libraries_back(&mut self, mut libraries: BTreeMap<String, OwnLibrary>) {
        for (file, page) in &mut self.pages {
            page.take_library();
            if let Some(library) = libraries.remove(file) {
                page.put_library(library);
            }
        }
    }

    /// These libraries were refused together, and it is not known for which of them.
    pub(super) fn withdraw<'a>(&mut self, libraries: impl Iterator<Item = &'a PageLibrary>) {
        for library in libraries {
            if let Some(page) = self.pages.get_mut(&library.file) {
                page.withdraw(&library.path);
            }
        }
    }

    /// The pages whose libraries are not `fresh` are compiled again, after all that wait.
    pub(super) fn outdate_unless(&mut self, fresh: impl Fn(&PageBuild) -> bool) {
        let stale = self.libraries().filter(|(_, library)| !fresh(&library.build));
        let stale: Vec<String> = stale.map(|(file, _)| file.clone()).collect();
        for file in stale {
            self.page(&file).outdate();
            self.put_last(file);
        }
    }

    /// A request waits for a page whose library is there: from now on it serves. `false` if it is
    /// not there.
    pub(super) fn serve(&mut self, file: &str) -> bool {
        self.pages.get_mut(file).is_some_and(Page::serve)
    }

    /// Why a page that is asked for does not compile; that is shown now.
    pub(super) fn show_failure(&mut self, file: &str) -> Option<Arc<BuildFailure>> {
        self.pages.get_mut(file)?.show_failure()
    }

    /// The failures that must be seen.
    pub(super) fn shown_failures(&self) -> Vec<Arc<BuildFailure>> {
        self.pages.values().filter_map(Page::shown_failure).cloned().collect()
    }

    /// Whether it was said that a page does not compile, and still holds.
    pub(super) fn is_said(&self, file: &str) -> bool {
        self.is(file, |page| page.shown_failure().is_some())
    }

    pub(super) fn is_failed(&self, file: &str) -> bool {
        self.is(file, Page::is_failed)
    }

    pub(super) fn has_mistake(&self, file: &str) -> bool {
        self.is(file, Page::has_mistake)
    }

    /// Whether its library is in what is published.
    pub(super) fn serves(&self, file: &str) -> bool {
        self.is(file, |page| page.library().is_some_and(|library| library.serves))
    }

    /// Whether it was saved, and its new version is yet to be compiled.
    pub(super) fn is_to_come(&self, file: &str) -> bool {
        self.is(file, |page| page.is_outdated() && page.is_compilable())
    }

    pub(super) fn is_built(&self, file: &str) -> bool {
        self.is(file, |page| page.library().is_some())
    }

    pub(super) fn is_inside(&self, file: &str) -> bool {
        self.is(file, Page::is_inside)
    }

    pub(super) fn is_edited(&self, file: &str) -> bool {
        self.is(file, Page::is_edited)
    }

    fn is(&self, file: &str, what: impl Fn(&Page) -> bool) -> bool {
        self.pages.get(file).is_some_and(what)
    }

    /// The pages that are, or will be, modules of the app library.
    pub(super) fn inside(&self) -> BTreeSet<String> {
        let inside = self.pages.iter().filter(|(_, page)| page.is_inside());
        inside.map(|(file, _)| file.clone()).collect()
    }

    /// The pages that the latest scan has found, and no mistake in them.
    pub(super) fn sound(&self) -> BTreeSet<String> {
        let sound = self.pages.iter().filter(|(_, page)| page.is_sound());
        sound.map(|(file, _)| file.clone()).collect()
    }

    /// Every page.
    pub(super) fn files(&self) -> BTreeSet<String> {
        self.pages.keys().cloned().collect()
    }

    /// How many pages answer.
    pub(super) fn answering(&self) -> usize {
        self.pages.values().filter(|page| page.answers()).count()
    }

    /// The files of the pages whose compilation has read one of these.
    pub(super) fn readers_of(&self, paths: &BTreeSet<PathBuf>) -> Vec<String> {
        let readers = self.libraries().filter(|(_, it)| it.build.fingerprint.reads(paths));
        readers.map(|(file, _)| file.clone()).collect()
    }

    /// The libraries that are published.
    pub(super) fn serving(&self) -> impl Iterator<Item = (&String, &PageBuild)> {
        self.libraries().filter(|(_, it)| it.serves).map(|(file, it)| (file, &it.build))
    }

    fn libraries(&self) -> impl Iterator<Item = (&String, &OwnLibrary)> {
        self.pages.iter().filter_map(|(file, page)| Some((file, page.library()?)))
    }

    /// What each library was compiled from.
    pub(super) fn fingerprints(&self) -> impl Iterator<Item = &Fingerprint> {
        self.libraries().map(|(_, library)| &library.build.fingerprint)
    }

    /// The libraries that the next session may begin with.
    pub(super) fn builds(&self) -> BTreeMap<String, PageBuild> {
        self.libraries().map(|(file, it)| (file.clone(), it.build.clone())).collect()
    }

    /// The pages that only compile as a part of the crate, and why.
    pub(super) fn hazards(&self) -> BTreeMap<String, String> {
        let pages = self.pages.iter();
        pages.filter_map(|(file, page)| Some((file.clone(), page.hazard()?.to_owned()))).collect()
    }

    /// A page was asked for.
    pub(super) fn seen(&mut self, file: &str) {
        self.recent.retain(|other| other != file);
        self.recent.insert(0, file.to_owned());
        self.recent.truncate(RECENT);
    }

    /// The pages that were asked for, the latest first.
    pub(super) fn recent(&self) -> &[String] {
        &self.recent
    }

    /// The page that was asked for last.
    pub(super) fn on_screen(&self) -> Option<&String> {
        self.recent.first()
    }

    /// This page is compiled before all others.
    pub(super) fn put_first(&mut self, file: &str) {
        self.unqueue(file);
        self.queue.push_front(file.to_owned());
    }

    /// This page is compiled after all that wait already.
    pub(super) fn put_last(&mut self, file: String) {
        if !self.queue.contains(&file) {
            self.queue.push_back(file);
        }
    }

    /// This page waits no more.
    pub(super) fn unqueue(&mut self, file: &str) {
        self.queue.retain(|other| other != file);
    }

    /// The next page to compile of those that wait.
    pub(super) fn next_waiting(&mut self) -> Option<String> {
        while let Some(file) = self.queue.pop_front() {
            if self.is(&file, Page::is_compilable) {
                return Some(file);
            }
        }
        None
    }

    /// A page that was never compiled and is not `inside` the app library, the one asked for last
    /// first.
    pub(super) fn next_unbuilt(&self, inside: &BTreeSet<String>) -> Option<String> {
        let is_unbuilt =
            |file: &&String| self.is(file, Page::is_unbuilt) && !inside.contains(*file);
        self.recent.iter().chain(self.pages.keys()).find(is_unbuilt).cloned()
    }

    /// Every page as people see it; `building` is compiled now.
    pub(super) fn view(&self, building: Option<&str>) -> Vec<RouteInfo> {
        self.pages.values().filter_map(|page| page.view(building)).collect()
    }
}

#[cfg(test)]
mod tests;
