//! A child that stays: it takes orders and reports events until it is told to stop.
//!
//! Its standard input is one end of a socket pair. Over that come first the descriptors that it
//! inherits, then its job, then one order a line. The kernel closes our end when we die, however
//! that happens, and the child takes the end of its orders for an order to stop. (The signal that
//! Linux can send on a parent's death hangs on the thread that started the child; threads of a
//! runtime come and go.)

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout};

use super::descriptors::{hand_over, take_over};
use super::{Answers, CHILD, Envelope, nonce, take_stdin, take_stdout, tunables};

/// A child that runs, with its three streams.
pub struct Companion {
    /// The process.
    pub process: Child,
    /// The way to it.
    pub orders: Orders,
    /// The way back.
    pub events: Events,
    /// Everything that it prints.
    pub prints: ChildStderr,
}

/// What a child is started with.
pub struct Start<'a, J> {
    /// The executable.
    pub program: &'a Path,
    /// The name of its [`Role`](super::Role).
    pub role: &'a str,
    /// What it begins with.
    pub job: &'a J,
    /// Variables besides those of this process.
    pub environment: &'a [(OsString, OsString)],
    /// What it inherits.
    pub descriptors: &'a [BorrowedFd<'a>],
}

impl Companion {
    /// Starts a child. It is killed when this is dropped.
    ///
    /// # Errors
    /// If the system refuses.
    pub async fn start<J: Serialize>(start: Start<'_, J>) -> io::Result<Self> {
        let Start { program, role, job, environment, descriptors } = start;
        let (ours, theirs) = UnixStream::pair()?;
        hand_over(&ours, descriptors)?;
        ours.set_nonblocking(true)?;
        let mut process = tokio::process::Command::new(program)
            .args([CHILD, role])
            .env(tunables::VARIABLE, tunables::for_libraries())
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        // Both were piped above.
        let (Some(stdout), Some(prints)) = (process.stdout.take(), process.stderr.take()) else {
            return Err(io::Error::other("its standard streams are missing"));
        };
        let nonce = nonce();
        let mut orders = Orders(tokio::net::UnixStream::from_std(ours)?);
        orders.send(&Envelope { nonce: nonce.clone(), message: job }).await?;
        let lines = tokio::io::BufReader::new(stdout).lines();
        Ok(Self { process, orders, events: Events { nonce, lines }, prints })
    }
}

/// The way to a child.
pub struct Orders(tokio::net::UnixStream);

impl Orders {
    /// Gives an order.
    ///
    /// # Errors
    /// If the child is gone.
    pub async fn send<O: Serialize>(&mut self, order: &O) -> io::Result<()> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        self.0.write_all(&line).await
    }
}

/// The way back.
pub struct Events {
    nonce: String,
    lines: Lines<tokio::io::BufReader<ChildStdout>>,
}

impl Events {
    /// The next event; `None` when the child is gone. A call that is given up loses nothing.
    pub async fn next<E: DeserializeOwned>(&mut self) -> Option<E> {
        while let Ok(Some(line)) = self.lines.next_line().await {
            match serde_json::from_str::<Envelope<E>>(&line) {
                Ok(line) if line.nonce == self.nonce => return Some(line.message),
                _ => tracing::debug!(line, "a child printed a line that is not an event"),
            }
        }
        None
    }
}

/// What a child was given besides its job.
pub struct ChildInputs {
    /// The descriptors, in the order in which they were given.
    pub descriptors: Vec<OwnedFd>,
    /// Where the orders come from.
    pub orders: Inbox,
}

/// A child's orders. Reading them blocks.
pub struct Inbox(BufReader<UnixStream>);

impl Inbox {
    /// The next order; `None` when there will be no more.
    pub fn receive<O: DeserializeOwned>(&mut self) -> Option<O> {
        loop {
            let mut line = String::new();
            if !matches!(self.0.read_line(&mut line), Ok(1..)) {
                return None;
            }
            match serde_json::from_str(&line) {
                Ok(order) => return Some(order),
                Err(error) => tracing::error!("an order was not understood: {error}"),
            }
        }
    }
}

/// The child's side: takes over what it inherits, and does what `role` does.
pub fn serve<J: DeserializeOwned>(role: fn(J, ChildInputs, Answers)) -> io::Result<()> {
    let out = take_stdout()?;
    let stdin = UnixStream::from(take_stdin()?);
    let descriptors = take_over(&stdin)?;
    let mut orders = BufReader::new(stdin);
    let mut line = String::new();
    orders.read_line(&mut line)?;
    let Envelope { nonce, message } = serde_json::from_str::<Envelope<J>>(&line)?;
    role(message, ChildInputs { descriptors, orders: Inbox(orders) }, Answers { nonce, out });
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, Write};
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn descriptors_and_orders_arrive_in_order() {
        let (mut ours, theirs) = UnixStream::pair().expect("a pair");
        let mut files =
            [tempfile::tempfile().expect("a file"), tempfile::tempfile().expect("a file")];
        for (file, text) in files.iter_mut().zip(["one", "two"]) {
            file.write_all(text.as_bytes()).expect("written");
            file.rewind().expect("a file");
        }
        hand_over(&ours, &files.each_ref().map(AsFd::as_fd)).expect("sent");
        ours.write_all(b"\"first\"\nno order\n\"second\"\n").expect("sent");
        drop(ours);
        let taken = take_over(&theirs).expect("descriptors");
        let texts = taken.into_iter().map(|descriptor| {
            let mut text = String::new();
            std::fs::File::from(descriptor).read_to_string(&mut text).expect("a text");
            text
        });
        assert_eq!(texts.collect::<Vec<_>>(), ["one", "two"]);
        let mut inbox = Inbox(BufReader::new(theirs));
        let orders: Vec<String> = std::iter::from_fn(|| inbox.receive()).collect();
        assert_eq!(orders, ["first", "second"]);
    }
}
