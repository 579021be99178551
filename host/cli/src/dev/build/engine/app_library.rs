//! The app library, which all pages are compiled against: the newest, the one that is published,
//! and the one to go back to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

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
    /// Those that were published before the newest, oldest first: from the one that serves on.
    before: Vec<PreviousApp>,
    /// The pages that were in the latest attempt, whether that compiled or not: the same attempt is
    /// not made twice.
    attempted: Option<BTreeSet<String>>,
    /// The files that it has read, if it came to nothing.
    read_in_vain: BTreeSet<PathBuf>,
}

/// An app library that was published, and its pages.
#[derive(Debug)]
struct PreviousApp {
    app: AppBuild,
    pages: BTreeMap<String, OwnLibrary>,
}

impl AppLibraries {
    /// What an earlier session compiled.
    pub(super) fn restore(&mut self, app: Option<AppBuild>) {
        self.attempted = app.as_ref().map(|app| app.inside.clone());
        self.read_in_vain.clear();
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

    /// Whether its compilation has read one of these, or an attempt at a newer one.
    pub(super) fn reads(&self, paths: &BTreeSet<PathBuf>) -> bool {
        self.inputs().any(|path| paths.contains(path))
    }

    /// The files that its compilation has read, and an attempt at a newer one.
    pub(super) fn inputs(&self) -> impl Iterator<Item = &Path> {
        let newest = self.newest.iter().flat_map(|app| app.fingerprint.inputs());
        newest.chain(self.read_in_vain.iter().map(PathBuf::as_path))
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

    /// The latest attempt does not compile; it has read these files.
    pub(super) fn failed(&mut self, inputs: impl IntoIterator<Item = PathBuf>) {
        self.read_in_vain = inputs.into_iter().collect();
    }

    /// Another one compiled; `pages` belong to the one before.
    pub(super) fn replace(&mut self, app: AppBuild, pages: BTreeMap<String, OwnLibrary>) {
        let served = self.is_published();
        self.read_in_vain.clear();
        let before = self.newest.replace(app);
        if let Some(app) = before.filter(|_| served) {
            self.before.push(PreviousApp { app, pages });
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

    fn is_newest(&self, library: &Path) -> bool {
        self.newest.as_ref().is_some_and(|app| app.library.library == library)
    }

    /// The server has taken this one: those before it are not needed any more.
    pub(super) fn accepted(&mut self, library: &Path) {
        if self.is_newest(library) {
            self.before.clear();
        } else if let Some(at) = self.before.iter().position(|it| it.app.library.library == library)
        {
            self.before.drain(..at);
        }
    }

    /// The server has refused this one. If it is the newest, the one before it is the newest again,
    /// with its pages.
    pub(super) fn refused(&mut self, library: &Path) -> Option<BTreeMap<String, OwnLibrary>> {
        if !self.is_newest(library) {
            self.before.retain(|it| it.app.library.library != library);
            return None;
        }
        let PreviousApp { app, pages } = self.before.pop()?;
        self.published = Some(app.library.build.clone());
        self.newest = Some(app);
        Some(pages)
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use nova_route_template::DepInfo;
    use nova_route_template::parts::Fingerprint;

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

    #[test]
    fn a_file_that_an_attempt_has_read_in_vain_is_read_until_another_compiles() {
        let file = PathBuf::from("/elsewhere/module.rs");
        let files = BTreeSet::from([file.clone()]);
        let mut app = AppLibraries::default();
        app.replace(build("a"), BTreeMap::new());
        assert!(!app.reads(&files));
        app.failed([file.clone()]);
        assert!(app.reads(&files) && app.inputs().any(|path| path == file));
        app.replace(build("b"), BTreeMap::new());
        assert!(!app.reads(&files));
    }

    fn build(name: &str) -> AppBuild {
        let library =
            AppLibrary { library: PathBuf::from(name), build: name.to_owned(), has_pages: false };
        let fingerprint =
            Fingerprint::of(&DepInfo::default(), SystemTime::now(), Path::new(""), |_| None);
        AppBuild { library, fingerprint, inside: BTreeSet::new() }
    }

    /// Three libraries, each in a publication before the next one compiled.
    fn three() -> AppLibraries {
        let mut app = AppLibraries::default();
        for name in ["a", "b", "c"] {
            app.replace(build(name), BTreeMap::new());
            app.publish();
        }
        app.accepted(Path::new("a"));
        app
    }

    #[test]
    fn what_the_server_refuses_gives_way_to_what_serves() {
        let newest = |app: &AppLibraries| app.newest().map(|app| app.library.build.clone());
        let mut app = three();
        assert!(app.refused(Path::new("b")).is_none(), "c may still serve");
        app.accepted(Path::new("c"));
        assert_eq!(newest(&app).as_deref(), Some("c"));

        let mut app = three();
        app.accepted(Path::new("b"));
        assert!(app.refused(Path::new("c")).is_some());
        assert_eq!(newest(&app).as_deref(), Some("b"));

        let mut app = three();
        assert!(app.refused(Path::new("b")).is_none() && app.refused(Path::new("c")).is_some());
        assert_eq!(newest(&app).as_deref(), Some("a"));
    }
}
