//! A library that was compiled before the session, and which pages of the app it still fits.
//!
//! `nova dev --routes LIB` answers with it until a page is saved, or until one is asked for that
//! is not what it was when the library was compiled. Then the app is opened in its parts, as ever.

use std::collections::BTreeMap;
use std::path::Path;

use nova_route_template::{LIBRARY, MANIFEST, Manifest, Prepared};

use super::{Engine, Update};
use crate::dev::protocol::Page;

/// What a library was compiled from, by its manifest.
#[derive(Debug)]
pub(crate) struct Precompiled {
    /// The hash of each page's source.
    pages: BTreeMap<String, String>,
    shared: String,
}

impl Precompiled {
    /// What the manifest says of `library`, a library or a release folder; `None` without one.
    pub(crate) fn of(library: &Path) -> Option<Self> {
        let folder = if library.is_dir() { library } else { library.parent()? };
        if !library.is_dir() && library.file_name()? != LIBRARY {
            return None;
        }
        let text = std::fs::read(folder.join(MANIFEST)).ok()?;
        let manifest: Manifest = serde_json::from_slice(&text).ok()?;
        let pages = manifest.routes.into_iter().map(|route| (route.file, route.source_sha256));
        Some(Self { pages: pages.collect(), shared: manifest.shared_sha256 })
    }

    /// Whether what all pages share is what it was.
    fn fits(&self, prepared: &Prepared) -> bool {
        self.shared == prepared.shared_sha256()
    }

    fn has(&self, file: &str, prepared: &Prepared) -> bool {
        let now = prepared.source_hashes.get(file);
        now.is_some() && now == self.pages.get(file)
    }
}

impl Engine {
    /// This library serves already.
    pub(crate) fn begin_with(&mut self, library: &Path) {
        self.precompiled = Precompiled::of(library);
    }

    /// Tells which pages there are, and which of them wait for their own library.
    pub(super) fn tell_routes(&mut self, prepared: &Prepared) {
        if self.precompiled.as_ref().is_some_and(|it| !it.fits(prepared)) {
            self.precompiled = None;
        }
        let stale =
            |file: &str| self.precompiled.as_ref().is_some_and(|it| !it.has(file, prepared));
        let pages = prepared.tree.pages.iter().map(|page| Page {
            pattern: page.pattern.to_string(),
            file: page.file.clone(),
            stale: stale(&page.file),
        });
        self.ready.push_back(Update::Routes(pages.collect()));
    }

    /// The library of before is of no use any more, or all that there is: nobody waits for
    /// another because of it.
    pub(super) fn forget_precompiled(&mut self) {
        if self.precompiled.take().is_some()
            && let Some(prepared) = self.prepared.clone()
        {
            self.tell_routes(&prepared);
        }
    }
}
