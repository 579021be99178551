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
//! process:
//!
//! ```text
//! the old one                        the new one
//!  sockets and state           ->     maps the libraries
//!                              <-     Loaded
//!  ends the apps that must
//!  not be alive twice
//!  Start, with their states    ->     starts the apps, which answer nothing and do not lead
//!                              <-     Serving
//!  Open                        ->     accepts, and leads
//! ```
//!
//! Until `Open` is said, and by that alone, the old one may go on instead: because the new one has
//! `Failed` or is gone, because it takes too long, or because the host stops. Then it says
//! `NotWanted`, waits until the apps of the new one have ended, and starts its own again. So one of
//! the two serves on and never both, whatever comes late.
//!
//! A *worker* of a supervised host takes its place in the same way; the order to open is its
//! supervisor's.
//!
//! [`Recycler`] is the part of the process that leaves, [`Succession`] that of the one that comes;
//! [`SuccessionPeer`] is the conversation, [`Program`] how a process starts the other.

mod forward;
mod peer;
mod program;
mod recycler;

use std::fs::File;
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tokio::io::Interest;

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

/// Why a process does not take another's place that is not wanted.
const SERVES_ON: &str = "the process before serves on";

/// What is known of the process before, for the one after it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SuccessionState {
    /// The id of the process.
    pub pid: u32,
    /// How many of the descriptors are sockets to listen on. Then come the admin socket, the socket
    /// for requests that are passed on, that of the rooms, and the file for what a worker does, as far
    /// as there are any.
    pub sockets: usize,
    /// Whether the admin socket is among them.
    #[serde(default)]
    pub admin: bool,
    /// Whether requests are passed on.
    #[serde(default)]
    pub forward: bool,
    /// Whether there is a socket of rooms.
    #[serde(default)]
    pub rooms: bool,
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
    /// Where the rooms of the process before are.
    pub rooms: Option<UnixStream>,
    /// Where a worker writes down what it does.
    pub record: Option<File>,
    /// What is known of the process before.
    pub state: SuccessionState,
    /// The way to it; `None` once a worker talks with its supervisor in its own way.
    peer: Option<SuccessionPeer>,
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
    pub async fn receive() -> io::Result<Option<Self>> {
        match Successor::current() {
            Some(successor) => Self::over(successor, take_stdin()?.into()).await.map(Some),
            None => Ok(None),
        }
    }

    async fn over(successor: Successor, socket: UnixStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let socket = tokio::net::UnixStream::from_std(socket)?;
        let descriptors = socket.async_io(Interest::READABLE, || take_over(&socket)).await?;
        let mut descriptors = descriptors.into_iter().peekable();
        let mut peer = SuccessionPeer::of(socket);
        let state = peer.state().await?;
        let sockets = descriptors.by_ref().take(state.sockets).map(Socket::of_descriptor);
        let sockets = sockets.collect::<io::Result<_>>()?;
        let admin = descriptors.next_if(|_| state.admin).map(UnixListener::from);
        let forward = descriptors.next_if(|_| state.forward).map(UnixListener::from);
        let rooms = descriptors.next_if(|_| state.rooms).map(UnixStream::from);
        let record = descriptors.next().map(File::from);
        Ok(Self { successor, sockets, admin, forward, rooms, record, state, peer: Some(peer) })
    }

    /// Says that the libraries are mapped, and waits for the states of the apps.
    ///
    /// # Errors
    /// If the process before is gone, or goes on by itself.
    pub async fn states(&mut self) -> io::Result<InheritedStates> {
        let peer = self.peer()?;
        peer.report(&PeerReport::Loaded).await?;
        match peer.order().await {
            Some(PeerOrder::Start(states)) => Ok(states),
            Some(PeerOrder::NotWanted) => Err(io::Error::other(SERVES_ON)),
            Some(_) => Err(io::Error::other("it gave another order than to start")),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Says that the apps have started, and waits until this process may answer. Where the stand-in
    /// has ended meanwhile nobody else answers, so a recycled process does.
    ///
    /// # Errors
    /// If the process before goes on by itself, or the one is gone that is known outside.
    pub async fn opened(&mut self, reports: Vec<SwapReport>) -> Result<(), PeerFailure> {
        let is_first = self.successor == Successor::Recycled;
        let peer = self.peer()?;
        // One that is gone gives no order, either.
        peer.report(&PeerReport::Serving { reports, apps: Vec::new() }).await.ok();
        loop {
            match peer.order().await {
                Some(PeerOrder::Open) => return Ok(()),
                Some(PeerOrder::NotWanted) => return Err(PeerFailure::passing(SERVES_ON)),
                // Those are for a process that serves.
                Some(_) => {}
                None if is_first => return Ok(()),
                None => return Err(PeerFailure::passing("the process before is gone")),
            }
        }
    }

    /// Tells the process before that this one will not serve, so that it goes on.
    ///
    /// # Errors
    /// If that process is gone.
    pub async fn failed(mut self, failure: PeerFailure) -> io::Result<SuccessionPeer> {
        self.peer()?.report(&PeerReport::Failed(failure)).await?;
        self.take_peer()
    }

    /// The way to the process before, to talk with it in another way from now on.
    ///
    /// # Errors
    /// If that was taken.
    pub fn take_peer(&mut self) -> io::Result<SuccessionPeer> {
        self.peer.take().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    fn peer(&mut self) -> io::Result<&mut SuccessionPeer> {
        self.peer.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

#[cfg(test)]
mod tests;
