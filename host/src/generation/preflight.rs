//! Preflight: a candidate is loaded, started and exercised in a child process first.
//!
//! What a library does there, a segmentation fault included, it does to the child alone. The
//! child changes nothing outside: `init` is told so, and only GETs are sent.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nova_abi::{Purpose, Route};
use serde::{Deserialize, Serialize};

use crate::generation::exercise::{self, Outcome};
use crate::generation::{Generation, GenerationId, Origin};
use crate::library::loader::{Loader, Store};
use crate::library::start::{StartInfo, start};
use crate::process::{Answers, ChildError, Role, ask, serve_parent};

/// What the child is.
pub const ROLE: Role = Role::new("preflight", || serve_parent(run));

/// What the child is asked to check.
#[derive(Debug, Serialize, Deserialize)]
pub struct PreflightJob {
    /// The private copy of the library.
    pub library: PathBuf,
    /// The folder of the store; none: memory.
    pub store: Option<PathBuf>,
    /// Whether routes are exercised, or only `init` is run.
    pub exercise: bool,
    /// The paths that are left alone: the plan of the release says that they fail.
    #[serde(default)]
    pub spared: Vec<String>,
    /// How long `init` may take.
    pub init_limit: Duration,
    /// What `init` is told besides its purpose.
    pub info: StartInfo,
}

/// What the child says.
#[derive(Debug, Serialize, Deserialize)]
enum PreflightMessage {
    /// What it does now, to name it if that is the last that is heard.
    Doing(String),
    /// Everything was done. Routes that answered 5xx are named: that may be their truth today.
    Passed(PreflightReport),
    /// The candidate must not be loaded.
    Refused(String),
}

/// What a preflight that passed has seen.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct PreflightReport {
    /// How many routes were exercised.
    pub exercised: usize,
    /// Routes that answered with a 5xx status, without a panic.
    pub unwell: Vec<String>,
}

/// Why a candidate did not pass.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The messages say what the fields are.
pub enum PreflightError {
    #[error("{0}")]
    Refused(String),
    #[error("while it was {doing}, the process that checked it failed: {cause}")]
    Died { doing: String, cause: ChildError },
}

/// Checks a candidate in a child of `program`.
pub async fn check(
    program: &Path,
    job: &PreflightJob,
    limit: Duration,
) -> Result<PreflightReport, PreflightError> {
    let mut doing = "being loaded".to_owned();
    let verdict = ask(program, ROLE.name, job, limit, |message| match message {
        PreflightMessage::Doing(what) => {
            doing = what;
            None
        }
        PreflightMessage::Passed(report) => Some(Ok(report)),
        PreflightMessage::Refused(reason) => Some(Err(reason)),
    });
    match verdict.await {
        Ok(verdict) => verdict.map_err(PreflightError::Refused),
        Err(cause) => Err(PreflightError::Died { doing, cause }),
    }
}

/// The child's side.
fn run(job: PreflightJob, mut answers: Answers) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let verdict = match runtime {
        Ok(runtime) => {
            let verdict = runtime.block_on(examine(job, &mut answers));
            // The verdict goes out first: what the library left running may not want to end.
            runtime.shutdown_background();
            verdict
        }
        Err(error) => Err(error.to_string()),
    };
    answers.send(match verdict {
        Ok(report) => PreflightMessage::Passed(report),
        Err(reason) => PreflightMessage::Refused(reason),
    });
}

async fn examine(job: PreflightJob, answers: &mut Answers) -> Result<PreflightReport, String> {
    let store = match job.store {
        Some(folder) => Store::open(folder).map_err(|error| error.to_string())?,
        None => Store::in_memory(),
    };
    let library =
        Loader::new(store).load_staged(&job.library).map_err(|error| error.to_string())?;
    answers.send(PreflightMessage::Doing("running `init` of app.rs".into()));
    let app = start(&library, Purpose::Preflight, job.info, None, job.init_limit)
        .await
        .map_err(|error| error.to_string())?;
    let origin = Origin::of_file(job.library);
    let generation = Generation::new(GenerationId(0), origin, library.clone(), app);
    let mut report = PreflightReport::default();
    if !job.exercise {
        return Ok(report);
    }
    let spared = |route: &Route| job.spared.iter().any(|path| *path == *route.pattern);
    for (index, route) in exercise::routes(&library.routes).filter(|(_, route)| !spared(route)) {
        answers.send(PreflightMessage::Doing(format!(
            "answering GET {} ({})",
            route.pattern, route.file
        )));
        let Some(outcome) = exercise::exercise(&generation, index, route).await else { continue };
        report.exercised += 1;
        match outcome {
            Outcome::Answered(status) if status.is_server_error() => {
                report.unwell.push(format!("GET {} ({}): {status}", route.pattern, route.file));
            }
            Outcome::Answered(_) => {}
            Outcome::Panicked(panic) => {
                return Err(format!(
                    "GET {} ({}) panicked: {} at {}",
                    route.pattern, route.file, panic.message, panic.location
                ));
            }
            Outcome::Hung(limit) => {
                return Err(format!(
                    "GET {} ({}) did not answer within {limit:?}",
                    route.pattern, route.file
                ));
            }
        }
    }
    // The app's `shutdown` may write; nothing may be written here. The process ends instead.
    std::mem::forget(Arc::clone(&generation));
    Ok(report)
}
