//! What a host remembers of its releases over its own end: which one serves, the last five that
//! did, and the builds that it refuses.
//!
//! With a state folder it is durable. `releases.json` in it is replaced as a whole, so that a crash
//! leaves the entries of before or those of after; `releases/` holds a copy of each kept release,
//! library and assets, because the operator's own folder is overwritten by the next one. Without a
//! folder the memory ends with the host, and nothing is copied.
//!
//! A state folder belongs to one host.

mod copies;
mod log;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};

use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};

use crate::library::loader::{BuildId, Store};
use crate::release::trust::Trust;
use crate::release::{LIBRARY, MANIFEST, Release, ReleaseError, Stylesheet};

pub(crate) use self::copies::ReleaseFacts;
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
    folder: Option<PathBuf>,
    /// Another process writes what is in the folder.
    reads_only: bool,
    entries: Mutex<Entries>,
    /// Releases that serve and of which there is no copy yet.
    pending: Mutex<Vec<ReleaseFacts>>,
    /// Held by the one who copies.
    keeping: Mutex<()>,
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
        let ledger = Self { folder: Some(folder.to_owned()), entries, ..Self::default() };
        ledger.forget_copies(&releases);
        Ok(ledger)
    }

    /// The memory in `folder`, which another process keeps: what it says is
    /// [inherited](Self::inherit), copies are read, and nothing is written.
    #[must_use]
    pub fn reader(folder: &Path) -> Self {
        Self { folder: Some(folder.to_owned()), reads_only: true, ..Self::default() }
    }

    /// Goes on with the entries of the process before; what is in the file is the same.
    pub(crate) fn inherit(&self, log: &ReleaseLog) {
        self.note(|own| own.clone_from(log));
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
        let changed = self.note(change);
        self.write();
        changed
    }

    /// Changes the entries; they are written with the next change.
    fn note<T>(&self, change: impl FnOnce(&mut ReleaseLog) -> T) -> T {
        change(&mut self.entries().log)
    }

    fn write(&self) {
        let Some(folder) = self.folder.as_ref().filter(|_| !self.reads_only) else { return };
        let mut entries = self.entries();
        if entries.log == entries.written {
            return;
        }
        match write(folder, &entries.log) {
            Ok(()) => entries.written = entries.log.clone(),
            Err(error) => tracing::error!(
                "{}: the memory of releases cannot be written: {error}; \
                 a restart will not know what has changed",
                folder.join(FILE).display()
            ),
        }
    }

    /// Reads a kept release: its copy, or what lies at its source if that is still the same build,
    /// or the library alone.
    ///
    /// # Errors
    /// When nothing of it is left.
    pub fn read(
        &self,
        kept: &KeptRelease,
        store: &Store,
        trust: &Trust,
    ) -> Result<Release, ReleaseError> {
        if let Some(copy) = self.copy_of(kept) {
            match Release::read_for(&copy, trust, Some(store)) {
                Ok(release) if release.candidate.build_id == kept.build_id => return Ok(release),
                Ok(_) => {
                    tracing::warn!("{}: the copy is not the build that was kept", copy.display());
                }
                Err(error) => tracing::warn!("a kept release cannot be used: {error}"),
            }
        }
        let read = |path: &Path| Release::read_for(path, trust, Some(store));
        match (read(&kept.source), store.path(&kept.build_id)) {
            (Ok(release), _) if release.candidate.build_id == kept.build_id => Ok(release),
            (_, Some(library)) => read(&library),
            (Err(error), None) => Err(error),
            (Ok(release), None) => Err(ReleaseError::Gone {
                path: kept.source.clone(),
                expected: kept.build_id.clone(),
                found: release.candidate.build_id,
            }),
        }
    }

    /// The copy of a kept release, as a path that a [`Release`] is read from.
    #[must_use]
    pub fn copy_of(&self, kept: &KeptRelease) -> Option<PathBuf> {
        let folder = self.folder_of(kept)?;
        let whole = folder.join(MANIFEST).is_file();
        Some(if whole { folder } else { folder.join(LIBRARY) })
    }

    fn folder_of(&self, kept: &KeptRelease) -> Option<PathBuf> {
        let (state, name) = (self.folder.as_ref()?, kept.folder.as_ref()?);
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
