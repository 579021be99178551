//! Keeping a server running: started, told, replaced, ended.
//!
//! The listening sockets are ours, so that a client that connects while there is no server waits
//! for the next one. A server is told everything that stands before it accepts; one that takes the
//! place of a running one does so only when it has loaded what that one serves.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nova_host::swap::SwapReport;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::crash::{Crash, UnexplainedCrashes};
use crate::dev::child::handle::{Notice, ProcessSettings, SupervisorCommand};
use crate::dev::child::process::ServerProcess;
use crate::dev::child::replay::{ReplayState, copy_of};
use crate::dev::report::Terminal;
use crate::dev::wire::protocol::{
    Load, LoadOutcome, Order, Refusal, ServerEvent, ServerJob, Topic, Trust,
};

/// How much longer than `init` all the rest of a start may take.
const START: Duration = Duration::from_secs(20);

/// The number of the load that every server begins with.
const FIRST_LOAD: u64 = 0;

/// What servers are started with.
pub(crate) struct ServerSupervisor {
    program: PathBuf,
    job: ServerJob,
    settings: ProcessSettings,
    sockets: Vec<TcpListener>,
    terminal: Arc<Terminal>,
    notices: mpsc::UnboundedSender<Notice>,
    replay: ReplayState,
    /// Loads that have no answer yet.
    pending: Vec<PendingLoad>,
    last_id: u64,
    unexplained: UnexplainedCrashes,
}

struct PendingLoad {
    id: u64,
    load: Load,
    answer: oneshot::Sender<Result<LoadOutcome, Refusal>>,
    /// Pages of it that have ended a server: it was published, and the answer was lost with the
    /// server.
    guilty: Vec<String>,
    /// The pages that stay in quarantine when it serves, as the server was told.
    same: Vec<String>,
}

impl PendingLoad {
    /// The order to load it, and which pages stay in quarantine then: those whose libraries are
    /// what serves already, and those that have shown that these are no better.
    fn order(&mut self, replay: &ReplayState) -> Order {
        self.same = replay.unchanged(&replay.whole(self.load.clone()));
        self.same.extend(self.guilty.iter().cloned());
        let (load, same) = (self.load.clone(), self.same.clone());
        Order::Load { id: self.id, load, trust: Trust::Fresh, same }
    }
}

/// Why a conversation with a server is over.
enum ConversationEnd {
    /// It is gone.
    Gone,
    /// Another is wanted, with these.
    Renew(ProcessSettings),
}

/// Why a server did not come up.
enum StartError {
    Refused(Refusal),
    Crashed(Crash),
}

impl ServerSupervisor {
    pub(crate) fn new(
        program: PathBuf,
        job: ServerJob,
        settings: ProcessSettings,
        sockets: Vec<TcpListener>,
        terminal: Arc<Terminal>,
        notices: mpsc::UnboundedSender<Notice>,
    ) -> Self {
        let (replay, unexplained) = (ReplayState::default(), UnexplainedCrashes::default());
        let (pending, last_id) = (Vec::new(), FIRST_LOAD);
        Self {
            program,
            job,
            settings,
            sockets,
            terminal,
            notices,
            replay,
            pending,
            last_id,
            unexplained,
        }
    }

    /// Keeps a server until the stop, and ends it then.
    pub(crate) async fn run(
        mut self,
        mut commands: mpsc::UnboundedReceiver<SupervisorCommand>,
        stop: CancellationToken,
    ) {
        let first = stop.run_until_cancelled(self.recover()).await;
        let mut process = match first {
            Some(Ok((process, _))) => process,
            Some(Err(refusal)) => return self.notify(Notice::Lost(refusal)),
            None => return,
        };
        loop {
            let talk = self.converse(&mut process, &mut commands);
            let Some(next) = stop.run_until_cancelled(talk).await else { break };
            match next {
                ConversationEnd::Renew(settings) => {
                    let renewed = stop.run_until_cancelled(self.renew(&mut process, settings));
                    let Some(renewed) = renewed.await else { break };
                    self.notify(Notice::Renewed(renewed));
                }
                ConversationEnd::Gone => {
                    let crash = process.crash().await;
                    self.blame(crash);
                    match stop.run_until_cancelled(self.recover()).await {
                        Some(Ok((next, swapped))) => {
                            process = next;
                            self.notify(Notice::Back(swapped));
                        }
                        Some(Err(refusal)) => return self.notify(Notice::Lost(refusal)),
                        None => return,
                    }
                }
            }
            self.ask_again(&mut process).await;
        }
        process.stop().await;
    }

    /// Passes orders and events on for as long as the server runs.
    async fn converse(
        &mut self,
        process: &mut ServerProcess,
        commands: &mut mpsc::UnboundedReceiver<SupervisorCommand>,
    ) -> ConversationEnd {
        loop {
            tokio::select! {
                event = process.next() => match event {
                    Some(event) => self.hear(event, process).await,
                    None => return ConversationEnd::Gone,
                },
                command = commands.recv() => match command {
                    Some(SupervisorCommand::Tell(order)) => self.tell(process, order).await,
                    Some(SupervisorCommand::Load(load, answer)) => {
                        self.last_id += 1;
                        let id = self.last_id;
                        let (guilty, same) = (Vec::new(), Vec::new());
                        let mut pending = PendingLoad { id, load, answer, guilty, same };
                        process.tell(&pending.order(&self.replay)).await;
                        self.pending.push(pending);
                    }
                    Some(SupervisorCommand::Renew(settings)) => {
                        return ConversationEnd::Renew(settings);
                    }
                    // The session is gone, and says stop by another way.
                    None => std::future::pending().await,
                },
            }
        }
    }

    async fn hear(&mut self, event: ServerEvent, process: &mut ServerProcess) {
        match event {
            ServerEvent::Done { id, result } => {
                let Some(at) = self.pending.iter().position(|it| it.id == id) else { return };
                let PendingLoad { load, answer, same, .. } = self.pending.swap_remove(at);
                if let Ok(LoadOutcome::Swapped(swapped)) = &result {
                    self.unexplained = UnexplainedCrashes::default();
                    let load = self.private(load, swapped);
                    self.replay.serves(load, swapped.generation, &same);
                }
                // The caller may not want to know any more.
                let _ = answer.send(result);
            }
            ServerEvent::Retry { page } => {
                self.replay.quarantine.release(&page);
                self.tell_crashes(process).await;
            }
            ServerEvent::Panicked { request, location, message } => {
                self.notify(Notice::Panicked { request, location, message });
            }
            ServerEvent::Wanted { file } => self.notify(Notice::Wanted { file }),
            ServerEvent::Seen { file } => self.notify(Notice::Seen { file }),
            // The process keeps the one for itself; the other was waited for.
            ServerEvent::Hung(_) | ServerEvent::Ready => {}
        }
    }

    /// What serves, from where nothing is written: the compiler overwrites its own output.
    fn private(&self, load: Load, swapped: &SwapReport) -> Load {
        match self.replay.whole(load) {
            Load::Library { info, .. } => copy_of(&self.job.store, swapped.build_id.as_str(), info),
            // The libraries of parts are never written again.
            parts => parts,
        }
    }

    async fn tell(&mut self, process: &mut ServerProcess, order: Order) {
        self.replay.keep(&order);
        process.tell(&order).await;
    }

    async fn tell_crashes(&mut self, process: &mut ServerProcess) {
        let problems = self.replay.crashes();
        self.tell(process, Order::Problems { topic: Topic::Crash, problems }).await;
    }

    /// Loads that the server before did not come to.
    async fn ask_again(&mut self, process: &mut ServerProcess) {
        for pending in &mut self.pending {
            process.tell(&pending.order(&self.replay)).await;
        }
    }

    /// Draws the conclusions of a crash, for the server to come.
    fn blame(&mut self, crash: Crash) {
        let pages = crash.culprits();
        if pages.is_empty() {
            self.unexplained.add();
            // What was being loaded at that moment is the nearest to an explanation there is.
            for PendingLoad { answer, .. } in self.pending.drain(..) {
                let text = format!("it ended the server while it was loaded: {}", crash.cause());
                let _ = answer.send(Err(Refusal(text)));
            }
            self.replay.ended_by_itself(crash.problem());
        }
        let newer = crash.culprits_since(self.replay.generation);
        for pending in &mut self.pending {
            pending.guilty.extend(newer.iter().cloned());
        }
        for page in pages {
            self.replay.keep(&Order::Quarantine(page));
        }
        let problems = self.replay.crashes();
        self.replay.keep(&Order::Problems { topic: Topic::Crash, problems });
        self.notify(Notice::Crashed(crash));
    }

    /// A server that accepts, where there is none.
    async fn recover(&mut self) -> Result<(ServerProcess, Option<SwapReport>), Refusal> {
        loop {
            if self.unexplained.is_enough() {
                if self.replay.load.take().is_none() {
                    return Err(Refusal("the server ends as soon as it has started".into()));
                }
                self.unexplained = UnexplainedCrashes::default();
                self.notify(Notice::GaveUp);
            }
            match self.raise().await {
                Ok((mut process, swapped)) => {
                    process.tell(&Order::Serve).await;
                    process.tell(&Order::Control).await;
                    return Ok((process, swapped));
                }
                Err(StartError::Crashed(crash)) if self.replay.load.is_some() => self.blame(crash),
                Err(StartError::Crashed(crash)) => return Err(Refusal(crash.cause())),
                // It served a moment ago, and `init` may depend on more than code.
                Err(StartError::Refused(refusal)) if self.replay.load.take().is_some() => {
                    self.replay.ended_by_itself(refusal.problem());
                    let problems = self.replay.crashes();
                    self.replay.keep(&Order::Problems { topic: Topic::Crash, problems });
                }
                Err(StartError::Refused(refusal)) => return Err(refusal),
            }
        }
    }

    /// A server with other settings in the place of `process`, which serves until then.
    async fn renew(
        &mut self,
        process: &mut ServerProcess,
        settings: ProcessSettings,
    ) -> Result<Option<SwapReport>, Refusal> {
        let before = std::mem::replace(&mut self.settings, settings);
        let (mut next, swapped) = match self.raise().await {
            Ok(raised) => raised,
            Err(no_start) => {
                self.settings = before;
                return Err(match no_start {
                    StartError::Refused(refusal) => refusal,
                    StartError::Crashed(crash) => Refusal(crash.cause()),
                });
            }
        };
        next.tell(&Order::Serve).await;
        std::mem::replace(process, next).stop().await;
        process.tell(&Order::Control).await;
        Ok(swapped)
    }

    /// Starts a server and tells it everything; it does not accept yet.
    async fn raise(&mut self) -> Result<(ServerProcess, Option<SwapReport>), StartError> {
        let limit = self.job.init_limit.saturating_add(START);
        let raised = timeout(limit, self.start_and_tell()).await;
        let late = || Refusal(format!("the server did not start within {limit:?}"));
        let (process, swapped) = raised.map_err(|_| StartError::Refused(late()))??;
        if let (Some(load), Some(swapped)) = (self.replay.load.clone(), &swapped) {
            self.replay.serves_again(load, swapped.generation);
        }
        Ok((process, swapped))
    }

    async fn start_and_tell(&mut self) -> Result<(ServerProcess, Option<SwapReport>), StartError> {
        let ProcessSettings { environment, poll_limit } = &self.settings;
        let job = ServerJob {
            last_generation: self.replay.generation,
            poll_limit: *poll_limit,
            ..self.job.clone()
        };
        let terminal = self.terminal.clone();
        let mut process =
            ServerProcess::start(&self.program, &job, environment, &self.sockets, terminal)
                .await
                .map_err(|error| {
                StartError::Refused(Refusal(format!("the server cannot be started: {error}")))
            })?;
        for order in self.replay.orders() {
            process.tell(&order).await;
        }
        let load = self.replay.load.clone();
        let loads = load.is_some();
        if let Some(load) = load {
            process
                .tell(&Order::Load { id: FIRST_LOAD, load, trust: Trust::Served, same: Vec::new() })
                .await;
        }
        loop {
            match process.next().await {
                Some(ServerEvent::Ready) if !loads => return Ok((process, None)),
                Some(ServerEvent::Done { id: FIRST_LOAD, result }) => {
                    return match result {
                        Ok(LoadOutcome::Swapped(swapped)) => Ok((process, Some(swapped))),
                        Ok(LoadOutcome::Same) => Ok((process, None)),
                        Err(refusal) => Err(StartError::Refused(refusal)),
                    };
                }
                Some(_) => {}
                None => return Err(StartError::Crashed(process.crash().await)),
            }
        }
    }

    fn notify(&self, notice: Notice) {
        // Without a listener the session is over.
        let _ = self.notices.send(notice);
    }
}
