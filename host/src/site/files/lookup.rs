//! Files that came after the folders were walked: looked up when they are asked for.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Caching;
use super::cache::Cache;
use super::file::File;
use super::index::{Place, is_hashed};
use super::types::Types;
use super::variants::Variants;
use crate::release::public::public_file;

/// What `url`, decoded, leads to in these folders, which are canonical. The rules are those of the
/// walk. This blocks.
pub(super) fn look_up(
    roots: &[PathBuf],
    url: &str,
    caching: Caching,
    types: &Types,
    cache: &Arc<Cache>,
) -> Option<Place> {
    roots.iter().find_map(|root| look_into(root, url, caching, types, cache))
}

fn look_into(
    root: &Path,
    url: &str,
    caching: Caching,
    types: &Types,
    cache: &Arc<Cache>,
) -> Option<Place> {
    let exists = |url: &str| public_file(root, url).is_some_and(|path| path.is_file());
    let (url, path) = if url.ends_with('/') {
        let url = format!("{url}index.html");
        let path = public_file(root, &url)?;
        (url, path)
    } else {
        (url.to_owned(), public_file(root, url)?)
    };
    if path.is_dir() {
        return exists(&format!("{url}/index.html")).then_some(Place::Folder);
    }
    // Not a pipe or a device: opening one may take for ever.
    if !path.is_file() {
        return None;
    }
    let (variants, is_hashed) = (Variants::of(&url, exists), is_hashed(&url, exists));
    let file = File::new(&url, path, variants, caching.of_file(is_hashed), types, cache);
    Some(Place::File(Arc::new(file)))
}
