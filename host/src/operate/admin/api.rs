//! What is said over the admin socket: requests, responses, and the status, as JSON.

use std::path::PathBuf;
use std::time::Duration;

use nova_abi::SwapMode;
use serde::{Deserialize, Serialize};

pub use crate::edge::metrics::{Bucket, RouteStatus};
pub use crate::process::footprint::Footprint;
use crate::release::swap_plan::as_text;
pub use crate::swap::HeldReport;
use crate::swap::{CanarySpec, GenerationState, SwapOptions, WaitTotals};

/// What a host does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The version of the host.
    pub version: String,
    /// The number of the contract between host and libraries.
    pub abi: u32,
    /// Its process id.
    pub pid: u32,
    /// Where it listens, such as `http://127.0.0.1:2518`.
    pub url: String,
    /// Whether it wants requests: a generation is live, and it is not stopping.
    pub ready: bool,
    /// Whether it has been told to stop.
    pub stopping: bool,
    /// How long it has been running.
    pub uptime_seconds: f64,
    /// The generations: all that are live or drain, and the latest retired ones; newest last.
    pub generations: Vec<GenerationStatus>,
    /// How many libraries are loaded; they are never unloaded.
    pub loads: u64,
    /// How many swaps were published.
    pub published: u64,
    /// How many candidates were refused.
    pub refused: u64,
    /// The latest candidate that was refused.
    pub last_refusal: Option<Refusal>,
    /// Open client connections.
    pub connections: u64,
    /// How often the host went back to a release before, since its state folder was made.
    #[serde(default)]
    pub rollbacks: u64,
    /// The last time.
    #[serde(default)]
    pub last_rollback: Option<RollbackStatus>,
    /// The releases that are kept, and the builds that are refused; newest first.
    #[serde(default)]
    pub releases: Vec<ReleaseStatus>,
    /// The release that answers a share of the requests.
    #[serde(default)]
    pub canary: Option<CanaryStatus>,
    /// How long requests have waited for a swap.
    #[serde(default)]
    pub waits: WaitStatus,
    /// What the process takes of the machine.
    pub process: Footprint,
    /// What it may take before it is recycled by itself.
    #[serde(default)]
    pub budget: Budget,
    /// The routes that have answered since the process began, and what no route answered.
    #[serde(default)]
    pub routes: Vec<RouteStatus>,
    /// The processes that answer, where they are not the one that is asked.
    #[serde(default)]
    pub workers: Vec<WorkerStatus>,
    /// The threads that a page does not let go of, longest first.
    #[serde(default)]
    pub held: Vec<HeldThreadStatus>,
    /// How often a page has held a thread for a second.
    #[serde(default)]
    pub holds: u64,
}

/// One process of a supervised host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerStatus {
    /// Its number, which the process that comes in its place has again.
    pub number: usize,
    /// Its process id.
    pub pid: u32,
    /// Its first generation.
    pub generation: u64,
    /// Whether it only finishes what it has.
    pub leaving: bool,
    /// How long it has been running.
    pub age_seconds: f64,
    /// How often a process of this number ended by itself.
    pub restarts: u64,
    /// Open client connections.
    pub connections: u64,
    /// What it takes of the machine.
    pub process: Footprint,
}

/// A thread that a page holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldThreadStatus {
    /// What holds it, such as `GET /users/42 (pages/users/[id].rs)`.
    pub activity: String,
    /// The generation whose code it is.
    pub generation: u64,
    /// For how long, about.
    pub seconds: f64,
}

/// How long requests have waited for a swap since the process began; times in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitStatus {
    /// How often the door was held.
    pub holds: u64,
    /// How many requests waited.
    pub requests: u64,
    /// How long all of them together.
    pub total_us: u64,
    /// The longest of them.
    pub longest_us: u64,
    /// How many were turned away, because too many waited.
    pub turned_away: u64,
}

impl WaitStatus {
    /// Adds what another process tells.
    pub fn add(&mut self, other: &Self) {
        self.holds += other.holds;
        self.requests += other.requests;
        self.total_us += other.total_us;
        self.longest_us = self.longest_us.max(other.longest_us);
        self.turned_away += other.turned_away;
    }
}

impl From<WaitTotals> for WaitStatus {
    fn from(waits: WaitTotals) -> Self {
        let micros = |it: Duration| u64::try_from(it.as_micros()).unwrap_or(u64::MAX);
        Self {
            holds: waits.holds,
            requests: waits.count,
            total_us: micros(waits.total),
            longest_us: micros(waits.longest),
            turned_away: waits.turned_away,
        }
    }
}

/// One generation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GenerationStatus {
    /// Its number.
    pub id: u64,
    /// Its build.
    pub build_id: String,
    /// Its app's name and version.
    pub app: String,
    /// Whether it serves.
    pub state: GenerationState,
    /// Where its release was read.
    pub source: PathBuf,
    /// How many routes it has.
    pub routes: u64,
    /// How long ago it began to serve.
    pub age_seconds: f64,
    /// How it is swapped, if what takes its place asks for no more.
    #[serde(default, with = "as_text")]
    pub mode: SwapMode,
    /// Requests that it is answering.
    pub in_flight: u64,
    /// Requests that it has begun to answer.
    pub requests: u64,
    /// Requests that ended in a panic.
    pub panics: u64,
    /// Answers with a status of 500 and above.
    pub server_errors: u64,
}

/// A candidate that was refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    /// The release.
    pub source: PathBuf,
    /// Why.
    pub message: String,
    /// How long ago.
    pub age_seconds: f64,
}

/// One time that the host went back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RollbackStatus {
    /// The build that was left.
    pub from: String,
    /// The build that served instead.
    pub to: String,
    /// Why.
    pub reason: String,
    /// Whether the host decided it by itself.
    pub automatic: bool,
    /// How long ago.
    pub age_seconds: f64,
}

/// A release that the host remembers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReleaseStatus {
    /// Its build.
    pub build_id: String,
    /// Where it was read.
    pub source: PathBuf,
    /// Where its copy is, as soon as there is one.
    pub copy: Option<PathBuf>,
    /// Whether it serves.
    pub current: bool,
    /// Whether `nova rollback --to` can name it.
    pub kept: bool,
    /// Why it serves again only with `--force`.
    pub refused: Option<String>,
    /// How long ago it began to serve; of one that is not kept, how long ago it was refused.
    pub age_seconds: f64,
}

/// A release that answers a share of the requests, until it answers all or none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CanaryStatus {
    /// Its generation, which is among the generations.
    pub generation: u64,
    /// Its build.
    pub build_id: String,
    /// Its share of the requests, from 0 to 1.
    pub share: f64,
    /// How long it still has.
    pub left_seconds: f64,
}

/// Which release to let answer a share of the requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CanaryRequest {
    /// A release folder or library, as the host sees it: absolute.
    pub path: PathBuf,
    /// Try a build that is refused, too.
    #[serde(default)]
    pub force: bool,
    /// Leave the preflight out.
    #[serde(default)]
    pub no_preflight: bool,
    /// Its share, between 0 and 1.
    pub share: f64,
    /// For how long, in seconds.
    pub seconds: f64,
}

/// Where to go back to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackRequest {
    /// The beginning of a kept release's build id; `None`: the release before.
    #[serde(default)]
    pub to: Option<String>,
}

/// What a rollback did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackResponse {
    /// The build that was left, and is refused from now on.
    pub refused: String,
    /// What serves instead.
    pub serving: Swap,
}

/// Which releases to swap in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwapRequest {
    /// Release folders or libraries, as the host sees them: absolute.
    pub paths: Vec<PathBuf>,
    /// Swap in a build that is live already, or was refused, too, and without the state of the app
    /// where that cannot be carried over.
    #[serde(default)]
    pub force: bool,
    /// Leave the preflight out.
    #[serde(default)]
    pub no_preflight: bool,
}

impl SwapRequest {
    /// What is asked of each swap.
    #[must_use]
    pub fn options(&self) -> SwapOptions {
        SwapOptions { force: self.force, preflight: !self.no_preflight }
    }
}

impl CanaryRequest {
    /// What is asked of the swap.
    #[must_use]
    pub fn options(&self) -> SwapOptions {
        SwapOptions { force: self.force, preflight: !self.no_preflight }
    }

    /// What is wanted.
    ///
    /// # Errors
    /// If that makes no sense.
    pub fn spec(&self) -> Result<CanarySpec, SwapFailure> {
        let duration = Duration::try_from_secs_f64(self.seconds).ok();
        let Some(duration) = duration.filter(|_| self.share > 0.0 && self.share < 1.0) else {
            let text = "a canary has a share between 0 and 1, and a number of seconds";
            return Err(SwapFailure::new(Reason::Invalid, text));
        };
        Ok(CanarySpec { share: self.share, duration })
    }
}

/// What a swap did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwapResponse {
    /// The releases that serve now, in the order of the request.
    pub swapped: Vec<Swap>,
}

/// One release that was swapped in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swap {
    /// The release.
    pub source: PathBuf,
    /// Its generation.
    pub generation: u64,
    /// Its build.
    pub build_id: String,
    /// The generation that it replaced.
    pub replaced: Option<u64>,
    /// How many routes it has.
    pub routes: u64,
    /// What is to be said of routes that did not do well in the preflight, or were not asked.
    pub unwell: Vec<String>,
    /// What went wrong without keeping it from serving, such as copies that could not be made.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// What becomes of it when the host starts again, where that is not what its settings name.
    #[serde(default)]
    pub after_restart: Option<String>,
    /// The preflight, in microseconds; 0 without one.
    pub preflight_us: u64,
    /// Copying, mapping and checking the library, in microseconds.
    pub load_us: u64,
    /// `init`, in microseconds.
    pub init_us: u64,
    /// All of it, in microseconds.
    pub total_us: u64,
    /// How it was done.
    #[serde(default, with = "as_text")]
    pub mode: SwapMode,
    /// For how long requests had to wait; none where the door was not held.
    #[serde(default)]
    pub held: Option<HeldReport>,
    /// What is said of the state of the generation before, if it is lost.
    #[serde(default)]
    pub state_lost: Option<String>,
}

/// Why a swap did not happen; what served before still does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct SwapFailure {
    /// What kind of reason it is.
    pub reason: Reason,
    /// The reason, for people.
    pub message: String,
    /// The releases of the same request that were swapped in before.
    #[serde(default)]
    pub swapped: Vec<Swap>,
}

impl SwapFailure {
    /// A failure before any release was swapped in.
    #[must_use]
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), swapped: Vec::new() }
    }
}

/// The kinds of reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The request makes no sense.
    Invalid,
    /// Another swap is under way.
    Busy,
    /// The build serves already.
    AlreadyLive,
    /// The candidate is not fit to serve.
    Refused,
    /// The host is stopping.
    Stopping,
}

/// How much a host may take of the machine before it is recycled by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Bytes of memory that belong to no file.
    pub memory: Option<u64>,
    /// Mapped regions.
    pub mappings: Option<u64>,
}

impl Budget {
    /// What is passed, as the end of a sentence about it.
    #[must_use]
    pub fn passed_by(&self, footprint: &Footprint) -> Option<String> {
        let over = |used: Option<u64>, budget: Option<u64>| {
            let (used, budget) = (used?, budget?);
            (used > budget).then_some((used, budget))
        };
        if let Some((used, budget)) = over(footprint.anonymous_bytes, self.memory) {
            let (used, budget) = (used / 1_000_000, budget / 1_000_000);
            return Some(format!("{used} MB of memory are more than the budget of {budget} MB"));
        }
        let (used, budget) = over(footprint.mappings, self.mappings)?;
        Some(format!("{used} mappings are more than the budget of {budget}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_that_is_passed_says_so() {
        let footprint = Footprint {
            anonymous_bytes: Some(300_000_000),
            mappings: Some(50_000),
            ..Footprint::default()
        };
        for (memory, mappings, text) in [
            (None, None, None),
            (Some(300_000_000), Some(50_000), None),
            (
                Some(200_000_000),
                Some(1),
                Some("300 MB of memory are more than the budget of 200 MB"),
            ),
            (None, Some(49_999), Some("50000 mappings are more than the budget of 49999")),
        ] {
            let passed = Budget { memory, mappings }.passed_by(&footprint);
            assert_eq!(passed.as_deref(), text);
        }
        let budget = Budget { memory: Some(1), mappings: Some(1) };
        assert_eq!(budget.passed_by(&Footprint::default()), None, "/proc is not there");
    }
}
