//! The app library, which all pages are compiled against: the newest, the one that is published,
//! and the one to go back to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use nova_route_template::parts::AppLibrary;

use super::inventory::AppBuild;
use super::page::OwnLibrary;

/// The app libraries of a session.
#[derive(Debug, Default)]
pub(super) struct AppLibraries {
    /// The newest that compiled.
    newest: Option<AppBuild>,
    /// The build id of the one in the latest publication.
    published: Option<String>,
    /// What serves until the server has taken the newest.
    before: Option<PreviousApp>,
    /// The pages that were in the latest attempt, whether that compiled or not: the same attempt is
    /// not made twice.
    attempted: Option<BTreeSet<String>>,
}

/// An app library that served, and its pages.
#[derive(Debug)]
struct PreviousApp {
    app: AppBuild,
    pages: BTreeMap<String, OwnLibrary>,
}

impl AppLibraries {
    /// What an earlier session compiled.
    pub(super) fn restore(&mut self, app: Option<AppBuild>) {
        self.attempted = app.as_ref().map(|app| app.inside.clone());
        self.newest = app;
    }

    /// The newest that compiled.
    pub(super) fn newest(&self) -> Option<&AppBuild> {
        self.newest.as_ref()
    }

    /// The same as the compiler of pages knows it.
    pub(super) fn library(&self) -> Option<AppLibrary> {
        self.newest.as_ref().map(|app| app.library.clone())
    }

    /// Whether the newest holds this page.
    pub(super) fn has(&self, file: &str) -> bool {
        self.newest.as_ref().is_some_and(|app| app.inside.contains(file))
    }

    /// Whether its compilation has read one of these.
    pub(super) fn reads(&self, paths: &BTreeSet<PathBuf>) -> bool {
        self.newest.as_ref().is_some_and(|app| app.fingerprint.reads(paths))
    }

    /// Whether it was compiled with other values of variables.
    pub(super) fn holds_other_variables(&self, variable: impl Fn(&str) -> Option<String>) -> bool {
        self.newest.as_ref().is_some_and(|app| !app.fingerprint.sees(variable))
    }

    /// Whether an attempt with these pages inside was made.
    pub(super) fn was_attempted_with(&self, inside: &BTreeSet<String>) -> bool {
        self.attempted.as_ref() == Some(inside)
    }

    /// An attempt with these pages inside is made.
    pub(super) fn attempt_with(&mut self, inside: &BTreeSet<String>) {
        self.attempted = Some(inside.clone());
    }

    /// Another one compiled; `pages` belong to the one before.
    pub(super) fn replace(&mut self, app: AppBuild, pages: BTreeMap<String, OwnLibrary>) {
        let served = self.is_published();
        let before = self.newest.replace(app);
        if let Some(app) = before.filter(|_| served) {
            self.before = Some(PreviousApp { app, pages });
        }
    }

    /// The newest is in a publication now.
    pub(super) fn publish(&mut self) {
        self.published = self.newest.as_ref().map(|app| app.library.build.clone());
    }

    /// Whether the newest is the one in the latest publication.
    pub(super) fn is_published(&self) -> bool {
        let newest = self.newest.as_ref().map(|app| &app.library.build);
        newest.is_some() && newest == self.published.as_ref()
    }

    /// Whether there was a publication.
    pub(super) fn was_published(&self) -> bool {
        self.published.is_some()
    }

    /// The server has taken the newest.
    pub(super) fn accepted(&mut self) {
        self.before = None;
    }

    /// The server has refused the newest: the one before it is the newest again, with its pages.
    pub(super) fn go_back(&mut self) -> Option<BTreeMap<String, OwnLibrary>> {
        let PreviousApp { app, pages } = self.before.take()?;
        self.published = Some(app.library.build.clone());
        self.newest = Some(app);
        Some(pages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_made_once_whether_it_compiles_or_not() {
        let inside = |file: &str| BTreeSet::from([file.to_owned()]);
        let mut app = AppLibraries::default();
        assert!(!app.was_attempted_with(&inside("pages/a.rs")));
        app.attempt_with(&inside("pages/a.rs"));
        assert!(app.was_attempted_with(&inside("pages/a.rs")) && app.newest().is_none());
        assert!(!app.was_attempted_with(&inside("pages/b.rs")), "other pages are another attempt");
        app.restore(None);
        assert!(!app.was_attempted_with(&inside("pages/a.rs")), "and so are other flags");
    }
}
