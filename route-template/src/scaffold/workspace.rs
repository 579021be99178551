//! The workspace that a folder belongs to.

use std::collections::BTreeSet;
use std::fs::DirEntry;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::paths::plain;
use toml_edit::{Array, DocumentMut, Item, value};

/// What a workspace makes of a package in one of its folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Membership {
    /// A member: its path, or a pattern for it, is listed.
    Listed,
    /// A member, if this is the manifest of the workspace.
    Added(String),
    /// Nothing.
    Excluded,
}

/// The nearest `Cargo.toml` above the folder that has a `[workspace]`.
fn outer_workspace(dir: &Path) -> Option<PathBuf> {
    let manifests = dir.ancestors().skip(1).map(|folder| folder.join("Cargo.toml"));
    manifests.into_iter().find(|path| has_workspace(path))
}

/// The same, if that is a workspace for several packages. Where a package has a `[workspace]` only to
/// be in no other, as a new app has, an app in its folder is no part of it.
pub(super) fn common_workspace(dir: &Path) -> Option<PathBuf> {
    outer_workspace(dir).filter(|manifest| !is_for_itself(manifest))
}

/// The root manifest of the workspace that a folder belongs to: its own, or one around it.
pub(super) fn root_manifest(dir: &Path) -> PathBuf {
    let own = dir.join("Cargo.toml");
    if has_workspace(&own) { own } else { outer_workspace(dir).unwrap_or(own) }
}

fn has_workspace(manifest: &Path) -> bool {
    read(manifest).is_ok_and(|manifest| manifest.contains_key("workspace"))
}

/// Whether a package is a workspace and says nothing in it that would be for others.
fn is_for_itself(manifest: &Path) -> bool {
    read(manifest).is_ok_and(|manifest| {
        let workspace = manifest.get("workspace").and_then(Item::as_table_like);
        let own = ["exclude", "metadata", "resolver"];
        manifest.contains_key("package")
            && workspace.is_some_and(|it| it.iter().all(|(key, _)| own.contains(&key)))
    })
}

pub(super) fn read(manifest: &Path) -> io::Result<DocumentMut> {
    std::fs::read_to_string(manifest)?.parse().map_err(io::Error::other)
}

/// What the workspace with this manifest makes of the package in `dir`, which is made a member as
/// `cargo new` makes it one.
///
/// # Errors
/// If the manifest cannot be read, or has another shape than cargo's; and if `dir` is not below it.
pub(super) fn membership(root: &Path, dir: &Path) -> io::Result<Membership> {
    let folder = root.parent().unwrap_or(root);
    let path = dir.strip_prefix(folder).map_err(io::Error::other)?;
    if path.components().any(|part| !matches!(part, Component::Normal(_))) {
        return Err(io::Error::other(format!("`{}` leads out of its folder", path.display())));
    }
    let Some(path) = path.to_str() else { return Ok(Membership::Excluded) };
    let mut manifest = read(root)?;
    let workspace = &mut manifest["workspace"];
    if listed(workspace, "exclude").any(|excluded| Path::new(path).starts_with(excluded)) {
        return Ok(Membership::Excluded);
    }
    if listed(workspace, "members").any(|pattern| covers(pattern, path)) {
        return Ok(Membership::Listed);
    }
    let members = workspace
        .as_table_like_mut()
        .ok_or_else(|| io::Error::other("`workspace` is not a table"))?
        .entry("members")
        .or_insert_with(|| value(Array::new()));
    let members =
        members.as_array_mut().ok_or_else(|| io::Error::other("`members` is not a list"))?;
    members.push(path);
    Ok(Membership::Added(manifest.to_string()))
}

/// The folders of the packages that the manifest of a workspace lists, its own among them; none if it
/// cannot be read.
pub(super) fn members(root: &Path) -> BTreeSet<PathBuf> {
    let folder = root.parent().unwrap_or(root);
    let Ok(manifest) = read(root) else { return BTreeSet::new() };
    let Some(workspace) = manifest.get("workspace") else { return [folder.to_owned()].into() };
    let listed_folders = listed(workspace, "members").flat_map(|pattern| matching(folder, pattern));
    let mut folders: BTreeSet<PathBuf> = listed_folders.collect();
    folders.retain(|it| {
        !listed(workspace, "exclude").any(|excluded| it.starts_with(folder.join(excluded)))
    });
    folders.insert(folder.to_owned());
    folders
}

/// The folders that a member's pattern is for.
fn matching(folder: &Path, pattern: &str) -> Vec<PathBuf> {
    pattern.split('/').fold(vec![folder.to_owned()], |folders, part| {
        let below = |folder: PathBuf| -> Vec<PathBuf> {
            if !part.contains('*') {
                return vec![plain(&folder.join(part))];
            }
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            let is_meant =
                |it: &DirEntry| it.file_name().to_str().is_some_and(|name| covers(part, name));
            entries.filter(is_meant).map(|it| it.path()).collect()
        };
        folders.into_iter().flat_map(below).collect()
    })
}

/// The paths in a list of a workspace, which may end in a slash.
fn listed<'a>(workspace: &'a Item, key: &str) -> impl Iterator<Item = &'a str> {
    let list = workspace.get(key).and_then(Item::as_array).into_iter().flatten();
    list.filter_map(|it| Some(it.as_str()?.trim_end_matches('/')))
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
        let whole = |workspace: &str| format!("# Mine.\n[workspace]\n{workspace}\n");
        let added = |workspace: &str| Membership::Added(whole(workspace));
        for (workspace, expected) in [
            ("members = [\"crates/*\"]", Membership::Listed),
            ("members = [\"crates/we*\"]", Membership::Listed),
            ("members = [\"./crates/web/\"]", Membership::Listed),
            ("members = [\"crates/api\"]", added("members = [\"crates/api\", \"crates/web\"]")),
            ("members = [\"*\"]", added("members = [\"*\", \"crates/web\"]")),
            ("resolver = \"3\"", added("resolver = \"3\"\nmembers = [\"crates/web\"]")),
            ("exclude = [\"crates\"]", Membership::Excluded),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().join("Cargo.toml");
            std::fs::write(&root, whole(workspace)).unwrap();
            assert_eq!(membership(&root, &folder.path().join("crates/web")).unwrap(), expected);
            for outside in ["../web", "crates/../web", ".."] {
                let error = membership(&root, &folder.path().join(outside)).unwrap_err();
                assert!(error.to_string().contains("leads out"), "{outside}: {error}");
            }
            membership(&root, Path::new("/elsewhere")).unwrap_err();
            assert_eq!(std::fs::read_to_string(&root).unwrap(), whole(workspace));
        }
    }

    #[test]
    fn a_package_that_is_a_workspace_for_itself_takes_no_other() {
        for (manifest, is_common) in [
            ("[workspace]\n", true),
            ("[workspace]\nexclude = [\"vendor\"]\n", true),
            ("[package]\nname = \"x\"\n[workspace]\n", false),
            ("[package]\nname = \"x\"\n[workspace]\nexclude = [\"vendor\"]\n", false),
            ("[package]\nname = \"x\"\n[workspace]\nmembers = []\n", true),
            ("[package]\nname = \"x\"\n[workspace.dependencies]\nserde = \"1\"\n", true),
            ("[package]\nname = \"x\"\nworkspace = \"..\"\n", false),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().join("Cargo.toml");
            std::fs::write(&root, manifest).unwrap();
            let found = common_workspace(&folder.path().join("apps/site"));
            assert_eq!(found, is_common.then_some(root), "{manifest}");
        }
    }
}
