//! Copies of releases: what was served stays as it was served.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use walkdir::WalkDir;

use super::deployment::release_name;
use super::{Deployment, Home, KeptRelease, LIBRARY, Ledger, MANIFEST, RELEASES, ReleaseLog, now};
use crate::library::loader::{BuildId, Store, build_id_of, keep_folders};
use crate::release::Release;
use crate::release::public::{PUBLIC, walk};

/// What begins the name of a copy that is not complete.
const UNFINISHED: &str = ".new-";

/// How many bytes of public files are copied for a host that has no state folder: the copies may
/// take memory.
const MOST_PUBLIC: u64 = 64 * 1024 * 1024;

/// What a copy of a release is made of, besides its library.
#[derive(Debug, Clone)]
pub(crate) struct ReleaseFacts {
    build_id: BuildId,
    app: String,
    source: PathBuf,
    /// The small files, by path.
    parts: Vec<(PathBuf, Bytes)>,
    public: Option<PathBuf>,
}

impl ReleaseFacts {
    pub(crate) fn of(release: &Release) -> Self {
        Self {
            build_id: release.candidate.build_id.clone(),
            app: release.candidate.note.app.clone(),
            source: release.source.clone(),
            parts: release.parts.clone(),
            public: release.public.clone(),
        }
    }

    /// The folder of public files that the release serves.
    pub(crate) fn public(&self) -> Option<PathBuf> {
        self.public.clone()
    }

    #[cfg(test)]
    pub(super) fn new(build_id: BuildId, source: PathBuf) -> Self {
        let public = Some(source.join("public"));
        let app = "site 0.1.0".to_owned();
        Self { build_id, app, source, parts: Vec::new(), public }
    }

    #[cfg(test)]
    pub(super) fn add_part(&mut self, file: &str, text: &str) {
        self.parts.push((file.into(), text.to_owned().into()));
    }

    #[cfg(test)]
    pub(super) fn read_at(&mut self, source: PathBuf) {
        self.source = source;
    }

    /// The name of the release.
    fn name(&self) -> String {
        let manifest = self.parts.iter().find(|(file, _)| file == Path::new(MANIFEST));
        release_name(&self.build_id, manifest.map(|(_, manifest)| &**manifest))
    }

    /// It, as what lies at its source.
    pub(crate) fn deployment(&self) -> Deployment {
        Deployment { source: self.source.clone(), release: self.name() }
    }
}

impl Ledger {
    /// Notes that a release serves from now on as library `slot`, and is refused no longer.
    /// [`keep`](Self::keep) writes it down and makes the copy.
    pub(crate) fn serves(&self, slot: usize, facts: ReleaseFacts) {
        let before = self.log().serving(slot).cloned();
        let (present, ours) = self.copy_for(&facts);
        let again = before.is_some_and(|it| it.build_id == facts.build_id && it.folder == present);
        let mut unseen = self.unseen.lock();
        if self.routes.get(slot) == Some(&facts.source) {
            unseen.insert(slot, Some(facts.deployment()));
        } else if !again {
            unseen.entry(slot).or_default();
        }
        drop(unseen);
        self.note(|log| note(log, slot, &facts, present, ours));
        if self.folder().is_some() && !ours && !self.reads_only {
            self.pending.lock().push(facts);
        }
    }

    /// What the entries are when these releases serve, each as the library of its place.
    pub(crate) fn log_with(&self, facts: &[ReleaseFacts]) -> ReleaseLog {
        let mut log = self.log();
        for (slot, facts) in facts.iter().enumerate() {
            let (present, ours) = self.copy_for(facts);
            note(&mut log, slot, facts, present, ours);
        }
        log
    }

    /// The name of the copy of a release, if there is one, and whether it was started from a copy of
    /// ours.
    fn copy_for(&self, facts: &ReleaseFacts) -> (Option<String>, bool) {
        let Some(folder) = self.folder() else { return (None, false) };
        let releases = folder.join(RELEASES);
        let copy = facts.source.strip_prefix(&releases).ok();
        let name = copy.and_then(|path| path.iter().next()).and_then(|name| name.to_str());
        let name = name.map_or_else(|| facts.name(), str::to_owned);
        let present = releases.join(&name).is_dir().then_some(name);
        (present, facts.source.starts_with(folder))
    }

    /// Writes down what serves, copies what is not copied yet, and lets go of the copies that are
    /// no longer wanted. This blocks.
    pub(crate) fn keep(&self, store: &Store) {
        if self.reads_only {
            return;
        }
        self.look();
        self.write();
        let Some(home) = self.home.get() else { return };
        let _keeping = self.keeping.lock();
        let pending = std::mem::take(&mut *self.pending.lock());
        let releases = home.path().join(RELEASES);
        for facts in pending {
            let last = self.publics().into_iter().next();
            let copies = Copies { releases: &releases, store, last, durable: home.is_durable() };
            match copies.make(&facts) {
                Ok(name) => self.change(|log| {
                    let kept = log.releases.iter_mut();
                    for kept in kept.filter(|kept| kept.build_id == facts.build_id) {
                        kept.folder = Some(name.clone());
                    }
                }),
                Err(error) => self.warn(format!(
                    "{}: the release cannot be kept in {}: {error}; \
                     its assets are gone when its own folder is overwritten",
                    facts.source.display(),
                    releases.display()
                )),
            }
        }
        self.forget_copies(&releases);
        if let Home::Temporary(folder) = home {
            folder.remove_others();
        }
    }

    /// Removes the copies that no entry names.
    pub(super) fn forget_copies(&self, releases: &Path) {
        let log = self.log();
        let named: HashSet<_> =
            log.releases.iter().filter_map(|kept| kept.folder.as_deref()).collect();
        keep_folders(releases, |copy| {
            copy.file_name().and_then(OsStr::to_str).is_some_and(|name| named.contains(name))
        });
    }
}

/// `ours`: it was read from a copy, and its own place is the one that is known already.
fn note(
    log: &mut ReleaseLog,
    slot: usize,
    facts: &ReleaseFacts,
    folder: Option<String>,
    ours: bool,
) {
    let ReleaseFacts { build_id, app, mut source, .. } = facts.clone();
    let before = log.releases.iter().find(|kept| kept.slot == slot && kept.build_id == build_id);
    if let Some(before) = before.filter(|_| ours) {
        source.clone_from(&before.source);
    }
    // It is the same time that it serves, if it did when the host ended.
    let still = before.filter(|_| log.current.get(&slot) == Some(&build_id));
    let since = still.map_or_else(now, |kept| kept.since);
    log.allow(&build_id);
    log.serves(KeptRelease { slot, build_id, app, source, folder, since });
}

/// How copies are made.
struct Copies<'a> {
    releases: &'a Path,
    store: &'a Store,
    /// The public files of the copy that was made before.
    last: Option<PathBuf>,
    /// Whether they are to outlive the host.
    durable: bool,
}

impl Copies<'_> {
    /// Makes a copy of a release, or mends the one that is there; gives its name.
    fn make(&self, facts: &ReleaseFacts) -> io::Result<String> {
        let name = facts.name();
        let place = self.releases.join(&name);
        if place.is_dir() {
            self.mend(facts, &place)?;
            return Ok(name);
        }
        let unfinished = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(self.releases)?;
        let folder = unfinished.path();
        self.library(facts, &folder.join(LIBRARY))?;
        for (file, bytes) in &facts.parts {
            self.write(&folder.join(file), bytes)?;
        }
        if let Some(public) = &facts.public {
            self.public(&public.canonicalize()?, &folder.join(PUBLIC))?;
        }
        self.sync(folder)?;
        fs::rename(folder, &place)?;
        // It has another name now: there is nothing left to remove.
        drop(unfinished.keep());
        if self.durable {
            File::open(self.releases)?.sync_all()?;
        }
        Ok(name)
    }

    /// Writes what is damaged in a copy anew. Its public files are what they are: nothing says what
    /// they were.
    fn mend(&self, facts: &ReleaseFacts, place: &Path) -> io::Result<()> {
        let library = place.join(LIBRARY);
        if !build_id_of(&library).is_ok_and(|found| found == facts.build_id) {
            fs::remove_file(&library).ok();
            self.library(facts, &library)?;
        }
        for (file, bytes) in &facts.parts {
            let file = place.join(file);
            if !fs::read(&file).is_ok_and(|found| found == *bytes) {
                self.write(&file, bytes)?;
            }
        }
        Ok(())
    }

    fn library(&self, facts: &ReleaseFacts, place: &Path) -> io::Result<()> {
        match self.store.path(&facts.build_id) {
            // The store's copy is never written again, so another name for it is enough.
            Some(library) => {
                fs::hard_link(&library, place).or_else(|_| fs::copy(&library, place).map(drop))
            }
            // The store is memory. What lies at the source is kept if it still is this build.
            None => {
                let source = &facts.source;
                let library = if source.is_dir() { source.join(LIBRARY) } else { source.clone() };
                let bytes = fs::read(library)?;
                if BuildId::of(&bytes) != facts.build_id {
                    return Err(io::Error::other("the build there is another one by now"));
                }
                self.write(place, &bytes)
            }
        }
    }

    /// Copies what would be served of `public`. A file that is the same in the copy that was made
    /// before is not stored twice.
    fn public(&self, public: &Path, to: &Path) -> io::Result<()> {
        let files = walk(public);
        let sizes = files.values().filter_map(|path| path.metadata().ok());
        let bytes: u64 = sizes.map(|metadata| metadata.len()).sum();
        if !self.durable && bytes > MOST_PUBLIC {
            tracing::warn!(
                "{}: its {} MB of public files are not kept for a rollback; \
                 give the host a state folder (--state)",
                public.display(),
                bytes / 1_000_000
            );
            return Ok(());
        }
        fs::create_dir_all(to)?;
        for (url, path) in files {
            let name = url.trim_start_matches('/');
            let place = to.join(name);
            fs::create_dir_all(place.parent().unwrap_or(to))?;
            let known = self.last.as_ref().map(|last| last.join(name));
            let known = known.filter(|known| is_same(known, &path));
            if known.is_some_and(|known| fs::hard_link(known, &place).is_ok()) {
                continue;
            }
            let mut from = File::open(&path)?;
            let mut file = File::create(&place)?;
            io::copy(&mut from, &mut file)?;
            // What clients have of it stays valid.
            file.set_modified(from.metadata()?.modified()?)?;
            self.synced(&file)?;
        }
        Ok(())
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        fs::create_dir_all(path.parent().unwrap_or(self.releases))?;
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        self.synced(&file)
    }

    /// Waits until a file is on the disk, if it has to outlive the machine.
    fn synced(&self, file: &File) -> io::Result<()> {
        if self.durable { file.sync_all() } else { Ok(()) }
    }

    /// The same for the names in a folder and in those below it.
    fn sync(&self, folder: &Path) -> io::Result<()> {
        if !self.durable {
            return Ok(());
        }
        let folders = WalkDir::new(folder).into_iter().filter_map(Result::ok);
        for entry in folders.filter(|entry| entry.file_type().is_dir()) {
            File::open(entry.path())?.sync_all()?;
        }
        Ok(())
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    let same = || -> io::Result<bool> {
        let (mut one, mut other) = (File::open(one)?, File::open(other)?);
        let (first, second) = (one.metadata()?, other.metadata()?);
        if first.len() != second.len() || first.modified()? != second.modified()? {
            return Ok(false);
        }
        let (mut these, mut those) = (Vec::new(), Vec::new());
        one.read_to_end(&mut these)?;
        other.read_to_end(&mut those)?;
        Ok(these == those)
    };
    same().unwrap_or(false)
}
