//! Which files there are, by URL.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Caching;
use super::cache::Cache;
use super::file::File;
use super::types::Types;
use super::variants::Variants;
use crate::release::public::walk;

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
pub(super) struct Index {
    places: HashMap<Box<str>, Place>,
    /// The folders that were walked, canonical.
    roots: Arc<[PathBuf]>,
}

impl Index {
    /// Reads `folders`; what an earlier one has, a later one cannot change.
    pub(super) fn of(
        folders: &[PathBuf],
        caching: Caching,
        types: &Types,
        cache: &Arc<Cache>,
    ) -> Self {
        let mut index = Self::default();
        let mut roots = Vec::new();
        for folder in folders {
            // A link to the folder, as deployments have it, is followed once and for all.
            match folder.canonicalize() {
                Ok(root) => {
                    index.read(&root, caching, types, cache);
                    roots.push(root);
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::warn!("{}: public files cannot be read: {error}", folder.display());
                }
            }
        }
        index.roots = roots.into();
        index
    }

    pub(super) fn get(&self, path: &str) -> Option<&Place> {
        self.places.get(path)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The folders that were walked, canonical.
    pub(super) fn roots(&self) -> Arc<[PathBuf]> {
        Arc::clone(&self.roots)
    }

    fn read(&mut self, root: &Path, caching: Caching, types: &Types, cache: &Arc<Cache>) {
        let found = walk(root);
        for (url, path) in &found {
            let variants = Variants::of(url, |url| found.contains_key(url));
            let caching = caching.of_file(is_hashed(url, |url| found.contains_key(url)));
            let file = Arc::new(File::new(url, path.clone(), variants, caching, types, cache));
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
        match self.places.entry(url.into()) {
            Entry::Vacant(entry) => drop(entry.insert(place)),
            Entry::Occupied(_) => {}
        }
    }
}

/// Whether a URL names a copy that `nova build` made: `/img/a-0123456789abcdef.svg` beside
/// `/img/a.svg`. What is found there never changes.
pub(super) fn is_hashed(url: &str, exists: impl Fn(&str) -> bool) -> bool {
    const DIGITS: usize = 16;
    let (folder, name) = url.rsplit_once('/').unwrap_or(("", url));
    let (stem, extension) = name.split_at(name.rfind('.').unwrap_or(name.len()));
    let Some((original, hash)) = stem.rsplit_once('-') else { return false };
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    hash.len() == DIGITS
        && hash.bytes().all(is_digit)
        && exists(&format!("{folder}/{original}{extension}"))
}
