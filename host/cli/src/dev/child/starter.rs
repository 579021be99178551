//! Starting server processes: each is told everything that stands, and loads what it is to serve
//! before it accepts.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nova_host::swap::SwapReport;
use tokio::time::timeout;

use super::crash::Crash;
use super::handle::ProcessSettings;
use super::process::ServerProcess;
use super::replay::ReplayState;
use crate::dev::report::{Label, Terminal};
use crate::dev::wire::protocol::{
    Load, LoadOutcome, Order, Refusal, ServerEvent, ServerJob, Trust,
};

/// How much longer than `init` all the rest of a start may take.
const START: Duration = Duration::from_secs(20);

/// The number of the load that every server begins with.
pub(super) const FIRST_LOAD: u64 = 0;

/// What servers are started with.
pub(crate) struct Starter {
    pub(crate) program: PathBuf,
    pub(crate) job: ServerJob,
    pub(crate) settings: ProcessSettings,
    pub(crate) sockets: Vec<TcpListener>,
    pub(crate) terminal: Arc<Terminal>,
}

/// What a server begins with.
pub(super) struct FirstLoad {
    pub(super) load: Load,
    pub(super) trust: Trust,
    /// The pages that stay in quarantine.
    pub(super) same: Vec<String>,
    /// The file with what the app before has saved.
    pub(super) saved: Option<PathBuf>,
}

impl FirstLoad {
    /// Code that served until just now.
    pub(super) fn again(load: Load, saved: Option<PathBuf>) -> Self {
        Self { load, trust: Trust::Served, same: Vec::new(), saved }
    }
}

/// Why a server did not come up.
pub(super) enum StartError {
    Refused(Refusal),
    Crashed(Crash),
}

impl From<StartError> for Refusal {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Refused(refusal) => refusal,
            StartError::Crashed(crash) => {
                Refusal::new(format!("it ended the server while it was loaded: {}", crash.cause()))
            }
        }
    }
}

impl Starter {
    /// How long a server may take from its start until it serves.
    fn limit(&self) -> Duration {
        self.job.init_limit.saturating_add(START)
    }

    /// Starts a server and tells it everything but the code.
    pub(super) async fn begin(&self, replay: &ReplayState) -> Result<ServerProcess, StartError> {
        let mut process = self.start(replay, false).await?;
        for order in replay.orders() {
            process.tell(&order).await;
        }
        let ready = async {
            loop {
                match process.next().await {
                    Some(ServerEvent::Ready) => return true,
                    Some(_) => {}
                    None => return false,
                }
            }
        };
        match timeout(self.limit(), ready).await {
            Ok(true) => Ok(process),
            Ok(false) => Err(StartError::Crashed(process.crash().await)),
            Err(_) => Err(self.late()),
        }
    }

    /// Starts a server that has loaded what is to serve; it does not accept yet.
    pub(super) async fn raise(
        &self,
        replay: &ReplayState,
        first: Option<FirstLoad>,
    ) -> Result<(ServerProcess, Option<SwapReport>), StartError> {
        let mut process = self.begin(replay).await?;
        let swapped = match first {
            Some(first) => self.load(&mut process, first).await?,
            None => None,
        };
        Ok((process, swapped))
    }

    /// Has a server load what it begins with.
    pub(super) async fn load(
        &self,
        process: &mut ServerProcess,
        first: FirstLoad,
    ) -> Result<Option<SwapReport>, StartError> {
        let FirstLoad { load, trust, same, saved } = first;
        process.tell(&Order::Load { id: FIRST_LOAD, load, trust, same, saved }).await;
        let answered = async {
            loop {
                match process.next().await {
                    Some(ServerEvent::Done { id: FIRST_LOAD, result, .. }) => return Some(result),
                    Some(_) => {}
                    None => return None,
                }
            }
        };
        match timeout(self.limit(), answered).await {
            Ok(Some(Ok(LoadOutcome::Swapped(swapped)))) => Ok(Some(*swapped)),
            Ok(Some(Ok(LoadOutcome::Same))) => Ok(None),
            Ok(Some(Err(refusal))) => Err(StartError::Refused(refusal)),
            Ok(None) => Err(StartError::Crashed(process.crash().await)),
            Err(_) => Err(self.late()),
        }
    }

    /// Starts code in a process that is thrown away, where it changes nothing outside, to see
    /// whether it does.
    ///
    /// # Errors
    /// If it does not.
    pub(super) async fn try_out(&self, replay: &ReplayState, load: Load) -> Result<(), Refusal> {
        let mut process = self.start(replay, true).await?;
        let first = FirstLoad { load, trust: Trust::Tried, same: Vec::new(), saved: None };
        self.load(&mut process, first).await?;
        // Its `shutdown` may write, and nothing may be written here.
        drop(process);
        Ok(())
    }

    /// Puts a server that begins with what `first` says in the place of `process`, which finishes
    /// its requests, saves its state and ends before. The sockets are ours, so that clients wait
    /// meanwhile. The code is tried before, while `process` serves on.
    pub(super) async fn take_over(
        &self,
        replay: &ReplayState,
        process: &mut ServerProcess,
        first: Option<FirstLoad>,
    ) -> Result<Option<SwapReport>, Stay> {
        let stays = |refusal| Stay { refusal, vacant: None };
        // Someone at a breakpoint is not asked to be there twice.
        let may_try = replay.load.is_some() && self.job.program.is_some();
        if may_try
            && let Some(first) = &first
            && let Err(refusal) = process.during(self.try_out(replay, first.load.clone())).await
            && !process.has_possessions(&self.sockets)
        {
            return Err(stays(refusal));
        }
        let begun = process.during(self.begin(replay)).await;
        let next = begun.map_err(|error| stays(error.into()))?;
        let state = self.state_file(replay);
        let limit = self.job.init_limit;
        let left = std::mem::replace(process, next).leave(state.clone(), limit).await;
        let saved = Some(state).filter(|state| state.exists());
        if let (Err(how), None) = (left, &saved) {
            let note = format!("{how} while it made room for another; what its app saves is lost");
            self.terminal.line(Label::Crash, "the server", None, &note);
        }
        let loaded = match first {
            Some(first) => {
                let first = FirstLoad { saved: saved.clone(), ..first };
                self.load(process, first).await
            }
            None => Ok(None),
        };
        match loaded {
            Ok(swapped) => {
                process.tell(&Order::Serve).await;
                process.tell(&Order::Control).await;
                remove(saved);
                Ok(swapped)
            }
            Err(error) => Err(Stay { refusal: error.into(), vacant: Some(saved) }),
        }
    }

    async fn start(&self, replay: &ReplayState, trial: bool) -> Result<ServerProcess, StartError> {
        let ProcessSettings { environment, poll_limit, allowed_hosts } = &self.settings;
        let job = ServerJob {
            last_generation: replay.generation,
            poll_limit: *poll_limit,
            allowed_hosts: allowed_hosts.clone(),
            trial,
            ..self.job.clone()
        };
        let terminal = self.terminal.clone();
        ServerProcess::start(&self.program, &job, environment, &self.sockets, terminal)
            .await
            .map_err(|error| {
                StartError::Refused(Refusal::new(format!("the server cannot be started: {error}")))
            })
    }

    fn late(&self) -> StartError {
        let limit = self.limit();
        StartError::Refused(Refusal::new(format!("the server did not start within {limit:?}")))
    }

    /// Where a server writes what its app saves: a file of its own in the folder of the session.
    fn state_file(&self, replay: &ReplayState) -> PathBuf {
        self.job.store.join(format!("state-{}", replay.generation))
    }

    /// The folder of the session.
    pub(super) fn store(&self) -> &Path {
        &self.job.store
    }
}

/// Why a server does not take the place of another.
pub(super) struct Stay {
    pub(super) refusal: Refusal,
    /// The one before has ended, and has saved its state in this file, if it does that.
    pub(super) vacant: Option<Option<PathBuf>>,
}

/// Removes what an app has saved, when another one has it.
pub(super) fn remove(saved: Option<PathBuf>) {
    // The folder goes with the session.
    saved.map(std::fs::remove_file);
}
