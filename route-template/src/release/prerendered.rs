//! Pages that are rendered when a release is built, and are files from then on.
//!
//! They lie beside `public/`, not in it: the public files of former releases stay served, and a
//! page of a former release must not.

use std::path::{Path, PathBuf};

use crate::files::write_atomically;
use crate::release::error::ReleaseError;
use crate::release::manifest::{Manifest, PrerenderedPage, ReleaseFile};

/// The folder of prerendered pages in a release.
const FOLDER: &str = "prerendered";

/// Writes pages, given as path and document, into the release at `out`. What was there of other
/// pages stays until the manifest is written.
///
/// # Errors
/// If one cannot be written, or its path cannot be that of a file.
pub fn write_prerendered(
    out: &Path,
    pages: &[(String, String)],
) -> Result<Vec<PrerenderedPage>, ReleaseError> {
    let mut written = Vec::new();
    for (path, html) in pages {
        let file = file_of(path).ok_or_else(|| ReleaseError::NoFile { path: path.clone() })?;
        let place = out.join(&file);
        write_atomically(&place, html.as_bytes()).map_err(|source| ReleaseError::Io {
            path: place,
            action: "written",
            source,
        })?;
        written.push(PrerenderedPage {
            path: path.clone(),
            file: ReleaseFile::new(file, html.as_bytes()),
        });
    }
    Ok(written)
}

/// Removes the files of pages that are prerendered no more.
pub(crate) fn remove_former(out: &Path, earlier: Option<&Manifest>, now: &[PrerenderedPage]) {
    for page in earlier.iter().flat_map(|earlier| &earlier.prerendered) {
        let is_ours =
            Path::new(&page.file.file).starts_with(FOLDER) && !page.file.file.contains("..");
        if is_ours && !now.iter().any(|it| it.file.file == page.file.file) {
            // What cannot be removed only takes room.
            let _ = std::fs::remove_file(out.join(&page.file.file));
        }
    }
}

/// `/users/7` -> `prerendered/users/7/index.html`; the name of each folder is a part of the path
/// as it stands there, so that no two paths share a file.
fn file_of(path: &str) -> Option<String> {
    let mut file = PathBuf::from(FOLDER);
    for segment in path.strip_prefix('/')?.split('/') {
        match segment {
            "" if path == "/" => {}
            "" | "." | ".." => return None,
            segment if segment.contains(['\\', '\0']) => return None,
            segment => file.push(segment),
        }
    }
    file.join("index.html").to_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_file_below_the_folder() {
        for (path, file) in [
            ("/", Some("prerendered/index.html")),
            ("/users/7", Some("prerendered/users/7/index.html")),
            ("/a%20b", Some("prerendered/a%20b/index.html")),
            ("/../etc", None),
            ("/a//b", None),
            ("users", None),
        ] {
            assert_eq!(file_of(path).as_deref(), file, "{path}");
        }
    }
}
