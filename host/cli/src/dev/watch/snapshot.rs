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
use walkdir::{DirEntry, WalkDir};

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
    /// Links to files and folders that were read since they were last taken.
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

    /// Whether a file is read with the folders that it is in, or is what a build writes there.
    pub(crate) fn covers(&self, path: &Path) -> bool {
        let folders = self.beside.iter().chain([&self.root]);
        let own: Vec<_> = folders.filter_map(|folder| path.strip_prefix(folder).ok()).collect();
        let is_read = !own.is_empty() && own.iter().all(|own| Area::of(own).is_some());
        is_read || own.iter().any(|own| Area::is_output(own))
    }

    /// Reads one more file, which is in none of the folders.
    pub(crate) fn add_file(&mut self, file: &Path) {
        if self.single.insert(file.to_owned()) {
            self.update([file.to_owned()]);
        }
    }

    /// The links to files and folders that were met since the last call.
    pub(crate) fn take_links(&mut self) -> BTreeSet<PathBuf> {
        std::mem::take(&mut self.links)
    }

    /// Where all is that is looked at.
    pub(crate) fn places(&self) -> Vec<PathBuf> {
        let places = [&self.root].into_iter().chain(&self.beside).chain(&self.single);
        places.cloned().collect()
    }

    /// Whether this folder, or what a link of that name leads to, is one of the app's [own
    /// folders](Area::is_own_folder).
    pub(crate) fn is_own_folder(&self, path: &Path) -> bool {
        path.strip_prefix(&self.root).is_ok_and(Area::is_own_folder)
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
            // What is elsewhere is not below the app's folder, whose own path is empty here.
            let below = below.filter(|file| file.is_absolute() == relative.is_absolute());
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
        // What leads around in a circle is an error, as it is to the scan of the pages.
        let walk = WalkDir::new(path).follow_links(true).into_iter();
        let files = walk
            .filter_entry(|entry| !entry.file_type().is_dir() || self.enters(entry))
            .filter_map(Result::ok)
            .filter_map(|entry| {
                let path = entry.path();
                if entry.file_type().is_dir() {
                    links.extend(entry.path_is_symlink().then(|| path.to_owned()));
                    return None;
                }
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

    /// Whether what is in a folder is looked at.
    fn enters(&self, folder: &DirEntry) -> bool {
        let (path, name) = (folder.path(), folder.file_name().to_str());
        let is_root = |path: &Path| path == self.root || self.beside.iter().any(|it| path == it);
        if is_root(path) {
            return true;
        }
        // Do not go down into a compiler's output only to ignore each of its files; a linked folder
        // may be a crate, which has such folders too.
        let is_at_top = path.parent().is_some_and(|parent| {
            is_root(parent) || parent.is_symlink() && !self.is_own_folder(parent)
        });
        if is_at_top && !name.is_some_and(Area::is_watched_folder) {
            return false;
        }
        !folder.path_is_symlink() || self.follows(path)
    }

    /// Whether a link to a folder leads to more of the app. One that leads to a folder around itself,
    /// or around the app, would bring all of it again, and packages in `node_modules` link to each
    /// other.
    fn follows(&self, link: &Path) -> bool {
        let own = link.strip_prefix(&self.root).unwrap_or(link);
        let is_package = own.components().any(|part| part.as_os_str() == "node_modules");
        let folder = link.parent().and_then(|folder| folder.canonicalize().ok());
        let is_around = |target: &Path| {
            self.root.starts_with(target)
                || folder.as_ref().is_some_and(|it| it.starts_with(target))
        };
        !is_package && link.canonicalize().is_ok_and(|target| !is_around(&target))
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
mod tests;
