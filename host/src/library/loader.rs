//! The one door: every library that this process runs has passed [`Loader::load`].
//!
//! In order, each step cheaper to get wrong than the next:
//!
//! 1. `file`: a regular file of ours, in a folder of ours (`place`), read once into memory;
//! 2. `elf`: complete, for this machine, with the two symbols of a route library;
//! 3. `note`: contract number, target and panic strategy, read without running code of the library;
//! 4. `store`: a private read-only copy, on disk or in memory, because nothing is mapped from a
//!    path that a compiler or a user writes to; where the copy is there already, it is compared,
//!    and its bytes are what the steps before look at (`content`);
//! 5. `open`: `dlopen`, abi_stable's layouts, the routes.
//!
//! Of a library that comes without a manifest, `hazards` says what forbids two of its generations in
//! one process.
//!
//! A library is never unmapped: abi_stable's checker keeps pointers into it, and so may thread
//! locals. Loading the same bytes again maps them again, from a fresh copy (`again`): statics that
//! an app has set are set for good, so an app that starts anew needs new ones.
//!
//! What `nova dev` maps in place comes through here too, with the same checks; see `in_place`.

mod again;
mod build_id;
mod content;
mod dynamic;
mod elf;
mod error;
mod file;
mod hazards;
mod in_place;
mod note;
mod open;
mod place;
mod segments;
pub(crate) mod signal_handlers;
mod store;

use std::collections::HashMap;
use std::ffi::{CStr, CString, OsStr};
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use nova_abi::abi_stable::std_types::RArc;
use nova_abi::note::Note;
use nova_abi::{ABI, App, Failure, InitContext, LibraryRef, Route};
use parking_lot::Mutex;

use crate::library::digest::{sha256, sha256_of};
use crate::library::reserved;

pub use build_id::{BuildId, BuildIdError};
use content::Content;
pub use error::LoadError;
pub(crate) use hazards::Hazard;
pub use in_place::InPlace;
pub use place::Guard;
use segments::Segments;
pub use store::{PlaceForCopies, place_for_copies};
pub use store::{Staged, Store};
pub(crate) use store::{keep_folders, private_folder, writable_folder};

/// Routes in the order that a call counts. Views of one app share them.
pub type Routes = Arc<[RArc<Route>]>;

/// A library that is mapped into this process, for good.
pub struct Library {
    /// Its identity.
    pub build_id: BuildId,
    /// What it says of itself.
    pub note: Note,
    /// Its routes, in the order that a call counts.
    pub routes: Routes,
    /// Routes that are for precompilation alone; no table has them.
    pub reserved: Vec<(u32, RArc<Route>)>,
    /// The size of its file in bytes.
    pub size: u64,
    /// Whether its `init` has run: its statics are not what they were.
    is_used: AtomicBool,
    root: LibraryRef,
}

impl Library {
    /// Says whether `import` of the app can read what an app has saved. This blocks, and belongs to
    /// a thread that it may hold.
    ///
    /// # Errors
    /// If it cannot, or panics.
    pub fn fits(&self, saved: &[u8]) -> Result<(), Failure> {
        (self.root.fits())(saved.into()).into_result()
    }

    /// Runs the library's `init`; the future belongs to a thread that it may block.
    pub async fn init(&self, context: InitContext) -> Result<App, Failure> {
        self.is_used.store(true, Ordering::Relaxed);
        self.root.init()(context).await
    }

    /// A library with this root module, which came from `path`; it says what its routes are.
    fn new(
        build_id: BuildId,
        note: Note,
        root: LibraryRef,
        path: &Path,
    ) -> Result<Self, LoadError> {
        let routes = open::routes(&root).map_err(|failure| LoadError::Routes {
            path: path.into(),
            message: failure.message.into(),
        })?;
        let (routes, reserved) = split_reserved(&routes);
        let is_used = AtomicBool::new(false);
        Ok(Self { build_id, note, routes, reserved, size: 0, is_used, root })
    }

    /// A library that is linked into this program: the same contract without a file. `root` is what
    /// its `nova_library()` gives, and `name` the app's name and version; it says that it is the
    /// build `build_id`.
    ///
    /// # Errors
    /// If declaring its routes panics.
    pub fn linked(root: LibraryRef, name: &str, build_id: BuildId) -> Result<Self, LoadError> {
        Self::new(build_id, note_of_linked(name), root, Path::new(name))
    }
}

/// What a library says of itself that is built with this program; `name` is its app's.
fn note_of_linked(name: &str) -> Note {
    Note {
        abi: ABI,
        sdk: env!("CARGO_PKG_VERSION").into(),
        rustc: String::new(),
        target: note::TARGET.into(),
        panic: "unwind".into(),
        app: name.into(),
        swap: None,
        swap_declared: false,
    }
}

/// The routes of pages, and those that are for precompilation alone: an SDK puts these last.
fn split_reserved(routes: &Routes) -> (Routes, Vec<(u32, RArc<Route>)>) {
    let is_page = |route: &RArc<Route>| !reserved::is_reserved(&route.pattern);
    let pages = routes.iter().rposition(is_page).map_or(0, |last| last + 1);
    let reserved = (pages..).zip(&routes[pages..]);
    let reserved =
        reserved.filter_map(|(at, route)| Some((u32::try_from(at).ok()?, route.clone())));
    (routes[..pages].into(), reserved.collect())
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Library")
            .field("build_id", &self.build_id)
            .field("app", &self.note.app)
            .field("routes", &self.routes.len())
            .finish_non_exhaustive()
    }
}

/// A candidate that has passed every check that needs no code of the library to run. A clone is the
/// same bytes.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Where it was read.
    pub path: PathBuf,
    /// Its identity.
    pub build_id: BuildId,
    /// What it says of itself.
    pub note: Note,
    bytes: Arc<Content>,
}

impl Candidate {
    /// What of its file forbids two of its generations in one process.
    pub(crate) fn hazards(&self) -> Vec<Hazard> {
        hazards::hazards(&self.bytes)
    }
}

/// The bytes of a library file of which nothing is known but who can have written it.
#[derive(Debug)]
pub(crate) struct LibraryFile {
    path: PathBuf,
    bytes: Content,
    sha256: String,
}

impl LibraryFile {
    /// Reads a file. Of one whose copy is in `store`, nothing is kept in memory.
    pub(crate) fn read(
        path: &Path,
        guard: Guard,
        store: Option<&Store>,
    ) -> Result<Self, LoadError> {
        let mut file = file::open(path, guard)?;
        if let Some(store) = store
            && let Some((sha256, bytes)) = store.find(&file, path)?
        {
            return Ok(Self { path: path.into(), bytes, sha256 });
        }
        let bytes = file::read_all(&mut file, path)?;
        let sha256 = sha256(&bytes);
        Ok(Self { path: path.into(), bytes: Content::Memory(bytes), sha256 })
    }

    /// The hash of all its bytes.
    pub(crate) fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Checks that it is a route library for this host.
    pub(crate) fn inspect(self) -> Result<Candidate, LoadError> {
        let Self { path, bytes, sha256 } = self;
        let note = note_of(&path, &bytes)?;
        let bytes = Arc::new(bytes);
        Ok(Candidate { path, build_id: BuildId::from_sha256(&sha256), note, bytes })
    }
}

/// The build id of a library file, of which nothing else is looked at.
pub(crate) fn build_id_of(path: &Path) -> io::Result<BuildId> {
    let file = BufReader::with_capacity(content::PART, File::open(path)?);
    Ok(BuildId::from_sha256(&sha256_of(&mut { file })?.0))
}

/// Reads and checks a library file without running any of its code.
///
/// # Errors
/// With the first thing about the file that does not fit this host.
pub fn inspect(path: &Path) -> Result<Candidate, LoadError> {
    LibraryFile::read(path, Guard::Folder, None)?.inspect()
}

/// The note of a route library, if its file is whole and the library fits this host.
fn note_of(path: &Path, bytes: &[u8]) -> Result<Note, LoadError> {
    let note = elf::check(bytes).map_err(|cause| LoadError::Elf { path: path.into(), cause })?;
    let note = Note::parse(note).map_err(|cause| LoadError::Note { path: path.into(), cause })?;
    note::check(path, &note)?;
    Ok(note)
}

/// Loads libraries, and counts them. What tells of them never waits for one that is being loaded: an
/// initialiser of a library may never come back.
#[derive(Debug)]
pub struct Loader {
    store: Store,
    /// Held by the one that loads: the dynamic linker takes one library at a time anyway.
    loading: Mutex<()>,
    /// Held by the one that writes a copy: two of one build would write to one file.
    writing: Mutex<()>,
    /// How many libraries are mapped; a build may be mapped several times.
    count: AtomicUsize,
    /// By what name each build was mapped first: that of its copy. Held for a moment only.
    names: Mutex<HashMap<BuildId, &'static CStr>>,
    /// The library that is linked into this program.
    linked: OnceLock<Arc<Library>>,
}

impl Loader {
    /// A loader that keeps its private copies in `store`.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self {
            store,
            loading: Mutex::default(),
            writing: Mutex::default(),
            count: AtomicUsize::new(0),
            names: Mutex::default(),
            linked: OnceLock::new(),
        }
    }

    /// How many libraries this process has mapped.
    #[must_use]
    pub fn loads(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether this process has mapped that build.
    pub(crate) fn has(&self, build_id: &BuildId) -> bool {
        self.names.lock().contains_key(build_id)
    }

    /// Takes a library that is linked into this program for one that was loaded; the candidate
    /// that is given back is this library.
    pub(crate) fn link(&self, library: Library) -> Candidate {
        let (build_id, note) = (library.build_id.clone(), library.note.clone());
        self.count.fetch_add(1, Ordering::Relaxed);
        // There is one in a program.
        drop(self.linked.set(Arc::new(library)));
        Candidate {
            path: PathBuf::from(&note.app),
            build_id,
            note,
            bytes: Arc::new(Content::Memory(Vec::new())),
        }
    }

    /// Inspects, copies and maps the library at `path`.
    ///
    /// # Errors
    /// With the first check that failed; nothing of the library has run before the last one.
    pub fn load(&self, path: &Path) -> Result<Arc<Library>, LoadError> {
        self.load_candidate(inspect(path)?)
    }

    /// The same for the copy that another process has [staged](Self::stage); its folder was that
    /// process's to choose.
    pub(crate) fn load_staged(&self, path: &Path) -> Result<Arc<Library>, LoadError> {
        self.load_candidate(LibraryFile::read(path, Guard::File, Some(&self.store))?.inspect()?)
    }

    /// Maps a candidate that has been inspected; one that was mapped before, once more.
    ///
    /// # Errors
    /// If the copy cannot be written, or the dynamic linker or abi_stable refuses it.
    pub fn load_candidate(&self, candidate: Candidate) -> Result<Arc<Library>, LoadError> {
        let Candidate { path, build_id, note, bytes } = candidate;
        let is_linked = |linked: &&Arc<Library>| linked.build_id == build_id;
        if let Some(linked) = self.linked.get().filter(is_linked) {
            return Ok(linked.clone());
        }
        let _loading = self.loading.lock();
        let known = self.names.lock().get(&build_id).copied();
        let root = match known {
            Some(name) => {
                if self.store.folder().is_some() {
                    // What is mapped may be gone from there.
                    self.put(&build_id, &bytes)?;
                }
                let damaged = |cause| LoadError::Elf { path: path.clone(), cause };
                let segments = Segments::of(&bytes).map_err(damaged)?;
                let fresh = self.store.fresh(&build_id, &bytes, &segments)?;
                open::open_again(&fresh, name, &segments, &path)?
            }
            None => {
                let copy = self.put(&build_id, &bytes)?;
                let root = open::open(&copy, &path)?;
                self.names.lock().insert(build_id.clone(), for_good(&copy)?);
                root
            }
        };
        self.count.fetch_add(1, Ordering::Relaxed);
        let size = bytes.len() as u64;
        Ok(Arc::new(Library { size, ..Library::new(build_id, note, root, &path)? }))
    }

    /// A library that no app was started of: this one or, if its `init` has run, the same mapped once
    /// more. Of a library that this loader has not mapped there is one.
    ///
    /// # Errors
    /// If the copy in the store is gone or damaged.
    pub fn unused(&self, library: &Arc<Library>) -> Result<Arc<Library>, LoadError> {
        let name = self.names.lock().get(&library.build_id).copied();
        let Some(name) = name.filter(|_| library.is_used.load(Ordering::Relaxed)) else {
            return Ok(library.clone());
        };
        let path = Path::new(OsStr::from_bytes(name.to_bytes()));
        let candidate = LibraryFile::read(path, Guard::File, Some(&self.store))?.inspect()?;
        if candidate.build_id != library.build_id {
            let cause = io::Error::new(io::ErrorKind::InvalidData, "it is damaged");
            return Err(LoadError::Read { path: path.into(), source: cause });
        }
        self.load_candidate(candidate)
    }

    /// Writes the private copy of a candidate without loading it, for a child process to load. This
    /// waits for the disk.
    ///
    /// # Errors
    /// If the copy cannot be written.
    pub fn stage(&self, candidate: &Candidate) -> Result<Staged, LoadError> {
        let _writing = self.writing.lock();
        self.store.stage(&candidate.build_id, &candidate.bytes)
    }

    fn put(&self, build_id: &BuildId, bytes: &Content) -> Result<PathBuf, LoadError> {
        let _writing = self.writing.lock();
        self.store.put(build_id, bytes)
    }
}

/// A path as the dynamic linker reads it; there is one for each build.
fn for_good(path: &Path) -> Result<&'static CStr, LoadError> {
    let name = CString::new(path.as_os_str().as_bytes());
    let name =
        name.map_err(|error| LoadError::Store { path: path.into(), source: error.into() })?;
    Ok(Box::leak(name.into_boxed_c_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_the_libraries_waits_for_none_that_is_being_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let loader = Loader::new(Store::open(folder.path().join("store")).unwrap());
        // An initialiser that never comes back.
        let _loading = loader.loading.lock();
        assert_eq!(loader.loads(), 0);
        assert!(!loader.has(&BuildId::of(b"a library")));
        let candidate = Candidate {
            path: "lib.so".into(),
            build_id: BuildId::of(b"a library"),
            note: note_of_linked("app 0.1.0"),
            bytes: Arc::new(Content::Memory(b"a library".to_vec())),
        };
        let staged = loader.stage(&candidate).unwrap();
        assert_eq!(std::fs::read(staged.path()).unwrap(), b"a library");
    }
}
