//! What `--routes` held when what serves began to: a restart serves that on, until there is another
//! deployment.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Home, KeptRelease, LIBRARY, Ledger, MANIFEST, ReleaseLog};
use crate::library::loader::{BuildId, build_id_of};

/// What lay at a path of `--routes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// The path.
    pub source: PathBuf,
    /// The release, by its name.
    pub release: String,
}

/// The name of a release: its build id and, because one library may come with several sets of
/// assets, the beginning of its manifest's hash.
pub(crate) fn release_name(build_id: &BuildId, manifest: Option<&[u8]>) -> String {
    match manifest {
        Some(manifest) => format!("{}-{}", build_id.as_str(), BuildId::of(manifest).short()),
        None => build_id.as_str().to_owned(),
    }
}

impl Deployment {
    /// Whether it is a release of this build.
    pub(super) fn is_of(&self, build_id: &BuildId) -> bool {
        self.release.split('-').next() == Some(build_id.as_str())
    }

    /// What lies at `source` now, if it is a release; nothing of it is checked. This blocks.
    pub(super) fn at(source: &Path) -> Option<Self> {
        let whole = source.is_dir();
        let library = if whole { source.join(LIBRARY) } else { source.to_owned() };
        let build_id = build_id_of(&library).ok()?;
        let manifest = fs::read(library.parent()?.join(MANIFEST)).ok();
        if whole && manifest.is_none() {
            return None;
        }
        let manifest = manifest.filter(|manifest| whole || names(manifest, &build_id));
        let release = release_name(&build_id, manifest.as_deref());
        Some(Self { source: source.to_owned(), release })
    }
}

/// Whether a manifest is the one of this build: another one may lie beside a bare library.
fn names(manifest: &[u8], build_id: &BuildId) -> bool {
    #[derive(Deserialize)]
    struct Named {
        build_id: BuildId,
    }
    serde_json::from_slice::<Named>(manifest).is_ok_and(|named| named.build_id == *build_id)
}

/// What becomes of the release that serves as a library of the table when the host starts again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AfterRestart {
    /// It serves on, until another release lies at this path of `--routes`.
    ServesOn(PathBuf),
    /// What lies at this path of `--routes` serves: the host remembers nothing.
    Forgotten(PathBuf),
}

impl KeptRelease {
    /// Whether it is the release of this name. Before there is a copy, its build says it.
    fn is(&self, release: &str) -> bool {
        match &self.folder {
            Some(folder) => folder == release,
            None => release.split('-').next() == Some(self.build_id.as_str()),
        }
    }
}

impl ReleaseLog {
    /// The release that served last as library `slot` and goes on, although `found` lies at its
    /// path of `--routes`: it was swapped in over just that.
    #[must_use]
    pub fn swapped_in_over(&self, slot: usize, found: &Deployment) -> Option<&KeptRelease> {
        let same = self.deployed.get(&slot) == Some(found);
        self.serving(slot).filter(|serving| same && !serving.is(&found.release))
    }

    /// The release that served last as library `slot`, if it was started from this path of
    /// `--routes`, or over what lay there.
    #[must_use]
    pub fn served_at(&self, slot: usize, source: &Path) -> Option<&KeptRelease> {
        let deployed = self.deployed.get(&slot)?;
        self.serving(slot).filter(|_| deployed.source == source)
    }

    /// Which library of the table is deployed at a path.
    #[must_use]
    pub fn slot_at(&self, source: &Path) -> Option<usize> {
        let found = self.deployed.iter().find(|(_, deployed)| deployed.source == source);
        found.map(|(slot, _)| *slot)
    }

    /// Whether what lay at library `slot`'s path of `--routes` is what serves.
    #[must_use]
    pub(super) fn serves_what_was_deployed(&self, slot: usize) -> bool {
        let pair = self.serving(slot).zip(self.deployed.get(&slot));
        pair.is_some_and(|(serving, deployed)| serving.is(&deployed.release))
    }
}

impl Ledger {
    /// Notes what lies at a path of `--routes`, as it was read.
    pub(crate) fn found(&self, slot: usize, found: Deployment) {
        self.unseen.lock().insert(slot, Some(found));
    }

    /// Looks at what lies at the places of the libraries that are another release now: a restart
    /// compares with it. This blocks.
    pub(super) fn look(&self) {
        let unseen = std::mem::take(&mut *self.unseen.lock());
        for (slot, known) in unseen {
            let source = self.routes.get(slot);
            let found = known.or_else(|| Deployment::at(source?));
            if let Some(found) = found {
                self.note(|log| log.deployed.insert(slot, found));
            }
        }
    }

    /// The release that serves although another one lies at `source`, a path of `--routes`: it was
    /// swapped in over just that, which is not refused. This blocks.
    #[must_use]
    pub fn serves_over(&self, source: &Path) -> Option<KeptRelease> {
        let slot = self.routes.iter().position(|routes| routes == source)?;
        let found = Deployment::at(source)?;
        let log = self.log();
        let is_refused = log.refused.iter().any(|refused| found.is_of(&refused.build_id));
        log.swapped_in_over(slot, &found).filter(|_| !is_refused).cloned()
    }

    /// What becomes of the release that serves as library `slot` when the host starts again;
    /// `None`: it is what lies at its path of `--routes`.
    #[must_use]
    pub fn after_restart(&self, slot: usize) -> Option<AfterRestart> {
        let routes = self.routes.get(slot)?.clone();
        let log = self.log();
        if log.serves_what_was_deployed(slot) {
            return None;
        }
        let remembers = self.home.get().is_some_and(Home::is_durable);
        let serves_on = remembers && log.deployed.contains_key(&slot);
        let what = if serves_on { AfterRestart::ServesOn } else { AfterRestart::Forgotten };
        Some(what(routes))
    }
}
