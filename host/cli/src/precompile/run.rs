//! Exercising a library in processes of its own: as many as hang or crash, and one more.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nova_host::library::start::StartInfo;
use nova_host::process::{ChildError, command, follow};
use nova_host::release::plan::{Plan, Planned};
use serde::{Deserialize, Serialize};

use super::child::{PlanFor, PrecompileJob, PrecompileMessage, ROLE, RenderedPage};
use super::report::{PrecompileReport, RequestOutcome, RequestReport};

/// So many requests may take their process with them; then the rest is left.
const MOST_CRASHES: usize = 8;

/// How long a process may be silent beyond what it was given for its work.
const SLACK: Duration = Duration::from_secs(1);

/// How long a process may take to end, once all is done.
const ENDING: Duration = Duration::from_secs(10);

/// The variable that names the folder for scratch state.
pub(crate) const SCRATCH: &str = "NOVA_SCRATCH";

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
    pub(super) fn holds(self, planned: &Planned) -> bool {
        !planned.skip
            && match self {
                Self::Everything => true,
                Self::Reads => !planned.writes(),
                Self::Prerendered => planned.prerender,
            }
    }
}

/// What is to be exercised, and how.
#[derive(Debug)]
pub(crate) struct PrecompileOrder {
    /// The library, or the folder of its release.
    pub(crate) source: PathBuf,
    /// A folder of public files, instead of the release's own.
    pub(crate) public: Option<PathBuf>,
    /// The plan that there is.
    pub(crate) plan: Option<Plan>,
    /// Whether the plan is brought up to date with the routes first. One that is not there is
    /// made.
    pub(crate) generate: bool,
    /// How much is sent.
    pub(crate) extent: Extent,
    /// What the app is told about the files around it, where no release says so.
    pub(crate) info: StartInfo,
    /// How long an answer may take.
    pub(crate) limit: Duration,
    /// How long `init` may take.
    pub(crate) init_limit: Duration,
    /// How long the requests that change nothing are sent again and again, to train a profile.
    pub(crate) training: Duration,
    /// The folder that the library runs in; a temporary one, if it may change something.
    pub(crate) scratch: Option<PathBuf>,
}

impl PrecompileOrder {
    /// The library or release at `source`, exercised with a plan of its own.
    pub(crate) fn new(source: PathBuf) -> Self {
        Self {
            source,
            public: None,
            plan: None,
            generate: true,
            extent: Extent::Everything,
            info: StartInfo::default(),
            limit: Duration::from_secs(5),
            init_limit: Duration::from_secs(10),
            training: Duration::ZERO,
            scratch: None,
        }
    }
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Precompilation {
    /// The plan that was followed.
    pub(crate) plan: Plan,
    pub(crate) report: PrecompileReport,
    /// What was prerendered.
    pub(crate) rendered: Vec<RenderedPage>,
}

/// Why nothing, or not all, was exercised.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PrecompileError {
    #[error("no folder for scratch state: {0}")]
    Scratch(#[source] io::Error),
    #[error("{}: {reason}", .library.display())]
    Refused { library: PathBuf, reason: String },
    #[error("{}: while the process was {doing}, it failed: {cause}", .library.display())]
    Died { library: PathBuf, doing: String, cause: ChildError },
    #[error(
        "{} requests ended their process, and the rest was not sent:{}", .complaints.len(),
        .complaints.iter().map(|line| format!("\n  {line}")).collect::<String>()
    )]
    TooMany { complaints: Vec<String> },
}

/// The request that is under way.
struct RequestProgress {
    index: usize,
    route: Option<String>,
    file: Option<String>,
}

/// Exercises a library; `program` is an executable whose `main` calls
/// [`child_main`](nova_host::process::child_main). `on_sent` sees each request as it is done.
pub(crate) async fn precompile(
    program: &Path,
    order: PrecompileOrder,
    mut on_sent: impl FnMut(&RequestReport),
) -> Result<Precompilation, PrecompileError> {
    let folder = tempfile::tempdir().map_err(PrecompileError::Scratch)?;
    let own = folder.path().join("scratch");
    std::fs::create_dir(&own).map_err(PrecompileError::Scratch)?;
    let scratch = order.scratch.as_deref().unwrap_or(&own);
    let PrecompileOrder { limit, init_limit, extent, .. } = order;
    let plan = match (order.plan, order.generate) {
        (Some(plan), false) => PlanFor::Sent(plan),
        (plan, _) => PlanFor::GeneratedPlan(plan),
    };
    let mut job = PrecompileJob {
        source: order.source.clone(),
        store: folder.path().join("libraries"),
        public: order.public,
        plan,
        first: 0,
        extent,
        info: order.info,
        limit,
        init_limit,
        training: order.training,
    };
    let (mut followed, mut build_id) = (None, String::new());
    let (mut requests, mut rendered) = (Vec::new(), Vec::new());
    let mut crashes = 0;
    loop {
        let mut child = command(program, ROLE.name);
        child.env(SCRATCH, scratch);
        // What only reads may need the files of the folder that it is started in.
        if extent == Extent::Everything || order.scratch.is_some() {
            child.current_dir(scratch);
        }
        let mut doing = "loading the library".to_owned();
        let mut sending: Option<RequestProgress> = None;
        let patience = init_limit + SLACK;
        let verdict = follow(child, &job, patience, ENDING, |message| {
            match message {
                PrecompileMessage::Doing(what) => doing = what,
                PrecompileMessage::Plan { plan, build_id: id } => {
                    (followed, build_id) = (Some(plan), id);
                }
                PrecompileMessage::RequestProgress { index, route, file } => {
                    sending = Some(RequestProgress { index, route, file });
                }
                PrecompileMessage::Sent(exercised) => {
                    on_sent(&exercised);
                    requests.push(exercised);
                    sending = None;
                }
                PrecompileMessage::RenderedPage(page) => rendered.push(page),
                PrecompileMessage::Training => "training".clone_into(&mut doing),
                PrecompileMessage::Done => return ControlFlow::Break(Ok(())),
                PrecompileMessage::Refused(reason) => return ControlFlow::Break(Err(reason)),
            }
            // A request is sent a few times, and its body is read, before anything is said.
            let next = if sending.is_some() { limit } else { init_limit.max(limit) };
            ControlFlow::Continue(next + SLACK)
        });
        let cause = match verdict.await {
            Ok(Ok(())) => break,
            Ok(Err(reason)) => {
                return Err(PrecompileError::Refused { library: order.source, reason });
            }
            Err(cause) => cause,
        };
        let planned =
            |sending: &RequestProgress| followed.as_ref()?.requests.get(sending.index).cloned();
        let Some((sending, planned)) = sending.and_then(|it| planned(&it).map(|plan| (it, plan)))
        else {
            return Err(PrecompileError::Died { library: order.source, doing, cause });
        };
        let outcome = match cause {
            ChildError::TimedOut { .. } => RequestOutcome::Hung {
                limit_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
            },
            died => RequestOutcome::Crashed { how: died.to_string() },
        };
        let failure = outcome.failure(&planned);
        let RequestProgress { index, route, file } = sending;
        let (method, target) = (planned.method, planned.target);
        let exercised = RequestReport { method, target, route, file, outcome, failure };
        on_sent(&exercised);
        requests.push(exercised);
        crashes += 1;
        if crashes == MOST_CRASHES {
            let complaints = requests.iter().filter_map(RequestReport::complaint).collect();
            return Err(PrecompileError::TooMany { complaints });
        }
        job.first = index + 1;
        job.plan = PlanFor::Sent(followed.clone().unwrap_or_else(|| Plan::new(Vec::new())));
    }
    let failed = requests.iter().filter(|request| request.failure.is_some()).count();
    let read_only = extent != Extent::Everything;
    let report = PrecompileReport { build_id, read_only, failed, requests };
    Ok(Precompilation { plan: followed.unwrap_or_else(|| Plan::new(Vec::new())), report, rendered })
}
