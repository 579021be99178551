//! This program, started again.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::{SuccessionPeer, Successor, VARIABLE};
use crate::process::tunables;

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

    fn command(&self, successor: Successor) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.args).env(VARIABLE, successor.name());
        command.env(tunables::VARIABLE, tunables::for_libraries());
        // The sockets of the service come another way now.
        for variable in ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"] {
            command.env_remove(variable);
        }
        command
    }

    /// Starts this program as a child, a stand-in or a worker, which waits for what it inherits.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn start(
        &self,
        successor: Successor,
    ) -> io::Result<(SuccessionPeer, tokio::process::Child)> {
        let (ours, theirs) = UnixStream::pair()?;
        let mut command = tokio::process::Command::from(self.command(successor));
        command.stdin(OwnedFd::from(theirs)).kill_on_drop(false);
        let child = command.spawn()?;
        Ok((SuccessionPeer::over(ours)?, child))
    }

    /// Replaces this program by itself; `socket` leads to the stand-in. Comes back only with an
    /// error.
    #[must_use]
    pub fn recycle(&self, socket: OwnedFd) -> io::Error {
        self.command(Successor::Recycled).stdin(Stdio::from(socket)).exec()
    }
}
