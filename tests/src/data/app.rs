//! The apps of `tests/fixtures/apps/data`, compiled as a user's are, and any number of builds of
//! each.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use nova_host::library::loader::BuildId;
use serde_json::{Map, Value, json};
use tokio::process::Command;
use tokio::sync::Mutex;

use crate::process::Process;
use crate::workspace::{apps, binary, root};

/// The library of a release, and what describes it.
const LIBRARY: &str = "libnova_routes.so";
const MANIFEST: &str = "manifest.json";

/// A compiled app.
#[derive(Clone, Debug)]
pub struct DataApp {
    library: Vec<u8>,
    manifest: Map<String, Value>,
    /// What `nova compile` has said.
    pub said: String,
}

impl DataApp {
    /// An app, whose folder is `name`, compiled by `nova compile` in this profile: once in a
    /// process, and in a folder that stays, so that cargo does nothing the next time.
    ///
    /// # Errors
    /// With all that was said, if it does not compile or is refused.
    ///
    /// # Panics
    /// If there is no such app.
    pub async fn compile(name: &str, profile: &str) -> Result<Self, String> {
        static COMPILED: Mutex<BTreeMap<(String, String), DataApp>> =
            Mutex::const_new(BTreeMap::new());
        let mut compiled = COMPILED.lock().await;
        match compiled.entry((name.to_owned(), profile.to_owned())) {
            Entry::Occupied(app) => Ok(app.get().clone()),
            Entry::Vacant(place) => {
                Ok(place.insert(Self::compile_anew(name, profile).await?).clone())
            }
        }
    }

    async fn compile_anew(name: &str, profile: &str) -> Result<Self, String> {
        let folder = apps().join("data");
        let nova = binary("nova").await;
        fs::create_dir_all(&folder).expect("a folder");
        let lock = File::create(folder.join("lock")).expect("a lock file");
        lock.lock().expect("the folder is locked");
        refresh(&root().join("tests/fixtures/apps/data"), &folder.join("apps"));
        let out = folder.join(profile).join(name);
        let mut command = Command::new(nova);
        command
            .current_dir(folder.join("apps").join(name))
            .args(["compile", "--profile", profile, "--out"])
            .arg(&out)
            .env("CARGO_TARGET_DIR", apps())
            .env("SHOP_JOURNAL", "wal")
            .env_remove("RUSTFLAGS");
        let mut process = Process::spawn(command);
        let status = process.read_to_end().await;
        if !status.success() {
            return Err(process.output());
        }
        let manifest = fs::read_to_string(out.join(MANIFEST)).expect("a manifest");
        let mut manifest: Map<String, Value> = serde_json::from_str(&manifest).expect("JSON");
        // It describes the one build that was compiled.
        manifest.remove("library");
        let library = fs::read(out.join(LIBRARY)).expect("a library");
        Ok(Self { library, manifest, said: process.output() })
    }

    /// The way that `nova compile` has chosen for its swaps.
    #[must_use]
    pub fn mode(&self) -> &str {
        self.manifest.get("swap").and_then(|swap| swap["mode"].as_str()).unwrap_or("overlap")
    }

    /// The same app, which says in `app.rs` how it is swapped.
    #[must_use]
    pub fn declaring(mut self, mode: &str) -> Self {
        self.manifest.insert("swap".into(), json!({ "mode": mode, "declared": true }));
        self
    }

    /// Writes a release with build `number` of the app to `folder`: the same code, and bytes after
    /// the end of what is loaded.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, number: u32, folder: &Path) {
        let mut library = self.library.clone();
        library.extend_from_slice(format!("build {number:010}").as_bytes());
        let mut manifest = self.manifest.clone();
        manifest.insert("build_id".into(), BuildId::of(&library).as_str().into());
        fs::create_dir_all(folder).expect("a folder");
        fs::write(folder.join(LIBRARY), library).expect("written");
        let manifest = serde_json::to_vec_pretty(&manifest).expect("JSON");
        fs::write(folder.join(MANIFEST), manifest).expect("written");
    }
}

/// Makes the folder `to` what `from` is, and touches nothing that is right already. The lines of
/// `lib.rs` that are generated stay.
fn refresh(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    let names = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).expect("a folder");
        entries.map(|entry| entry.expect("an entry").file_name().into()).collect()
    };
    let wanted = names(from);
    for name in names(to) {
        if wanted.contains(&name) || name == Path::new(".nova") {
            continue;
        }
        let path = to.join(name);
        let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        removed.expect("removed");
    }
    for name in wanted {
        let (source, target) = (from.join(&name), to.join(&name));
        if source.is_dir() {
            refresh(&source, &target);
        } else if name != Path::new("lib.rs") || !target.exists() {
            let mut text = fs::read(&source).expect("a file");
            if name == Path::new("Cargo.toml") {
                let sdk = root().join("plugin-sdk").display().to_string();
                let manifest = String::from_utf8(text).expect("a text");
                text = manifest.replace("../../../../plugin-sdk", &sdk).into_bytes();
            }
            if fs::read(&target).ok().as_ref() != Some(&text) {
                fs::write(&target, text).expect("written");
            }
        }
    }
}
