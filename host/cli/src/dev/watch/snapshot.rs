//! What the app's files contain, to tell a change from a mere event.
//!
//! Editors touch files without changing them, save them by renaming, and report one save as
//! several events; a checkout reports files that end as they were. The snapshot keeps a hash of
//! every file, so that only a different content is a change.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};
use walkdir::WalkDir;

use super::change::{Area, Change, ChangeKind};

/// Larger files (films, databases) are told apart by size and time.
const HASHED: u64 = 4 * 1024 * 1024;

/// Every file of an app that has an [`Area`], with a stamp of its content.
pub(crate) struct Snapshot {
    root: PathBuf,
    files: BTreeMap<PathBuf, Stamp>,
    /// Folders of crates that the app is made of; their files are known by absolute paths.
    beside: Vec<PathBuf>,
    /// Single files elsewhere, by absolute paths.
    single: BTreeSet<PathBuf>,
    /// Links among the files that were read since the last time somebody asked.
    links: BTreeSet<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stamp {
    Content([u8; 32]),
    Metadata(u64, Option<SystemTime>),
}

impl Snapshot {
    /// Reads the app in `root`.
    pub(crate) fn take(root: &Path) -> Self {
        let (files, beside) = (BTreeMap::new(), Vec::new());
        let (single, links) = (BTreeSet::new(), BTreeSet::new());
        let mut snapshot = Self { root: root.to_owned(), files, beside, single, links };
        snapshot.update([root.to_owned()]);
        snapshot
    }

    /// Reads one more folder, that of a crate which the app is made of.
    pub(crate) fn add_beside(&mut self, folder: &Path) {
        if !self.beside.iter().any(|known| known == folder) {
            self.beside.push(folder.to_owned());
            self.update([folder.to_owned()]);
        }
    }

    /// Whether this is a file of such a folder.
    pub(crate) fn is_beside(&self, path: &Path) -> bool {
        self.beside.iter().any(|folder| path.starts_with(folder))
    }

    /// Reads one more file, which is in none of the folders.
    pub(crate) fn add_file(&mut self, file: &Path) {
        if self.single.insert(file.to_owned()) {
            self.update([file.to_owned()]);
        }
    }

    /// The links to files that were met since the last call.
    pub(crate) fn take_links(&mut self) -> BTreeSet<PathBuf> {
        std::mem::take(&mut self.links)
    }

    /// Looks at `paths` again (files or folders, there or gone) and says what is different now.
    pub(crate) fn update(&mut self, paths: impl IntoIterator<Item = PathBuf>) -> Vec<Change> {
        let mut changes = Vec::new();
        for path in paths {
            let relative: &Path = match path.strip_prefix(&self.root) {
                _ if self.single.contains(&path) => &path,
                Ok(relative) => relative,
                Err(_) if self.is_beside(&path) => &path,
                Err(_) => continue,
            };
            let now = self.read(&path);
            for (file, stamp) in &now {
                let kind = match self.files.get(file) {
                    None => ChangeKind::Added,
                    Some(before) if before != stamp => ChangeKind::Edited,
                    Some(_) => continue,
                };
                changes.push(Change { path: file.clone(), kind });
            }
            // Paths are in the order of their components: what is below one comes right after it.
            let below = self.files.range(relative.to_owned()..);
            let below = below.map(|(file, _)| file).take_while(|file| file.starts_with(relative));
            let gone: Vec<PathBuf> = below.filter(|it| !now.contains_key(*it)).cloned().collect();
            for file in gone {
                self.files.remove(&file);
                changes.push(Change { path: file, kind: ChangeKind::Removed });
            }
            self.files.extend(now);
        }
        changes.sort();
        changes.dedup();
        changes
    }

    /// The stamps of the file `path`, or of all files below it.
    fn read(&mut self, path: &Path) -> BTreeMap<PathBuf, Stamp> {
        if self.single.contains(path) {
            let stamp = stamp(path, Area::Source).ok();
            return stamp.into_iter().map(|stamp| (path.to_owned(), stamp)).collect();
        }
        let mut links = Vec::new();
        let walk = WalkDir::new(path).into_iter().filter_entry(|entry| {
            // Do not go down into a compiler's output only to ignore each of its files.
            let roots = self.beside.iter().chain([&self.root]);
            let top =
                entry.path().parent().is_some_and(|it| roots.into_iter().any(|root| root == it));
            let name = entry.file_name().to_str();
            !top || !entry.file_type().is_dir() || name.is_some_and(Area::is_watched_folder)
        });
        let files = walk
            .filter_map(Result::ok)
            .filter(|entry| !entry.file_type().is_dir())
            .filter_map(|entry| {
                let path = entry.path();
                let (name, area) = match path.strip_prefix(&self.root) {
                    Ok(relative) => (relative, Area::of(relative)?),
                    Err(_) => (path, self.area_beside(path)?),
                };
                // A file that vanished since is a file that is not there.
                let stamp = stamp(path, area).ok()?;
                if entry.path_is_symlink() {
                    links.push(path.to_owned());
                }
                Some((name.to_owned(), stamp))
            })
            .collect();
        self.links.extend(links);
        files
    }
}

impl Snapshot {
    /// What a file of a crate beside the app is, by its path in that crate.
    fn area_beside(&self, path: &Path) -> Option<Area> {
        let relative = self.beside.iter().find_map(|folder| path.strip_prefix(folder).ok())?;
        match Area::of(relative)? {
            // Its crate root is written by hand, and what names a page in an app does not name one here.
            Area::CrateRoot | Area::Page | Area::Component | Area::App => Some(Area::Source),
            area => Some(area),
        }
    }
}

fn stamp(path: &Path, area: Area) -> io::Result<Stamp> {
    let metadata = fs::metadata(path)?;
    if area == Area::Other || metadata.len() > HASHED {
        return Ok(Stamp::Metadata(metadata.len(), metadata.modified().ok()));
    }
    let content = fs::read(path)?;
    let content = match area {
        Area::CrateRoot => by_hand(&content),
        _ => content,
    };
    Ok(Stamp::Content(Sha256::digest(content).into()))
}

/// The lines of a crate root that Nova did not write: when it brings its block up to date, that is
/// no change of the user's.
fn by_hand(root: &[u8]) -> Vec<u8> {
    let mut inside = false;
    root.split_inclusive(|&byte| byte == b'\n')
        .filter(|line| {
            let line = line.trim_ascii();
            if line == b"// nova:begin" {
                inside = true;
            }
            let keep = !inside;
            if line == b"// nova:end" {
                inside = false;
            }
            keep
        })
        .flatten()
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct App {
        folder: tempfile::TempDir,
        snapshot: Snapshot,
    }

    impl App {
        fn new(files: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().expect("a temporary folder");
            for (path, content) in files {
                write(folder.path(), path, content);
            }
            let snapshot = Snapshot::take(folder.path());
            Self { folder, snapshot }
        }

        fn write(&self, path: &str, content: &str) {
            write(self.folder.path(), path, content);
        }

        fn path(&self, path: &str) -> PathBuf {
            self.folder.path().join(path)
        }

        /// What is different, as `+added ~edited -removed`.
        fn update(&mut self, paths: &[&str]) -> String {
            let paths: Vec<_> = paths.iter().map(|path| self.path(path)).collect();
            let changes = self.snapshot.update(paths);
            let lines = changes.iter().map(|change| {
                let sign = match change.kind {
                    ChangeKind::Added => '+',
                    ChangeKind::Edited => '~',
                    ChangeKind::Removed => '-',
                };
                format!("{sign}{}", change.path.display())
            });
            lines.collect::<Vec<_>>().join(" ")
        }
    }

    fn write(root: &Path, path: &str, content: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, content).expect("a file");
    }

    #[test]
    fn only_content_is_a_change() {
        let mut app = App::new(&[("pages/index.rs", "1"), ("pages/about.rs", "1")]);
        app.write("pages/index.rs", "1");
        assert_eq!(app.update(&["pages/index.rs"]), "");
        app.write("pages/index.rs", "2");
        assert_eq!(app.update(&["pages/index.rs", "pages/index.rs"]), "~pages/index.rs");
        app.write("pages/index.rs", "1");
        assert_eq!(app.update(&["pages/index.rs"]), "~pages/index.rs");
    }

    #[test]
    fn atomic_saves_leave_one_change() {
        let mut app = App::new(&[("pages/index.rs", "1")]);
        app.write("pages/index.rs.tmp", "2");
        fs::rename(app.path("pages/index.rs.tmp"), app.path("pages/index.rs")).expect("renamed");
        assert_eq!(app.update(&["pages/index.rs.tmp", "pages/index.rs"]), "~pages/index.rs");
    }

    #[test]
    fn folders_come_and_go_whole() {
        let mut app = App::new(&[("pages/index.rs", "1")]);
        app.write("pages/users/index.rs", "1");
        app.write("pages/users/[id].rs", "1");
        assert_eq!(app.update(&["pages/users"]), "+pages/users/[id].rs +pages/users/index.rs");
        fs::rename(app.path("pages/users"), app.path("pages/people")).expect("renamed");
        assert_eq!(
            app.update(&["pages/users", "pages/people"]),
            "+pages/people/[id].rs +pages/people/index.rs -pages/users/[id].rs -pages/users/index.rs"
        );
        fs::remove_dir_all(app.path("pages/people")).expect("removed");
        assert_eq!(app.update(&["pages"]), "-pages/people/[id].rs -pages/people/index.rs");
    }

    #[test]
    fn caches_are_not_looked_at() {
        let mut app = App::new(&[("target/debug/a.rs", "1"), ("pages/index.rs", "1")]);
        app.write("target/debug/a.rs", "2");
        app.write(".nova/x.rs", "2");
        assert_eq!(app.update(&["target/debug/a.rs", ".nova/x.rs", ""]), "");
    }

    #[test]
    fn the_block_that_nova_writes_is_no_change() {
        let text = |doc: &str, block: &str| {
            format!("//! {doc}\n// nova:begin\n{block}\n// nova:end\nmod model;\n")
        };
        let mut app = App::new(&[("lib.rs", &text("app", "pub mod pages {}"))]);
        app.write("lib.rs", &text("app", "pub mod pages { pub mod index; }"));
        assert_eq!(app.update(&["lib.rs"]), "");
        app.write("lib.rs", &text("my app", "pub mod pages { pub mod index; }"));
        assert_eq!(app.update(&["lib.rs"]), "~lib.rs");
    }

    #[test]
    fn a_single_file_elsewhere_is_known_by_its_path() {
        let mut app = App::new(&[("pages/index.rs", "1"), ("node_modules/x/_y.scss", "1")]);
        let file = app.path("node_modules/x/_y.scss");
        app.write("node_modules/x/_y.scss", "2");
        assert_eq!(app.update(&["node_modules/x/_y.scss"]), "");
        app.snapshot.add_file(&file);
        app.write("node_modules/x/_y.scss", "3");
        assert_eq!(app.update(&["node_modules/x/_y.scss"]), format!("~{}", file.display()));
        app.write("node_modules/x/_y.scss", "3");
        assert_eq!(app.update(&["node_modules/x/_y.scss", "node_modules/x/_z.scss"]), "");
    }

    #[test]
    fn links_are_named_once_and_read_through() {
        let elsewhere = tempfile::tempdir().expect("a temporary folder");
        write(elsewhere.path(), "page.rs", "1");
        let mut app = App::new(&[("pages/index.rs", "1")]);
        let link = app.path("pages/linked.rs");
        std::os::unix::fs::symlink(elsewhere.path().join("page.rs"), &link).expect("a link");
        assert_eq!(app.update(&["pages/linked.rs"]), "+pages/linked.rs");
        assert_eq!(app.snapshot.take_links(), BTreeSet::from([link]));
        assert_eq!(app.snapshot.take_links(), BTreeSet::new());
        write(elsewhere.path(), "page.rs", "2");
        assert_eq!(app.update(&["pages/linked.rs"]), "~pages/linked.rs");
    }

    #[test]
    fn what_is_elsewhere_is_not_ours() {
        let mut app = App::new(&[("pages/index.rs", "1")]);
        assert_eq!(app.snapshot.update([PathBuf::from("/etc/hostname")]), []);
        assert_eq!(app.update(&["pages/never.rs"]), "");
    }
}
