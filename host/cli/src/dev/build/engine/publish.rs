//! What is compiled, on its way to the session; and to the disk, for the next one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nova_host::library::loader::BuildId;
use nova_parts::{PageLibrary, PartedApp};
use nova_route_template::parts::{Fingerprint, UnitOutput};

use super::inventory::Inventory;
use super::{Engine, EngineEvent, Publication, Timing};
use crate::dev::build::failure::BuildFailure;
use crate::dev::watch::change::Change;
use crate::dev::wire::protocol::Refusal;

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

    /// Whether it is for a change of the file at `path`.
    pub(super) fn is_for(&self, path: &Path) -> bool {
        self.changes.iter().any(|change| change.path == path)
    }

    /// It is for the changes of these files no more; gives them.
    pub(super) fn take_changes(&mut self, is_meant: impl Fn(&Path) -> bool) -> Vec<Change> {
        let changes = std::mem::take(&mut self.changes).into_iter();
        let (taken, rest) = changes.partition(|change| is_meant(&change.path));
        self.changes = rest;
        taken
    }

    /// How long ago it was asked for.
    pub(super) fn age(&self) -> Duration {
        self.since.map(|since| since.elapsed()).unwrap_or_default()
    }

    /// There will be none: the changes that it was for, and how long ago they were noticed.
    pub(super) fn give_up(self) -> (Vec<Change>, Duration) {
        let age = self.age();
        (self.changes, age)
    }
}

impl Engine {
    /// Publishes what is compiled, as the answer to what was saved or asked for.
    pub(super) fn publish(&mut self) {
        // The page on screen comes with the app library that it needs, or not at all.
        let fails = |file: &String| self.pages.is_failed(file) && !self.pages.has_mistake(file);
        let waits = self.pages.on_screen().is_some_and(fails);
        if waits && self.app.was_published() && !self.app.is_published() {
            self.draft.due = false;
            return;
        }
        let mut draft = std::mem::take(&mut self.draft);
        // What was saved and is not compiled yet is not live with this.
        let later = draft.take_changes(|path| self.pages.is_to_come(&path.to_string_lossy()));
        if !later.is_empty() {
            let PublicationDraft { since, watch, .. } = draft;
            self.draft =
                PublicationDraft { changes: later, since, watch, due: true, ..Default::default() };
        }
        self.publish_for(draft);
    }

    /// Publishes a page that is not waited for.
    pub(super) fn publish_quietly(&mut self) {
        if !self.holds() {
            self.publish_for(PublicationDraft::default());
        }
    }

    /// The server could not take a publication because of one page: the others go on without it.
    /// `false` if that page has another library by now.
    pub(crate) fn refused_page(
        &mut self,
        publication: &Publication,
        page: &str,
        refusal: &Refusal,
    ) -> bool {
        let library = publication.pages.iter().find(|it| it.file == page);
        let failure = Arc::new(BuildFailure::Refused(refusal.clone()));
        let is_newest =
            library.is_some_and(|library| self.pages.refused(page, &library.path, failure));
        let rest = publication.changes.iter().filter(|change| change.path != Path::new(page));
        self.publish_rest(publication, rest.cloned().collect());
        is_newest
    }

    /// Publishes once more what was refused, without the page that was to blame; `changes` are the
    /// others that it was for.
    fn publish_rest(&mut self, refused: &Publication, changes: Vec<Change>) {
        let &Publication { rebuild, since, watch, timing, .. } = refused;
        self.publish_for(PublicationDraft { changes, since, watch, timing, due: false, rebuild });
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
        let publication =
            Publication { app, pages: pages.collect(), changes, rebuild, since, watch, timing };
        let app = self.app.newest();
        self.waiting.retain(|file| {
            let is_in_app = app.is_some_and(|app| app.inside.contains(file));
            !is_in_app && publication.pages.iter().all(|page| page.file != *file)
        });
        self.app.publish();
        self.announce_inputs();
        self.events.push_back(EngineEvent::Publish(publication));
        self.unsaved = true;
    }

    /// Announces which files went into what is compiled, wherever they are.
    pub(super) fn announce_inputs(&mut self) {
        let Some(parts) = &self.parts else { return };
        let compiled = self.pages.fingerprints().flat_map(Fingerprint::inputs);
        let compiled = compiled.chain(self.app.inputs());
        let read = compiled.chain(self.script.files.iter().map(PathBuf::as_path));
        let is_new = |path: &&Path| !self.inputs.contains(*path) && !parts.is_output(path);
        let new: BTreeSet<PathBuf> = read.filter(is_new).map(Path::to_owned).collect();
        if !new.is_empty() {
            self.inputs.extend(new.iter().cloned());
            self.events.push_back(EngineEvent::Inputs(new));
        }
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
