//! One process takes the place of another, without a connection refused.
//!
//! What stays is the process that was started first: its id is what a shell, a container and a
//! service manager know. So it is renewed in two steps:
//!
//! 1. It starts a *stand-in*, a child with the same arguments, and gives it the listening sockets
//!    and a [`Will`]. When the stand-in serves, the first process answers what it still has.
//! 2. Then it replaces its own program (`exec`), which gives its memory back, and takes sockets and
//!    will back from the stand-in in the same way. When it serves, the stand-in answers what it
//!    still has and ends.
//!
//! Both steps are the same conversation over one socket, which is the standard input of whoever is
//! new: sockets and will in one direction, `serving` in the other. An end of the conversation
//! before that word means that the new one failed, and the old one serves on.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::{Pid, WaitOptions, waitpid};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, Lines};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use crate::process::descriptors::{hand_over, take_over};
use crate::process::take_stdin;
use crate::release::ledger::Book;

/// Says in the environment of a process that it takes another's place, and as what.
const VARIABLE: &str = "NOVA_SUCCESSOR";

/// What the new process says when it serves.
const SERVING: &str = "serving";

/// What is known of the process before, for the one after it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Will {
    /// The id of the process.
    pub pid: u32,
    /// How many of the descriptors are sockets to listen on; the admin socket follows, if any.
    pub sockets: usize,
    /// What is remembered of releases.
    pub book: Book,
    /// The last generation's number.
    pub last_generation: u64,
    /// The stylesheets that pages may still name, oldest first: name and text.
    pub stylesheets: Vec<(String, String)>,
    /// The folders of public files that releases assets, newest first.
    pub folders: Vec<PathBuf>,
    /// The state of each app that saves it.
    pub states: Vec<Option<Vec<u8>>>,
    /// Swaps that were published, and candidates that were refused.
    pub totals: (u64, u64),
}

/// What the one that leaves says afterwards to a stand-in, a line each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Requests finish, then the process ends.
    Stop,
    /// The process ends at once.
    Abort,
    /// Swap from the same paths.
    Reload,
    /// Give back sockets and will.
    TakeBack,
}

/// As what a process takes another's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum As {
    /// A child, until its parent is renewed.
    StandIn,
    /// The first process, renewed.
    Renewed,
}

impl As {
    /// What the environment says of this process.
    fn what() -> Option<Self> {
        match std::env::var(VARIABLE).as_deref() {
            Ok("stand-in") => Some(As::StandIn),
            Ok("renewed") => Some(As::Renewed),
            _ => None,
        }
    }
}

/// What a new process inherits.
#[derive(Debug)]
pub struct Inheritance {
    /// As what it inherits.
    pub as_what: As,
    /// The sockets to listen on.
    pub sockets: Vec<TcpListener>,
    /// The admin socket.
    pub admin: Option<UnixListener>,
    /// What is known of the process before.
    pub will: Will,
    socket: BufReader<UnixStream>,
}

impl Inheritance {
    /// Whether this process takes another's place.
    #[must_use]
    pub fn is_there() -> bool {
        As::what().is_some()
    }

    /// What this process inherits; `None`: it was started by itself. This waits for the process
    /// before.
    ///
    /// # Errors
    /// If that process is gone, or says what cannot be understood.
    pub fn receive() -> io::Result<Option<Self>> {
        let Some(as_what) = As::what() else { return Ok(None) };
        let socket = UnixStream::from(take_stdin()?);
        let mut descriptors = take_over(&socket)?.into_iter();
        let mut socket = BufReader::new(socket);
        let mut line = String::new();
        socket.read_line(&mut line)?;
        let will: Will = serde_json::from_str(&line)?;
        let sockets = descriptors.by_ref().take(will.sockets).map(TcpListener::from).collect();
        let admin = descriptors.next().map(UnixListener::from);
        Ok(Some(Self { as_what, sockets, admin, will, socket }))
    }

    /// Tells the process before that this one serves; gives the way to talk on with it.
    ///
    /// # Errors
    /// If that process is gone.
    pub fn serving(self) -> io::Result<Conversation> {
        self.answer(SERVING)
    }

    /// Tells the process before that this one will not serve, so that it goes on.
    ///
    /// # Errors
    /// If that process is gone.
    pub fn failed(self) -> io::Result<Conversation> {
        self.answer("failed")
    }

    fn answer(self, word: &str) -> io::Result<Conversation> {
        let mut socket = self.socket.into_inner();
        writeln!(socket, "{word}")?;
        Conversation::over(socket)
    }
}

/// The way between the two processes.
#[derive(Debug)]
pub struct Conversation {
    lines: Lines<tokio::io::BufReader<OwnedReadHalf>>,
    writer: OwnedWriteHalf,
}

impl Conversation {
    fn over(socket: UnixStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let (reader, writer) = tokio::net::UnixStream::from_std(socket)?.into_split();
        Ok(Self { lines: tokio::io::BufReader::new(reader).lines(), writer })
    }

    /// The next order; `None` when the other process is gone. A call that is given up loses
    /// nothing.
    pub async fn order(&mut self) -> Option<Order> {
        while let Ok(Some(line)) = self.lines.next_line().await {
            match serde_json::from_str(&line) {
                Ok(order) => return Some(order),
                Err(error) => tracing::error!("an order was not understood: {error}"),
            }
        }
        None
    }

    /// Waits until the other process has ended, which is our child although this program did not
    /// start it, and lets the system forget it.
    pub async fn ended(mut self, pid: u32) {
        while self.order().await.is_some() {}
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        tokio::task::spawn_blocking(move || waitpid(pid, WaitOptions::empty()).ok()).await.ok();
    }

    /// Gives an order. One that is gone does not obey any more.
    pub async fn give(&mut self, order: Order) {
        if let Ok(mut line) = serde_json::to_vec(&order) {
            line.push(b'\n');
            self.writer.write_all(&line).await.ok();
        }
    }

    /// Hands everything over, and waits until the other process serves.
    ///
    /// # Errors
    /// If it fails.
    pub async fn hand_over(
        &mut self,
        descriptors: &[BorrowedFd<'_>],
        will: &Will,
    ) -> io::Result<()> {
        let socket: &tokio::net::UnixStream = self.writer.as_ref();
        let owned = UnixStream::from(socket.as_fd().try_clone_to_owned()?);
        hand_over(&owned, descriptors)?;
        let mut line = serde_json::to_vec(will)?;
        line.push(b'\n');
        self.writer.write_all(&line).await?;
        let gone = || io::Error::new(io::ErrorKind::BrokenPipe, "it ended before it served");
        let answer = self.lines.next_line().await?.ok_or_else(gone)?;
        if answer == SERVING { Ok(()) } else { Err(io::Error::other("it could not serve")) }
    }

    /// The socket itself, for a program that takes the place of this one.
    ///
    /// # Errors
    /// If the two halves are not one any more.
    pub fn into_socket(self) -> io::Result<OwnedFd> {
        let reader = self.lines.into_inner().into_inner();
        let socket = reader.reunite(self.writer).map_err(io::Error::other)?;
        let socket = socket.into_std()?;
        socket.set_nonblocking(false)?;
        Ok(socket.into())
    }
}

/// How this program is started again.
#[derive(Debug, Clone)]
pub struct Program {
    /// The executable, as it is now: a new version of it takes over from this one.
    pub path: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
}

impl Program {
    /// This one.
    ///
    /// # Errors
    /// If the system does not say which it is.
    pub fn current() -> io::Result<Self> {
        Ok(Self { path: std::env::current_exe()?, args: std::env::args_os().skip(1).collect() })
    }

    fn command(&self, as_what: As) -> Command {
        let mut command = Command::new(&self.path);
        let value = if as_what == As::StandIn { "stand-in" } else { "renewed" };
        command.args(&self.args).env(VARIABLE, value);
        // The sockets of the service come another way now.
        for variable in ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"] {
            command.env_remove(variable);
        }
        command
    }

    /// Starts a stand-in, which waits for what it inherits.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn stand_in(&self) -> io::Result<(Conversation, tokio::process::Child)> {
        let (ours, theirs) = UnixStream::pair()?;
        let mut command = tokio::process::Command::from(self.command(As::StandIn));
        command.stdin(OwnedFd::from(theirs)).kill_on_drop(false);
        let child = command.spawn()?;
        Ok((Conversation::over(ours)?, child))
    }

    /// Replaces this program by itself; `socket` leads to the stand-in. Comes back only with an
    /// error.
    #[must_use]
    pub fn renew(&self, socket: OwnedFd) -> io::Error {
        self.command(As::Renewed).stdin(Stdio::from(socket)).exec()
    }
}
