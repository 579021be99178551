//! A program under test: started, read line by line, ended with its handle.

use std::ffi::OsStr;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::PATIENCE;

/// What `nova dev` and `nova-host` print when they accept connections.
const READY: &str = "listening on ";

/// A running program; dropping it kills it.
pub struct Process {
    name: String,
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    /// How many lines there are, and whether both streams have ended.
    progress: watch::Receiver<(usize, bool)>,
    /// The lines before this one have been waited for already.
    seen: usize,
}

impl Process {
    /// Starts `command` with both of its streams read.
    ///
    /// # Panics
    /// If the program cannot be started.
    pub fn spawn(command: Command) -> Self {
        Self::spawn_with(command, Stdio::null())
    }

    /// The same with a standard input.
    ///
    /// # Panics
    /// If the program cannot be started.
    pub fn spawn_with(mut command: Command, stdin: impl Into<Stdio>) -> Self {
        let name = format!("{:?}", command.as_std());
        let mut child = command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (sender, progress) = watch::channel((0, false));
        let stdout = child.stdout.take().expect("stdout is piped");
        let stderr = child.stderr.take().expect("stderr is piped");
        let collected = lines.clone();
        tokio::spawn(async move {
            tokio::join!(
                collect(stdout, &collected, &sender),
                collect(stderr, &collected, &sender)
            );
            sender.send_modify(|(_, ended)| *ended = true);
        });
        Self { name, child, lines, progress, seen: 0 }
    }

    /// Waits for a line that contains `text`, after those that were waited for before, and gives
    /// it back.
    ///
    /// # Panics
    /// If the program ends without it, or stays silent for too long.
    pub async fn line(&mut self, text: &str) -> String {
        let found = timeout(PATIENCE, async {
            loop {
                let (count, ended) = *self.progress.borrow_and_update();
                let found =
                    self.lines()[self.seen..count].iter().position(|line| line.contains(text));
                if let Some(at) = found {
                    self.seen += at + 1;
                    return Some(self.lines()[self.seen - 1].clone());
                }
                if ended || self.progress.changed().await.is_err() {
                    return None;
                }
            }
        })
        .await;
        match found {
            Ok(Some(line)) => line,
            Ok(None) => panic!("ended without {text:?}\n{self}"),
            Err(_) => panic!("never said {text:?}\n{self}"),
        }
    }

    /// Waits until it has printed a line that contains `text`, and gives back the first one. What
    /// the two streams say has no order: for a line that another stream's line does not follow.
    ///
    /// # Panics
    /// If the program ends without it, or stays silent for too long.
    pub async fn said(&self, text: &str) -> String {
        let mut progress = self.progress.clone();
        let found = timeout(PATIENCE, async {
            loop {
                let (_, ended) = *progress.borrow_and_update();
                if let Some(line) = self.lines().iter().find(|line| line.contains(text)) {
                    return Some(line.clone());
                }
                if ended || progress.changed().await.is_err() {
                    return None;
                }
            }
        })
        .await;
        match found {
            Ok(Some(line)) => line,
            Ok(None) => panic!("ended without {text:?}\n{self}"),
            Err(_) => panic!("never said {text:?}\n{self}"),
        }
    }

    /// Waits for the ready line and gives back the address in it, as `http://HOST:PORT`.
    ///
    /// # Panics
    /// If there is none.
    pub async fn url(&mut self) -> String {
        let line = self.line(READY).await;
        let (_, url) = line.split_once(READY).expect("the line was found by it");
        url.trim().trim_end_matches('/').to_owned()
    }

    /// Everything it has printed until now.
    #[must_use]
    pub fn output(&self) -> String {
        self.lines().join("\n")
    }

    /// The operating system's number for it.
    ///
    /// # Panics
    /// If it has ended and been waited for.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id().expect("the process runs")
    }

    /// Whether both of its streams have ended, as they do with the process.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.progress.borrow().1
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// If it is gone.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a process id"), signal).expect("the process takes a signal");
    }

    /// Waits until it ends.
    ///
    /// # Panics
    /// If it does not.
    pub async fn ended(&mut self) -> ExitStatus {
        match timeout(PATIENCE, self.child.wait()).await {
            Ok(status) => status.expect("a child can be waited for"),
            Err(_) => panic!("did not end\n{self}"),
        }
    }

    /// Waits until it ends, and until everything that it printed has been read.
    ///
    /// # Panics
    /// If it does not end.
    pub async fn read_to_end(&mut self) -> ExitStatus {
        let status = self.ended().await;
        let read = self.progress.wait_for(|(_, ended)| *ended).await.is_ok();
        assert!(read, "the reader of a process does not stop early");
        status
    }

    /// Asks it to end, as Ctrl-C does, and waits until it has.
    ///
    /// # Panics
    /// If it does not.
    pub async fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::INT);
        self.ended().await
    }

    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "---- {}\n{}\n----", self.name, self.output())
    }
}

/// Runs a program to its end and gives back its status and everything it printed.
///
/// # Panics
/// If it cannot be started or does not end.
pub async fn run<S: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = S>,
) -> (ExitStatus, String) {
    let mut command = Command::new(program);
    command.args(arguments);
    let mut process = Process::spawn(command);
    let status = process.read_to_end().await;
    (status, process.output())
}

async fn collect(
    stream: impl AsyncRead + Unpin,
    lines: &Mutex<Vec<String>>,
    progress: &watch::Sender<(usize, bool)>,
) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while matches!(reader.read_until(b'\n', &mut line).await, Ok(1..)) {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        line.clear();
        let count = {
            let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
            lines.push(text);
            lines.len()
        };
        progress.send_modify(|progress| progress.0 = progress.0.max(count));
    }
}
