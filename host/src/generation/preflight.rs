//! Preflight: a candidate is loaded, started and exercised in a child process first.
//!
//! What a library does there, a segmentation fault included, it does to the child alone. The
//! child changes nothing outside: `init` is told so, and only GETs are sent. What the child does is
//! in `preflight/child.rs`.
//!
//! A page that fails says nothing against a candidate if it fails in the release that serves as
//! well, because a service that it asks is down: that release is asked in another child.

mod child;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::library::start::StartInfo;
use crate::process::{ChildError, Role, ask, serve_parent};

/// What the child is.
pub const ROLE: Role = Role::new("preflight", || serve_parent(child::run));

/// How many pages are asked at once.
const AT_ONCE: usize = 8;

/// What the child is asked to check.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// The only paths that are asked; none: all of them.
    #[serde(default)]
    pub only: Option<Vec<String>>,
    /// How many pages are asked at once.
    pub at_once: usize,
    /// How long all of it may take.
    pub limit: Duration,
    /// How long `init` may take.
    pub init_limit: Duration,
    /// What `init` is told besides its purpose.
    pub info: StartInfo,
}

impl Default for PreflightJob {
    fn default() -> Self {
        Self {
            library: PathBuf::new(),
            store: None,
            exercise: true,
            spared: Vec::new(),
            only: None,
            at_once: AT_ONCE,
            limit: Duration::from_secs(30),
            init_limit: Duration::from_secs(10),
            info: StartInfo::default(),
        }
    }
}

/// What the child says.
#[derive(Debug, Serialize, Deserialize)]
enum PreflightMessage {
    /// What it does now, to name it if that is the last that is heard.
    Doing(String),
    /// A page is asked.
    Asks(AskedPage),
    /// A page has answered, or is not waited for any more.
    HasAsked(AskedPage),
    /// Everything was done.
    Done(Findings),
    /// The candidate must not be loaded.
    Refused(String),
}

/// A page that is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct AskedPage {
    path: String,
    file: String,
}

impl std::fmt::Display for AskedPage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GET {} ({})", self.path, self.file)
    }
}

/// What the child has seen of the pages.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Findings {
    /// How many have answered.
    exercised: usize,
    /// Those that answered with a 5xx status, without a panic: that may be their truth today.
    unwell: Vec<Finding>,
    /// Those that panicked or did not answer.
    failed: Vec<Finding>,
    /// How many the time was too short for.
    untried: usize,
}

/// One page, and what it did.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Finding {
    path: String,
    text: String,
}

/// What a preflight that passed has seen.
#[derive(Debug, Default)]
pub struct PreflightReport {
    /// How many routes were exercised.
    pub exercised: usize,
    /// What is to be said of routes that did not do well, or were not asked.
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

/// Checks a candidate in a child of `program`; `serving` is the library that it is to replace.
///
/// # Errors
/// With what is wrong with the candidate.
pub async fn check(
    program: &Path,
    job: PreflightJob,
    serving: Option<PathBuf>,
) -> Result<PreflightReport, PreflightError> {
    let findings = match run(program, &job).await {
        Ok(findings) => findings,
        Err(failure) => return Err(failure.of_one_page(program, &job).await),
    };
    let Findings { exercised, unwell, failed, untried } = findings;
    let as_before = match serving {
        Some(serving) if !failed.is_empty() => failing_in(program, serving, &job, &failed).await,
        _ => Vec::new(),
    };
    let (known, new): (Vec<_>, Vec<_>) =
        failed.into_iter().partition(|page| as_before.contains(&page.path));
    if let Some((first, others)) = new.split_first() {
        let mut text = first.text.clone();
        for other in others {
            text.push_str("; ");
            text.push_str(&other.text);
        }
        return Err(PreflightError::Refused(text));
    }
    let mut unwell: Vec<String> = unwell.into_iter().map(|page| page.text).collect();
    let known = known.into_iter().map(|page| page.text);
    unwell.extend(known.map(|text| format!("{text}; it fails in the release that serves as well")));
    if untried > 0 {
        let all = exercised + untried;
        unwell.push(format!(
            "{untried} of {all} pages had not answered when the time of the preflight was over; \
             give it longer with --preflight-timeout"
        ));
    }
    Ok(PreflightReport { exercised, unwell })
}

/// Why a child has said nothing of a candidate as a whole.
enum Failure {
    Refused(String),
    Died { doing: String, asked: Vec<AskedPage>, cause: ChildError },
}

impl Failure {
    /// The same with the one page that ended the child: of several that were asked at once, each is
    /// asked by itself.
    async fn of_one_page(self, program: &Path, job: &PreflightJob) -> PreflightError {
        let (doing, asked, cause) = match self {
            Self::Refused(reason) => return PreflightError::Refused(reason),
            Self::Died { doing, asked, cause } => (doing, asked, cause),
        };
        if asked.len() > 1 && matches!(cause, ChildError::Died { .. }) {
            let only = Some(asked.iter().map(|page| page.path.clone()).collect());
            let again = PreflightJob { only, at_once: 1, ..job.clone() };
            if let Err(Self::Died { doing, asked, cause }) = run(program, &again).await {
                return died(doing, &asked, cause);
            }
        }
        died(doing, &asked, cause)
    }
}

fn died(doing: String, asked: &[AskedPage], cause: ChildError) -> PreflightError {
    let asked: Vec<String> = asked.iter().map(ToString::to_string).collect();
    let doing = if asked.is_empty() { doing } else { format!("answering {}", asked.join(", ")) };
    PreflightError::Died { doing, cause }
}

/// Lets a child do a job.
async fn run(program: &Path, job: &PreflightJob) -> Result<Findings, Failure> {
    let mut doing = "being loaded".to_owned();
    let mut asked: Vec<AskedPage> = Vec::new();
    let verdict = ask(program, ROLE.name, job, job.limit, |message| match message {
        PreflightMessage::Doing(what) => {
            doing = what;
            None
        }
        PreflightMessage::Asks(page) => {
            asked.push(page);
            None
        }
        PreflightMessage::HasAsked(page) => {
            asked.retain(|asked| *asked != page);
            None
        }
        PreflightMessage::Done(findings) => Some(Ok(findings)),
        PreflightMessage::Refused(reason) => Some(Err(reason)),
    });
    match verdict.await {
        Ok(verdict) => verdict.map_err(Failure::Refused),
        Err(cause) => Err(Failure::Died { doing, asked, cause }),
    }
}

/// The paths of these pages that fail in the release that serves, too.
async fn failing_in(
    program: &Path,
    serving: PathBuf,
    job: &PreflightJob,
    pages: &[Finding],
) -> Vec<String> {
    let only = Some(pages.iter().map(|page| page.path.clone()).collect());
    let job = PreflightJob { library: serving, spared: Vec::new(), only, ..job.clone() };
    match run(program, &job).await {
        Ok(Findings { unwell, failed, .. }) => {
            unwell.into_iter().chain(failed).map(|page| page.path).collect()
        }
        // It says nothing of these pages.
        Err(_) => Vec::new(),
    }
}
