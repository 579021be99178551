//! What a host remembers of its releases over its own end: which one serves, the last five that
//! did, and the builds that it refuses.
//!
//! With a state folder it is durable. `releases.json` in it is replaced as a whole, so that a crash
//! leaves the entries of before or those of after; `releases/` holds a copy of each kept release,
//! library and assets, because the operator's own folder is overwritten by the next one. Without a
//! state folder the memory ends with the host, and so do the copies, which are in a folder of their
//! own (`home`).
//!
//! A state folder belongs to one host. Nothing here needs a library that is loaded.

mod copies;
mod deployment;
mod home;
mod log;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};

use crate::library::loader::{BuildId, Store, build_id_of};
use crate::release::trust::Trust;
use crate::release::{LIBRARY, MANIFEST, Release, ReleaseError, Stylesheet};

pub(crate) use self::copies::ReleaseFacts;
pub use self::deployment::{AfterRestart, Deployment};
use self::home::{Home, TemporaryFolder};
pub use self::log::{KEPT, KeptRelease, RefusedBuild, ReleaseLog, RollbackError, RollbackRecord};
pub(crate) use self::log::{age, now};

/// The file with the entries.
const FILE: &str = "releases.json";

/// The folder with the copies.
const RELEASES: &str = "releases";

/// The layout of the file.
const VERSION: u32 = 1;

/// See the [module](self).
#[derive(Debug, Default)]
pub struct Ledger {
    home: OnceLock<Home>,
    /// Another process keeps it.
    reads_only: bool,
    /// What `--routes` names: the place of each library of the table.
    routes: Vec<PathBuf>,
    entries: Mutex<Entries>,
    /// Releases that serve and whose copy is not known to be whole yet.
    pending: Mutex<Vec<ReleaseFacts>>,
    /// The libraries of the table that are another release now: what lies at their place has to
    /// be looked at, unless it is known.
    unseen: Mutex<BTreeMap<usize, Option<Deployment>>>,
    /// Held by the one who copies.
    keeping: Mutex<()>,
    /// What could not be written or copied the last time.
    warnings: Mutex<Vec<String>>,
}

#[derive(Debug, Default)]
struct Entries {
    log: ReleaseLog,
    /// The same as the file has them.
    written: ReleaseLog,
}

/// The file.
#[derive(Debug, Serialize, Deserialize)]
struct LedgerFile<L> {
    version: u32,
    #[serde(flatten)]
    log: L,
}

impl Ledger {
    /// The memory in `folder`, which is made if it is not there.
    ///
    /// A file that cannot be understood is put aside, and the host begins without a memory: it has
    /// to serve, and what it is to serve is said on its command line.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn open(folder: &Path) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt as _;
        let releases = folder.join(RELEASES);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&releases)?;
        let file = folder.join(FILE);
        let log = match fs::read(&file) {
            Ok(bytes) => parse(&bytes).unwrap_or_else(|message| {
                put_aside(&file, &message);
                ReleaseLog::default()
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => ReleaseLog::default(),
            Err(error) => return Err(error),
        };
        let entries = Mutex::new(Entries { written: log.clone(), log });
        let home = OnceLock::from(Home::State(folder.to_owned()));
        let ledger = Self { home, entries, ..Self::default() };
        ledger.forget_copies(&releases);
        Ok(ledger)
    }

    /// A memory that another process keeps, in `folder` if it is durable: what it says is
    /// [inherited](Self::inherit), copies are read, and nothing is written.
    #[must_use]
    pub fn reader(folder: Option<&Path>) -> Self {
        let ledger = Self { reads_only: true, ..Self::default() };
        if let Some(folder) = folder {
            drop(ledger.home.set(Home::Elsewhere(folder.to_owned())));
        }
        ledger
    }

    /// A memory that ends with this host, and so does its folder. Where none can be made, no copies
    /// are kept.
    #[must_use]
    pub fn temporary() -> Self {
        let ledger = Self::default();
        let made = TemporaryFolder::create().and_then(|folder| {
            fs::create_dir(folder.path().join(RELEASES))?;
            Ok(folder)
        });
        match made {
            Ok(folder) => drop(ledger.home.set(Home::Temporary(folder))),
            Err(error) => tracing::info!(
                "no folder for copies of releases can be used ({error}): \
                 `nova rollback` needs the folders that they were started from"
            ),
        }
        ledger
    }

    /// Knows where the libraries of the table are deployed: what `--routes` names, absolute.
    #[must_use]
    pub fn deployed_at(self, routes: Vec<PathBuf>) -> Self {
        Self { routes, ..self }
    }

    /// Goes on with the entries of the process before, and with its copies; what is in the file is
    /// the same.
    pub(crate) fn inherit(&self, log: &ReleaseLog, copies: Option<&Path>) {
        self.note(|own| own.clone_from(log));
        if self.reads_only {
            if let Some(folder) = copies {
                drop(self.home.set(Home::Elsewhere(folder.to_owned())));
            }
            return;
        }
        match copies.map(TemporaryFolder::adopt).transpose() {
            Ok(Some(folder)) => drop(self.home.set(Home::Temporary(folder))),
            Ok(None) => {}
            Err(error) => tracing::warn!("the copies of releases are lost: {error}"),
        }
    }

    /// The folder with copies that goes with this host, for the process that takes its place.
    pub(crate) fn temporary_folder(&self) -> Option<PathBuf> {
        let home = self.home.get().filter(|home| !home.is_durable())?;
        Some(home.path().to_owned())
    }

    /// Lets go of what is not to outlive the host, unless another process has taken its place.
    pub(crate) fn close(&self) {
        if let Some(Home::Temporary(folder)) = self.home.get() {
            folder.remove();
        }
    }

    /// The folder with everything, if there is one.
    fn folder(&self) -> Option<&Path> {
        self.home.get().map(Home::path)
    }

    /// The entries.
    #[must_use]
    pub fn log(&self) -> ReleaseLog {
        self.entries().log.clone()
    }

    /// Why a build is refused, if it is.
    #[must_use]
    pub fn refusal(&self, build_id: &BuildId) -> Option<RefusedBuild> {
        self.entries().log.refusal(build_id).cloned()
    }

    /// Changes the entries, and writes them if they are others now. This blocks. What cannot be
    /// written is in the log: the host serves on, and knows it until it ends.
    pub fn change<T>(&self, change: impl FnOnce(&mut ReleaseLog) -> T) -> T {
        let before = self.entries().log.current.clone();
        let changed = self.note(change);
        let now = self.entries().log.current.clone();
        for slot in now.keys().filter(|slot| before.get(slot) != now.get(slot)) {
            self.unseen.lock().entry(*slot).or_default();
        }
        self.look();
        self.write();
        changed
    }

    /// Changes the entries; they are written with the next change.
    fn note<T>(&self, change: impl FnOnce(&mut ReleaseLog) -> T) -> T {
        change(&mut self.entries().log)
    }

    fn write(&self) {
        let Some(Home::State(folder)) = self.home.get() else { return };
        let mut entries = self.entries();
        if entries.log == entries.written {
            return;
        }
        match write(folder, &entries.log) {
            Ok(()) => entries.written = entries.log.clone(),
            Err(error) => self.warn(format!(
                "{}: the memory of releases cannot be written: {error}; \
                 a restart will not know what has changed",
                folder.join(FILE).display()
            )),
        }
    }

    /// Says what could not be kept, now and to who asks next.
    fn warn(&self, text: String) {
        tracing::error!("{text}");
        let mut warnings = self.warnings.lock();
        // It is tried again, and fails in the same way.
        if !warnings.contains(&text) {
            warnings.push(text);
        }
    }

    /// What could not be written or copied since this was asked.
    pub(crate) fn take_warnings(&self) -> Vec<String> {
        std::mem::take(&mut *self.warnings.lock())
    }

    /// Reads a kept release: its copy, or what lies at its source if that is still the same build,
    /// or the library alone. What is damaged is said, and not used.
    ///
    /// # Errors
    /// When nothing of it is left.
    pub fn read(
        &self,
        kept: &KeptRelease,
        store: &Store,
        trust: &Trust,
    ) -> Result<Release, ReleaseError> {
        let read = |path: &Path| {
            let release = Release::read_for(path, trust, Some(store))?;
            let found = &release.candidate.build_id;
            if *found == kept.build_id {
                return Ok(release);
            }
            let (path, expected, found) = (path.into(), kept.build_id.clone(), found.clone());
            Err(ReleaseError::Gone { path, expected, found })
        };
        if let Some(copy) = self.copy_of(kept) {
            let unchanged = self.is_manifest_kept(kept);
            let read_copy = || match read(&copy) {
                Err(_) if self.mend_library(kept, store) => read(&copy),
                release => release,
            };
            match read_copy() {
                Ok(release) if unchanged => return Ok(release),
                Ok(_) => tracing::warn!("{}: its manifest is damaged", copy.display()),
                Err(error) => tracing::warn!("a kept release cannot be used: {error}"),
            }
        }
        let gone = match read(&kept.source) {
            Ok(release) => return Ok(release),
            Err(error) => error,
        };
        // Without its assets it still answers.
        let copy = self.folder_of(kept).map(|folder| folder.join(LIBRARY));
        let libraries = [copy, store.path(&kept.build_id)].into_iter().flatten();
        libraries.filter(|path| path.is_file()).find_map(|path| read(&path).ok()).ok_or(gone)
    }

    /// Puts the store's copy of a library in the place of one that is damaged; `false`: that is
    /// no better.
    fn mend_library(&self, kept: &KeptRelease, store: &Store) -> bool {
        let is_whole = |path: &Path| build_id_of(path).is_ok_and(|found| found == kept.build_id);
        let copy = self.folder_of(kept).map(|folder| folder.join(LIBRARY));
        let Some((copy, whole)) = copy.zip(store.path(&kept.build_id)) else { return false };
        if is_whole(&copy) || !is_whole(&whole) {
            return false;
        }
        tracing::warn!("{}: is damaged, and is written anew", copy.display());
        let mend = || -> io::Result<()> {
            let beside = copy.with_extension("new");
            fs::hard_link(&whole, &beside).or_else(|_| fs::copy(&whole, &beside).map(drop))?;
            fs::rename(&beside, &copy)
        };
        mend().is_ok()
    }

    /// Whether the manifest of a copy is the one that it was made with: its name says which.
    fn is_manifest_kept(&self, kept: &KeptRelease) -> bool {
        let Some(folder) = self.folder_of(kept) else { return false };
        let manifest = fs::read(folder.join(MANIFEST)).ok();
        let name = deployment::release_name(&kept.build_id, manifest.as_deref());
        kept.folder.as_deref() == Some(&*name)
    }

    /// The copy of a kept release, as a path that a [`Release`] is read from.
    #[must_use]
    pub fn copy_of(&self, kept: &KeptRelease) -> Option<PathBuf> {
        let folder = self.folder_of(kept)?;
        let whole = folder.join(MANIFEST).is_file();
        Some(if whole { folder } else { folder.join(LIBRARY) })
    }

    fn folder_of(&self, kept: &KeptRelease) -> Option<PathBuf> {
        let (state, name) = (self.folder()?, kept.folder.as_ref()?);
        // The file says a name; it does not lead out of the folder.
        let mut parts = Path::new(name).components();
        let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
        plain.then(|| state.join(RELEASES).join(name))
    }

    /// The public files of a build, as they were when it began to serve.
    #[must_use]
    pub fn public_of(&self, build_id: &BuildId) -> Option<PathBuf> {
        let entries = self.entries();
        let kept = entries.log.releases.iter().rev().find(|kept| kept.build_id == *build_id)?;
        self.folder_of(kept).map(|folder| folder.join("public")).filter(|public| public.is_dir())
    }

    /// The public files of all kept releases, newest first.
    #[must_use]
    pub fn publics(&self) -> Vec<PathBuf> {
        let log = self.log();
        let folders = log.releases.iter().rev().filter_map(|kept| self.folder_of(kept));
        folders.map(|folder| folder.join("public")).filter(|public| public.is_dir()).collect()
    }

    /// The stylesheets of all kept releases, oldest first. This reads them: it blocks.
    #[must_use]
    pub fn stylesheets(&self) -> Vec<Stylesheet> {
        let log = self.log();
        let folders = log.releases.iter().filter_map(|kept| self.folder_of(kept));
        folders.filter_map(|folder| Stylesheet::of(&folder).ok().flatten()).collect()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock()
    }
}

fn parse(bytes: &[u8]) -> Result<ReleaseLog, String> {
    let file: LedgerFile<serde_json::Value> =
        serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if file.version != VERSION {
        let found = file.version;
        return Err(format!("it has layout {found}, this host writes and reads layout {VERSION}"));
    }
    serde_json::from_value(file.log).map_err(|error| error.to_string())
}

/// Keeps a file that is not understood, so that a person can look into it.
fn put_aside(file: &Path, message: &str) {
    let aside = file.with_extension(format!("json.bad-{}", now()));
    let kept = match fs::rename(file, &aside) {
        Ok(()) => format!("it is kept as {}", aside.display()),
        Err(error) => format!("it cannot be put aside: {error}"),
    };
    tracing::error!(
        "{}: the memory of releases is damaged ({message}); {kept}; the host begins without one: \
         no build is refused, and there is no release to go back to",
        file.display()
    );
}

fn write(folder: &Path, log: &ReleaseLog) -> io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(".releases-").tempfile_in(folder)?;
    serde_json::to_writer_pretty(&mut file, &LedgerFile { version: VERSION, log })?;
    file.write_all(b"\n")?;
    file.as_file().sync_all()?;
    file.persist(folder.join(FILE)).map_err(|error| error.error)?;
    // The rename itself must reach the disk too.
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests;
