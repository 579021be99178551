//! The conversation between the two processes of a handover.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::process::{Pid, WaitOptions, waitpid};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::HandoverState;
use crate::process::descriptors::hand_over;

/// What the new process says when it serves.
pub(super) const SERVING: &str = "serving";

/// What the process that left says afterwards to its stand-in, a line each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeerOrder {
    /// Requests finish, then the process ends.
    Stop,
    /// The process ends at once.
    Abort,
    /// Swap from the same paths.
    Reload,
    /// Give back sockets and state.
    TakeBack,
}

/// The way to the other process.
#[derive(Debug)]
pub struct HandoverPeer {
    lines: Lines<BufReader<OwnedReadHalf>>,
    writer: OwnedWriteHalf,
}

impl HandoverPeer {
    pub(super) fn over(socket: UnixStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let (reader, writer) = tokio::net::UnixStream::from_std(socket)?.into_split();
        Ok(Self { lines: BufReader::new(reader).lines(), writer })
    }

    /// The next order; `None` when the other process is gone. A call that is given up loses
    /// nothing.
    pub async fn order(&mut self) -> Option<PeerOrder> {
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

    /// Gives an order. A process that is gone follows none.
    pub async fn give(&mut self, order: PeerOrder) {
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
        state: &HandoverState,
    ) -> io::Result<()> {
        let socket: &tokio::net::UnixStream = self.writer.as_ref();
        let owned = UnixStream::from(socket.as_fd().try_clone_to_owned()?);
        hand_over(&owned, descriptors)?;
        let mut line = serde_json::to_vec(state)?;
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
