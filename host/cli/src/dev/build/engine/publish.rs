//! What is compiled, on its way to the session; and to the disk, for the next one.

use nova_host::library::loader::BuildId;
use nova_host::swap::{PageLibrary, SplitApp};

use super::inventory::PageBuild;
use super::{Engine, EngineEvent, Publication, PublicationDraft};

impl Engine {
    /// Publishes what is compiled, as the answer to what was saved or asked for.
    pub(super) fn publish(&mut self) {
        // The page on screen comes with the app library that it needs, or not at all.
        let waits = |file: &String| self.failed.contains_key(file);
        let on_screen = self.known.recent().first();
        if !self.is_app_published() && self.published.is_some() && on_screen.is_some_and(waits) {
            self.pending.due = false;
            return;
        }
        let pending = std::mem::take(&mut self.pending);
        self.publish_for(pending);
    }

    /// Publishes a page that nobody waits for.
    pub(super) fn publish_quietly(&mut self) {
        if !self.holds() {
            self.publish_for(PublicationDraft::default());
        }
    }

    pub(super) fn publish_for(&mut self, pending: PublicationDraft) {
        let (Some(split), Some(app)) = (&self.split, &self.known.app) else { return };
        let image = split.image();
        let library = &app.library;
        self.published = Some(library.build.clone());
        let page = |(file, page): (&String, &PageBuild)| PageLibrary {
            file: file.clone(),
            path: page.library.clone(),
            symbol: page.symbol.clone(),
        };
        let loaded = self.known.pages.iter().filter(|(file, _)| self.loaded.contains(*file));
        let PublicationDraft { changes, since, watch, timing, due: _, rebuild } = pending;
        let shown = self.failed.values().filter(|broken| broken.shown);
        self.ready.push_back(EngineEvent::Publish(Publication {
            app: SplitApp {
                shared: vec![image.std.clone(), image.library.clone()],
                app: library.library.clone(),
                build: BuildId::of(library.build.as_bytes()),
            },
            pages: loaded.map(page).collect(),
            changes,
            rebuild,
            since,
            watch,
            timing,
            failures: shown.map(|broken| broken.failure.clone()).collect(),
        }));
        self.unsaved = true;
    }

    /// Writes down what is known, if it is more than before.
    pub(super) fn save(&mut self) {
        if let Some(split) = self.split.as_ref().filter(|_| self.unsaved) {
            self.known.save(&split.folder());
            self.unsaved = false;
        }
    }
}
