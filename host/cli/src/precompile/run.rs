//! Exercising a library in processes of its own: as many as hang or crash, and one more.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nova_host::library::start::StartInfo;
use nova_host::process::{ChildError, command, follow};
use nova_host::release::plan::Plan;

use super::child::ROLE;
use super::protocol::{Extent, PlanSource, PrecompileJob, PrecompileMessage, RenderedPage};
use super::report::{PrecompileReport, RequestOutcome, RequestReport};

/// So many requests may take their process with them; then the rest is left.
const MOST_CRASHES: usize = 8;

/// How long a process may be silent beyond what it was given for its work.
const SLACK: Duration = Duration::from_secs(1);

/// How long a process may take to end, once all is done.
const ENDING: Duration = Duration::from_secs(10);

/// The variable that names the folder for scratch state.
pub(crate) const SCRATCH: &str = "NOVA_SCRATCH";

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

/// What the processes have said so far.
struct Progress {
    /// What the one that runs does now.
    doing: String,
    sending: Option<RequestProgress>,
    plan: Option<Plan>,
    build_id: String,
    requests: Vec<RequestReport>,
    rendered: Vec<RenderedPage>,
}

impl Progress {
    /// Takes one message in; breaks with the last one, which says whether all was sent.
    fn hear(
        &mut self,
        message: PrecompileMessage,
        on_sent: &mut impl FnMut(&RequestReport),
    ) -> ControlFlow<Result<(), String>> {
        match message {
            PrecompileMessage::Doing(what) => self.doing = what,
            PrecompileMessage::Plan { plan, build_id } => {
                (self.plan, self.build_id) = (Some(plan), build_id);
            }
            PrecompileMessage::Sending { index, route, file } => {
                self.sending = Some(RequestProgress { index, route, file });
            }
            PrecompileMessage::Sent(request) => {
                on_sent(&request);
                self.requests.push(request);
                self.sending = None;
            }
            PrecompileMessage::Rendered(page) => self.rendered.push(page),
            PrecompileMessage::Training => "training".clone_into(&mut self.doing),
            PrecompileMessage::Done => return ControlFlow::Break(Ok(())),
            PrecompileMessage::Refused(reason) => return ControlFlow::Break(Err(reason)),
        }
        ControlFlow::Continue(())
    }

    /// Takes in that the process ended while it sent a request, which is blamed for it; gives the
    /// index of the next one, or nothing if no request was under way.
    fn blame(
        &mut self,
        cause: &ChildError,
        limit: Duration,
        on_sent: &mut impl FnMut(&RequestReport),
    ) -> Option<usize> {
        let RequestProgress { index, route, file } = self.sending.take()?;
        let planned = self.plan.as_ref()?.requests.get(index)?.clone();
        let outcome = match cause {
            ChildError::TimedOut { .. } => RequestOutcome::Hung {
                limit_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
            },
            died => RequestOutcome::Crashed { how: died.to_string() },
        };
        let failure = outcome.failure(&planned);
        let (method, target) = (planned.method, planned.target);
        let request = RequestReport { method, target, route, file, outcome, failure };
        on_sent(&request);
        self.requests.push(request);
        Some(index + 1)
    }

    fn into_precompilation(self, extent: Extent) -> Precompilation {
        let Self { plan, build_id, requests, rendered, .. } = self;
        let failed = requests.iter().filter(|request| request.failure.is_some()).count();
        let read_only = extent != Extent::Everything;
        let report = PrecompileReport { build_id, read_only, failed, requests };
        Precompilation { plan: plan.unwrap_or_else(|| Plan::new(Vec::new())), report, rendered }
    }
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
    let mut job = PrecompileJob {
        source: order.source.clone(),
        store: folder.path().join("libraries"),
        public: order.public,
        plan: match (order.plan, order.generate) {
            (Some(plan), false) => PlanSource::Given(plan),
            (plan, _) => PlanSource::Generated(plan),
        },
        first: 0,
        extent,
        info: order.info,
        limit,
        init_limit,
        training: order.training,
    };
    let mut progress = Progress {
        doing: String::new(),
        sending: None,
        plan: None,
        build_id: String::new(),
        requests: Vec::new(),
        rendered: Vec::new(),
    };
    for crashes in 1.. {
        let mut child = command(program, ROLE.name);
        child.env(SCRATCH, scratch);
        // What only reads may need the files of the folder that it is started in.
        if extent == Extent::Everything || order.scratch.is_some() {
            child.current_dir(scratch);
        }
        "loading the library".clone_into(&mut progress.doing);
        let verdict = follow(child, &job, init_limit + SLACK, ENDING, |message| {
            progress.hear(message, &mut on_sent)?;
            // A request is sent a few times, and its body is read, before anything is said.
            let next = if progress.sending.is_some() { limit } else { init_limit.max(limit) };
            ControlFlow::Continue(next + SLACK)
        });
        let cause = match verdict.await {
            Ok(Ok(())) => break,
            Ok(Err(reason)) => {
                return Err(PrecompileError::Refused { library: order.source, reason });
            }
            Err(cause) => cause,
        };
        let Some(next) = progress.blame(&cause, limit, &mut on_sent) else {
            let doing = progress.doing;
            return Err(PrecompileError::Died { library: order.source, doing, cause });
        };
        if crashes == MOST_CRASHES {
            let complaints =
                progress.requests.iter().filter_map(RequestReport::complaint).collect();
            return Err(PrecompileError::TooMany { complaints });
        }
        job.first = next;
        job.plan =
            PlanSource::Given(progress.plan.clone().unwrap_or_else(|| Plan::new(Vec::new())));
    }
    Ok(progress.into_precompilation(extent))
}
