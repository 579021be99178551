//! Files of an app that lie where its folders are not watched: what `include_str!` and `#[path]` name
//! outside of it, a partial in another place, what a build script watches, and where a link leads.
//!
//! Such a file is known by the names under which it was read; each is watched through the folder of
//! the file itself, because an editor may put another file in its place.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The names of each file, by its path without links.
#[derive(Debug, Default)]
pub(super) struct Elsewhere(BTreeMap<PathBuf, BTreeSet<PathBuf>>);

impl Elsewhere {
    /// The file at `name` is read; gives its path without links, if both were not known.
    pub(super) fn add(&mut self, name: &Path) -> Option<PathBuf> {
        let path = name.canonicalize().ok()?;
        let is_new = self.0.entry(path.clone()).or_default().insert(name.to_owned());
        is_new.then_some(path)
    }

    /// `paths` had an event: those, and the other names of the same files.
    pub(super) fn with_names(&self, paths: Vec<PathBuf>) -> Vec<PathBuf> {
        let names = paths.iter().filter_map(|path| self.0.get(path)).flatten();
        let names: Vec<PathBuf> = names.cloned().collect();
        paths.into_iter().chain(names).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_has_the_names_under_which_it_was_read() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().canonicalize().expect("a path");
        let [file, link] = ["file.rs", "link.rs"].map(|name| root.join(name));
        std::fs::write(&file, "").expect("a file");
        symlink(&file, &link).expect("a link");
        let mut elsewhere = Elsewhere::default();
        assert_eq!(elsewhere.add(&link), Some(file.clone()));
        assert_eq!(elsewhere.add(&link), None);
        assert_eq!(elsewhere.add(&file), Some(file.clone()));
        assert_eq!(elsewhere.add(&root.join("none")), None);
        assert_eq!(elsewhere.with_names(vec![root.clone()]), std::slice::from_ref(&root));
        assert_eq!(elsewhere.with_names(vec![file.clone()]), [file.clone(), file, link]);
    }
}
