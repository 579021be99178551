//! What is compiled, on its way to the session; and to the disk, for the next one.

use std::time::{Duration, Instant};

use nova_host::library::loader::BuildId;
use nova_parts::{PageLibrary, PartedApp};
use nova_route_template::parts::UnitOutput;

use super::inventory::Inventory;
use super::{Engine, EngineEvent, Publication, Timing};
use crate::dev::watch::change::Change;

/// What the next publication is for.
#[derive(Debug, Default)]
pub(super) struct PublicationDraft {
    changes: Vec<Change>,
    since: Option<Instant>,
    watch: Duration,
    timing: Timing,
    /// Whether a publication is due even if no page is compiled.
    due: bool,
    /// Whether the developer asked for everything anew.
    rebuild: bool,
}

impl PublicationDraft {
    /// It is for these changes, too, which were noticed after `watch`, at `since`.
    pub(super) fn add(&mut self, changes: Vec<Change>, watch: Duration, since: Instant) {
        self.changes.extend(changes);
        self.changes.sort();
        self.changes.dedup();
        self.watch = self.watch.max(watch);
        self.ask(since);
    }

    /// It is asked for, since then.
    pub(super) fn ask(&mut self, since: Instant) {
        self.since.get_or_insert(since);
        self.due = true;
    }

    /// It is for everything anew.
    pub(super) fn rebuild(&mut self, since: Instant) {
        self.since = Some(since);
        self.due = true;
        self.rebuild = true;
    }

    /// There is something to publish, asked for or not.
    pub(super) fn make_due(&mut self) {
        self.due = true;
    }

    pub(super) fn is_due(&self) -> bool {
        self.due
    }

    /// The compiler has worked for it.
    pub(super) fn add_time_of(&mut self, output: &UnitOutput) {
        self.timing.add(output);
    }

    /// There will be none: the changes that it was for, and how long ago they were noticed.
    pub(super) fn give_up(self) -> (Vec<Change>, Duration) {
        (self.changes, self.since.map(|since| since.elapsed()).unwrap_or_default())
    }
}

impl Engine {
    /// Publishes what is compiled, as the answer to what was saved or asked for.
    pub(super) fn publish(&mut self) {
        // The page on screen comes with the app library that it needs, or not at all.
        let waits = self.pages.on_screen().is_some_and(|file| self.pages.is_failed(file));
        if waits && self.app.was_published() && !self.app.is_published() {
            self.draft.due = false;
            return;
        }
        let draft = std::mem::take(&mut self.draft);
        self.publish_for(draft);
    }

    /// Publishes a page that is not waited for.
    pub(super) fn publish_quietly(&mut self) {
        if !self.holds() {
            self.publish_for(PublicationDraft::default());
        }
    }

    fn publish_for(&mut self, draft: PublicationDraft) {
        let (Some(parts), Some(app)) = (&self.parts, self.app.newest()) else { return };
        let (image, library) = (parts.image(), &app.library);
        let app = PartedApp {
            shared: vec![image.std.clone(), image.library.clone()],
            app: library.library.clone(),
            build: BuildId::of(library.build.as_bytes()),
        };
        let pages = self.pages.serving().map(|(file, page)| PageLibrary {
            file: file.clone(),
            path: page.library.clone(),
            symbol: page.symbol.clone(),
        });
        let PublicationDraft { changes, since, watch, timing, due: _, rebuild } = draft;
        let publication = Publication {
            app,
            pages: pages.collect(),
            changes,
            rebuild,
            since,
            watch,
            timing,
            failures: self.pages.shown_failures(),
        };
        self.app.publish();
        self.events.push_back(EngineEvent::Publish(publication));
        self.unsaved = true;
    }

    /// Writes down what is known, if it is more than before.
    pub(super) fn save(&mut self) {
        if let Some(parts) = self.parts.as_ref().filter(|_| self.unsaved) {
            let (pages, hazards) = (self.pages.builds(), self.pages.hazards());
            let recent = self.pages.recent().to_vec();
            let app = self.app.newest().cloned();
            Inventory::new(parts.key(), app, hazards, pages, recent).save(&parts.folder());
            self.unsaved = false;
        }
    }
}
