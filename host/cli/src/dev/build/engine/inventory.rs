//! What the engine knows of the app's parts: which libraries there are, what they were compiled
//! from, and which pages were asked for last. Kept on disk from one session to the next.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nova_route_template::parts::{AppLibrary, Fingerprint, PartsCompiler};
use serde::{Deserialize, Serialize};

/// Where it is kept, in the folder of the app's parts.
const FILE: &str = "engine.json";

/// Another version of Nova begins anew.
const VERSION: &str = concat!("2 ", env!("CARGO_PKG_VERSION"));

/// The parts of an app.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Inventory {
    version: String,
    /// What decides about the flags that everything below was compiled with.
    key: String,
    /// The newest app library that compiled.
    pub(crate) app: Option<AppBuild>,
    /// Pages that only compile as modules of the app library, and why.
    pub(crate) hazards: BTreeMap<String, String>,
    /// The pages that were compiled against that app library.
    pub(crate) pages: BTreeMap<String, PageBuild>,
    /// The files of pages, the one asked for last first.
    pub(crate) recent: Vec<String>,
}

/// An app library.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AppBuild {
    pub(crate) library: AppLibrary,
    pub(crate) fingerprint: Fingerprint,
    /// The pages that are in it.
    pub(crate) inside: BTreeSet<String>,
}

/// The library of a page.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PageBuild {
    pub(crate) library: PathBuf,
    pub(crate) symbol: String,
    pub(crate) fingerprint: Fingerprint,
    /// How long the compiler took.
    pub(crate) took: Duration,
    /// The size of the library in bytes.
    pub(crate) size: u64,
}

impl Inventory {
    /// What is known now, for the flags that `key` stands for.
    pub(crate) fn new(
        key: String,
        app: Option<AppBuild>,
        hazards: BTreeMap<String, String>,
        pages: BTreeMap<String, PageBuild>,
        recent: Vec<String>,
    ) -> Self {
        Self { version: VERSION.to_owned(), key, app, hazards, pages, recent }
    }

    /// What was known when the last session ended, for the flags that `key` stands for.
    pub(crate) fn load(folder: &Path, key: &str) -> Self {
        let text = std::fs::read(folder.join(FILE)).ok();
        let known: Option<Self> = text.and_then(|text| serde_json::from_slice(&text).ok());
        let fresh = Self { version: VERSION.to_owned(), key: key.to_owned(), ..Self::default() };
        match known.filter(|known| known.version == VERSION) {
            Some(known) if known.key == key => known,
            // The same people look at the same pages.
            Some(known) => Self { recent: known.recent, hazards: known.hazards, ..fresh },
            None => fresh,
        }
    }

    /// Forgets libraries that are gone, and those that would be compiled from other texts now.
    pub(crate) fn verify(&mut self, parts: &PartsCompiler) {
        let variable = |name: &str| parts.variable(name);
        let is_good =
            |app: &AppBuild| app.library.library.is_file() && app.fingerprint.is_fresh(variable);
        self.app = self.app.take().filter(is_good);
        if self.app.is_none() {
            self.pages.clear();
        }
        self.pages.retain(|_, page| page.library.is_file() && page.fingerprint.is_fresh(variable));
    }

    /// Writes it down. A session that cannot begins anew the next time.
    pub(crate) fn save(&self, folder: &Path) {
        let written = serde_json::to_vec(self).map_err(std::io::Error::from).and_then(|text| {
            let temporary = folder.join(format!("{FILE}.new"));
            std::fs::write(&temporary, text)?;
            std::fs::rename(temporary, folder.join(FILE))
        });
        if let Err(error) = written {
            tracing::debug!("{FILE} cannot be written: {error}");
        }
    }

    /// Removes every library that nothing here names. What is mapped stays mapped.
    pub(crate) fn sweep(&self, folder: &Path) {
        let app = self.app.iter().map(|app| &app.library.library);
        let named: HashSet<&PathBuf> =
            app.chain(self.pages.values().map(|it| &it.library)).collect();
        let entries = std::fs::read_dir(folder.join("libraries")).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            if !named.contains(&path.with_extension(std::env::consts::DLL_EXTENSION)) {
                let _ = std::fs::remove_file(path);
            }
        }
    }
}
