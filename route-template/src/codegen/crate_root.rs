//! Keeping the crate root in step: the text between two marker lines of `lib.rs` is
//! generated, the rest is its owner's.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::codegen::{Destination, GeneratedCode, generate};
use crate::files::write_atomically;
use crate::project::Project;
use crate::routes::tree::RouteTree;
use crate::source::place::Place;

/// The line before the generated text.
pub const BEGIN: &str = "// nova:begin";
/// The line after the generated text.
pub const END: &str = "// nova:end";

/// Why the crate root could not be kept in step.
#[derive(Debug, thiserror::Error)]
pub enum CrateRootError {
    /// The file cannot be read or written.
    #[error("{} cannot be {action}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The marker lines are not there once each, in order.
    #[error(
        "{} {what}\n  help: the routes are declared between these two lines, which stand in it \
         once each:\n\n{BEGIN}\n{END}\n",
        path.display()
    )]
    Markers {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: &'static str,
    },
}

/// A crate root that is in step with the pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncReport {
    /// Whether it had to be written.
    pub changed: bool,
    /// Whose functions its lines name.
    pub origins: Origins,
}

/// Which line of a crate root hands over which function of the user's.
///
/// A handler that does not fit is noticed there; the mistake is in the page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origins {
    crate_root: String,
    lines: BTreeMap<usize, Place>,
}

impl Origins {
    /// The functions that lines of a file name, by line from 1.
    pub(crate) fn new(crate_root: &str, lines: BTreeMap<usize, Place>) -> Self {
        Self { crate_root: crate_root.to_owned(), lines }
    }

    /// The function that this line of this file names.
    pub fn find(&self, file: &str, line: usize) -> Option<&Place> {
        self.lines.get(&line).filter(|_| file == self.crate_root)
    }
}

/// Brings the generated part of the crate root up to date.
///
/// A file that is up to date is not written, so that nothing is built anew because of it. A
/// missing one is made.
///
/// # Errors
/// If the file cannot be read or written, or has no place for the generated text.
pub fn sync(project: &Project, tree: &RouteTree) -> Result<SyncReport, CrateRootError> {
    let SyncPlan { path, changed, text, origins } = SyncPlan::of(project, tree)?;
    if changed {
        write_atomically(&path, text.as_bytes()).map_err(|source| CrateRootError::Io {
            path,
            action: "written",
            source,
        })?;
    }
    // The block begins below the marker, and its lines count from 0.
    let above = text.lines().take_while(|line| line.trim() != BEGIN).count() + 2;
    let origins = Origins {
        crate_root: project.crate_root().to_owned(),
        lines: origins.into_iter().map(|(line, place)| (line + above, place)).collect(),
    };
    Ok(SyncReport { changed, origins })
}

/// Whether [`sync`] would leave the crate root as it is.
///
/// # Errors
/// If the file cannot be read, or has no place for the generated text.
pub fn is_in_step(project: &Project, tree: &RouteTree) -> Result<bool, CrateRootError> {
    Ok(!SyncPlan::of(project, tree)?.changed)
}

/// The crate root as it should be.
struct SyncPlan {
    path: PathBuf,
    /// Whether it is not like that.
    changed: bool,
    text: String,
    /// By the lines of the block.
    origins: BTreeMap<usize, Place>,
}

impl SyncPlan {
    fn of(project: &Project, tree: &RouteTree) -> Result<Self, CrateRootError> {
        let path = project.dir().join(project.crate_root());
        let existing = match std::fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(CrateRootError::Io { path, action: "read", source }),
        };
        let GeneratedCode { text: block, origins } =
            generate(tree, &Destination::CrateRoot(project.crate_root()));
        let text = match &existing {
            Some(text) => splice(text, &block).map_err(|what| CrateRootError::Markers {
                path: Path::new(project.crate_root()).to_owned(),
                what,
            })?,
            None => fresh(project.name(), &block),
        };
        let changed = existing.as_ref() != Some(&text);
        Ok(Self { path, changed, text, origins })
    }
}

/// A crate root with nothing but the generated text.
fn fresh(name: &str, block: &str) -> String {
    format!(
        "//! {name}\n\n// The block below is kept in step with pages/, components/ and app.rs by \
         `nova`.\n{BEGIN}\n{block}{END}\n"
    )
}

/// Puts the block between the marker lines of a text.
fn splice(text: &str, block: &str) -> Result<String, &'static str> {
    let begin = marker(text, BEGIN)?;
    let end = marker(text, END)?;
    match (begin, end) {
        (Some(begin), Some(end)) if begin.end <= end.start => {
            let block = match text[begin.clone()].ends_with("\r\n") {
                true => block.replace('\n', "\r\n"),
                false => block.to_owned(),
            };
            Ok([&text[..begin.end], &block, &text[end.start..]].concat())
        }
        (Some(_), Some(_)) => Err("has the two marker lines in the wrong order"),
        (None, None) => Err("has no marker lines"),
        _ => Err("has one marker line only"),
    }
}

/// Where a marker line stands, its line break included.
fn marker(text: &str, marker: &str) -> Result<Option<std::ops::Range<usize>>, &'static str> {
    let mut found = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let range = start..start + line.len();
        start = range.end;
        if line.trim() == marker && found.replace(range).is_some() {
            return Err("has a marker line twice");
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_around_the_markers_stays() {
        let text = "//! x\nmod mine;\n// nova:begin\nold\n// nova:end\nfn after() {}\n";
        assert_eq!(
            splice(text, "new\n").unwrap(),
            "//! x\nmod mine;\n// nova:begin\nnew\n// nova:end\nfn after() {}\n",
        );
        assert_eq!(
            splice("// nova:begin\n// nova:end", "a\n").unwrap(),
            "// nova:begin\na\n// nova:end"
        );
        assert_eq!(
            splice("// nova:begin\r\n  // nova:end\r\n", "a\nb\n").unwrap(),
            "// nova:begin\r\na\r\nb\r\n  // nova:end\r\n",
        );
    }

    #[test]
    fn markers_that_do_not_fit_are_told_apart() {
        for (text, expected) in [
            ("", "has no marker lines"),
            ("// nova:begin\n", "has one marker line only"),
            ("// nova:end\n// nova:begin\n", "has the two marker lines in the wrong order"),
            ("// nova:begin\n// nova:begin\n// nova:end\n", "has a marker line twice"),
        ] {
            assert_eq!(splice(text, "x\n"), Err(expected));
        }
    }
}
