//! Which files there are, by URL.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use walkdir::{DirEntry, WalkDir};

use super::Caching;
use super::file::{File, Variants};

/// What a URL leads to.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// A file.
    File(Arc<File>),
    /// A folder with an `index.html`; the URL lacks the slash at its end.
    Folder,
}

/// The places, by the decoded path of their URL.
#[derive(Debug, Default)]
pub(super) struct Index(HashMap<Box<str>, Place>);

impl Index {
    /// Reads `folders`; what an earlier one has, a later one cannot change.
    pub(super) fn of(folders: &[PathBuf], caching: Caching) -> Self {
        let mut index = Self::default();
        for folder in folders {
            // A link to the folder, as deployments have it, is followed once and for all.
            match folder.canonicalize() {
                Ok(root) => index.read(&root, caching),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::warn!("{}: public files cannot be read: {error}", folder.display());
                }
            }
        }
        index
    }

    pub(super) fn get(&self, path: &str) -> Option<&Place> {
        self.0.get(path)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn read(&mut self, root: &Path, caching: Caching) {
        let found = walk(root);
        for (url, path) in &found {
            let variants = Variants::of(url, |url| found.contains_key(url));
            let caching = caching.of_file(is_hashed(url, |url| found.contains_key(url)));
            let file = Arc::new(File::new(path.clone(), variants, caching));
            if let Some(folder) = url.strip_suffix("index.html")
                && folder.ends_with('/')
            {
                self.add(folder, Place::File(Arc::clone(&file)));
                if folder != "/" {
                    self.add(folder.trim_end_matches('/'), Place::Folder);
                }
            }
            self.add(url, Place::File(file));
        }
    }

    fn add(&mut self, url: &str, place: Place) {
        match self.0.entry(url.into()) {
            Entry::Vacant(entry) => drop(entry.insert(place)),
            Entry::Occupied(_) => {}
        }
    }
}

/// The public files of a folder, by URL, in its order.
pub fn public_files(folder: &Path) -> BTreeMap<String, PathBuf> {
    folder.canonicalize().map(|root| walk(&root).into_iter().collect()).unwrap_or_default()
}

/// Whether a URL names a copy that `nova build` made: `/img/a-0123456789abcdef.svg` beside
/// `/img/a.svg`. What is found there never changes.
fn is_hashed(url: &str, exists: impl Fn(&str) -> bool) -> bool {
    const DIGITS: usize = 16;
    let (folder, name) = url.rsplit_once('/').unwrap_or(("", url));
    let (stem, extension) = name.split_at(name.rfind('.').unwrap_or(name.len()));
    let Some((original, hash)) = stem.rsplit_once('-') else { return false };
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    hash.len() == DIGITS
        && hash.bytes().all(is_digit)
        && exists(&format!("{folder}/{original}{extension}"))
}

/// The public files below `root`, which is canonical, by URL.
pub fn walk(root: &Path) -> HashMap<String, PathBuf> {
    WalkDir::new(root)
        .follow_links(true)
        .into_iter()
        .filter_entry(|entry| entry.depth() == 0 || is_public(root, entry))
        .filter_map(|entry| match entry {
            Ok(entry) => Some(entry),
            // A link that leads nowhere, or in a circle.
            Err(error) if error.io_error().is_none_or(is_absence) => None,
            Err(error) => {
                tracing::warn!("a public file is left out: {error}");
                None
            }
        })
        // Not a pipe or a device: opening one may take for ever.
        .filter(|entry| entry.file_type().is_file())
        .filter_map(|entry| Some((url(entry.path().strip_prefix(root).ok()?)?, entry.into_path())))
        .collect()
}

fn is_absence(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::NotFound
}

/// Whether an entry may be seen from outside: neither hidden, nor a link to what is hidden or lies
/// elsewhere.
fn is_public(root: &Path, entry: &DirEntry) -> bool {
    let is_top = entry.depth() == 1;
    if !entry.file_name().to_str().is_some_and(|name| is_visible(name, is_top)) {
        return false;
    }
    if !entry.path_is_symlink() {
        return true;
    }
    let Ok(target) = entry.path().canonicalize() else { return false };
    let Ok(target) = target.strip_prefix(root) else {
        tracing::warn!("{}: left out: the link leads out of the folder", entry.path().display());
        return false;
    };
    target
        .iter()
        .enumerate()
        .all(|(depth, name)| name.to_str().is_some_and(|name| is_visible(name, depth == 0)))
}

/// `.well-known` is the one name with a dot that is meant to be public (RFC 8615).
fn is_visible(name: &str, is_top: bool) -> bool {
    let hidden = name.starts_with('.') && !(is_top && name == ".well-known");
    !hidden && !name.contains(|c: char| c == '\\' || c.is_control())
}

/// `css/site.css` -> `/css/site.css`.
fn url(path: &Path) -> Option<String> {
    let mut url = String::new();
    for name in path {
        url.push('/');
        url.push_str(name.to_str()?);
    }
    Some(url)
}
