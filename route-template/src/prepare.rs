//! The steps before a build: open the app, read its pages, keep its crate root in step.

use std::collections::BTreeMap;
use std::path::Path;

use walkdir::{DirEntry, WalkDir};

use crate::codegen::crate_root::{CrateRootError, SyncReport, sync};
use crate::digest::sha256;
use crate::project::source_cache::SourceCache;
use crate::project::{OpenError, Project};
use crate::routes::problem::{Problem, Problems, Reach, Warning};
use crate::routes::tree::RouteTree;

/// An app that is ready to be built.
#[derive(Debug, Clone)]
pub struct PreparedApp {
    /// Where its parts are.
    pub project: Project,
    /// What it answers.
    pub tree: RouteTree,
    /// What its owner may want to know.
    pub warnings: Vec<Warning>,
    /// Its crate root.
    pub crate_root: SyncReport,
    /// The SHA-256 of each page that was read.
    pub source_hashes: BTreeMap<String, String>,
    /// What is wrong with files that were left out; nothing, but for [`prepare_rest`].
    pub problems: Vec<Problem>,
}

impl PreparedApp {
    /// The SHA-256 of what all pages share: the other files under `pages/`, components, `app.rs`,
    /// the crate root, and what cargo is told.
    #[must_use]
    pub fn shared_sha256(&self) -> String {
        let dir = self.project.dir();
        let is_page = |file: &String| self.tree.pages.iter().any(|page| page.file == *file);
        let mut hashes: BTreeMap<String, String> =
            self.source_hashes.clone().into_iter().filter(|(file, _)| !is_page(file)).collect();
        let components = self.tree.components_root.iter().map(|root| dir.join(root));
        let sources = components.flat_map(WalkDir::new).flatten().map(DirEntry::into_path);
        let sources = sources.filter(|path| path.extension().is_some_and(|it| it == "rs"));
        let app = self.tree.app.iter().map(|app| app.file.as_str());
        let others = app.chain([self.project.crate_root(), "Cargo.toml", "Cargo.lock"]);
        for path in sources.chain(others.map(|file| dir.join(file))) {
            // What cannot be read the compiler cannot read, either.
            if let (Ok(content), Ok(file)) = (std::fs::read(&path), path.strip_prefix(dir)) {
                hashes.insert(file.to_string_lossy().into_owned(), sha256(&content));
            }
        }
        sha256(format!("{hashes:?}").as_bytes())
    }
}

/// Why an app cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The folder is not an app.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Its files have mistakes.
    #[error(transparent)]
    Problems(#[from] Problems),
    /// Its crate root cannot be kept in step.
    #[error(transparent)]
    CrateRoot(#[from] CrateRootError),
}

/// Reads the app in a folder and brings its crate root up to date. What was found out of its
/// files the last time is taken from the disk, and left there for the next.
///
/// # Errors
/// If the folder is not an app, if its files have mistakes, or if its crate root cannot be written.
pub fn prepare(dir: &Path) -> Result<PreparedApp, PrepareError> {
    prepare_with(dir, &mut SourceCache::open(dir))
}

/// As [`prepare`], for a process that does it again and again and keeps the cache.
///
/// # Errors
/// As [`prepare`].
pub fn prepare_with(dir: &Path, cache: &mut SourceCache) -> Result<PreparedApp, PrepareError> {
    prepare_unless(dir, cache, |_| false, |_| true)
}

/// As [`prepare_with`], for a process that goes on with what is right: the mistakes of files that
/// can be left out are in [`PreparedApp::problems`]. `serves` says which pages answer already; see
/// [`RouteTree::read`].
///
/// # Errors
/// If the folder is not an app, if which files it is made of is not clear, or if its crate root
/// cannot be written.
pub fn prepare_rest(
    dir: &Path,
    cache: &mut SourceCache,
    serves: impl Fn(&str) -> bool,
) -> Result<PreparedApp, PrepareError> {
    prepare_unless(dir, cache, serves, |problem| problem.reach() == Reach::App)
}

/// Prepares the app, unless one of its mistakes `is_fatal`: then nothing is written.
fn prepare_unless(
    dir: &Path,
    cache: &mut SourceCache,
    serves: impl Fn(&str) -> bool,
    is_fatal: impl Fn(&Problem) -> bool,
) -> Result<PreparedApp, PrepareError> {
    let project = Project::open(dir)?;
    let sources = project.scan_with(cache);
    let (tree, problems) = RouteTree::read(&sources, serves);
    if problems.iter().any(is_fatal) {
        return Err(Problems(problems).into());
    }
    let crate_root = sync(&project, &tree)?;
    let source_hashes = sources
        .pages
        .iter()
        .filter_map(|file| Some((file.path.clone(), file.sha256()?.to_owned())))
        .collect();
    let warnings = tree.warnings();
    Ok(PreparedApp { project, tree, warnings, crate_root, source_hashes, problems })
}
