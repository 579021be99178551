//! The SDK inside an app: `vendor/nova`, a small workspace of its own.
//!
//! It holds this repository's `plugin-sdk` as far as a build needs it. Its manifests are the
//! repository's, less what they do not need; versions and features of the SDK's dependencies
//! thus have one source.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, value};

use crate::files::write_atomically;
use crate::scaffold::embedded;
use crate::sdk;

/// Where the SDK lies in an app.
pub(super) const VENDORED: &str = "vendor/nova";

/// Files to be written: their content by their path.
pub type Files = BTreeMap<String, Vec<u8>>;

/// What replacing the SDK of an app did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorReport {
    /// The version that was there; none if there was none, or none that could be read.
    pub from: Option<String>,
    /// The version that is there now.
    pub to: String,
}

/// Puts this version of the SDK into an app, in place of the one that is there.
///
/// The whole folder changes at once: a build sees the old one or the new one.
///
/// # Errors
/// If a file cannot be written or the folder cannot be replaced; the old one is there then.
pub fn vendor(app: &Path) -> io::Result<VendorReport> {
    let place = app.join(VENDORED);
    let from = vendored_version(app);
    let folder = place.parent().unwrap_or(app);
    std::fs::create_dir_all(folder)?;
    let new = tempfile::Builder::new().prefix(".nova-").tempdir_in(folder)?;
    let unpacked = new.path().join("nova");
    for (path, content) in sources() {
        write_atomically(&unpacked.join(path), &content)?;
    }
    swap(&unpacked, &place)?;
    Ok(VendorReport { from, to: env!("CARGO_PKG_VERSION").to_owned() })
}

/// The version of the SDK in an app; none if there is none, or none that can be read.
#[must_use]
pub fn vendored_version(app: &Path) -> Option<String> {
    version(&std::fs::read_to_string(app.join(VENDORED).join("Cargo.toml")).ok()?)
}

/// Puts a folder in the place of another one, which is then where the first one was.
fn swap(new: &Path, place: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    if !place.exists() {
        return std::fs::rename(new, place);
    }
    if renameat_with(CWD, new, CWD, place, RenameFlags::EXCHANGE).is_ok() {
        return Ok(());
    }
    // Not every file system can exchange two names.
    let old: PathBuf = new.with_extension("old");
    std::fs::rename(place, &old)?;
    std::fs::rename(new, place).inspect_err(|_| {
        // What matters is the error that is reported.
        let _ = std::fs::rename(&old, place);
    })
}

/// The version in the manifest of a small workspace.
fn version(manifest: &str) -> Option<String> {
    let manifest: DocumentMut = manifest.parse().ok()?;
    let package = manifest.get("workspace")?.get("package")?;
    package.get("version")?.as_str().map(str::to_owned)
}

/// The files of the small workspace, by their paths in it.
pub(super) fn sources() -> Files {
    let mut files: Files = embedded::sdk().into_iter().collect();
    let root = parse(&files["Cargo.toml"]);
    for (member, _) in sdk::CRATES {
        let path = format!("{member}/Cargo.toml");
        let mut manifest = parse(&files[&path]);
        for unneeded in ["dev-dependencies", "test", "bench", "example"] {
            manifest.remove(unneeded);
        }
        let up = "../".repeat(member.split('/').count());
        disinherit(&mut manifest, &root["workspace"], |path| format!("{up}{path}"));
        files.insert(path, manifest.to_string().into_bytes());
    }
    files.insert("Cargo.toml".to_owned(), trim(root).into_bytes());
    files
}

/// Says in a manifest itself what it takes from its workspace. A member of the app's workspace, as
/// which cargo may see the SDK, would take it from there. `place` is the path of a folder that the
/// workspace names, as seen from the manifest.
fn disinherit(manifest: &mut DocumentMut, workspace: &Item, place: impl Fn(&str) -> String) {
    if let Some(package) = manifest["package"].as_table_mut() {
        for (name, item) in package.iter_mut() {
            if is_inherited(item) {
                *item = workspace["package"][name.get()].clone();
            }
        }
    }
    for kind in ["dependencies", "build-dependencies"] {
        let Some(dependencies) = manifest.get_mut(kind).and_then(Item::as_table_mut) else {
            continue;
        };
        for (name, item) in dependencies.iter_mut().filter(|(_, item)| is_inherited(item)) {
            let mut whole = table_of(&workspace["dependencies"][name.get()]);
            if let Some(path) = whole.get("path").and_then(|path| path.as_str()).map(&place) {
                whole.insert("path", path.into());
            }
            if let Some(own) = item.as_table_like() {
                extend(&mut whole, own);
            }
            *item = value(whole);
        }
    }
    // As cargo does for packages from a registry: what a later rustc may warn of here is not the
    // app's concern.
    let mut rust = Table::new();
    rust["warnings"] = value("allow");
    let mut lints = Table::new();
    lints.set_implicit(true);
    lints["rust"] = Item::Table(rust);
    manifest["lints"] = Item::Table(lints);
}

/// Adds what a member says of a dependency to what its workspace says.
fn extend(whole: &mut InlineTable, own: &dyn TableLike) {
    for (key, item) in own.iter().filter(|(key, _)| *key != "workspace") {
        let Some(said) = item.as_value() else { continue };
        match (whole.get_mut(key).and_then(|known| known.as_array_mut()), said.as_array()) {
            (Some(known), Some(more)) => known.extend(more.iter().cloned()),
            _ => {
                whole.insert(key, said.clone());
            }
        }
    }
}

/// The manifest of the host's library, with nothing taken from a workspace: where it is written there
/// are others around it. The SDK that it is built with lies in the folder `sdk`.
pub(super) fn host_manifest(host: &[u8], sdk: &Path) -> String {
    let mut host = parse(host);
    for unneeded in ["dev-dependencies", "bin", "lints"] {
        host.remove(unneeded);
    }
    let root = embedded::sdk().into_iter().find(|(path, _)| path == "Cargo.toml");
    let root = parse(&root.unwrap_or_default().1);
    disinherit(&mut host, &root["workspace"], |path| match path.strip_prefix("plugin-sdk/") {
        Some(folder) => sdk.join(folder).display().to_string(),
        None => path.to_owned(),
    });
    host.to_string()
}

/// A dependency as a table, where a version alone may stand for one.
fn table_of(dependency: &Item) -> InlineTable {
    match dependency.as_inline_table() {
        Some(table) => table.clone(),
        None => {
            let version = dependency.as_str().unwrap_or("*");
            InlineTable::from_iter([("version", version)])
        }
    }
}

fn is_inherited(item: &Item) -> bool {
    item.get("workspace").and_then(Item::as_bool).unwrap_or(false)
}

fn parse(manifest: &[u8]) -> DocumentMut {
    let text = std::str::from_utf8(manifest).expect("this repository's manifests are UTF-8");
    text.parse().expect("this repository's manifests are TOML")
}

/// The repository's root manifest, as that of the small workspace.
fn trim(root: DocumentMut) -> String {
    let mut workspace = Table::new();
    let original = &root["workspace"];
    workspace["resolver"] = original["resolver"].clone();
    workspace["members"] = value(Array::from_iter(sdk::CRATES.map(|(member, _)| member)));
    // The version says which SDK it is.
    let mut package = Table::new();
    package["version"] = original["package"]["version"].clone();
    workspace["package"] = Item::Table(package);
    let mut trimmed = DocumentMut::new();
    trimmed["workspace"] = Item::Table(workspace);
    format!(
        "# The SDK of Nova {}, put here by `nova`: changes are lost when it is replaced.\n\n{trimmed}",
        env!("CARGO_PKG_VERSION"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packages_take_nothing_from_a_workspace() {
        let files = sources();
        let root = parse(&files["Cargo.toml"]);
        let workspace = root["workspace"].as_table().unwrap();
        let keys: Vec<_> = workspace.iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["resolver", "members", "package"]);
        assert!(root.get("profile").is_none());
        for (member, _) in sdk::CRATES {
            let text = String::from_utf8(files[&format!("{member}/Cargo.toml")].clone()).unwrap();
            let manifest = parse(text.as_bytes());
            assert!(manifest.get("dev-dependencies").is_none());
            assert!(!text.contains("workspace"), "{text}");
            assert_eq!(manifest["package"]["edition"].as_str(), Some("2024"));
            assert_eq!(manifest["lints"]["rust"]["warnings"].as_str(), Some("allow"));
        }
        let sdk = parse(&files["plugin-sdk/Cargo.toml"]);
        assert_eq!(sdk["dependencies"]["nova-abi"]["path"].as_str(), Some("../plugin-sdk/abi"));
        assert!(files.contains_key("plugin-sdk/abi/src/lib.rs"));
        assert!(files.contains_key("LICENSE-MIT"));
    }

    #[test]
    fn the_host_of_a_program_needs_no_workspace() {
        let host = include_bytes!("../../../host/Cargo.toml");
        let text = host_manifest(host, Path::new("/app/vendor/nova/plugin-sdk"));
        let manifest = parse(text.as_bytes());
        assert_eq!(manifest["package"]["edition"].as_str(), Some("2024"));
        let dependencies = &manifest["dependencies"];
        let path = |name: &str| dependencies[name]["path"].as_str().unwrap();
        assert_eq!(path("nova-routing"), "/app/vendor/nova/plugin-sdk/routing");
        assert_eq!(path("nova-abi"), "/app/vendor/nova/plugin-sdk/abi");
        let features = dependencies["tokio-rustls"]["features"].as_array().unwrap();
        assert!(features.iter().any(|it| it.as_str() == Some("ring")), "{text}");
        assert_eq!(dependencies["bytes"]["version"].as_str(), Some("1.12"));
        for gone in ["workspace = true", "optional", "[[bin]]", "nova-route-template"] {
            assert!(!text.contains(gone), "{gone}: {text}");
        }
    }

    #[test]
    fn an_app_gets_this_version_in_place_of_another() {
        let app = tempfile::tempdir().unwrap();
        let to = env!("CARGO_PKG_VERSION").to_owned();
        assert_eq!(vendor(app.path()).unwrap(), VendorReport { from: None, to: to.clone() });

        let place = app.path().join(VENDORED);
        std::fs::write(place.join("plugin-sdk/src/gone.rs"), "").unwrap();
        let old = std::fs::read_to_string(place.join("Cargo.toml")).unwrap();
        let old = old.replace(&format!("version = \"{to}\""), "version = \"0.0.9\"");
        std::fs::write(place.join("Cargo.toml"), old).unwrap();

        let again = vendor(app.path()).unwrap();
        assert_eq!(again, VendorReport { from: Some("0.0.9".into()), to });
        assert!(!place.join("plugin-sdk/src/gone.rs").exists());
        let left: Vec<_> = std::fs::read_dir(app.path().join("vendor")).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }
}
