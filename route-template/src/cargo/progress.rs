//! How far cargo is with the packages that an app depends on.
//!
//! Cargo says what is ready, and not of how many: that is what `cargo metadata` knows, which is
//! asked once something has to be compiled. By then the lock file is written and all is downloaded.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

/// Counts the packages that are ready.
#[derive(Debug, Default)]
pub(super) struct PackageCount {
    ready: BTreeSet<String>,
    /// The packages that are needed, once it was asked.
    needed: Option<Option<BTreeSet<String>>>,
}

impl PackageCount {
    /// A package is ready.
    pub(super) fn add(&mut self, id: &str) {
        self.ready.insert(id.to_owned());
    }

    /// The same where nothing was asked yet.
    pub(super) fn so_far(&self) -> (usize, Option<usize>) {
        (self.ready.len(), None)
    }

    /// How many of how many are ready; `program` is cargo, and `manifest` that of the app.
    pub(super) fn ready(&mut self, program: &Path, manifest: &Path) -> (usize, Option<usize>) {
        let needed = self.needed.get_or_insert_with(|| needed(program, manifest));
        match needed {
            Some(needed) => (self.ready.intersection(needed).count(), Some(needed.len())),
            None => (self.ready.len(), None),
        }
    }
}

/// The packages that the one with this manifest depends on, itself excluded.
fn needed(program: &Path, manifest: &Path) -> Option<BTreeSet<String>> {
    let mut command = Command::new(program);
    command.args(["metadata", "--format-version=1", "--offline", "--manifest-path"]).arg(manifest);
    if cfg!(all(target_os = "linux", target_env = "gnu")) {
        let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        command.args(["--filter-platform", &target]);
    }
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    // The text is empty where it failed.
    dependencies(&output.stdout, manifest)
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    manifest_path: PathBuf,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

/// The packages that a build of the one with this manifest compiles before it; tests need more.
fn dependencies(metadata: &[u8], manifest: &Path) -> Option<BTreeSet<String>> {
    let Metadata { packages, resolve } = serde_json::from_slice(metadata).ok()?;
    let app = packages.into_iter().find(|package| package.manifest_path == manifest)?.id;
    let nodes: BTreeMap<_, _> = resolve.nodes.into_iter().map(|it| (it.id, it.deps)).collect();
    let mut found = BTreeSet::from([app.clone()]);
    let mut left = vec![app.clone()];
    while let Some(id) = left.pop() {
        for Dependency { pkg, dep_kinds } in nodes.get(&id).into_iter().flatten() {
            let is_built = dep_kinds.iter().any(|it| it.kind.as_deref() != Some("dev"));
            if is_built && found.insert(pkg.clone()) {
                left.push(pkg.clone());
            }
        }
    }
    found.remove(&app);
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = r#"{
        "packages": [
            { "id": "app", "manifest_path": "/app/Cargo.toml" },
            { "id": "a", "manifest_path": "/a/Cargo.toml" }
        ],
        "resolve": { "nodes": [
            { "id": "app", "deps": [
                { "pkg": "a", "dep_kinds": [{ "kind": null }, { "kind": "dev" }] },
                { "pkg": "test", "dep_kinds": [{ "kind": "dev" }] }
            ] },
            { "id": "a", "deps": [{ "pkg": "script", "dep_kinds": [{ "kind": "build" }] }] },
            { "id": "script", "deps": [{ "pkg": "a", "dep_kinds": [{ "kind": null }] }] },
            { "id": "test", "deps": [{ "pkg": "b", "dep_kinds": [{ "kind": null }] }] }
        ] }
    }"#;

    #[test]
    fn what_a_build_compiles_is_counted() {
        let found = |manifest| dependencies(METADATA.as_bytes(), Path::new(manifest));
        assert_eq!(found("/app/Cargo.toml"), Some(BTreeSet::from(["a".into(), "script".into()])));
        assert_eq!(found("/other/Cargo.toml"), None);
        assert_eq!(dependencies(b"", Path::new("/app/Cargo.toml")), None);
    }

    #[test]
    fn a_package_counts_once_and_only_if_it_is_needed() {
        let needed = dependencies(METADATA.as_bytes(), Path::new("/app/Cargo.toml"));
        let mut count = PackageCount { needed: Some(needed), ..PackageCount::default() };
        for id in ["a", "a", "app"] {
            count.add(id);
        }
        assert_eq!(count.ready(Path::new("cargo"), Path::new("/app/Cargo.toml")), (1, Some(2)));
        let mut unknown = PackageCount { needed: Some(None), ..PackageCount::default() };
        unknown.add("a");
        assert_eq!(unknown.ready(Path::new("cargo"), Path::new("/app/Cargo.toml")), (1, None));
    }
}
