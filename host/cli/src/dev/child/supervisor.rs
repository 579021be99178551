//! Keeping a server running: started, told, replaced, ended.
//!
//! The listening sockets are ours, so that whoever connects while there is no server waits for
//! the next one. A server is told everything that stands before it accepts; one that takes the
//! place of a living one does so only when it has loaded what that one serves.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nova_host::swap::Swapped;
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
    surroundings: ProcessSettings,
    sockets: Vec<TcpListener>,
    terminal: Arc<Terminal>,
    notices: mpsc::UnboundedSender<Notice>,
    standing: ReplayState,
    /// Loads that have no answer yet.
    asked: Vec<PendingLoad>,
    last_id: u64,
    unexplained: UnexplainedCrashes,
}

struct PendingLoad {
    id: u64,
    load: Load,
    answer: oneshot::Sender<Result<LoadOutcome, Refusal>>,
    /// Pages of it that have ended a server: it was published, and the word of that was lost with
    /// the server.
    guilty: Vec<String>,
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
        surroundings: ProcessSettings,
        sockets: Vec<TcpListener>,
        terminal: Arc<Terminal>,
        notices: mpsc::UnboundedSender<Notice>,
    ) -> Self {
        let (standing, unexplained) = (ReplayState::default(), UnexplainedCrashes::default());
        let (asked, last_id) = (Vec::new(), FIRST_LOAD);
        Self {
            program,
            job,
            surroundings,
            sockets,
            terminal,
            notices,
            standing,
            asked,
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
        let mut life = match first {
            Some(Ok((life, _))) => life,
            Some(Err(refusal)) => return self.notify(Notice::Lost(refusal)),
            None => return,
        };
        loop {
            let talk = self.converse(&mut life, &mut commands);
            let Some(next) = stop.run_until_cancelled(talk).await else { break };
            match next {
                ConversationEnd::Renew(surroundings) => {
                    let renewed = stop.run_until_cancelled(self.renew(&mut life, surroundings));
                    let Some(renewed) = renewed.await else { break };
                    self.notify(Notice::Renewed(renewed));
                }
                ConversationEnd::Gone => {
                    let crash = life.crash().await;
                    self.blame(crash);
                    match stop.run_until_cancelled(self.recover()).await {
                        Some(Ok((next, swapped))) => {
                            life = next;
                            self.notify(Notice::Back(swapped));
                        }
                        Some(Err(refusal)) => return self.notify(Notice::Lost(refusal)),
                        None => return,
                    }
                }
            }
            self.ask_again(&mut life).await;
        }
        life.stop().await;
    }

    /// Passes orders and events on for as long as the server lives.
    async fn converse(
        &mut self,
        life: &mut ServerProcess,
        commands: &mut mpsc::UnboundedReceiver<SupervisorCommand>,
    ) -> ConversationEnd {
        loop {
            tokio::select! {
                event = life.next() => match event {
                    Some(event) => self.hear(event, life).await,
                    None => return ConversationEnd::Gone,
                },
                command = commands.recv() => match command {
                    Some(SupervisorCommand::Tell(order)) => self.tell(life, order).await,
                    Some(SupervisorCommand::Load(load, answer)) => {
                        self.last_id += 1;
                        let id = self.last_id;
                        let asked = PendingLoad { id, load, answer, guilty: Vec::new() };
                        let order = self.fresh(&asked);
                        self.asked.push(asked);
                        life.tell(&order).await;
                    }
                    Some(SupervisorCommand::Renew(surroundings)) => return ConversationEnd::Renew(surroundings),
                    // Whoever commands is gone, and says stop by another way.
                    None => std::future::pending().await,
                },
            }
        }
    }

    async fn hear(&mut self, event: ServerEvent, life: &mut ServerProcess) {
        match event {
            ServerEvent::Done { id, result } => {
                let Some(at) = self.asked.iter().position(|asked| asked.id == id) else { return };
                let PendingLoad { load, answer, guilty, .. } = self.asked.swap_remove(at);
                if let Ok(LoadOutcome::Swapped(swapped)) = &result {
                    self.unexplained = UnexplainedCrashes::default();
                    let load = self.private(load, swapped);
                    self.standing.serves(load, swapped.generation, &guilty);
                }
                // Whoever asked may not want to know any more.
                let _ = answer.send(result);
            }
            ServerEvent::Retry { page } => {
                self.standing.forgive(&page);
                self.tell_crashes(life).await;
            }
            ServerEvent::Panicked { request, location, message } => {
                self.notify(Notice::Panicked { request, location, message });
            }
            ServerEvent::Wanted { file } => self.notify(Notice::Wanted { file }),
            ServerEvent::Seen { file } => self.notify(Notice::Seen { file }),
            // The life keeps the one for itself; the other was waited for.
            ServerEvent::Hung(_) | ServerEvent::Ready => {}
        }
    }

    fn fresh(&self, asked: &PendingLoad) -> Order {
        let PendingLoad { id, load, guilty, .. } = asked;
        let mut same = self.standing.unchanged(&self.standing.whole(load.clone()));
        same.extend(guilty.iter().cloned());
        Order::Load { id: *id, load: load.clone(), trust: Trust::Fresh, same }
    }

    /// What serves, from where nobody writes: the compiler's own output is another by and by.
    fn private(&self, load: Load, swapped: &Swapped) -> Load {
        match self.standing.whole(load) {
            Load::Library { info, .. } => copy_of(&self.job.store, swapped.build_id.as_str(), info),
            // Libraries of a split app are never written again.
            split => split,
        }
    }

    async fn tell(&mut self, life: &mut ServerProcess, order: Order) {
        self.standing.keep(&order);
        life.tell(&order).await;
    }

    async fn tell_crashes(&mut self, life: &mut ServerProcess) {
        let problems = self.standing.crashes();
        self.tell(life, Order::Problems { topic: Topic::Crash, problems }).await;
    }

    /// Loads that the server before did not come to.
    async fn ask_again(&mut self, life: &mut ServerProcess) {
        for asked in &self.asked {
            life.tell(&self.fresh(asked)).await;
        }
    }

    /// Draws the conclusions of a crash, for the server to come.
    fn blame(&mut self, crash: Crash) {
        let marks = crash.marks();
        if marks.is_empty() {
            self.unexplained.add();
            // What was being loaded at that moment is the nearest to an explanation there is.
            for PendingLoad { answer, .. } in self.asked.drain(..) {
                let text = format!("it ended the server while it was loaded: {}", crash.cause());
                let _ = answer.send(Err(Refusal(text)));
            }
            self.standing.ended_by_itself(crash.problem());
        }
        let unheard_of = crash.marks_since(self.standing.generation);
        for asked in &mut self.asked {
            asked.guilty.extend(unheard_of.iter().cloned());
        }
        for mark in marks {
            self.standing.keep(&Order::Avoid(mark));
        }
        let problems = self.standing.crashes();
        self.standing.keep(&Order::Problems { topic: Topic::Crash, problems });
        self.notify(Notice::Crashed(crash));
    }

    /// A server that accepts, where there is none.
    async fn recover(&mut self) -> Result<(ServerProcess, Option<Swapped>), Refusal> {
        loop {
            if self.unexplained.is_enough() {
                if self.standing.load.take().is_none() {
                    return Err(Refusal("the server ends as soon as it has started".into()));
                }
                self.unexplained = UnexplainedCrashes::default();
                self.notify(Notice::GaveUp);
            }
            match self.raise().await {
                Ok((mut life, swapped)) => {
                    life.tell(&Order::Serve).await;
                    life.tell(&Order::Control).await;
                    return Ok((life, swapped));
                }
                Err(StartError::Crashed(crash)) if self.standing.load.is_some() => {
                    self.blame(crash)
                }
                Err(StartError::Crashed(crash)) => return Err(Refusal(crash.cause())),
                // It served a moment ago, and `init` may depend on more than code.
                Err(StartError::Refused(refusal)) if self.standing.load.take().is_some() => {
                    self.standing.ended_by_itself(refusal.problem());
                    let problems = self.standing.crashes();
                    self.standing.keep(&Order::Problems { topic: Topic::Crash, problems });
                }
                Err(StartError::Refused(refusal)) => return Err(refusal),
            }
        }
    }

    /// A server with other surroundings in the place of `life`, which serves until then.
    async fn renew(
        &mut self,
        life: &mut ServerProcess,
        surroundings: ProcessSettings,
    ) -> Result<Option<Swapped>, Refusal> {
        let before = std::mem::replace(&mut self.surroundings, surroundings);
        let (mut next, swapped) = match self.raise().await {
            Ok(raised) => raised,
            Err(no_start) => {
                self.surroundings = before;
                return Err(match no_start {
                    StartError::Refused(refusal) => refusal,
                    StartError::Crashed(crash) => Refusal(crash.cause()),
                });
            }
        };
        next.tell(&Order::Serve).await;
        std::mem::replace(life, next).stop().await;
        life.tell(&Order::Control).await;
        Ok(swapped)
    }

    /// Starts a server and tells it everything; it does not accept yet.
    async fn raise(&mut self) -> Result<(ServerProcess, Option<Swapped>), StartError> {
        let limit = self.job.init_limit.saturating_add(START);
        let raised = timeout(limit, self.start_and_tell()).await;
        let late = || Refusal(format!("the server did not start within {limit:?}"));
        let (life, swapped) = raised.map_err(|_| StartError::Refused(late()))??;
        if let (Some(load), Some(swapped)) = (self.standing.load.clone(), &swapped) {
            self.standing.serves_again(load, swapped.generation);
        }
        Ok((life, swapped))
    }

    async fn start_and_tell(&mut self) -> Result<(ServerProcess, Option<Swapped>), StartError> {
        let ProcessSettings { environment, poll_limit } = &self.surroundings;
        let job = ServerJob {
            last_generation: self.standing.generation,
            poll_limit: *poll_limit,
            ..self.job.clone()
        };
        let terminal = self.terminal.clone();
        let mut life =
            ServerProcess::start(&self.program, &job, environment, &self.sockets, terminal)
                .await
                .map_err(|error| {
                StartError::Refused(Refusal(format!("the server cannot be started: {error}")))
            })?;
        for order in self.standing.orders() {
            life.tell(&order).await;
        }
        let load = self.standing.load.clone();
        let loads = load.is_some();
        if let Some(load) = load {
            life.tell(&Order::Load {
                id: FIRST_LOAD,
                load,
                trust: Trust::Served,
                same: Vec::new(),
            })
            .await;
        }
        loop {
            match life.next().await {
                Some(ServerEvent::Ready) if !loads => return Ok((life, None)),
                Some(ServerEvent::Done { id: FIRST_LOAD, result }) => {
                    return match result {
                        Ok(LoadOutcome::Swapped(swapped)) => Ok((life, Some(swapped))),
                        Ok(LoadOutcome::Same) => Ok((life, None)),
                        Err(refusal) => Err(StartError::Refused(refusal)),
                    };
                }
                Some(_) => {}
                None => return Err(StartError::Crashed(life.crash().await)),
            }
        }
    }

    fn notify(&self, notice: Notice) {
        // The session is over when nobody listens.
        let _ = self.notices.send(notice);
    }
}
