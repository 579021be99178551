//! The workspace that a folder belongs to.

use std::io;
use std::path::{Path, PathBuf};

use toml_edit::{Array, DocumentMut, Item, value};

use crate::files::write_atomically;

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

/// Makes the package in `dir` a member of the workspace with this manifest, as `cargo new` does;
/// `false` where the workspace excludes it.
pub(super) fn join(root: &Path, dir: &Path) -> io::Result<bool> {
    let folder = root.parent().unwrap_or(root);
    let Some(path) = dir.strip_prefix(folder).ok().and_then(Path::to_str) else {
        return Ok(false);
    };
    let text = std::fs::read_to_string(root)?;
    let mut manifest: DocumentMut = text.parse().map_err(io::Error::other)?;
    let workspace = &mut manifest["workspace"];
    let listed = |key: &str| -> Vec<String> {
        let list = workspace.get(key).and_then(Item::as_array).into_iter().flatten();
        list.filter_map(|it| Some(it.as_str()?.trim_end_matches('/').to_owned())).collect()
    };
    if listed("exclude").iter().any(|excluded| Path::new(path).starts_with(excluded)) {
        return Ok(false);
    }
    if listed("members").iter().any(|pattern| covers(pattern, path)) {
        return Ok(true);
    }
    let members = workspace
        .as_table_like_mut()
        .ok_or_else(|| io::Error::other("`workspace` is not a table"))?
        .entry("members")
        .or_insert_with(|| value(Array::new()));
    let members =
        members.as_array_mut().ok_or_else(|| io::Error::other("`members` is not a list"))?;
    members.push(path);
    write_atomically(root, manifest.to_string().as_bytes())?;
    Ok(true)
}

/// Whether a member's pattern, such as `crates/*`, is for this path.
fn covers(pattern: &str, path: &str) -> bool {
    let pattern = pattern.trim_start_matches("./");
    let (patterns, names) = (pattern.split('/'), path.split('/'));
    patterns.clone().count() == names.clone().count()
        && patterns.zip(names).all(|(pattern, name)| {
            let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
            let end = rest.rsplit('*').next().unwrap_or(rest);
            name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_is_made_a_member_as_cargo_makes_a_package_one() {
        for (workspace, expected) in [
            ("members = [\"crates/*\"]", Some("members = [\"crates/*\"]")),
            ("members = [\"crates/we*\"]", Some("members = [\"crates/we*\"]")),
            ("members = [\"./crates/web/\"]", Some("members = [\"./crates/web/\"]")),
            ("members = [\"crates/api\"]", Some("members = [\"crates/api\", \"crates/web\"]")),
            ("members = [\"*\"]", Some("members = [\"*\", \"crates/web\"]")),
            ("resolver = \"3\"", Some("resolver = \"3\"\nmembers = [\"crates/web\"]")),
            ("exclude = [\"crates\"]", None),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().join("Cargo.toml");
            std::fs::write(&root, format!("# Mine.\n[workspace]\n{workspace}\n")).unwrap();
            let joined = join(&root, &folder.path().join("crates/web")).unwrap();
            let text = std::fs::read_to_string(&root).unwrap();
            let whole = |workspace: &str| format!("# Mine.\n[workspace]\n{workspace}\n");
            assert_eq!(joined, expected.is_some(), "{workspace}");
            assert_eq!(text, whole(expected.unwrap_or(workspace)));
        }
    }
}
