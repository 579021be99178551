//! What the process that exercises a library is told, and what it says.

use std::path::PathBuf;
use std::time::Duration;

use nova_host::library::start::StartInfo;
use nova_host::release::plan::{Plan, PlannedRequest};
use serde::{Deserialize, Serialize};

use super::report::RequestReport;

/// How much of a plan is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Extent {
    /// All of it, on scratch state.
    Everything,
    /// What changes nothing.
    Reads,
    /// What becomes a file of the release; the documents are kept.
    Prerendered,
}

impl Extent {
    /// Whether a request is sent.
    pub(super) fn holds(self, planned: &PlannedRequest) -> bool {
        !planned.skip
            && match self {
                Self::Everything => true,
                Self::Reads => !planned.writes(),
                Self::Prerendered => planned.prerender,
            }
    }
}

/// What is to be done.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PrecompileJob {
    /// The library, or the folder of its release.
    pub(super) source: PathBuf,
    /// Where private copies of libraries go.
    pub(super) store: PathBuf,
    /// A folder of public files, instead of the release's own.
    pub(super) public: Option<PathBuf>,
    pub(super) plan: PlanSource,
    /// The requests before this one have been sent.
    pub(super) first: usize,
    /// How much is sent.
    pub(super) extent: Extent,
    /// What the app is told about the files around it, where no release says so.
    pub(super) info: StartInfo,
    /// How long an answer may take.
    pub(super) limit: Duration,
    /// How long `init` may take.
    pub(super) init_limit: Duration,
    /// How long the requests that change nothing are sent again and again.
    pub(super) training: Duration,
}

/// Where the requests come from.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum PlanSource {
    /// They are given.
    Given(Plan),
    /// They are made from the routes and from what there is already.
    Generated(Option<Plan>),
}

/// What the process says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum PrecompileMessage {
    /// What it does now, in case nothing more is heard.
    Doing(String),
    /// What will be sent, to the library of this build id.
    Plan { plan: Plan, build_id: String },
    /// It sends this one now; `route` and `file` are those that will answer.
    Sending { index: usize, route: Option<String>, file: Option<String> },
    /// That is what came of it.
    Sent(RequestReport),
    /// A page for a file.
    Rendered(RenderedPage),
    /// It sends requests again and again; their answers are not looked at.
    Training,
    /// Everything was sent.
    Done,
    /// The library cannot be exercised.
    Refused(String),
}

/// A page as it becomes a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RenderedPage {
    /// Its path.
    pub(crate) path: String,
    /// The page's own file.
    pub(crate) file: Option<String>,
    /// The document.
    pub(crate) html: String,
}
