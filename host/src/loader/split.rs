//! The parts of a split app (`nova dev`): shared libraries, the app library, page libraries.
//!
//! They are mapped in place. What they are called is the hash of what is in them, whoever wrote
//! them has renamed them to that name, and nobody writes them again: a private copy would be the
//! same file once more. Owner, mode and completeness are checked as for any library. Shared
//! libraries are tens of megabytes, so of those only the headers are read.
//!
//! Libraries name each other here, and the linker knows a library by its name alone. So no two of
//! one name are mapped, and a page is mapped only into the app library that its file names.

use std::{
    collections::{HashMap, HashSet},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
};

use nova_abi::PageEntry;
use object::read::ReadCache;

use super::{
    BuildId, Library, LoadError, Loader,
    dynamic::{self, Names},
    elf, file, note_of, open,
};

/// What is mapped of split apps, for good.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// By the name in the file.
    names: HashMap<String, PathBuf>,
    shared: HashSet<PathBuf>,
    apps: HashMap<PathBuf, Arc<Library>>,
    pages: HashMap<PathBuf, Page>,
}

#[derive(Debug)]
struct Page {
    symbol: String,
    needed: Vec<String>,
    entry: PageEntry,
}

impl Parts {
    pub(super) fn len(&self) -> usize {
        self.shared.len() + self.apps.len() + self.pages.len()
    }

    /// Notes the name of a library that is about to be mapped.
    fn name(&mut self, path: &Path, name: String) -> Result<(), LoadError> {
        let other = self.names.entry(name.clone()).or_insert_with(|| path.to_owned());
        let file = |path: &Path| std::fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
        if other == path || file(other).is_some_and(|other| Some(other) == file(path)) {
            return Ok(());
        }
        Err(LoadError::SameName { path: path.into(), name, other: other.clone() })
    }

    /// Whether a library that needs these belongs to this app and to no other.
    fn check_app(&self, path: &Path, needed: &[String], app: &Library) -> Result<(), LoadError> {
        let running = app.soname.as_deref().unwrap_or_default();
        let is_app =
            |name: &&String| self.apps.values().any(|app| app.soname.as_ref() == Some(name));
        let others = needed.iter().filter(|name| *name != running);
        let mut others = others.filter(|name| is_app(name) || name.starts_with(APP));
        let other = others.next();
        if other.is_none() && needed.iter().any(|name| name == running) {
            return Ok(());
        }
        Err(LoadError::OtherApp {
            path: path.into(),
            found: other.map_or("no app library".to_owned(), |name| format!("`{name}`")),
            running: running.to_owned(),
        })
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
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let path = absolute(path)?;
        if parts.shared.contains(&path) {
            return Ok(());
        }
        let refused = |cause| LoadError::Elf { path: path.clone(), cause };
        let cache = ReadCache::new(file::open(&path)?);
        elf::check_file(&cache).map_err(refused)?;
        let Names { soname, .. } = dynamic::names(&cache).map_err(refused)?;
        let soname = soname.ok_or_else(|| LoadError::Nameless { path: path.clone() })?;
        parts.name(&path, soname)?;
        open::shared(&path)?;
        parts.shared.insert(path);
        Ok(())
    }

    /// Maps an app library, in place; the shared libraries that it needs are mapped already.
    ///
    /// # Errors
    /// As [`load`](Self::load), or if another library of its name is mapped.
    pub fn load_app(&self, path: &Path, build_id: BuildId) -> Result<Arc<Library>, LoadError> {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let path = absolute(path)?;
        if let Some(library) = parts.apps.get(&path) {
            return Ok(library.clone());
        }
        let bytes = file::read(&path)?;
        let note = note_of(&path, &bytes)?;
        let names = dynamic::names(&*bytes)
            .map_err(|cause| LoadError::Elf { path: path.clone(), cause })?;
        let soname = names.soname.ok_or_else(|| LoadError::Nameless { path: path.clone() })?;
        parts.name(&path, soname.clone())?;
        let root = open::open(&path, &path)?;
        let routes = open::routes(&root).map_err(|failure| LoadError::Routes {
            path: path.clone(),
            message: failure.message.into(),
        })?;
        let size = bytes.len() as u64;
        let soname = Some(soname);
        let library = Arc::new(Library { build_id, note, routes, size, soname, root });
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
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(page) = parts.pages.get(path).filter(|page| page.symbol == symbol) {
            parts.check_app(path, &page.needed, app)?;
            return Ok(page.entry);
        }
        let path = absolute(path)?;
        let refused = |cause| LoadError::Elf { path: path.clone(), cause };
        let bytes = file::read(&path)?;
        elf::check_file(&*bytes).map_err(refused)?;
        let needed = dynamic::names(&*bytes).map_err(refused)?.needed;
        parts.check_app(&path, &needed, app)?;
        if !dynamic::exports(&bytes, symbol).map_err(refused)? {
            return Err(LoadError::NotAPage { path, symbol: symbol.into() });
        }
        let entry = open::page(&path, symbol)?;
        parts.pages.insert(path, Page { symbol: symbol.into(), needed, entry });
        Ok(entry)
    }
}

/// The linker searches for a name without a slash; a whole path it opens as it stands.
fn absolute(path: &Path) -> Result<PathBuf, LoadError> {
    std::path::absolute(path).map_err(|source| LoadError::Read { path: path.into(), source })
}
