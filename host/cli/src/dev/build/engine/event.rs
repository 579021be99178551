//! What the engine has to say to the session.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nova_host::swap::{PageLibrary, SplitApp};
use nova_route_template::parts::UnitOutput;
use nova_route_template::{CargoError, Diagnostic};

use crate::dev::build::builder::BuildFailure;
use crate::dev::watch::change::Change;
use crate::dev::wire::protocol::PageRoute;

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
    Whole { reason: String },
}

/// Libraries that shall serve.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) app: SplitApp,
    /// All pages that are compiled against it.
    pub(crate) pages: Vec<PageLibrary>,
    /// What was saved; empty for a page that was asked for.
    pub(crate) changes: Vec<Change>,
    /// Whether the developer asked for everything anew.
    pub(crate) rebuild: bool,
    /// When the change was noticed, or the page asked for; none if nobody waits.
    pub(crate) since: Option<Instant>,
    /// From the save until that.
    pub(crate) watch: Duration,
    pub(crate) timing: Timing,
    /// What is still wrong with pages that were saved or asked for.
    pub(crate) failures: Vec<Arc<BuildFailure>>,
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

/// A page as people see it.
#[derive(Clone, Debug)]
pub(crate) struct PageView {
    pub(crate) pattern: String,
    pub(crate) file: String,
    pub(crate) methods: Vec<String>,
    pub(crate) health: Health,
    /// Of its library, in bytes.
    pub(crate) size: Option<u64>,
    /// The compiler's time for it.
    pub(crate) took: Option<Duration>,
}

/// How a page is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    NotBuilt,
    Building,
    Live,
    Failed,
    /// In the app library, for this reason.
    Inside(String),
}
