//! The libraries of parted apps: shared libraries, the app library, page libraries.
//!
//! They are mapped in place. Their name is the hash of what is in them; their writer has renamed
//! them to it, and does not write them again: a private copy would be the
//! same file once more. Owner, mode and completeness are checked as for any library.
//!
//! Libraries name each other here, and the linker knows a library by its name alone. So no two of
//! one name are mapped, and a page is mapped only into the app library that its file names: what
//! the two give each other are Rust types of one image, which nothing else makes sure of.

use std::collections::{HashMap, HashSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nova_abi_parts::PageEntry;
use nova_host::BuildId;
use nova_host::library::loader::{InPlace, Library};

use crate::error::PartError;

/// How app libraries are called.
const APP: &str = "libnova_app";

/// What is mapped of parted apps, for good.
#[derive(Debug, Default)]
pub(crate) struct Libraries {
    /// By the name in the file (DT_SONAME).
    names: HashMap<String, PathBuf>,
    shared: HashSet<PathBuf>,
    apps: HashMap<PathBuf, AppLibrary>,
    pages: HashMap<PathBuf, Page>,
}

/// An app library, and the name by which page libraries need it.
#[derive(Debug, Clone)]
pub(crate) struct AppLibrary {
    pub(crate) library: Arc<Library>,
    pub(crate) soname: String,
}

#[derive(Debug)]
struct Page {
    symbol: String,
    /// The app libraries that it needs: one, if all is well.
    apps: Vec<String>,
    entry: PageEntry,
}

impl Libraries {
    /// How many are mapped.
    pub(crate) fn len(&self) -> usize {
        self.shared.len() + self.apps.len() + self.pages.len()
    }

    /// Maps a library that app libraries need (Rust's std, the image), once.
    pub(crate) fn map_shared(&mut self, path: &Path) -> Result<(), PartError> {
        if self.shared.contains(path) {
            return Ok(());
        }
        // Tens of megabytes: only the headers are read.
        let file = InPlace::headers(path)?;
        let soname = self.name(&file)?;
        file.map()?;
        self.names.insert(soname, file.path().to_owned());
        self.shared.insert(path.to_owned());
        Ok(())
    }

    /// Maps an app library; the shared libraries that it needs are mapped already.
    pub(crate) fn app(&mut self, path: &Path, build_id: BuildId) -> Result<AppLibrary, PartError> {
        if let Some(app) = self.apps.get(path) {
            return Ok(app.clone());
        }
        let file = InPlace::read(path)?;
        file.check_route_library()?;
        let soname = self.name(&file)?;
        let library = Arc::new(file.map_route_library(build_id)?);
        self.names.insert(soname.clone(), file.path().to_owned());
        let app = AppLibrary { library, soname };
        self.apps.insert(path.to_owned(), app.clone());
        Ok(app)
    }

    /// The app library that was mapped as `library`, if it was mapped here.
    pub(crate) fn app_of(&self, library: &Arc<Library>) -> Option<AppLibrary> {
        self.apps.values().find(|app| Arc::ptr_eq(&app.library, library)).cloned()
    }

    /// Maps a page library, and gives the function that it exports as `symbol`; it is for the app
    /// library of that name, which is mapped, and for no other.
    pub(crate) fn page(
        &mut self,
        path: &Path,
        symbol: &str,
        app: Option<&str>,
    ) -> Result<PageEntry, PartError> {
        if let Some(page) = self.pages.get(path).filter(|page| page.symbol == symbol) {
            check_app(path, &page.apps, app)?;
            return Ok(page.entry);
        }
        let file = InPlace::read(path)?;
        let apps = self.apps_among(file.needed());
        check_app(file.path(), &apps, app)?;
        let missing =
            || PartError::NotAPage { path: file.path().to_owned(), symbol: symbol.into() };
        let entry = file.map_symbol::<PageEntry>(symbol)?.ok_or_else(missing)?;
        self.pages.insert(path.to_owned(), Page { symbol: symbol.into(), apps, entry });
        Ok(entry)
    }

    /// The name of a library that others need, if no other one is mapped under it.
    fn name(&self, file: &InPlace) -> Result<String, PartError> {
        let path = file.path();
        let Some(name) = file.soname() else {
            return Err(PartError::Nameless { path: path.into() });
        };
        let inode = |path: &Path| std::fs::metadata(path).map(|it| (it.dev(), it.ino())).ok();
        match self.names.get(name) {
            Some(other)
                if other != path && (inode(other).is_none() || inode(other) != inode(path)) =>
            {
                Err(PartError::SameName {
                    path: path.into(),
                    name: name.into(),
                    other: other.clone(),
                })
            }
            _ => Ok(name.to_owned()),
        }
    }

    /// Those of the libraries that are app libraries, as far as can be told.
    fn apps_among(&self, needed: &[String]) -> Vec<String> {
        let known = |name: &str| self.apps.values().any(|app| app.soname == name);
        needed.iter().filter(|name| name.starts_with(APP) || known(name)).cloned().collect()
    }
}

/// Whether a page that needs these app libraries belongs to this one and to no other.
fn check_app(path: &Path, needed: &[String], app: Option<&str>) -> Result<(), PartError> {
    match (needed, app) {
        ([needed], Some(running)) if needed == running => Ok(()),
        _ => Err(PartError::OtherApp {
            path: path.into(),
            found: match needed {
                [] => "no app library".into(),
                names => format!("`{}`", names.join("` and `")),
            },
            running: match app {
                Some(running) => format!("`{running}`"),
                None => "one that takes no pages".into(),
            },
        }),
    }
}
