//! One server process, from its start to its end.

use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nova_host::process::companion::{Companion, Events, Orders, Start};
use nova_host::process::describe;
use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStderr};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::crash::Crash;
use crate::dev::report::Terminal;
use crate::dev::settings::Environment;
use crate::dev::wire::flight_recorder::{self, RunningRequest};
use crate::dev::wire::protocol::{GRACE, Order, SERVER_ROLE, ServerEvent, ServerJob};

/// How long a process that has let go of its streams may take to be gone.
const LAST_BREATH: Duration = Duration::from_secs(1);

/// How long what a dead process printed is waited for; what it started may hold the stream.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// How many lines are kept as its last words.
const KEPT_LINES: usize = 12;

/// A process that serves, or is about to.
pub(crate) struct ServerProcess {
    process: Child,
    orders: Orders,
    events: Events,
    record: File,
    limit: Option<Duration>,
    hung: Option<RunningRequest>,
    lines: Arc<Mutex<Vec<String>>>,
    printing: JoinHandle<()>,
}

impl ServerProcess {
    /// Starts a server; it waits for orders.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) async fn start(
        program: &Path,
        job: &ServerJob,
        environment: &Environment,
        sockets: &[TcpListener],
        terminal: Arc<Terminal>,
    ) -> io::Result<Self> {
        let record = tempfile::tempfile()?;
        let mut descriptors: Vec<_> = sockets.iter().map(|socket| socket.as_fd()).collect();
        descriptors.push(record.as_fd());
        let start =
            Start { program, role: SERVER_ROLE, job, environment, descriptors: &descriptors };
        let Companion { process, orders, events, prints } = Companion::start(start).await?;
        let lines = Arc::default();
        let printing = tokio::spawn(pass_on(prints, terminal, Arc::clone(&lines)));
        let limit = job.poll_limit;
        Ok(Self { process, orders, events, record, limit, hung: None, lines, printing })
    }

    /// Gives an order. That the process is gone, [`next`](Self::next) says.
    pub(crate) async fn tell(&mut self, order: &Order) {
        let _ = self.orders.send(order).await;
    }

    /// The next event; `None` when the process is gone. A call that is given up loses nothing.
    pub(crate) async fn next(&mut self) -> Option<ServerEvent> {
        loop {
            match self.events.next().await? {
                ServerEvent::Hung(request) => self.hung = Some(request),
                event => return Some(event),
            }
        }
    }

    /// What ended a process that is gone.
    pub(crate) async fn crash(mut self) -> Crash {
        let how = match timeout(LAST_BREATH, self.process.wait()).await {
            Ok(Ok(status)) => describe(status),
            Ok(Err(error)) => error.to_string(),
            // It closed what it had no business to close.
            Err(_) => {
                let _ = self.process.kill().await;
                "it closed its connection to us".to_owned()
            }
        };
        let _ = timeout(LAST_WORDS, &mut self.printing).await;
        let last_words = self.lines.lock().join("\n");
        Crash {
            how,
            last_words,
            hung: self.hung.take().zip(self.limit),
            requests: flight_recorder::running(&self.record).unwrap_or_default(),
        }
    }

    /// Lets the process finish what it does, and waits until it is gone.
    pub(crate) async fn stop(mut self) {
        self.tell(&Order::Stop).await;
        if timeout(GRACE * 3, self.process.wait()).await.is_err() {
            let _ = self.process.kill().await;
        }
        let _ = timeout(LAST_WORDS, &mut self.printing).await;
    }
}

/// Passes lines on to the terminal, and keeps the last ones.
async fn pass_on(prints: ChildStderr, terminal: Arc<Terminal>, kept: Arc<Mutex<Vec<String>>>) {
    let mut prints = BufReader::new(prints);
    let mut line = Vec::new();
    while matches!(prints.read_until(b'\n', &mut line).await, Ok(1..)) {
        let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
        line.clear();
        terminal.passed_on(&text);
        let mut kept = kept.lock();
        if kept.len() == KEPT_LINES {
            kept.remove(0);
        }
        kept.push(text);
    }
}
