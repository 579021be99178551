//! The workspace that a folder belongs to.

use std::path::{Path, PathBuf};

use toml_edit::DocumentMut;

/// The nearest `Cargo.toml` above the folder that has a `[workspace]`.
pub(super) fn outer_workspace(dir: &Path) -> Option<PathBuf> {
    let manifests = dir.ancestors().skip(1).map(|folder| folder.join("Cargo.toml"));
    manifests.into_iter().find(|path| has_workspace(path))
}

/// The root manifest of the workspace that a folder belongs to: its own, or one around it.
pub(super) fn root_manifest(dir: &Path) -> PathBuf {
    let own = dir.join("Cargo.toml");
    if has_workspace(&own) { own } else { outer_workspace(dir).unwrap_or(own) }
}

fn has_workspace(manifest: &Path) -> bool {
    let text = std::fs::read_to_string(manifest).unwrap_or_default();
    text.parse::<DocumentMut>().is_ok_and(|manifest| manifest.contains_key("workspace"))
}
