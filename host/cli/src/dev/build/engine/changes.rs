//! What a change of a file makes out of date.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

use nova_route_template::parts::key_files;

use super::{Engine, EngineEvent};
use crate::dev::watch::change::{Area, Change};

/// What must be done before any page can be compiled.
#[derive(Debug, Default)]
pub(super) struct Stale {
    pub(super) files: bool,
    pub(super) image: bool,
    /// Only cargo knows: a crate in a folder of the user's has changed.
    pub(super) cargo: bool,
    pub(super) app: bool,
}

impl Stale {
    /// Everything.
    pub(super) fn all() -> Self {
        Self { files: true, image: true, cargo: true, app: true }
    }
}

impl Engine {
    /// Files have changed; `watch` is how long it took to notice, `since` when that was.
    pub(crate) fn changed(&mut self, changes: Vec<Change>, watch: Duration, since: Instant) {
        self.active = Instant::now();
        self.checked = false;
        if !changes.is_empty() {
            self.release_precompiled();
        }
        let paths: BTreeSet<PathBuf> =
            changes.iter().map(|change| self.dir.join(&change.path)).collect();
        let mut saved = self.pages.readers_of(&paths);
        for change in &changes {
            self.mark_stale(&change.path);
            if Area::of(&change.path) == Some(Area::Page) {
                let file = change.path.to_string_lossy().into_owned();
                if !saved.contains(&file) {
                    saved.push(file);
                }
            }
        }
        let in_mirror = changes.iter().filter_map(|change| self.in_mirror(&change.path)).collect();
        self.stale.app |= self.app.reads(&paths)
            || self.app.reads(&in_mirror)
            || saved.iter().any(|file| self.app.has(file) || self.pages.is_inside(file));
        // Which files would have been read next, an attempt that failed does not tell.
        self.stale.app |=
            self.app_failure.is_some() && changes.iter().any(|change| may_be_shared(&change.path));
        if self.stale.app || self.stale.image {
            // An error in one file is often mended in another.
            self.pages.forget_failures();
        }
        self.pages.saved(saved);
        self.draft.add(changes, watch, since);
        self.interrupt();
    }

    /// What a change of the file at `path`, from the app's folder, makes out of date.
    fn mark_stale(&mut self, path: &Path) {
        let absolute = self.dir.join(path);
        if self.script.reads(&absolute) || self.key_files.contains(&absolute) {
            self.stale.files = true;
            self.stale.image = true;
        }
        match Area::of(path) {
            Some(Area::Page) => self.stale.files = true,
            // Which pages have queries in them is not known; with another app library all of them
            // are compiled again.
            Some(Area::Component | Area::App | Area::CrateRoot | Area::Queries) => {
                self.stale.files = true;
                self.stale.app = true;
            }
            Some(Area::Manifest | Area::Source) => {
                self.stale.files = true;
                self.stale.image = true;
            }
            // A crate beside the app.
            None if self.is_in_local_crate(path) => {
                self.stale.image = true;
                self.stale.cargo = true;
            }
            _ => {}
        }
    }

    /// Lock files have changed while something is compiled, which goes on: cargo writes them, too.
    /// Whether it was cargo is found out after that.
    pub(crate) fn lock_changed(&mut self, locks: Vec<Change>) {
        self.locks.extend(locks);
    }

    /// Whether the file at `path`, from the app's folder, is the lock file.
    pub(crate) fn is_lock(&self, path: &Path) -> bool {
        path == Path::new("Cargo.lock")
            || path.file_name().is_some_and(|name| name == "Cargo.lock") && self.is_key_file(path)
    }

    /// Whether the file at `path`, from the app's folder, decides how everything is compiled.
    pub(crate) fn is_key_file(&self, path: &Path) -> bool {
        Area::of(path) == Some(Area::Manifest) || self.key_files.contains(&self.dir.join(path))
    }

    /// Announces the files that decide how everything is compiled.
    pub(super) fn announce_key_files(&mut self) {
        self.key_files = key_files(&self.dir);
        let new: BTreeSet<PathBuf> = self.key_files.difference(&self.inputs).cloned().collect();
        if !new.is_empty() {
            self.inputs.extend(new.iter().cloned());
            self.events.push_back(EngineEvent::Inputs(new));
        }
    }

    /// The path of a file as the app library's fingerprint has it: below its mirror.
    fn in_mirror(&self, path: &Path) -> Option<PathBuf> {
        Some(self.parts.as_ref()?.folder().join("root").join(path))
    }

    /// Whether a file belongs to a crate beside the app.
    fn is_in_local_crate(&self, path: &Path) -> bool {
        let folders = self.parts.iter().flat_map(|parts| parts.local_folders());
        path.is_absolute() && folders.into_iter().any(|folder| path.starts_with(folder))
    }

    /// Whether the compiler, or the build script, has read this file, or cargo would.
    pub(crate) fn reads(&self, path: &Path) -> bool {
        let absolute = self.dir.join(path);
        if self.script.reads(&absolute) || self.key_files.contains(&absolute) {
            return true;
        }
        let own = BTreeSet::from([absolute]);
        let mirror = self.in_mirror(path).into_iter().collect();
        !self.pages.readers_of(&own).is_empty() || self.app.reads(&own) || self.app.reads(&mirror)
    }
}

/// Whether the file at `path`, from the app's folder, may be a module of the app library although
/// nothing has read it yet. A page is none before another file names it, and that the scan sees.
fn may_be_shared(path: &Path) -> bool {
    match Area::of(path) {
        Some(Area::Source) => true,
        Some(Area::Page) => {
            let is_private =
                |part: Component<'_>| part.as_os_str().as_encoded_bytes().starts_with(b"_");
            path.components().any(is_private) || path.file_name().is_some_and(|it| it == "404.rs")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_page_may_be_a_module_of_the_app_library() {
        for (path, expected) in [
            ("db.rs", true),
            ("src/db/query.rs", true),
            ("pages/_layout.rs", true),
            ("src/pages/admin/_middleware.rs", true),
            ("pages/_parts/row.rs", true),
            ("pages/404.rs", true),
            ("pages/index.rs", false),
            ("pages/users/[id].rs", false),
            ("templates/mail.txt", false),
            ("target/x.rs", false),
        ] {
            assert_eq!(may_be_shared(Path::new(path)), expected, "{path}");
        }
    }
}
