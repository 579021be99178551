//! Public files: which of the files below a folder are served, and under which URL.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

/// The name of the folder of public files in a release.
pub const PUBLIC: &str = "public";

/// The folder of public files in the release at `release`, if there is one. A link is followed now,
/// because it may lead elsewhere later.
pub fn public_folder(release: &Path) -> Option<PathBuf> {
    let public = release.join(PUBLIC);
    public.is_dir().then(|| public.canonicalize().unwrap_or(public))
}

/// The public files of a folder, by URL, in its order.
pub fn public_files(folder: &Path) -> BTreeMap<String, PathBuf> {
    folder.canonicalize().map(|root| walk(&root).into_iter().collect()).unwrap_or_default()
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

/// The path of the file or folder that `url`, decoded, leads to below `root`, which is canonical;
/// `None` for what is not there, or not to be seen from outside.
pub fn public_file(root: &Path, url: &str) -> Option<PathBuf> {
    let names = || url.strip_prefix('/').unwrap_or_default().split('/');
    let is_plain = |(depth, name): (usize, &str)| !name.is_empty() && is_visible(name, depth == 0);
    if !names().enumerate().all(is_plain) {
        return None;
    }
    let mut path = root.to_owned();
    path.extend(names());
    // One look, before there is one at each folder on the way.
    path.symlink_metadata().ok()?;
    leads_inside(root, &path).then_some(path)
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
    let is_inside = leads_inside(root, entry.path());
    if !is_inside && entry.path().exists() {
        let path = entry.path().display();
        tracing::warn!("{path}: left out: the link leads out of the folder, or to a hidden file");
    }
    is_inside
}

/// Whether what a path leads to lies below `root` and is not hidden.
fn leads_inside(root: &Path, path: &Path) -> bool {
    let Ok(target) = path.canonicalize() else { return false };
    let Ok(target) = target.strip_prefix(root) else { return false };
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
