//! The server, as the rest of the supervisor sees it: something that takes orders, loads code and
//! reports what happened. That it is a process, and not always the same one, is the
//! [`keeper`](crate::dev::child::supervisor)'s business.

use std::ffi::OsString;
use std::time::Duration;

use nova_host::swap::SwapReport;
use tokio::sync::{mpsc, oneshot};

use super::crash::Crash;
use crate::dev::wire::protocol::{Load, Loaded, Order, Refusal};

/// Variables that a server has besides those of this process.
pub(crate) type Environment = Vec<(OsString, OsString)>;

/// What holds for a whole process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Surroundings {
    pub(crate) environment: Environment,
    /// How long one poll of a page may take.
    pub(crate) poll_limit: Option<Duration>,
}

/// The way to the server.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    commands: mpsc::UnboundedSender<Command>,
}

/// What the keeper is asked for.
#[derive(Debug)]
pub(crate) enum Command {
    Tell(Order),
    Load(Load, oneshot::Sender<Result<Loaded, Refusal>>),
    /// Another process, while the one before serves on.
    Renew(Surroundings),
}

/// What the keeper has to say.
#[derive(Debug)]
pub(crate) enum Notice {
    /// A request waits for this page.
    Wanted { file: String },
    /// A browser asked for the page in this file.
    Seen { file: String },
    /// A handler panicked.
    Panicked { request: String, location: String, message: String },
    /// A server ended without having been told to.
    Crashed(Crash),
    /// Another one took its place; `None`: it has nothing to serve yet.
    Back(Option<SwapReport>),
    /// What served before ends each server that starts with it, so this one starts without.
    GaveUp,
    /// A server with other surroundings took over; the error: the one before serves on.
    Renewed(Result<Option<SwapReport>, Refusal>),
    /// No server can be started at all.
    Lost(Refusal),
}

impl Server {
    /// The handle, and what it leads to.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Command>) {
        let (commands, receiver) = mpsc::unbounded_channel();
        (Self { commands }, receiver)
    }

    /// Gives an order that has no answer.
    pub(crate) fn tell(&self, order: Order) {
        self.command(Command::Tell(order));
    }

    /// Puts code in the place of what serves.
    ///
    /// # Errors
    /// If it does not load or start; what served before still does.
    pub(crate) async fn load(&self, load: Load) -> Result<Loaded, Refusal> {
        let (sender, answer) = oneshot::channel();
        self.command(Command::Load(load, sender));
        answer.await.unwrap_or_else(|_| Err(Refusal("the server has ended".into())))
    }

    /// Puts another process with other surroundings in the place of the one that serves.
    pub(crate) fn renew(&self, surroundings: Surroundings) {
        self.command(Command::Renew(surroundings));
    }

    fn command(&self, command: Command) {
        // A keeper that is done has said why.
        let _ = self.commands.send(command);
    }
}
