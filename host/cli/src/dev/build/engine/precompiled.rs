//! A library that was compiled before the session, and which pages of the app it does not fit.
//!
//! `nova dev --routes LIB` answers with it until a page is saved, or until one is asked for that
//! is not what it was when the library was compiled. Then the app is opened in its parts, as ever.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use nova_route_template::{LIBRARY, MANIFEST, Manifest, PreparedApp};

use super::sources::Sources;
use super::{Engine, EngineEvent};
use crate::dev::wire::protocol::PageRoute;

/// A library that serves until the parts do.
#[derive(Debug)]
pub(crate) struct PrecompiledLibrary {
    /// Whether the parts wait until one of them is needed.
    pub(super) holds: bool,
    /// Pages that are others by now, or new.
    stale: BTreeSet<String>,
}

impl PrecompiledLibrary {
    /// Compares an app with what its library was compiled from; `None` if what all pages share is
    /// something else by now.
    fn of(manifest: Manifest, prepared: &PreparedApp) -> Option<Self> {
        if manifest.shared_sha256 != prepared.shared_sha256() {
            return None;
        }
        let then: BTreeMap<_, _> =
            manifest.routes.into_iter().map(|route| (route.file, route.source_sha256)).collect();
        let pages = prepared.tree.pages.iter().map(|page| &page.file);
        let is_stale = |file: &&String| then.get(*file) != prepared.source_hashes.get(*file);
        Some(Self { holds: true, stale: pages.filter(is_stale).cloned().collect() })
    }
}

/// The manifest that lies beside a library, or in a release folder.
fn manifest_of(library: &Path) -> Option<Manifest> {
    let folder = if library.is_dir() { library } else { library.parent()? };
    if !library.is_dir() && library.file_name()? != LIBRARY {
        return None;
    }
    let text = std::fs::read(folder.join(MANIFEST)).ok()?;
    serde_json::from_slice(&text).ok()
}

impl Engine {
    /// This library is about to serve; gives every page of the app, and which of them wait for
    /// their own library. `None`: nothing is known of the library.
    pub(crate) fn begin_with(&mut self, library: &Path) -> Option<Vec<PageRoute>> {
        let manifest = manifest_of(library)?;
        let scanned = {
            let mut sources = self.sources.lock();
            sources
                .get_or_insert_with(|| Sources::open(&self.dir))
                .scan(&self.dir, &BTreeSet::new())
        };
        // What is wrong is said by the scan that follows.
        let prepared = scanned.ok()?.prepared;
        self.precompiled = PrecompiledLibrary::of(manifest, &prepared);
        Some(self.page_routes(&prepared))
    }

    fn page_routes(&self, prepared: &PreparedApp) -> Vec<PageRoute> {
        let stale =
            |file: &str| self.precompiled.as_ref().is_some_and(|it| it.stale.contains(file));
        let page = |page: &nova_route_template::Page| PageRoute {
            pattern: page.pattern.to_string(),
            file: page.file.clone(),
            stale: stale(&page.file),
        };
        prepared.tree.pages.iter().map(page).collect()
    }

    /// Announces which pages there are, if they are not those of the last time.
    pub(super) fn announce_pages(&mut self, prepared: &PreparedApp) {
        let pages = self.page_routes(prepared);
        if self.announced != pages {
            self.announced.clone_from(&pages);
            self.events.push_back(EngineEvent::Routes(pages));
        }
    }

    /// Whether the library of before answers, and none of the parts is needed.
    pub(super) fn holds(&self) -> bool {
        self.precompiled.as_ref().is_some_and(|it| it.holds)
    }

    /// One of the parts is needed.
    pub(super) fn release_precompiled(&mut self) {
        if let Some(precompiled) = &mut self.precompiled {
            precompiled.holds = false;
        }
    }

    /// There are no parts to wait for: the library of before answers requests that wait.
    pub(super) fn forget_precompiled(&mut self) {
        if self.precompiled.take().is_some()
            && let Some(prepared) = self.prepared.clone()
        {
            self.announce_pages(&prepared);
        }
    }
}
