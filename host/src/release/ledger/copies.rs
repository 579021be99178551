//! Copies of releases: what was served stays as it was served.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::{KeptRelease, LIBRARY, Ledger, MANIFEST, RELEASES, ReleaseLog, now};
use crate::library::loader::{BuildId, Store, keep_folders};
use crate::release::Release;
use crate::release::public::{PUBLIC, walk};

/// What begins the name of a copy that is not complete.
const UNFINISHED: &str = ".new-";

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

    /// One library may come with several sets of assets; each of them is another copy.
    fn name(&self) -> String {
        let build_id = self.build_id.as_str();
        match self.parts.iter().find(|(file, _)| file == Path::new(MANIFEST)) {
            Some((_, manifest)) => format!("{build_id}-{}", BuildId::of(manifest).short()),
            None => build_id.to_owned(),
        }
    }
}

impl Ledger {
    /// Notes that a release serves from now on as library `slot`, and is refused no longer.
    /// [`keep`](Self::keep) writes it down and makes the copy.
    pub(crate) fn serves(&self, slot: usize, facts: ReleaseFacts) {
        let copy = self.copy_for(&facts);
        self.note(|log| note(log, slot, &facts, &copy));
        let Some((present, _)) = copy else { return };
        if present.is_none() && !self.reads_only {
            self.pending.lock().push(facts);
        }
    }

    /// What the entries are when these releases serve, each as the library of its place.
    pub(crate) fn log_with(&self, facts: &[ReleaseFacts]) -> ReleaseLog {
        let mut log = self.log();
        for (slot, facts) in facts.iter().enumerate() {
            note(&mut log, slot, facts, &self.copy_for(facts));
        }
        log
    }

    /// The name of the copy of a release, if there is one, and whether it was started from a copy of
    /// ours; `None` without a folder.
    fn copy_for(&self, facts: &ReleaseFacts) -> Option<(Option<String>, bool)> {
        let folder = self.folder.as_ref()?;
        let releases = folder.join(RELEASES);
        let copy = facts.source.strip_prefix(&releases).ok();
        let name = copy.and_then(|path| path.iter().next()).and_then(|name| name.to_str());
        let name = name.map_or_else(|| facts.name(), str::to_owned);
        let present = releases.join(&name).is_dir().then_some(name);
        Some((present, facts.source.starts_with(folder)))
    }

    /// Writes down what serves, copies what is not copied yet, and lets go of the copies that are
    /// no longer wanted. This blocks.
    pub(crate) fn keep(&self, store: &Store) {
        let Some(folder) = self.folder.as_ref().filter(|_| !self.reads_only) else { return };
        self.write();
        let _keeping = self.keeping.lock();
        let pending = std::mem::take(&mut *self.pending.lock());
        let releases = folder.join(RELEASES);
        for facts in pending {
            match copy(&releases, &facts, store, self.publics().first().map(PathBuf::as_path)) {
                Ok(name) => self.change(|log| {
                    let kept = log.releases.iter_mut();
                    for kept in kept.filter(|kept| kept.build_id == facts.build_id) {
                        kept.folder = Some(name.clone());
                    }
                }),
                Err(error) => tracing::error!(
                    "{}: the release cannot be kept in {}: {error}; \
                     its assets are gone when its own folder is overwritten",
                    facts.source.display(),
                    releases.display()
                ),
            }
        }
        self.forget_copies(&releases);
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

/// `copy`: its name, and whether the release was read from one; then its own place is the one that
/// is known already.
fn note(
    log: &mut ReleaseLog,
    slot: usize,
    facts: &ReleaseFacts,
    copy: &Option<(Option<String>, bool)>,
) {
    let (folder, ours) = copy.clone().unwrap_or_default();
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

/// Copies a release into `releases`, and gives the name of the copy.
fn copy(
    releases: &Path,
    facts: &ReleaseFacts,
    store: &Store,
    last: Option<&Path>,
) -> io::Result<String> {
    let name = facts.name();
    let place = releases.join(&name);
    if place.is_dir() {
        return Ok(name);
    }
    let unfinished = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(releases)?;
    let folder = unfinished.path();
    let kept = folder.join(LIBRARY);
    match store.path(&facts.build_id) {
        // The store's copy is never written again, so another name for it is enough.
        Some(library) => {
            fs::hard_link(&library, &kept).or_else(|_| fs::copy(&library, &kept).map(drop))?;
        }
        // The store is memory. What lies at the source is kept if it still is this build.
        None => keep_library(facts, &kept)?,
    }
    for (file, bytes) in &facts.parts {
        let file = folder.join(file);
        fs::create_dir_all(file.parent().unwrap_or(folder))?;
        write(&file, bytes)?;
    }
    if let Some(public) = &facts.public {
        copy_public(&public.canonicalize()?, &folder.join(PUBLIC), last)?;
    }
    fs::rename(folder, &place)?;
    // It has another name now: there is nothing left to remove.
    drop(unfinished.keep());
    File::open(releases)?.sync_all()?;
    Ok(name)
}

fn keep_library(facts: &ReleaseFacts, kept: &Path) -> io::Result<()> {
    let source = &facts.source;
    let library = if source.is_dir() { source.join(LIBRARY) } else { source.clone() };
    let bytes = fs::read(library)?;
    if BuildId::of(&bytes) != facts.build_id {
        return Err(io::Error::other("the build there is another one by now"));
    }
    write(kept, &bytes)
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Copies what would be served of `public`. A file that is the same in `last`, the copy that was
/// made before, is not stored twice.
fn copy_public(public: &Path, to: &Path, last: Option<&Path>) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for (url, path) in walk(public) {
        let name = url.trim_start_matches('/');
        let place = to.join(name);
        fs::create_dir_all(place.parent().unwrap_or(to))?;
        let known = last.map(|last| last.join(name)).filter(|known| is_same(known, &path));
        if known.is_some_and(|known| fs::hard_link(known, &place).is_ok()) {
            continue;
        }
        let mut from = File::open(&path)?;
        let mut file = File::create(&place)?;
        io::copy(&mut from, &mut file)?;
        // What clients have of it stays valid.
        file.set_modified(from.metadata()?.modified()?)?;
        file.sync_all()?;
    }
    Ok(())
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
