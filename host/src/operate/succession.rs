//! Succession: one process takes the place of another, without a connection refused.
//!
//! What stays is the process that was started first: its id is what a shell, a container and a
//! service manager know. So it is recycled in two steps:
//!
//! 1. It starts a *stand-in*, a child with the same arguments, and gives it the listening sockets
//!    and a [`SuccessionState`]. When the stand-in serves, the first process answers what it still has.
//! 2. Then it replaces its own program (`exec`), which gives its memory back, and takes sockets and
//!    state back from the stand-in in the same way. When it serves, the stand-in answers what it
//!    still has and ends.
//!
//! Both steps are the same conversation over one socket, which is the standard input of the new
//! process: sockets and state in one direction, that it serves or why not in the other. An end of the
//! conversation before that means that the new one failed, and the old one serves on.
//!
//! A *worker* of a supervised host takes its place in the same way, and waits then for the order to
//! accept connections.
//!
//! [`Recycler`] is the part of the process that leaves, [`Succession`] that of the one that comes;
//! [`SuccessionPeer`] is the conversation, [`Program`] how a process starts the other.

mod forward;
mod peer;
mod program;
mod recycler;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use self::forward::answer_passed_on;
pub use self::peer::{
    AppFacts, PeerFailure, PeerLines, PeerOrder, PeerReport, PeerWriter, Started, SuccessionPeer,
};
pub use self::program::Program;
pub use self::recycler::Recycler;
use crate::process::descriptors::take_over;
use crate::process::take_stdin;
use crate::server::Socket;
use crate::swap::{InheritedStates, SwapReport, SwitchState};

/// Says in the environment of a process that it takes another's place, and which it is.
const VARIABLE: &str = "NOVA_SUCCESSOR";

/// What is known of the process before, for the one after it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SuccessionState {
    /// The id of the process.
    pub pid: u32,
    /// How many of the descriptors are sockets to listen on. Then come the admin socket, the socket
    /// for requests that are passed on, and the file for what a worker does, as far as there are any.
    pub sockets: usize,
    /// Whether the admin socket is among them.
    #[serde(default)]
    pub admin: bool,
    /// Whether requests are passed on.
    #[serde(default)]
    pub forward: bool,
    /// Releases and generations.
    pub switch: SwitchState,
    /// The folders of public files that releases brought, newest first.
    pub folders: Vec<PathBuf>,
    /// The number of this worker; `None`: the process serves alone.
    #[serde(default)]
    pub worker: Option<usize>,
    /// Whether the states of the apps come later, in an order to start them.
    #[serde(default)]
    pub waits: bool,
}

/// The process that takes another's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Successor {
    /// A child, until its parent is recycled.
    StandIn,
    /// The first process, recycled.
    Recycled,
    /// One of the processes that a supervisor has.
    Worker,
}

impl Successor {
    /// How the environment of the process says it.
    fn name(self) -> &'static str {
        match self {
            Self::StandIn => "stand-in",
            Self::Recycled => "recycled",
            Self::Worker => "worker",
        }
    }

    /// What the environment says of this process.
    #[must_use]
    pub fn current() -> Option<Self> {
        let name = std::env::var(VARIABLE).ok()?;
        [Self::StandIn, Self::Recycled, Self::Worker].into_iter().find(|it| it.name() == name)
    }
}

/// What a new process takes over.
#[derive(Debug)]
pub struct Succession {
    /// Which process this is.
    pub successor: Successor,
    /// The sockets to listen on.
    pub sockets: Vec<Socket>,
    /// The admin socket.
    pub admin: Option<UnixListener>,
    /// Where requests come that the process before passes on.
    pub forward: Option<UnixListener>,
    /// Where a worker writes down what it does.
    pub record: Option<File>,
    /// What is known of the process before.
    pub state: SuccessionState,
    socket: BufReader<UnixStream>,
}

impl Succession {
    /// Whether this process takes another's place.
    #[must_use]
    pub fn is_there() -> bool {
        Successor::current().is_some()
    }

    /// What this process takes over; `None`: it was started by itself. This waits for the process
    /// before.
    ///
    /// # Errors
    /// If that process is gone, or says what cannot be understood.
    pub fn receive() -> io::Result<Option<Self>> {
        let Some(successor) = Successor::current() else { return Ok(None) };
        let socket = UnixStream::from(take_stdin()?);
        let mut descriptors = take_over(&socket)?.into_iter().peekable();
        let mut socket = BufReader::new(socket);
        let mut line = String::new();
        socket.read_line(&mut line)?;
        let state: SuccessionState = serde_json::from_str(&line)?;
        let sockets = descriptors.by_ref().take(state.sockets).map(Socket::of_descriptor);
        let sockets = sockets.collect::<io::Result<_>>()?;
        let admin = descriptors.next_if(|_| state.admin).map(UnixListener::from);
        let forward = descriptors.next_if(|_| state.forward).map(UnixListener::from);
        let record = descriptors.next().map(File::from);
        Ok(Some(Self { successor, sockets, admin, forward, record, state, socket }))
    }

    /// Says that the libraries are mapped, and waits for the states of the apps.
    ///
    /// # Errors
    /// If the process before is gone.
    pub async fn states(&self) -> io::Result<InheritedStates> {
        // Nothing is read ahead: what comes next is the answer to this.
        let mut socket = self.socket.get_ref().try_clone()?;
        let asked = tokio::task::spawn_blocking(move || {
            let line = serde_json::to_string(&PeerReport::Loaded)?;
            writeln!(socket, "{line}")?;
            let mut line = String::new();
            BufReader::new(socket).read_line(&mut line)?;
            match serde_json::from_str(&line)? {
                PeerOrder::Start(states) => Ok(states),
                _ => Err(io::Error::other("it gave another order than to start")),
            }
        });
        asked.await.map_err(io::Error::other)?
    }

    /// Tells the process before that this one serves; gives the way to talk on with it.
    ///
    /// # Errors
    /// If that process is gone.
    pub fn serving(self, reports: Vec<SwapReport>) -> io::Result<SuccessionPeer> {
        self.answer(&PeerReport::Serving { reports, apps: Vec::new() })
    }

    /// Tells the process before that this one will not serve, so that it goes on.
    ///
    /// # Errors
    /// If that process is gone.
    pub fn failed(self, failure: PeerFailure) -> io::Result<SuccessionPeer> {
        self.answer(&PeerReport::Failed(failure))
    }

    /// The way to talk with the process before, for one that has not said yet whether it serves.
    ///
    /// # Errors
    /// If the socket cannot be registered with the runtime.
    pub fn peer(&self) -> io::Result<SuccessionPeer> {
        SuccessionPeer::over(self.socket.get_ref().try_clone()?)
    }

    fn answer(self, report: &PeerReport) -> io::Result<SuccessionPeer> {
        let mut socket = self.socket.into_inner();
        let line = serde_json::to_string(report)?;
        writeln!(socket, "{line}")?;
        SuccessionPeer::over(socket)
    }
}
