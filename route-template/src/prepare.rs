//! The steps before a build: open the app, read its pages, keep its crate root in step.

use std::collections::BTreeMap;
use std::path::Path;

use crate::crate_root::{CrateRootError, Synced, sync};
use crate::manifest::sha256;
use crate::problem::{Problems, Warning};
use crate::project::{OpenError, Project};
use crate::tree::RouteTree;

/// An app that is ready to be built.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Where its parts are.
    pub project: Project,
    /// What it answers.
    pub tree: RouteTree,
    /// What its owner may want to know.
    pub warnings: Vec<Warning>,
    /// Its crate root.
    pub crate_root: Synced,
    /// The SHA-256 of each page that was read.
    pub source_hashes: BTreeMap<String, String>,
}

/// Why an app cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The folder is no app.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Its files have mistakes.
    #[error(transparent)]
    Problems(#[from] Problems),
    /// Its crate root cannot be kept in step.
    #[error(transparent)]
    CrateRoot(#[from] CrateRootError),
}

/// Reads the app in a folder and brings its crate root up to date.
///
/// # Errors
/// If the folder is no app, if its files have mistakes, or if its crate root cannot be written.
pub fn prepare(dir: &Path) -> Result<Prepared, PrepareError> {
    let project = Project::open(dir)?;
    let sources = project.scan();
    let tree = RouteTree::build(&sources)?;
    let crate_root = sync(&project, &tree)?;
    let hash = |text: &String| sha256(text.as_bytes());
    let source_hashes = sources
        .pages
        .iter()
        .filter_map(|file| Some((file.path.clone(), file.text.as_ref().ok().map(hash)?)))
        .collect();
    Ok(Prepared { warnings: tree.warnings(), project, tree, crate_root, source_hashes })
}
