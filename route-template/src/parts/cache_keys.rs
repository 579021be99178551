//! What a sys image depends on, as one hash: manifest, lock file, cargo's settings, the SDK's
//! sources, the compiler.
//!
//! Apps that agree in all of it share an image. What only names an app (its name, its version,
//! its authors) is left out, and so is what only its tests need.
//!
//! This says again what cargo's manifest means, and says less where it is not sure: a build
//! script, a dependency in a folder, a workspace around the app or a value that is inherited from
//! one turn the sharing off ([`CacheKeys::needs_cargo`]). cargo is then asked at each start, and
//! the image is for that app alone.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use toml::{Table, Value};
use walkdir::WalkDir;

use crate::digest::sha256;
use crate::parts::toolchain::{Toolchain, choosing_files};
use crate::project::Project;

/// Another layout of the cache is another version.
const VERSION: &str = "nova image 2";

/// The package of the SDK.
const SDK: &str = "nova-plugin-sdk";

/// What an app is made with, before cargo is asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CacheKeys {
    /// Of the image that fits the app.
    pub(crate) image: String,
    /// Of how cargo calls the compiler for this very app.
    pub(crate) app: String,
    /// Whether only cargo knows how the app is compiled: it has a build script, dependencies in
    /// folders of the user's, or a part of its manifest is in another.
    pub(crate) needs_cargo: bool,
    /// The app's manifest.
    pub(crate) manifest: Table,
}

impl CacheKeys {
    /// Reads what they depend on.
    pub(crate) fn read(project: &Project, toolchain: &Toolchain) -> io::Result<Self> {
        let dir = project.dir();
        let text = std::fs::read_to_string(dir.join("Cargo.toml"))?;
        let manifest: Table = toml::from_str(&text).map_err(io::Error::other)?;
        let above: Vec<Table> = dir.ancestors().skip(1).filter_map(read_manifest).collect();
        let root = above.iter().find(|table| table.contains_key("workspace"));
        let own_root = manifest.contains_key("workspace");

        let mut hash = HashInput::default();
        hash.add(VERSION, env!("CARGO_PKG_VERSION"));
        hash.add("rustc", &toolchain.version);
        let locals = PathDependencies::of(&manifest, root, dir);
        for sdk in &locals.sdk {
            hash.tree(sdk)?;
        }
        for (name, value) in deciding(std::env::vars_os()) {
            hash.add_bytes(&name, value.as_encoded_bytes());
        }
        for file in settings_files(dir) {
            hash.file(&file);
        }
        let lock = lock_file(dir).map(std::fs::read_to_string).transpose()?.unwrap_or_default();
        // The SDK's sources are hashed, and what the app itself depends on is in its manifest.
        let lock = if locals.others { lock } else { registry_entries(&lock) };
        hash.add("lock", &lock);
        if !own_root && let Some(root) = root {
            hash.add("workspace", &root.to_string());
        }
        let has_script = dir.join("build.rs").is_file()
            || manifest.get("package").and_then(|it| it.get("build")).is_some();
        let needs_cargo =
            has_script || locals.others || (!own_root && root.is_some()) || inherits(&manifest);
        if needs_cargo {
            // Its image is for it alone: crates in folders are known to cargo by their place.
            hash.add("app", &dir.to_string_lossy());
        }
        let mut app = hash.clone();
        app.add("manifest", &text);
        app.add("dir", &dir.to_string_lossy());
        hash.add("manifest", &anonymous(&manifest).to_string());
        Ok(Self { image: hash.finish(), app: app.finish(), needs_cargo, manifest })
    }
}

/// The files that decide how an app in `dir` is compiled and are not its sources: manifests, the lock
/// file, cargo's settings, what chooses the compiler; those that are there, in the app's folder, in
/// the folders above it and in the user's own.
pub fn key_files(dir: &Path) -> BTreeSet<PathBuf> {
    // Any manifest above may be that of a workspace, and one that does not parse may have been.
    let manifests = dir.ancestors().map(|folder| folder.join("Cargo.toml"));
    let all = manifests.chain(lock_file(dir)).chain(settings_files(dir));
    all.chain(choosing_files(dir)).filter(|file| file.is_file()).collect()
}

/// The lock file that cargo takes for an app in `dir`.
fn lock_file(dir: &Path) -> Option<PathBuf> {
    dir.ancestors().map(|folder| folder.join("Cargo.lock")).find(|file| file.is_file())
}

/// Where cargo's settings for an app in `dir` may be.
fn settings_files(dir: &Path) -> impl Iterator<Item = PathBuf> {
    let folders = dir.ancestors().map(|folder| folder.join(".cargo"));
    let files = folders.flat_map(|folder| [folder.join("config.toml"), folder.join("config")]);
    files.chain(cargo_home().map(|home| home.join("config.toml")))
}

/// Those of `variables` that decide how cargo compiles. A value may be any bytes.
fn deciding(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> impl Iterator<Item = (String, OsString)> {
    variables.filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        let decides = name == "RUSTFLAGS"
            || name == "RUSTC"
            || name == "CARGO_ENCODED_RUSTFLAGS"
            || name.starts_with("CARGO_BUILD_")
            || name.starts_with("CARGO_PROFILE_")
            || name.starts_with("CARGO_TARGET_") && name != "CARGO_TARGET_DIR";
        decides.then_some((name, value))
    })
}

/// What is hashed, each part with its name.
#[derive(Clone, Default)]
struct HashInput(Vec<u8>);

impl HashInput {
    fn add(&mut self, name: &str, value: &str) {
        self.add_bytes(name, value.as_bytes());
    }

    fn add_bytes(&mut self, name: &str, value: &[u8]) {
        self.0.extend_from_slice(format!("{name} {}\n", value.len()).as_bytes());
        self.0.extend_from_slice(value);
        self.0.push(b'\n');
    }

    fn file(&mut self, path: &Path) {
        if let Ok(text) = std::fs::read_to_string(path) {
            self.add(&path.to_string_lossy(), &text);
        }
    }

    /// The sources of a package, by their paths within it.
    fn tree(&mut self, folder: &Path) -> io::Result<()> {
        let is_source = |name: &str| name.ends_with(".rs") || name.ends_with(".toml");
        let walk = WalkDir::new(folder).sort_by_file_name().into_iter().filter_entry(|entry| {
            let name = entry.file_name().to_string_lossy();
            entry.depth() == 0 || !(name.starts_with('.') || name == "target" || name == "tests")
        });
        for entry in walk {
            let entry = entry?;
            let path = entry.path().strip_prefix(folder).unwrap_or(entry.path());
            if entry.file_type().is_file() && is_source(&path.to_string_lossy()) {
                let text = std::fs::read_to_string(entry.path())?;
                self.add(&path.to_string_lossy(), &text);
            }
        }
        // A package in a workspace takes versions and features from its root.
        for above in folder.ancestors().skip(1).take(2) {
            if let Ok(text) = std::fs::read_to_string(above.join("Cargo.toml"))
                && text.contains("[workspace.dependencies]")
            {
                self.add("root", &text);
            }
        }
        Ok(())
    }

    fn finish(&self) -> String {
        sha256(&self.0)[..32].to_owned()
    }
}

/// The dependencies in folders.
#[derive(Default)]
struct PathDependencies {
    /// The SDK's folder, if it is one.
    sdk: Vec<PathBuf>,
    /// Whether there are others.
    others: bool,
}

impl PathDependencies {
    fn of(manifest: &Table, root: Option<&Table>, dir: &Path) -> Self {
        let mut locals = Self::default();
        let inherited = |name: &str| {
            let root = if manifest.contains_key("workspace") { Some(manifest) } else { root };
            root?.get("workspace")?.get("dependencies")?.get(name)
        };
        let targets = manifest.get("target").and_then(Value::as_table);
        let tables = std::iter::once(manifest)
            .chain(targets.into_iter().flat_map(Table::values).filter_map(Value::as_table));
        for dependencies in tables.filter_map(|table| table.get("dependencies")?.as_table()) {
            for (name, dependency) in dependencies {
                let is_inherited = dependency.get("workspace").is_some();
                let found = if is_inherited { inherited(name) } else { Some(dependency) };
                let Some(path) = found.and_then(|it| it.get("path")).and_then(Value::as_str) else {
                    continue;
                };
                let folder = dir.join(path).canonicalize();
                let package = folder.as_ref().ok().and_then(|folder| read_manifest(folder));
                let name = package.as_ref().and_then(|it| it.get("package")?.get("name")?.as_str());
                match (folder, name) {
                    (Ok(folder), Some(SDK)) => locals.sdk.push(folder),
                    _ => locals.others = true,
                }
            }
        }
        locals
    }
}

fn read_manifest(folder: &Path) -> Option<Table> {
    toml::from_str(&std::fs::read_to_string(folder.join("Cargo.toml")).ok()?).ok()
}

/// Whether a part of the package is said in the workspace's manifest.
fn inherits(manifest: &Table) -> bool {
    let package = manifest.get("package").and_then(Value::as_table);
    let lints = manifest.get("lints").and_then(|lints| lints.get("workspace"));
    package.is_some_and(|package| package.values().any(|it| it.get("workspace").is_some()))
        || lints.is_some()
}

/// The manifest without what names the app, and without what only tests need.
fn anonymous(manifest: &Table) -> Table {
    let mut manifest = manifest.clone();
    for part in ["dev-dependencies", "bench", "test", "example", "bin", "lib", "badges"] {
        manifest.remove(part);
    }
    if let Some(package) = manifest.get_mut("package").and_then(Value::as_table_mut) {
        let decides = ["edition", "links", "rust-version", "resolver"];
        package.retain(|name, _| decides.contains(&name));
    }
    manifest
}

/// The entries of a lock file that are about packages from elsewhere. The app has one, too, which
/// cargo writes anew when the app has another name; folders are known by what is in them.
fn registry_entries(lock: &str) -> String {
    let entries = lock.split("[[package]]").skip(1);
    entries.filter(|entry| entry.contains("\nsource = ")).collect()
}

/// The folder with the settings that hold for all of a user.
pub(super) fn cargo_home() -> Option<PathBuf> {
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo"));
    std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(home)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    const MANIFEST: &str = "[package]\nname = \"one\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
                            [dependencies]\nserde = \"1\"\n[workspace]\n";

    fn keys(files: &[(&str, &str)]) -> CacheKeys {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let toolchain = Toolchain { version: "rustc 1".into(), sysroot: "/".into() };
        CacheKeys::read(&Project::open(&dir.path().join("app")).unwrap(), &toolchain).unwrap()
    }

    #[test]
    fn apps_with_the_same_dependencies_share_an_image() {
        let lock = |name: &str| {
            format!(
                "version = 4\n\n[[package]]\nname = \"{name}\"\nversion = \"0.1.0\"\n\n\
                 [[package]]\nname = \"serde\"\nversion = \"1.0.0\"\nsource = \"registry\"\n"
            )
        };
        let one = keys(&[("app/Cargo.toml", MANIFEST), ("app/Cargo.lock", &lock("one"))]);
        let two = MANIFEST.replace("one", "two");
        let two = keys(&[("app/Cargo.toml", &two), ("app/Cargo.lock", &lock("two"))]);
        assert_eq!(one.image, two.image);
        assert_ne!(one.app, two.app);
        assert!(!one.needs_cargo);
        // The name of before is in the lock file until cargo looks at it.
        let renamed = keys(&[("app/Cargo.toml", MANIFEST), ("app/Cargo.lock", &lock("two"))]);
        assert_eq!(one.image, renamed.image);
        let newer = lock("one").replace("1.0.0", "1.0.1");
        let newer = keys(&[("app/Cargo.toml", MANIFEST), ("app/Cargo.lock", &newer)]);
        assert_ne!(one.image, newer.image);

        for other in [
            MANIFEST.replace("serde = \"1\"", "serde = { version = \"1\", features = [\"rc\"] }"),
            format!("{MANIFEST}[profile.dev]\nopt-level = 1\n"),
            MANIFEST.replace("2024", "2021"),
        ] {
            let other = keys(&[("app/Cargo.toml", &other), ("app/Cargo.lock", &lock("one"))]);
            assert_ne!(one.image, other.image);
        }
        let settings = ("app/.cargo/config.toml", "[build]\nrustflags = [\"-Cdebuginfo=0\"]\n");
        let other =
            keys(&[("app/Cargo.toml", MANIFEST), ("app/Cargo.lock", &lock("one")), settings]);
        assert_ne!(one.image, other.image);
    }

    #[test]
    fn an_app_that_only_cargo_understands_says_so() {
        let member = MANIFEST.replace("[workspace]\n", "");
        let local = MANIFEST.replace("serde = \"1\"", "model = { path = \"../model\" }");
        let model = ("model/Cargo.toml", "[package]\nname = \"model\"\n");
        for files in [
            vec![("app/Cargo.toml", MANIFEST), ("app/build.rs", "fn main() {}")],
            vec![("app/Cargo.toml", local.as_str()), model],
            vec![
                ("app/Cargo.toml", member.as_str()),
                ("Cargo.toml", "[workspace]\nmembers = [\"app\"]\n"),
            ],
        ] {
            assert!(keys(&files).needs_cargo, "{files:?}");
        }
        let sdk = local.replace("../model", "vendor/nova");
        let files = |source| {
            [
                ("app/Cargo.toml", sdk.as_str()),
                ("app/vendor/nova/Cargo.toml", "[package]\nname = \"nova-plugin-sdk\"\n"),
                ("app/vendor/nova/src/lib.rs", source),
            ]
        };
        let before = keys(&files("//! a"));
        assert!(!before.needs_cargo);
        assert_ne!(before.image, keys(&files("//! b")).image);
    }

    #[test]
    fn a_variable_counts_by_its_name_and_its_value_may_be_any_bytes() {
        let odd = OsStr::from_bytes(b"\xff");
        let variables = [
            (OsStr::new("RUSTFLAGS"), odd),
            (OsStr::new("CARGO_PROFILE_DEV_DEBUG"), OsStr::new("0")),
            (OsStr::new("CARGO_TARGET_DIR"), OsStr::new("/t")),
            (OsStr::new("NAME_OF_A_PERSON"), odd),
            (odd, OsStr::new("1")),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let found: Vec<_> = deciding(variables.into_iter()).collect();
        let expected = [("RUSTFLAGS", odd), ("CARGO_PROFILE_DEV_DEBUG", OsStr::new("0"))];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let hash = |value: &OsStr| {
            let mut hash = HashInput::default();
            hash.add_bytes("RUSTFLAGS", value.as_encoded_bytes());
            hash.finish()
        };
        assert_ne!(hash(odd), hash(OsStr::from_bytes(b"\xfe")));
    }

    #[test]
    fn the_files_that_decide_are_found_in_every_folder_above() {
        let root = tempfile::tempdir().unwrap();
        let deciding = [
            "Cargo.toml",
            "Cargo.lock",
            "rust-toolchain.toml",
            ".cargo/config.toml",
            "apps/.cargo/config",
            "apps/site/Cargo.toml",
        ];
        for file in deciding.into_iter().chain(["apps/README.md", "other/Cargo.toml"]) {
            let file = root.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        let found = key_files(&root.path().join("apps/site"));
        let below: BTreeSet<_> =
            found.iter().filter_map(|file| file.strip_prefix(root.path()).ok()).collect();
        assert_eq!(below, deciding.iter().map(Path::new).collect());
    }
}
