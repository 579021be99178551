//! The parts of a split app (`nova dev`): shared libraries, the app library, page libraries.
//!
//! They are mapped in place. What they are called is the hash of what is in them, whoever wrote
//! them has renamed them to that name, and nobody writes them again: a private copy would be the
//! same file once more. Owner, mode and completeness are checked as for any library. Shared
//! libraries are tens of megabytes, so of those only the headers are read.
//!
//! Libraries name each other here, and the linker knows a library by its name alone. So no two of
//! one name are mapped, and a page is mapped only into the app library that its file names.

use std::collections::{HashMap, HashSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nova_abi::PageEntry;
use object::read::ReadCache;

use super::dynamic::{self, Names};
use super::place::Guard;
use super::{BuildId, Library, LoadError, Loader, elf, file, note_of, open};

/// What is mapped of split apps, for good.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// By the name in the file (DT_SONAME).
    names: HashMap<String, PathBuf>,
    shared: HashSet<PathBuf>,
    apps: HashMap<PathBuf, Arc<Library>>,
    pages: HashMap<PathBuf, Page>,
}

#[derive(Debug)]
struct Page {
    symbol: String,
    /// The app libraries that it needs: one, if all is well.
    apps: Vec<String>,
    entry: PageEntry,
}

impl Parts {
    pub(super) fn len(&self) -> usize {
        self.shared.len() + self.apps.len() + self.pages.len()
    }

    /// Whether a library of this name may be mapped: no other one has it.
    fn check_name(&self, path: &Path, name: &str) -> Result<(), LoadError> {
        let Some(other) = self.names.get(name) else { return Ok(()) };
        let file = |path: &Path| std::fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
        if other == path || file(other).is_some_and(|other| Some(other) == file(path)) {
            return Ok(());
        }
        Err(LoadError::SameName { path: path.into(), name: name.into(), other: other.clone() })
    }

    /// Those of the libraries that are app libraries, as far as can be told.
    fn apps_among(&self, mut needed: Vec<String>) -> Vec<String> {
        let known = |name: &str| {
            self.apps.values().any(|app| app.soname.as_deref().is_some_and(|app| app == name))
        };
        needed.retain(|name| name.starts_with(APP) || known(name));
        needed
    }
}

/// Whether a page that needs these app libraries belongs to this one and to no other.
fn check_app(path: &Path, needed: &[String], app: &Library) -> Result<(), LoadError> {
    match (needed, &app.soname) {
        ([needed], Some(running)) if needed == running => Ok(()),
        _ => Err(LoadError::OtherApp {
            path: path.into(),
            found: match needed {
                [] => "no app library".into(),
                names => format!("`{}`", names.join("` and `")),
            },
            running: match &app.soname {
                Some(running) => format!("`{running}`"),
                None => "one that takes no pages".into(),
            },
        }),
    }
}

/// How app libraries are called.
const APP: &str = "libnova_app";

impl Loader {
    /// Maps a library that app libraries need (Rust's std, the image), once, in place.
    ///
    /// # Errors
    /// If it is not a complete library of ours, or another one of its name is mapped.
    pub fn map_shared(&self, path: &Path) -> Result<(), LoadError> {
        let mut parts = self.parts.lock();
        let path = absolute(path)?;
        if parts.shared.contains(&path) {
            return Ok(());
        }
        let refused = |cause| LoadError::Elf { path: path.clone(), cause };
        let cache = ReadCache::new(file::open(&path, Guard::File)?);
        elf::check_file(&cache).map_err(refused)?;
        let Names { soname, .. } = dynamic::names(&cache).map_err(refused)?;
        let soname = soname.ok_or_else(|| LoadError::Nameless { path: path.clone() })?;
        parts.check_name(&path, &soname)?;
        open::shared(&path)?;
        parts.names.insert(soname, path.clone());
        parts.shared.insert(path);
        Ok(())
    }

    /// Maps an app library, in place; the shared libraries that it needs are mapped already.
    ///
    /// # Errors
    /// As [`load`](Self::load), or if another library of its name is mapped.
    pub fn load_app(&self, path: &Path, build_id: BuildId) -> Result<Arc<Library>, LoadError> {
        let mut parts = self.parts.lock();
        let path = absolute(path)?;
        if let Some(library) = parts.apps.get(&path) {
            return Ok(library.clone());
        }
        let bytes = file::read(&path, Guard::File)?;
        let note = note_of(&path, &bytes)?;
        let names = dynamic::names(&*bytes)
            .map_err(|cause| LoadError::Elf { path: path.clone(), cause })?;
        let soname = names.soname.ok_or_else(|| LoadError::Nameless { path: path.clone() })?;
        parts.check_name(&path, &soname)?;
        let root = open::open(&path, &path)?;
        parts.names.insert(soname.clone(), path.clone());
        let library = Library::new(build_id, note, root, &path)?;
        let size = bytes.len() as u64;
        let library = Arc::new(Library { size, soname: Some(soname), ..library });
        parts.apps.insert(path, library.clone());
        Ok(library)
    }

    /// Maps a page library, in place, and gives the function that it exports as `symbol`; it is
    /// for `app`, which is mapped, and for no other.
    ///
    /// # Errors
    /// If it is not a complete library of ours, was compiled against another app library, or does
    /// not export `symbol`.
    pub fn load_page(
        &self,
        path: &Path,
        symbol: &str,
        app: &Library,
    ) -> Result<PageEntry, LoadError> {
        let mut parts = self.parts.lock();
        if let Some(page) = parts.pages.get(path).filter(|page| page.symbol == symbol) {
            check_app(path, &page.apps, app)?;
            return Ok(page.entry);
        }
        let path = absolute(path)?;
        let refused = |cause| LoadError::Elf { path: path.clone(), cause };
        let bytes = file::read(&path, Guard::File)?;
        elf::check_file(&*bytes).map_err(refused)?;
        let apps = parts.apps_among(dynamic::names(&*bytes).map_err(refused)?.needed);
        check_app(&path, &apps, app)?;
        if dynamic::definition(&bytes, symbol).map_err(refused)?.is_none() {
            return Err(LoadError::NotAPage { path, symbol: symbol.into() });
        }
        let entry = open::page(&path, symbol)?;
        parts.pages.insert(path, Page { symbol: symbol.into(), apps, entry });
        Ok(entry)
    }
}

/// The linker searches for a name without a slash; a whole path it opens as it stands.
fn absolute(path: &Path) -> Result<PathBuf, LoadError> {
    std::path::absolute(path).map_err(|source| LoadError::Read { path: path.into(), source })
}
