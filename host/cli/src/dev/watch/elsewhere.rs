//! Files of an app that lie where its folders are not watched: what `include_str!` and `#[path]` name
//! outside of it, a partial in another place, what a build script watches, and where a link leads.
//!
//! Such a file, or a folder that a link leads to, is known by the names under which it was read. A
//! file is watched through the folder that it is in, because an editor may put another file in its
//! place.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The names of each file or folder, by its path without links.
#[derive(Debug, Default)]
pub(super) struct Elsewhere(BTreeMap<PathBuf, BTreeSet<PathBuf>>);

impl Elsewhere {
    /// What is at `name` is read; gives its path without links, if both were not known.
    pub(super) fn add(&mut self, name: &Path) -> Option<PathBuf> {
        let path = name.canonicalize().ok()?;
        let is_new = self.0.entry(path.clone()).or_default().insert(name.to_owned());
        is_new.then_some(path)
    }

    /// `paths` had an event: those, and the other names of what is there, in order.
    pub(super) fn with_names(&self, paths: Vec<PathBuf>) -> Vec<PathBuf> {
        let mut all = BTreeSet::new();
        if !self.0.is_empty() {
            for path in &paths {
                self.add_names(&without_links(path), &mut all);
            }
        }
        all.extend(paths);
        all.into_iter().collect()
    }

    /// The names of what is at `path`, which may lie in a folder that is known, or hold what is.
    fn add_names(&self, path: &Path, names: &mut BTreeSet<PathBuf>) {
        for folder in path.ancestors() {
            let (Some(known), Ok(rest)) = (self.0.get(folder), path.strip_prefix(folder)) else {
                continue;
            };
            // With nothing to join, a name would end in a slash.
            let is_it = rest.as_os_str().is_empty();
            names.extend(known.iter().map(|it| if is_it { it.clone() } else { it.join(rest) }));
        }
        let below = self.0.range(path.to_owned()..);
        names.extend(
            below.take_while(|(it, _)| it.starts_with(path)).flat_map(|(_, it)| it).cloned(),
        );
    }
}

/// The path without links to folders; what it names may be gone, or a link itself.
fn without_links(path: &Path) -> PathBuf {
    let Some((folder, name)) = path.parent().zip(path.file_name()) else {
        return path.to_owned();
    };
    folder.canonicalize().unwrap_or_else(|_| without_links(folder)).join(name)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_has_the_names_under_which_it_was_read() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().canonicalize().expect("a path");
        let [file, link] = ["file.rs", "link.rs"].map(|name| root.join(name));
        fs::write(&file, "").expect("a file");
        symlink(&file, &link).expect("a link");
        let mut elsewhere = Elsewhere::default();
        assert_eq!(elsewhere.add(&link), Some(file.clone()));
        assert_eq!(elsewhere.add(&link), None);
        assert_eq!(elsewhere.add(&file), Some(file.clone()));
        assert_eq!(elsewhere.add(&root.join("none")), None);
        let other = root.join("other.rs");
        assert_eq!(elsewhere.with_names(vec![other.clone()]), [other]);
        assert_eq!(elsewhere.with_names(vec![file.clone()]), [file, link]);
    }

    #[test]
    fn what_is_behind_a_link_has_the_names_of_the_link() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().canonicalize().expect("a path");
        for made in ["app/pages", "shared/blog/deep"] {
            fs::create_dir_all(root.join(made)).expect("a folder");
        }
        symlink(root.join("shared/blog"), root.join("app/pages/blog")).expect("a link");
        symlink(root.join("shared/blog"), root.join("app/pages/news")).expect("a link");
        let mut elsewhere = Elsewhere::default();
        elsewhere.add(&root.join("app/pages/blog"));
        elsewhere.add(&root.join("app/pages/news"));
        for (event, expected) in [
            ("shared/blog/x.rs", &["app/pages/blog/x.rs", "app/pages/news/x.rs"][..]),
            ("shared/blog/gone/x.rs", &["app/pages/blog/gone/x.rs", "app/pages/news/gone/x.rs"]),
            ("shared/blog", &["app/pages/blog", "app/pages/news"]),
            ("shared", &["app/pages/blog", "app/pages/news"]),
            ("app/pages/blog/x.rs", &["app/pages/news/x.rs"]),
            // The link itself, and not what it leads to.
            ("app/pages/blog", &[]),
            ("shared/blogs", &[]),
        ] {
            let names = elsewhere.with_names(vec![root.join(event)]);
            let mut expected: BTreeSet<_> = expected.iter().map(|name| root.join(name)).collect();
            expected.insert(root.join(event));
            assert_eq!(names, expected.into_iter().collect::<Vec<_>>(), "{event}");
        }
    }
}
