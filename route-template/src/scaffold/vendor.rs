//! The SDK inside an app: `vendor/nova`, a small workspace of its own.
//!
//! It holds this repository's `plugin-sdk` as far as a build needs it. Its manifests are the
//! repository's, less what they do not need; versions and features of the SDK's dependencies
//! thus have one source.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, value};

use crate::digest::sha256;
use crate::files::write_atomically;
use crate::paths::relative;
use crate::scaffold::dependency::{Dependent, dependents, vendored_folder};
use crate::scaffold::embedded;
use crate::scaffold::workspace::root_manifest;
use crate::sdk;

/// Where the SDK lies in an app.
pub(super) const VENDORED: &str = "vendor/nova";

/// The list of its files, by which changes are noticed.
const SUMS: &str = "SHA256SUMS";

/// Files to be written: their content by their path.
pub type Files = BTreeMap<String, Vec<u8>>;

/// What replacing the SDK of an app did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorReport {
    /// Where it is, as seen from the app's folder: `vendor/nova`, or that of another app of the
    /// workspace.
    pub place: String,
    /// Whether the app's manifest names that place.
    pub is_used: bool,
    /// The names of the other packages that use it.
    pub shared_with: Vec<String>,
    /// The version that was there; none if there was none, or none that could be read.
    pub from: Option<String>,
    /// The version that is there now.
    pub to: String,
    /// Whether it is another one: nothing was written where it was this version's already.
    pub changed: bool,
}

/// Why the SDK of an app was not replaced.
#[derive(Debug, thiserror::Error)]
pub enum VendorError {
    /// Files that are not what Nova has written there would be lost.
    #[error("{place} has changes of your own, which would be lost: {}", list(files))]
    Changed {
        /// The folder of the SDK, as seen from the app's.
        place: String,
        /// Their paths in it.
        files: Vec<String>,
    },
    /// A file cannot be written, or the folder not replaced.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Some of the files, and how many more.
fn list(files: &[String]) -> String {
    let named = files.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ");
    match files.len() {
        0..=5 => named,
        many => format!("{named} and {} more", many - 5),
    }
}

/// Puts this version of the SDK into an app, in place of the one that is there: the one that the app
/// shares with others of its workspace, if it does. With `force` also where that was changed.
///
/// The whole folder changes at once: a build sees the old one or the new one.
///
/// # Errors
/// If the one that is there was changed, if a file cannot be written or the folder cannot be
/// replaced; the old one is there then.
pub fn vendor(app: &Path, force: bool) -> Result<VendorReport, VendorError> {
    let root = root_manifest(app);
    let own = Dependent::read(app);
    let place = place(app, own.as_ref(), &root);
    let uses_it = |it: &Dependent| vendored_folder(&it.sdk) == Some(&*place);
    let others = dependents(&root).filter(|it| it.dir != app && uses_it(it));
    let mut report = VendorReport {
        place: relative(app, &place).display().to_string(),
        is_used: own.as_ref().is_some_and(uses_it),
        shared_with: others.map(|it| it.name).collect(),
        from: version_in(&place),
        to: env!("CARGO_PKG_VERSION").to_owned(),
        changed: false,
    };
    let new = sources();
    let old = read(&place)?;
    if old == new {
        return Ok(report);
    }
    let files = changes(&old);
    if !force && !files.is_empty() {
        return Err(VendorError::Changed { place: report.place, files });
    }
    let folder = place.parent().unwrap_or(app);
    std::fs::create_dir_all(folder)?;
    let beside = tempfile::Builder::new().prefix(".nova-").tempdir_in(folder)?;
    let unpacked = beside.path().join("nova");
    for (path, content) in new {
        write_atomically(&unpacked.join(path), &content)?;
    }
    swap(&unpacked, &place)?;
    report.changed = true;
    Ok(report)
}

/// The folder of the SDK that the app uses, or that others of its workspace use; where there is none,
/// as when the app that had it was deleted, the app gets one.
fn place(app: &Path, own: Option<&Dependent>, root: &Path) -> PathBuf {
    let vendored = |it: &Dependent| {
        let folder = vendored_folder(&it.sdk).filter(|_| it.has_sdk());
        folder.map(Path::to_owned)
    };
    let used = own.and_then(vendored).or_else(|| dependents(root).find_map(|it| vendored(&it)));
    used.unwrap_or_else(|| app.join(VENDORED))
}

/// The files of the SDK in an app; none if there is none.
fn read(place: &Path) -> io::Result<Files> {
    // What cargo makes where it is asked in that folder is not of the SDK.
    let is_ours = |entry: &walkdir::DirEntry| {
        !(entry.depth() == 1 && matches!(entry.file_name().to_str(), Some("target" | "Cargo.lock")))
    };
    let mut files = Files::new();
    for entry in walkdir::WalkDir::new(place).into_iter().filter_entry(is_ours) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) if error.depth() == 0 && !place.exists() => return Ok(files),
            Err(error) => return Err(error.into()),
        };
        if !entry.file_type().is_dir() {
            let path = entry.path().strip_prefix(place).unwrap_or(entry.path());
            files.insert(path.display().to_string(), std::fs::read(entry.path())?);
        }
    }
    Ok(files)
}

/// The files that are not what Nova has written, by the list that it wrote with them: changed, added
/// or removed. Without a list, all of them may be.
fn changes(files: &Files) -> Vec<String> {
    let Some(list) = files.get(SUMS) else { return files.keys().cloned().collect() };
    let list = String::from_utf8_lossy(list);
    let known: BTreeMap<&str, &str> = list
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(sum, path)| (path, sum))
        .collect();
    let differs = |path: &str| {
        files.get(path).is_none_or(|content| known.get(path) != Some(&&*sha256(content)))
    };
    let paths = files.keys().map(String::as_str).chain(known.keys().copied());
    let changed: BTreeSet<&str> = paths.filter(|path| *path != SUMS && differs(path)).collect();
    changed.into_iter().map(str::to_owned).collect()
}

/// The list of the files, as `sha256sum --check` reads it.
fn sums(files: &Files) -> String {
    files.iter().map(|(path, content)| format!("{}  {path}\n", sha256(content))).collect()
}

/// The version of the SDK in a folder `vendor/nova`; none if there is none, or none that can be read.
pub(super) fn version_in(place: &Path) -> Option<String> {
    version(&std::fs::read_to_string(place.join("Cargo.toml")).ok()?)
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
        // `cargo test --workspace` of the app's workspace, to which cargo may count the SDK, is about the
        // app: the tests of the SDK need what is not here.
        let library = manifest["lib"].or_insert(Item::Table(Table::new()));
        for tests in ["test", "doctest"] {
            library[tests] = value(false);
        }
        let up = "../".repeat(member.split('/').count());
        disinherit(&mut manifest, &root["workspace"], |path| format!("{up}{path}"));
        files.insert(path, manifest.to_string().into_bytes());
    }
    files.insert("Cargo.toml".to_owned(), trim(&root).into_bytes());
    files.insert(SUMS.to_owned(), sums(&files).into_bytes());
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

pub(super) fn is_inherited(item: &Item) -> bool {
    item.get("workspace").and_then(Item::as_bool).unwrap_or(false)
}

fn parse(manifest: &[u8]) -> DocumentMut {
    let text = std::str::from_utf8(manifest).expect("this repository's manifests are UTF-8");
    text.parse().expect("this repository's manifests are TOML")
}

/// The repository's root manifest, as that of the small workspace.
fn trim(root: &DocumentMut) -> String {
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
        "# The SDK of Nova {}, put here by `nova`, which replaces all of it: `nova upgrade`.\n\n{trimmed}",
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
            for tests in ["test", "doctest"] {
                assert_eq!(manifest["lib"][tests].as_bool(), Some(false), "{member}: {tests}");
            }
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
        let made = VendorReport {
            place: VENDORED.to_owned(),
            is_used: false,
            shared_with: Vec::new(),
            from: None,
            to: to.clone(),
            changed: true,
        };
        assert_eq!(vendor(app.path(), false).unwrap(), made);
        let same = VendorReport { from: Some(to.clone()), changed: false, ..made.clone() };
        assert_eq!(vendor(app.path(), false).unwrap(), same);

        let place = app.path().join(VENDORED);
        std::fs::write(place.join("plugin-sdk/src/gone.rs"), "").unwrap();
        let old = std::fs::read_to_string(place.join("Cargo.toml")).unwrap();
        let old = old.replace(&format!("version = \"{to}\""), "version = \"0.0.9\"");
        std::fs::write(place.join("Cargo.toml"), old).unwrap();

        let refused = vendor(app.path(), false).unwrap_err().to_string();
        let said = "vendor/nova has changes of your own, which would be lost: \
                    Cargo.toml, plugin-sdk/src/gone.rs";
        assert_eq!(refused, said);
        assert!(place.join("plugin-sdk/src/gone.rs").exists());

        let again = vendor(app.path(), true).unwrap();
        assert_eq!(again, VendorReport { from: Some("0.0.9".into()), ..made });
        assert!(!place.join("plugin-sdk/src/gone.rs").exists());
        let left: Vec<_> = std::fs::read_dir(app.path().join("vendor")).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn another_version_as_it_was_written_is_replaced() {
        let app = tempfile::tempdir().unwrap();
        let place = app.path().join(VENDORED);
        let mut old = Files::from([
            ("Cargo.toml".to_owned(), b"[workspace.package]\nversion = \"0.0.9\"\n".to_vec()),
            ("plugin-sdk/src/gone.rs".to_owned(), Vec::new()),
        ]);
        old.insert(SUMS.to_owned(), sums(&old).into_bytes());
        for (path, content) in &old {
            write_atomically(&place.join(path), content).unwrap();
        }
        assert!(changes(&old).is_empty());
        // What cargo leaves there is not the developer's work.
        std::fs::write(place.join("Cargo.lock"), "").unwrap();
        let report = vendor(app.path(), false).unwrap();
        assert_eq!((report.from.as_deref(), report.changed), (Some("0.0.9"), true));

        let mut changed = old.clone();
        changed.remove("plugin-sdk/src/gone.rs");
        changed.insert("Cargo.toml".to_owned(), Vec::new());
        changed.insert("more.rs".to_owned(), Vec::new());
        assert_eq!(changes(&changed), ["Cargo.toml", "more.rs", "plugin-sdk/src/gone.rs"]);
        old.remove(SUMS);
        assert_eq!(changes(&old).len(), 2, "nobody knows what they were");
    }
}
