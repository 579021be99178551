//! What the two halves of `nova dev` say to each other, one JSON line each.
//!
//! The supervisor gives orders and keeps what they amount to, so that a server that takes the
//! place of another can be told all of it again. The server reports events.

use std::path::PathBuf;
use std::time::Duration;

use nova_host::generation::GenerationId;
use nova_host::library::start::StartInfo;
use nova_host::process::log::{Format, Reader};
use nova_host::swap::SwapReport;
use nova_parts::{PageLibrary, PartedApp};
use serde::{Deserialize, Serialize};

use super::message::{Problem, ProblemKind};
use super::progress::Progress;
use super::public_file::PublicFile;
use super::quarantine::QuarantinedPage;
use super::state::DevState;
use crate::dev::wire::flight_recorder::RunningRequest;

/// The role of a server's process, its second argument.
pub(crate) const SERVER_ROLE: &str = "dev-server";

/// How long requests may run on when the developer stops the server.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

/// What a server is started for. It inherits the listening sockets and, after them, the file in
/// which it notes what it is doing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ServerJob {
    /// The app's folder, absolute.
    pub(crate) dir: PathBuf,
    /// The name that it was told to listen on.
    pub(crate) host: String,
    /// The other names under which it may be asked.
    pub(crate) allowed_hosts: Vec<String>,
    /// The executable that checks libraries in a child; `None` under a debugger.
    pub(crate) program: Option<PathBuf>,
    /// Where copies of libraries lie.
    pub(crate) store: PathBuf,
    /// The number of the last generation of the server before.
    pub(crate) last_generation: GenerationId,
    /// How long one poll of a page may take.
    pub(crate) poll_limit: Option<Duration>,
    /// How long `init` may take.
    pub(crate) init_limit: Duration,
    /// Whether it only shows that an app starts: `init` is told so, and nothing is served.
    pub(crate) trial: bool,
    /// Whom the log is for, and how its lines look.
    pub(crate) reader: Reader,
    pub(crate) log_format: Format,
}

/// From the supervisor to the server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Put this in the place of what serves. Answered by [`ServerEvent::Done`] with the same number. The
    /// code of the pages in `same` is what it was: what is held against them stays. In the file
    /// `saved` is what the app in the process before has saved.
    Load { id: u64, load: Load, trust: Trust, same: Vec<String>, saved: Option<PathBuf> },
    /// Every page of the app, as the scan found them: where pages are libraries of their own, a
    /// request for one that does not serve waits for it.
    Routes(Vec<PageRoute>),
    /// This page does not compile; requests that wait for it are told.
    PageFailed { file: String, problem: Problem },
    /// These are now the problems of one topic.
    Problems { topic: Topic, problems: Vec<Problem> },
    /// The stylesheet, and the address that tells it from others.
    Style { href: String, css: String },
    /// Public files changed, for the nth time; none are named where it does not matter which.
    Refreshed { revision: u64, files: Vec<PublicFile> },
    /// Look at `public/` again.
    Public,
    /// How far the first build is.
    Progress(Progress),
    /// What the dev page shows.
    State(Box<DevState>),
    /// This page ended a server: it is not called, and shows why.
    Quarantine(QuarantinedPage),
    /// All is told: accept connections.
    Serve,
    /// Open the admin socket; the server before has closed its own.
    Control,
    /// Something to know, for the pages that are open.
    Note(String),
    /// Another process takes over: accept no more, finish what runs, write what the app saves to
    /// this file, then end.
    Leave { state: PathBuf },
    /// Finish what runs, then end.
    Stop,
}

/// Code to serve.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Load {
    /// A library with every page of the app.
    Library { path: PathBuf, info: StartInfo },
    /// An app whose pages are libraries of their own, with those that are built. An open page
    /// looks again when `version` is another one than before.
    Open { app: PartedApp, pages: Vec<PageLibrary>, version: String, info: StartInfo },
    /// These pages and no others, for the app that serves.
    Attach { pages: Vec<PageLibrary>, version: String },
}

/// Whether code has served before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Trust {
    /// It comes from the compiler, and is checked in a child first.
    Fresh,
    /// It comes from the compiler, and has started in a process that was thrown away.
    Tried,
    /// It served until just now.
    Served,
}

/// A page, as the scan found it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PageRoute {
    /// Whether a request waits for its own library although a library with all pages serves.
    #[serde(default)]
    pub(crate) stale: bool,
    /// Its route pattern, such as `/users/{id}`.
    pub(crate) pattern: String,
    /// Its file, from the app's folder.
    pub(crate) file: String,
}

/// What problems are about: each build, and each compilation of the styles, replaces its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Topic {
    Settings,
    Build,
    Style,
    /// Pages that ended a server.
    Crash,
}

/// From the server to the supervisor.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum ServerEvent {
    /// It takes orders.
    Ready,
    /// What became of [`Order::Load`]. With an `obstacle` it may be another in another process.
    Done { id: u64, result: Result<LoadOutcome, Refusal>, obstacle: Option<Obstacle> },
    /// A request waits for this page; said once, until it serves or fails.
    Wanted { file: String },
    /// This page was asked for, and not the one before it.
    Seen { file: String },
    /// A handler panicked, or answered with an error.
    Failed { kind: ProblemKind, request: String, location: String, message: String },
    /// Something under `/__nova/` was asked for under a name that is not allowed.
    Unlisted { host: String },
    /// A page has not let go of its thread for longer than the limit; the server ends.
    Hung(RunningRequest),
    /// The developer wants to see a page that ended a server once more.
    Retry { page: String },
}

/// What came of a load.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum LoadOutcome {
    /// It serves.
    Swapped(Box<SwapReport>),
    /// It did already.
    Same,
}

/// What a process has that may be in the way of code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Obstacle {
    /// What apps have left in it: `init` failed.
    Init,
    /// What the app before has linked in, and a process may have only once.
    Linked,
}

/// Why something does not serve, for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{text}")]
pub(crate) struct Refusal {
    pub(crate) text: String,
    /// The file of the page that it is about; without that page the rest may serve.
    pub(crate) page: Option<String>,
    /// Whether a part of the app is what does not load: as one library the app may.
    pub(crate) of_part: bool,
}

impl Refusal {
    /// A refusal of code, however it was compiled, that is about no page alone.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), page: None, of_part: false }
    }

    /// The same as the overlay shows it.
    pub(crate) fn problem(&self) -> Problem {
        let problem = Problem::of_message(ProblemKind::Load, &self.text);
        match &self.page {
            Some(file) => problem.at(file, None, None),
            None => problem,
        }
    }
}
