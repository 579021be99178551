//! Reading the app, and what is found out of its files; kept from one scan to the next.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use nova_route_template::parts::references;
use nova_route_template::{PreparedApp, SourceCache, prepare_rest};

use crate::dev::build::failure::BuildFailure;

/// What was found out of the app's files, kept from one scan to the next.
#[derive(Debug)]
pub(crate) struct Sources {
    cache: SourceCache,
    /// What each file names as pages, with the hash of the text that this was read from.
    named: HashMap<String, (String, BTreeSet<String>)>,
}

/// An app that was read.
#[derive(Debug)]
pub(crate) struct AppScan {
    pub(crate) prepared: PreparedApp,
    /// The pages that other files name.
    pub(crate) named: BTreeSet<String>,
}

impl Sources {
    /// What was found out the last time, by this process or another.
    pub(crate) fn open(dir: &Path) -> Self {
        Self { cache: SourceCache::open(dir), named: HashMap::new() }
    }

    /// Reads the app, and finds out which pages are shared modules as well. These pages are `known`:
    /// where two have one route, it is theirs.
    pub(crate) fn scan(
        &mut self,
        dir: &Path,
        known: &BTreeSet<String>,
    ) -> Result<AppScan, BuildFailure> {
        let prepared = prepare_rest(dir, &mut self.cache, |file| known.contains(file))?;
        let named = self.named_pages(&prepared);
        Ok(AppScan { prepared, named })
    }

    fn named_pages(&mut self, prepared: &PreparedApp) -> BTreeSet<String> {
        let (dir, tree) = (prepared.project.dir(), &prepared.tree);
        let files: BTreeMap<&str, &str> =
            tree.pages.iter().map(|page| (page.module.as_str(), page.file.as_str())).collect();
        let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
        let mut named = BTreeSet::new();
        for (file, hash) in &prepared.source_hashes {
            let known = self.named.get(file).filter(|(then, _)| then == hash);
            if known.is_none() {
                let names = references(&read(&dir.join(file)));
                self.named.insert(file.clone(), (hash.clone(), names));
            }
            let names = self.named.get(file).map(|(_, names)| names).into_iter().flatten();
            let pages = names.filter_map(|name| files.get(name.as_str()));
            named.extend(pages.filter(|page| **page != file).map(|&page| page.to_owned()));
        }
        let shared =
            [tree.components_root.as_deref(), tree.app.as_ref().map(|app| app.file.as_str())];
        for root in shared.into_iter().flatten() {
            let walk = walkdir::WalkDir::new(dir.join(root)).into_iter().flatten();
            let sources = walk.filter(|it| it.path().extension().is_some_and(|it| it == "rs"));
            for entry in sources {
                let names = references(&read(entry.path()));
                let pages = names.iter().filter_map(|name| files.get(name.as_str()));
                named.extend(pages.map(|&page| page.to_owned()));
            }
        }
        named
    }
}
