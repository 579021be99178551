//! Our own executable, started again: the one way in which Nova makes a process.
//!
//! Parent and child speak JSON lines. The parent writes one job, with a nonce, to the child's
//! standard input; the child answers on what was its standard output, after moving that out of
//! the reach of everything that prints. A line without the nonce is not an answer, and an exit
//! code proves nothing: code of a library may call `exit(0)`.
//!
//! A child does one job and is gone ([`ask`]), or stays, takes orders and reports events
//! ([`companion`]).

pub mod companion;
pub mod descriptors;
pub mod footprint;
pub mod held;
pub mod init;
pub mod log;
pub mod record;
pub mod service_folders;
pub mod service_manager;
pub mod signals;
pub mod tunables;
pub mod worker_threads;

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt;
use std::io::{BufRead, Write};
use std::ops::ControlFlow;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

/// The first argument of a child; the second is its role.
const CHILD: &str = "__nova-child";

/// How much of a child's last words is kept.
const LAST_WORDS: usize = 2048;

/// A line from parent to child or back.
#[derive(Debug, Serialize, Deserialize)]
struct Envelope<T> {
    nonce: String,
    message: T,
}

/// How a child ended without an answer.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The messages say what the fields are.
pub enum ChildError {
    #[error("{program} cannot be started again to check the library: {source}")]
    Start { program: String, source: std::io::Error },
    #[error("{how}{}", words(.last_words))]
    Died { how: String, last_words: String },
    #[error("it did not finish within {limit:?}")]
    TimedOut { limit: Duration },
}

fn words(last: &str) -> String {
    if last.is_empty() { String::new() } else { format!("; it last said: {last}") }
}

/// Starts `program` as a child with `job`; gives every answer to `on_answer` until it returns
/// `Some`. The child is gone when this returns.
///
/// # Errors
/// If the child cannot be started, dies, or takes longer than `limit`.
pub async fn ask<J: Serialize, A: DeserializeOwned, T>(
    program: &Path,
    role: &str,
    job: &J,
    limit: Duration,
    mut on_answer: impl FnMut(A) -> Option<T>,
) -> Result<T, ChildError> {
    let deadline = Instant::now() + limit;
    let left = || deadline.saturating_duration_since(Instant::now());
    let asked = follow(command(program, role), job, limit, Duration::ZERO, |answer| {
        on_answer(answer).map_or_else(|| ControlFlow::Continue(left()), ControlFlow::Break)
    });
    match asked.await {
        Err(ChildError::TimedOut { .. }) => Err(ChildError::TimedOut { limit }),
        asked => asked,
    }
}

/// `program` as a child of this role, for [`follow`].
pub fn command(program: &Path, role: &str) -> Command {
    let mut command = Command::new(program);
    command
        .args([CHILD, role])
        .env(tunables::VARIABLE, tunables::for_libraries())
        // Of a panic, the message says it; a backtrace would push that out of the last words.
        .env("RUST_BACKTRACE", "0");
    command
}

/// Starts a child with `job`, and gives every answer to `on_answer` until it breaks off. The child
/// may be silent for `patience` at first, and then for as long as `on_answer` says. Once that has
/// broken off, the child has `ending` to end by itself. It is gone when this returns.
///
/// # Errors
/// If the child cannot be started, dies, or is silent for longer.
pub async fn follow<J: Serialize, A: DeserializeOwned, T>(
    mut command: Command,
    job: &J,
    patience: Duration,
    ending: Duration,
    mut on_answer: impl FnMut(A) -> ControlFlow<T, Duration>,
) -> Result<T, ChildError> {
    let program = Path::new(command.as_std().get_program()).display().to_string();
    let start = |source| ChildError::Start { program: program.clone(), source };
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(start)?;
    let nonce = nonce();
    let line = serde_json::to_string(&Envelope { nonce: nonce.clone(), message: job })
        .map_err(|error| start(error.into()))?;
    // All three were piped above.
    let (Some(mut stdin), Some(stdout), Some(mut stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(start(std::io::Error::other("its standard streams are missing")));
    };
    // The last words are read beside the answers, so that a full pipe never stops the child.
    let last_words = tokio::spawn(async move {
        let (mut kept, mut piece) = (Vec::new(), [0; 4096]);
        while let Ok(read @ 1..) = stderr.read(&mut piece).await {
            kept.extend_from_slice(&piece[..read]);
            kept.drain(..kept.len().saturating_sub(LAST_WORDS));
        }
        String::from_utf8_lossy(&kept).trim().to_owned()
    });
    // A child that does not read its job must not hold us up either.
    tokio::spawn(async move {
        // A child that dies before it reads breaks the pipe; its exit says why.
        let _ = stdin.write_all(format!("{line}\n").as_bytes()).await;
    });
    let mut lines = BufReader::new(stdout).lines();
    let mut patience = patience;
    let mut deadline = tokio::time::Instant::now() + patience;
    let timed_out = |limit| move |_| ChildError::TimedOut { limit };
    loop {
        let line = tokio::time::timeout_at(deadline, lines.next_line());
        let Ok(Some(line)) = line.await.map_err(timed_out(patience))? else { break };
        match serde_json::from_str::<Envelope<A>>(&line) {
            Ok(line) if line.nonce == nonce => match on_answer(line.message) {
                ControlFlow::Break(done) => {
                    // What it writes while it ends, profiles for example, is wanted.
                    let _ = tokio::time::timeout(ending, child.wait()).await;
                    return Ok(done);
                }
                ControlFlow::Continue(longer) => {
                    patience = longer;
                    deadline = tokio::time::Instant::now() + patience;
                }
            },
            _ => tracing::debug!(line, "a child printed a line that is not an answer"),
        }
    }
    let status = tokio::time::timeout_at(deadline, child.wait()).await;
    let status = status.map_err(timed_out(patience))?;
    let how = status.map_or_else(|error| error.to_string(), describe);
    Err(ChildError::Died { how, last_words: last_words.await.unwrap_or_default() })
}

/// A child's way to answer.
pub struct Answers {
    nonce: String,
    out: std::fs::File,
}

impl Answers {
    /// Answers that go into a file, for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn to(out: std::fs::File) -> Self {
        Self { nonce: nonce(), out }
    }

    /// Sends one answer. A parent that is gone needs none.
    pub fn send<A: Serialize>(&mut self, answer: A) {
        let line = Envelope { nonce: self.nonce.clone(), message: answer };
        if let Ok(line) = serde_json::to_string(&line) {
            let _ = writeln!(self.out, "{line}").and_then(|()| self.out.flush());
        }
    }
}

/// What a child of this program may be: a name, which is its second argument, and what it does.
#[derive(Debug, Clone, Copy)]
pub struct Role {
    /// The name.
    pub name: &'static str,
    run: fn() -> std::io::Result<()>,
}

impl Role {
    /// A role that is done by `run`, which takes what it needs off the standard streams.
    #[must_use]
    pub const fn new(name: &'static str, run: fn() -> std::io::Result<()>) -> Self {
        Self { name, run }
    }
}

/// If this process was started as a child, does what its role asks for and gives its exit code.
///
/// Call it first in `main`, with all that a child of this program may be. `None`: this is an
/// ordinary start.
#[must_use]
pub fn child_main(roles: &[Role]) -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    if args.next().as_deref() != Some(OsStr::new(CHILD)) {
        return None;
    }
    let role = args.next().unwrap_or_default();
    let done = match roles.iter().find(|known| role == known.name) {
        Some(role) => (role.run)(),
        None => Err(std::io::Error::other(format!("unknown role `{}`", role.display()))),
    };
    Some(match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("nova: a child process failed: {error}"));
            ExitCode::FAILURE
        }
    })
}

/// Says something on standard error beside the log, for a process that is about to end. Nobody need
/// be there to read it: that is no reason to end in another way.
pub(crate) fn say(text: fmt::Arguments<'_>) {
    // There is nowhere to say that it cannot be said.
    writeln!(std::io::stderr(), "{text}").ok();
}

/// From here on, whatever prints to standard output reaches standard error instead.
fn take_stdout() -> std::io::Result<std::fs::File> {
    let out = std::io::stdout().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdout(std::io::stderr())?;
    Ok(out.into())
}

/// From here on, standard input is empty for all other code: what was there is ours.
pub(crate) fn take_stdin() -> std::io::Result<OwnedFd> {
    let stdin = std::io::stdin().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
    Ok(stdin)
}

/// Takes the one job of this child off standard input, and does it.
///
/// # Errors
/// If the parent did not send one.
pub fn serve_parent<J: DeserializeOwned>(role: fn(J, Answers)) -> std::io::Result<()> {
    let out = take_stdout()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let Envelope { nonce, message } = serde_json::from_str::<Envelope<J>>(&line)?;
    role(message, Answers { nonce, out });
    Ok(())
}

/// Unguessable enough for code that runs in the child, and never printed by it.
fn nonce() -> String {
    use std::hash::{BuildHasher, RandomState};
    format!("{:016x}", RandomState::new().hash_one(std::process::id()))
}

/// How a process ended, as the end of a sentence about it.
pub fn describe(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("it was ended by {}", signal_name(signal)),
        (None, Some(0)) => "it exited with code 0 before it had answered".to_owned(),
        (None, Some(code)) => format!("it exited with code {code}"),
        (None, None) => "it ended".to_owned(),
    }
}

fn signal_name(signal: i32) -> Cow<'static, str> {
    Cow::Borrowed(match Signal::from_named_raw(signal) {
        Some(Signal::ILL) => "SIGILL",
        Some(Signal::ABORT) => "SIGABRT (an abort, often a stack overflow or a panic in a drop)",
        Some(Signal::BUS) => "SIGBUS",
        Some(Signal::KILL) => "SIGKILL",
        Some(Signal::SEGV) => "SIGSEGV (a segmentation fault)",
        Some(Signal::TERM) => "SIGTERM",
        _ => return format!("signal {signal}").into(),
    })
}
