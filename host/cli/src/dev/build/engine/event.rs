//! What the engine has to say to the session.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nova_parts::{PageLibrary, PartedApp};
use nova_route_template::parts::UnitOutput;
use nova_route_template::{CargoError, Diagnostic};

use crate::dev::build::failure::BuildFailure;
use crate::dev::watch::change::Change;
use crate::dev::wire::phases::{Phases, micros};
use crate::dev::wire::protocol::PageRoute;
use crate::dev::wire::save::{Save, SaveOutcome, Scope};

/// What the engine has done, or wants to be done.
#[derive(Debug)]
pub(crate) enum EngineEvent {
    /// The sys image is being built.
    Progress {
        /// How many crates are ready.
        crates: usize,
        /// The latest.
        name: String,
    },
    /// Every page of the app, by its files.
    Routes(Vec<PageRoute>),
    /// Folders beside the app that belong to it.
    Watch(Vec<PathBuf>),
    /// These libraries shall serve.
    Publish(Publication),
    /// What was saved does not compile; what serves goes on.
    Failed {
        changes: Vec<Change>,
        /// From the save until it was known.
        took: Duration,
        failure: Arc<BuildFailure>,
    },
    /// A request for this page has nothing to wait for.
    PageFailed { file: String, failure: Arc<BuildFailure> },
    /// Something compiled, and the compiler has advice.
    Warnings(Vec<Diagnostic>),
    /// Something to know.
    Note(String),
    /// The whole crate was checked.
    Checked(Result<Vec<Diagnostic>, CargoError>),
    /// This app is compiled as a whole, by cargo.
    NotInParts {
        reason: String,
        /// What was saved, and is built by cargo now.
        changes: Vec<Change>,
    },
}

/// Libraries that shall serve.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) app: PartedApp,
    /// All pages that are compiled against it.
    pub(crate) pages: Vec<PageLibrary>,
    /// What was saved; empty for a page that was asked for.
    pub(crate) changes: Vec<Change>,
    /// Whether the developer asked for everything anew.
    pub(crate) rebuild: bool,
    /// When the change was noticed, or the page asked for; `None` if it is not waited for.
    pub(crate) since: Option<Instant>,
    /// From the save until that.
    pub(crate) watch: Duration,
    pub(crate) timing: Timing,
    /// What is still wrong with pages that were saved or asked for.
    pub(crate) failures: Vec<Arc<BuildFailure>>,
}

impl Publication {
    /// The phases that were over when it was handed out.
    pub(crate) fn phases(&self) -> Phases {
        Phases {
            watch_us: micros(self.watch),
            compile_us: micros(self.timing.compile),
            link_us: micros(self.timing.link),
            ..Phases::default()
        }
    }

    /// What came of `changes`, just now.
    pub(crate) fn save(&self, changes: &[Change], outcome: SaveOutcome, phases: Phases) -> Save {
        let mut save = Save::now(Scope::Code, outcome, changes, phases);
        if self.rebuild && changes.is_empty() {
            "everything".clone_into(&mut save.subject);
        }
        let since = self.since.map(|since| since.elapsed()).unwrap_or_default();
        Save { total_us: micros(self.watch + since), ..save }
    }
}

/// The compiler's time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Timing {
    /// All of it but the linker's.
    pub(crate) compile: Duration,
    pub(crate) link: Duration,
}

impl Timing {
    pub(crate) fn add(&mut self, compiled: &UnitOutput) {
        let link = compiled.linking.unwrap_or_default();
        self.compile += compiled.took.saturating_sub(link);
        self.link += link;
    }
}
