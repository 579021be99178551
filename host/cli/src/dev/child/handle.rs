//! The server, as the session sees it: something that takes orders, loads code and
//! reports what happened. That it is a process, and not always the same one, is the business of
//! the [supervisor](super::supervisor).

use std::time::Duration;

use nova_host::swap::SwapReport;
use tokio::sync::{mpsc, oneshot};

use super::crash::Crash;
use crate::dev::settings::Environment;
use crate::dev::wire::message::ProblemKind;
use crate::dev::wire::protocol::{Load, LoadOutcome, Obstacle, Order, Refusal};

/// What holds for a whole process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProcessSettings {
    pub(crate) environment: Environment,
    /// How long one poll of a page may take.
    pub(crate) poll_limit: Option<Duration>,
    /// The names, besides the one that it listens on, under which it may be asked.
    pub(crate) allowed_hosts: Vec<String>,
}

/// The way to the server.
#[derive(Clone, Debug)]
pub(crate) struct ServerHandle {
    commands: mpsc::UnboundedSender<SupervisorCommand>,
}

/// What the supervisor is asked for.
#[derive(Debug)]
pub(crate) enum SupervisorCommand {
    Tell(Order),
    Load(Load, oneshot::Sender<Result<LoadOutcome, Refusal>>),
    /// Another process, while the one before serves on.
    Renew(ProcessSettings),
}

/// What the supervisor has to say.
#[derive(Debug)]
pub(crate) enum Notice {
    /// A request waits for this page.
    Wanted { file: String },
    /// A browser asked for the page in this file.
    Seen { file: String },
    /// A handler panicked, or answered with an error.
    Failed { kind: ProblemKind, request: String, location: String, message: String },
    /// Something under `/__nova/` was asked for under a name that is not allowed.
    Unlisted { host: String },
    /// A server ended without having been told to.
    Crashed(Crash),
    /// Another one took its place; `None`: it has nothing to serve yet.
    Back(Option<SwapReport>),
    /// What served before ends each server that starts with it, so this one starts without.
    GaveUp,
    /// A load went into a process of its own, for the first time for this reason.
    Moved(MoveReason),
    /// A server with other settings took over; the error: the one before serves on.
    Renewed(Result<Option<SwapReport>, Refusal>),
    /// No server can be started at all.
    Lost(Refusal),
}

/// Why code is loaded into a process of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MoveReason {
    /// The process before has other dependencies mapped.
    OtherImage,
    /// This was in the way where an app had been started before, as the refusal says; in a process of
    /// its own it serves.
    Obstacle(Obstacle, String),
}

impl ServerHandle {
    /// The handle, and what it leads to.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<SupervisorCommand>) {
        let (commands, receiver) = mpsc::unbounded_channel();
        (Self { commands }, receiver)
    }

    /// Gives an order that has no answer.
    pub(crate) fn tell(&self, order: Order) {
        self.command(SupervisorCommand::Tell(order));
    }

    /// Puts code in the place of what serves.
    ///
    /// # Errors
    /// If it does not load or start; what served before still does.
    pub(crate) async fn load(&self, load: Load) -> Result<LoadOutcome, Refusal> {
        let (sender, answer) = oneshot::channel();
        self.command(SupervisorCommand::Load(load, sender));
        answer.await.unwrap_or_else(|_| Err(Refusal::new("the server has ended")))
    }

    /// Puts another process with other settings in the place of the one that serves.
    pub(crate) fn renew(&self, settings: ProcessSettings) {
        self.command(SupervisorCommand::Renew(settings));
    }

    fn command(&self, command: SupervisorCommand) {
        // A supervisor that is done has said why.
        let _ = self.commands.send(command);
    }
}
