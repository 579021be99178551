//! Keeping a server running: started, told, replaced, ended.
//!
//! The listening sockets are ours, so that a client that connects while there is no server waits
//! for the next one. A server is told everything that stands before it accepts. One that takes the
//! place of a running one loads when that one has finished its requests, has saved its state and is
//! gone, so that at no time are there two apps; what it loads has started in a trial before.

use std::path::PathBuf;

use nova_host::swap::SwapReport;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::crash::{Crash, UnexplainedCrashes};
use super::pending::PendingLoad;
use super::starter::{FIRST_LOAD, FirstLoad, StartError, Starter, Stay, remove};
use crate::dev::child::handle::{MoveReason, Notice, ProcessSettings, SupervisorCommand};
use crate::dev::child::process::ServerProcess;
use crate::dev::child::replay::{ReplayState, copy_of};
use crate::dev::wire::protocol::{Load, LoadOutcome, Order, Refusal, ServerEvent, Topic, Trust};

/// Keeps one server running, with what servers are started with.
pub(crate) struct ServerSupervisor {
    starter: Starter,
    notices: mpsc::UnboundedSender<Notice>,
    replay: ReplayState,
    /// Loads that have no answer yet.
    pending: Vec<PendingLoad>,
    last_id: u64,
    unexplained: UnexplainedCrashes,
    /// Why loads went into processes of their own so far.
    moved: Vec<MoveReason>,
}

/// Why a conversation with a server is over.
enum ConversationEnd {
    /// It is gone.
    Gone,
    /// Another is wanted, with these.
    Renew(ProcessSettings),
    /// This goes into a process of its own.
    Move(Box<PendingLoad>, MoveReason),
}

impl ServerSupervisor {
    pub(crate) fn new(starter: Starter, notices: mpsc::UnboundedSender<Notice>) -> Self {
        Self {
            starter,
            notices,
            replay: ReplayState::default(),
            pending: Vec::new(),
            last_id: FIRST_LOAD,
            unexplained: UnexplainedCrashes::default(),
            moved: Vec::new(),
        }
    }

    /// Keeps a server until the stop, and ends it then.
    pub(crate) async fn run(
        mut self,
        mut commands: mpsc::UnboundedReceiver<SupervisorCommand>,
        stop: CancellationToken,
    ) {
        let first = stop.run_until_cancelled(self.recover(None)).await;
        let mut process = match first {
            Some(Ok((process, _))) => process,
            Some(Err(refusal)) => return self.notify(Notice::Lost(refusal)),
            None => return,
        };
        loop {
            let talk = self.converse(&mut process, &mut commands);
            let Some(end) = stop.run_until_cancelled(talk).await else { break };
            let went_on = match end {
                ConversationEnd::Renew(settings) => {
                    stop.run_until_cancelled(self.renew(&mut process, settings)).await
                }
                ConversationEnd::Move(pending, reason) => {
                    stop.run_until_cancelled(self.move_to(&mut process, *pending, reason)).await
                }
                ConversationEnd::Gone => {
                    let crash = process.crash().await;
                    self.blame(crash);
                    for unanswered in process.unanswered().await {
                        tokio::spawn(unanswered.answer(self.replay.quarantine.clone()));
                    }
                    match stop.run_until_cancelled(self.recover(None)).await {
                        Some(Ok((next, swapped))) => {
                            process = next;
                            self.notify(Notice::Back(swapped));
                            Some(Ok(()))
                        }
                        Some(Err(refusal)) => return self.notify(Notice::Lost(refusal)),
                        None => return,
                    }
                }
            };
            match went_on {
                Some(Ok(())) => {}
                Some(Err(refusal)) => return self.notify(Notice::Lost(refusal)),
                None => break,
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
                    Some(event) => {
                        if let Some((pending, reason)) = self.hear(event, process).await {
                            return ConversationEnd::Move(Box::new(pending), reason);
                        }
                    }
                    None => return ConversationEnd::Gone,
                },
                command = commands.recv() => match command {
                    Some(SupervisorCommand::Tell(order)) => self.tell(process, order).await,
                    Some(SupervisorCommand::Load(load, answer)) => {
                        self.last_id += 1;
                        let id = self.last_id;
                        let (guilty, same) = (Vec::new(), Vec::new());
                        let mut pending = PendingLoad { id, load, answer, guilty, same };
                        if let Some(reason) = self.reason_to_move(process, &pending.load) {
                            return ConversationEnd::Move(Box::new(pending), reason);
                        }
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

    /// Why this may not, or should not, go into the process that serves.
    fn reason_to_move(&self, process: &ServerProcess, load: &Load) -> Option<MoveReason> {
        if !process.takes(load) {
            return Some(MoveReason::OtherImage);
        }
        let starts_app = !matches!(load, Load::Attach { .. }) && process.starts() > 0;
        let learned =
            || self.moved.iter().find(|it| matches!(it, MoveReason::Obstacle(..))).cloned();
        if starts_app { learned() } else { None }
    }

    /// Gives back a load that is to go into a process of its own.
    async fn hear(
        &mut self,
        event: ServerEvent,
        process: &mut ServerProcess,
    ) -> Option<(PendingLoad, MoveReason)> {
        match event {
            ServerEvent::Done { id, result, obstacle } => {
                let at = self.pending.iter().position(|it| it.id == id)?;
                let pending = self.pending.swap_remove(at);
                match (result, obstacle) {
                    // What an app has left in this process is not there in another one.
                    (Err(Refusal { text, .. }), Some(obstacle)) if process.starts() > 1 => {
                        return Some((pending, MoveReason::Obstacle(obstacle, text)));
                    }
                    (Ok(LoadOutcome::Swapped(swapped)), _) => self.accepted(pending, *swapped),
                    // The caller may not want to know any more.
                    (other, _) => drop(pending.answer.send(other)),
                }
            }
            ServerEvent::Retry { page } => {
                self.replay.quarantine.release(&page);
                self.tell_crashes(process).await;
            }
            ServerEvent::Failed { kind, request, location, message } => {
                self.notify(Notice::Failed { kind, request, location, message });
            }
            ServerEvent::Wanted { file } => self.notify(Notice::Wanted { file }),
            ServerEvent::Seen { file } => self.notify(Notice::Seen { file }),
            ServerEvent::Unlisted { host } => self.notify(Notice::Unlisted { host }),
            // The process keeps the one for itself; the other was waited for.
            ServerEvent::Hung(_) | ServerEvent::Ready => {}
        }
        None
    }

    /// A load serves.
    fn accepted(&mut self, pending: PendingLoad, swapped: SwapReport) {
        let PendingLoad { load, answer, same, .. } = pending;
        self.unexplained = UnexplainedCrashes::default();
        let load = self.private(load, &swapped);
        self.replay.serves(load, swapped.generation, &same);
        let _ = answer.send(Ok(LoadOutcome::Swapped(Box::new(swapped))));
    }

    /// What serves, from where nothing is written: the compiler overwrites its own output.
    fn private(&self, load: Load, swapped: &SwapReport) -> Load {
        match self.replay.whole(load) {
            Load::Library { info, .. } => {
                copy_of(self.starter.store(), swapped.build_id.as_str(), info)
            }
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
                let _ = answer.send(Err(Refusal::new(text)));
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

    /// A server that accepts, where there is none; `saved`: what the app has saved at its end.
    async fn recover(
        &mut self,
        mut saved: Option<PathBuf>,
    ) -> Result<(ServerProcess, Option<SwapReport>), Refusal> {
        loop {
            if self.unexplained.is_enough() {
                if self.replay.load.take().is_none() {
                    return Err(Refusal::new("the server ends as soon as it has started"));
                }
                self.unexplained = UnexplainedCrashes::default();
                self.notify(Notice::GaveUp);
            }
            let first = self.replay.load.clone().map(|load| FirstLoad::again(load, saved.take()));
            match self.starter.raise(&self.replay, first).await {
                Ok((mut process, swapped)) => {
                    self.unexplained.started();
                    if let (Some(load), Some(swapped)) = (self.replay.load.clone(), &swapped) {
                        self.replay.serves_again(load, swapped.generation);
                    }
                    process.tell(&Order::Serve).await;
                    process.tell(&Order::Control).await;
                    return Ok((process, swapped));
                }
                Err(StartError::Crashed(crash)) if self.replay.load.is_some() => {
                    self.unexplained.add_start();
                    self.blame(crash);
                }
                Err(StartError::Crashed(crash)) => return Err(Refusal::new(crash.cause())),
                // It served a moment ago, and `init` may depend on more than code.
                Err(StartError::Refused(refusal)) if self.replay.load.take().is_some() => {
                    self.replay.ended_by_itself(refusal.problem());
                    let problems = self.replay.crashes();
                    self.replay.keep(&Order::Problems { topic: Topic::Crash, problems });
                    self.notify(Notice::GaveUp);
                }
                Err(StartError::Refused(refusal)) => return Err(refusal),
            }
        }
    }

    /// A server with other settings in the place of `process`; the error: there is none any more.
    async fn renew(
        &mut self,
        process: &mut ServerProcess,
        settings: ProcessSettings,
    ) -> Result<(), Refusal> {
        let before = std::mem::replace(&mut self.starter.settings, settings);
        let first = self.replay.load.clone().map(|load| FirstLoad::again(load, None));
        let renewed = match self.starter.take_over(&self.replay, process, first).await {
            Ok(swapped) => {
                if let (Some(load), Some(swapped)) = (self.replay.load.clone(), &swapped) {
                    self.replay.serves_again(load, swapped.generation);
                }
                Ok(swapped)
            }
            Err(Stay { refusal, vacant }) => {
                self.starter.settings = before;
                if let Some(saved) = vacant {
                    self.go_back(process, saved).await?;
                }
                Err(refusal)
            }
        };
        self.notify(Notice::Renewed(renewed));
        Ok(())
    }

    /// A load in a process of its own, in the place of `process`; the error: there is no server any
    /// more.
    async fn move_to(
        &mut self,
        process: &mut ServerProcess,
        mut pending: PendingLoad,
        reason: MoveReason,
    ) -> Result<(), Refusal> {
        let served = self.replay.load.is_some().then_some(self.replay.generation);
        let first = pending.first(&self.replay, Trust::Tried);
        match self.starter.take_over(&self.replay, process, Some(first)).await {
            Ok(swapped) => {
                let is_known =
                    |it: &MoveReason| std::mem::discriminant(it) == std::mem::discriminant(&reason);
                if !self.moved.iter().any(is_known) {
                    self.moved.push(reason.clone());
                    self.notify(Notice::Moved(reason));
                }
                match swapped {
                    Some(swapped) => {
                        self.accepted(pending, SwapReport { replaced: served, ..swapped });
                    }
                    None => drop(pending.answer.send(Ok(LoadOutcome::Same))),
                }
            }
            Err(Stay { refusal, vacant }) => {
                let _ = pending.answer.send(Err(refusal));
                if let Some(saved) = vacant {
                    self.go_back(process, saved).await?;
                }
            }
        }
        Ok(())
    }

    /// What served before in the place of a server that has not come up, with what it saved.
    async fn go_back(
        &mut self,
        process: &mut ServerProcess,
        saved: Option<PathBuf>,
    ) -> Result<(), Refusal> {
        let (next, swapped) = self.recover(saved.clone()).await?;
        *process = next;
        remove(saved);
        // Where nothing served, nothing is back.
        if swapped.is_some() {
            self.notify(Notice::Back(swapped));
        }
        Ok(())
    }

    fn notify(&self, notice: Notice) {
        // Without a listener the session is over.
        let _ = self.notices.send(notice);
    }
}
