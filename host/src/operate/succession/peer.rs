//! The conversation of two processes of one host: orders in one direction, reports in the other, a
//! line of JSON each.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use rustix::process::{Pid, WaitOptions, waitpid};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::SuccessionState;
use crate::operate::admin::Status;
use crate::process::descriptors::hand_over;
use crate::swap::{HeldReport, InheritedStates, SavedState, SwapReport};

/// What the process that has the way to the outside says to the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeerOrder {
    /// Requests finish, then the process ends.
    Stop,
    /// The process ends at once.
    Abort,
    /// Swap from the same paths; a worker reads its certificate alone.
    Reload,
    /// Give back sockets and state.
    TakeBack,
    /// Accept connections from now on. What takes the place of another process leads as well: that
    /// one does not go back on it.
    Open,
    /// Do not serve: the process before goes on. The apps end, and the answer is that it failed.
    NotWanted,
    /// Answer what other workers pass on, and accept nothing.
    OpenPassedOn,
    /// Let others answer a share of the requests, from 0 to 1, at the socket of this name; without
    /// it, answer all of them.
    Share(Option<(String, f64)>),
    /// Others serve: finish what there is, and end. Requests that still come are answered at the
    /// socket of this name, if there is one.
    Leave {
        /// What the answer names.
        question: u64,
        /// The name of the socket.
        forward: Option<String>,
    },
    /// Start the apps, which are loaded, with these states.
    Start(InheritedStates),
    /// End the apps of these slots, and let requests for them wait: another process goes on with
    /// them.
    Hold {
        /// What the answer names.
        question: u64,
        /// The places of the libraries.
        slots: Vec<usize>,
        /// What is to take their place, for messages.
        path: PathBuf,
        /// A state that cannot be exported is lost.
        force: bool,
    },
    /// The other process does not go on with them: start them again.
    Resume {
        /// What the answer names.
        question: u64,
    },
    /// The generations of this process lead.
    Lead,
    /// They do not any more.
    StandBy {
        /// What the answer names.
        question: u64,
    },
    /// Say how you are.
    Status {
        /// What the answer names.
        question: u64,
    },
    /// Say what you have counted, as Prometheus reads it.
    Metrics {
        /// What the answer names.
        question: u64,
    },
}

/// What the other process says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeerReport {
    /// The libraries are mapped; the states are waited for.
    Loaded,
    /// The apps have started, and [`PeerOrder::Open`] is waited for.
    Serving {
        /// How each of them was started.
        reports: Vec<SwapReport>,
        /// What else is to be known of them.
        apps: Vec<AppFacts>,
    },
    /// The apps have ended, and requests for them wait.
    Held {
        /// The question.
        question: u64,
        /// Their states, in the order of the libraries.
        apps: Vec<Option<SavedState>>,
    },
    /// The apps go on.
    NotHeld {
        /// The question.
        question: u64,
        /// Why.
        failure: PeerFailure,
    },
    /// Requests that come are answered elsewhere.
    Left {
        /// The question.
        question: u64,
        /// How long requests waited for that, if they did.
        held: Option<HeldReport>,
    },
    /// It is done.
    Done {
        /// The question.
        question: u64,
    },
    /// It will not serve.
    Failed(PeerFailure),
    /// How it is.
    Status {
        /// The question.
        question: u64,
        /// The answer.
        status: Box<Status>,
    },
    /// What it has counted.
    Metrics {
        /// The question.
        question: u64,
        /// The answer.
        text: String,
    },
}

/// What is to be known of an app that another process runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppFacts {
    /// Whether it saves its state.
    pub exports: bool,
}

/// What a process has that serves: how each app was started, and what is to be known of it.
#[derive(Debug, Clone, Default)]
pub struct Started {
    /// How each of them was started.
    pub reports: Vec<SwapReport>,
    /// What else is to be known of them.
    pub apps: Vec<AppFacts>,
}

/// Why the other process does not serve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}")]
pub struct PeerFailure {
    /// The reason, for people.
    pub reason: String,
    /// Whether the same files will fail again.
    pub lasting: bool,
}

impl PeerFailure {
    /// A failure that may not come again.
    pub fn passing(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), lasting: false }
    }
}

impl From<io::Error> for PeerFailure {
    fn from(error: io::Error) -> Self {
        Self::passing(error.to_string())
    }
}

/// The way to the other process.
#[derive(Debug)]
pub struct SuccessionPeer {
    hears: PeerLines,
    speaks: PeerWriter,
    /// It has said that it will not serve, or is gone.
    has_declined: bool,
}

/// What the other process says.
#[derive(Debug)]
pub struct PeerLines(Lines<BufReader<OwnedReadHalf>>);

/// What is said to it.
#[derive(Debug)]
pub struct PeerWriter(OwnedWriteHalf);

impl PeerLines {
    /// The next line; `None` when the other process is gone. A call that is given up loses nothing.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Option<T> {
        while let Ok(Some(line)) = self.0.next_line().await {
            match serde_json::from_str(&line) {
                Ok(said) => return Some(said),
                Err(error) => tracing::error!("another process was not understood: {error}"),
            }
        }
        None
    }
}

impl PeerWriter {
    /// Says something.
    ///
    /// # Errors
    /// If the other process is gone.
    pub async fn say<T: Serialize>(&mut self, said: &T) -> io::Result<()> {
        let mut line = serde_json::to_vec(said)?;
        line.push(b'\n');
        self.0.write_all(&line).await
    }
}

fn not_serving(said: Option<PeerReport>) -> PeerFailure {
    match said {
        Some(PeerReport::Failed(failure)) => failure,
        Some(_) => PeerFailure::passing("it did not say whether it serves"),
        None => PeerFailure::passing("it ended before it served"),
    }
}

impl SuccessionPeer {
    pub(super) fn over(socket: UnixStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self::of(tokio::net::UnixStream::from_std(socket)?))
    }

    pub(super) fn of(socket: tokio::net::UnixStream) -> Self {
        let (reader, writer) = socket.into_split();
        let hears = PeerLines(BufReader::new(reader).lines());
        Self { hears, speaks: PeerWriter(writer), has_declined: false }
    }

    /// What is known of the process before, which is what it says first.
    pub(super) async fn state(&mut self) -> io::Result<SuccessionState> {
        let line = self.hears.0.next_line().await?;
        Ok(serde_json::from_str(&line.ok_or(io::ErrorKind::UnexpectedEof)?)?)
    }

    /// Says something to the process before.
    pub(super) async fn report(&mut self, report: &PeerReport) -> io::Result<()> {
        self.speaks.say(report).await
    }

    /// The two directions, for a conversation in which both speak at any time.
    #[must_use]
    pub fn split(self) -> (PeerLines, PeerWriter) {
        (self.hears, self.speaks)
    }

    /// The next order; `None` when the other process is gone. A call that is given up loses
    /// nothing.
    pub async fn order(&mut self) -> Option<PeerOrder> {
        self.hears.next().await
    }

    /// Waits until the other process has ended, which is our child although this program did not
    /// start it, and lets the system forget it.
    pub async fn ended(mut self, pid: u32) {
        while self.order().await.is_some() {}
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        tokio::task::spawn_blocking(move || waitpid(pid, WaitOptions::empty()).ok()).await.ok();
    }

    /// Gives an order. A process that is gone follows none.
    pub async fn give(&mut self, order: PeerOrder) {
        self.speaks.say(&order).await.ok();
    }

    /// Another process is at the other end, or the same one tries again.
    pub(super) fn begin(&mut self) {
        self.has_declined = false;
    }

    /// Lets the other process answer, which has started its apps.
    ///
    /// # Errors
    /// If it is gone.
    pub async fn open(&mut self) -> io::Result<()> {
        self.speaks.say(&PeerOrder::Open).await
    }

    /// Tells the other process that it is not to serve, and waits until its apps have ended or it is
    /// gone. One that has said so itself is not told.
    pub async fn withdraw(&mut self) {
        if self.has_declined {
            return;
        }
        self.give(PeerOrder::NotWanted).await;
        while !self.has_declined {
            self.heard().await;
        }
    }

    /// What the other process says of its start.
    async fn heard(&mut self) -> Option<PeerReport> {
        let said = self.hears.next().await;
        self.has_declined = matches!(said, None | Some(PeerReport::Failed(_)));
        said
    }

    /// Hands everything over.
    ///
    /// # Errors
    /// If the other process is gone.
    pub async fn hand_over(
        &mut self,
        descriptors: &[BorrowedFd<'_>],
        state: &SuccessionState,
    ) -> io::Result<()> {
        let socket: &tokio::net::UnixStream = self.speaks.0.as_ref();
        let owned = UnixStream::from(socket.as_fd().try_clone_to_owned()?);
        hand_over(&owned, descriptors)?;
        self.speaks.say(state).await
    }

    /// Waits until the libraries of the other process are mapped.
    ///
    /// # Errors
    /// With the reason that it gives, or that it is gone.
    pub async fn loaded(&mut self) -> Result<(), PeerFailure> {
        match self.heard().await {
            Some(PeerReport::Loaded) => Ok(()),
            other => Err(not_serving(other)),
        }
    }

    /// Waits until the apps of the other process have started.
    ///
    /// # Errors
    /// With the reason that it gives, or that it is gone.
    pub async fn serving(&mut self) -> Result<Started, PeerFailure> {
        match self.heard().await {
            Some(PeerReport::Serving { reports, apps }) => Ok(Started { reports, apps }),
            other => Err(not_serving(other)),
        }
    }

    /// The socket itself, for a program that takes the place of this one.
    ///
    /// # Errors
    /// If the two halves are not one any more.
    pub fn into_socket(self) -> io::Result<OwnedFd> {
        let reader = self.hears.0.into_inner().into_inner();
        let socket = reader.reunite(self.speaks.0).map_err(io::Error::other)?;
        let socket = socket.into_std()?;
        socket.set_nonblocking(false)?;
        Ok(socket.into())
    }
}

#[cfg(test)]
impl SuccessionPeer {
    /// The two ends of a conversation.
    pub(crate) fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = UnixStream::pair()?;
        Ok((Self::over(one)?, Self::over(other)?))
    }
}
