//! One server process, from its start to its end.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::pin::pin;
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
use super::in_flight::{InFlightRequests, Unanswered};
use super::last_words::LastWords;
use super::possessions;
use crate::dev::report::Terminal;
use crate::dev::settings::Environment;
use crate::dev::wire::flight_recorder::{self, RunningRequest};
use crate::dev::wire::protocol::{GRACE, Load, Order, SERVER_ROLE, ServerEvent, ServerJob};

/// How long a process that has let go of its streams may take to be gone.
const LAST_BREATH: Duration = Duration::from_secs(1);

/// How long what a dead process printed is waited for; what it started may hold the stream.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// A process that serves, or is about to.
pub(crate) struct ServerProcess {
    process: Child,
    orders: Orders,
    events: Events,
    record: File,
    in_flight: InFlightRequests,
    limit: Option<Duration>,
    hung: Option<RunningRequest>,
    said: Arc<Mutex<LastWords>>,
    printing: JoinHandle<()>,
    /// Events that came while nobody listened.
    backlog: VecDeque<ServerEvent>,
    mapped: Mapped,
    /// How often an app was to be started in it.
    starts: usize,
}

/// What a process has mapped, for good.
#[derive(Debug, PartialEq, Eq)]
enum Mapped {
    Nothing,
    /// The image, and what is compiled against it.
    Image(Vec<PathBuf>),
    /// Libraries with all pages.
    Whole,
}

impl Mapped {
    fn add(&mut self, load: &Load) {
        match load {
            Load::Open { app, .. } => *self = Self::Image(app.shared.clone()),
            Load::Library { .. } => *self = Self::Whole,
            Load::Attach { .. } => {}
        }
    }

    /// Whether this code may come beside it: not that of another image, because what the
    /// dependencies link in, such as a C library, would be there twice, and two copies know nothing
    /// of each other's locks.
    fn takes(&self, load: &Load) -> bool {
        match (load, self) {
            (Load::Attach { .. }, _) | (_, Self::Nothing) => true,
            (Load::Open { app, .. }, Self::Image(shared)) => app.shared == *shared,
            (Load::Library { .. }, mapped) => *mapped == Self::Whole,
            (Load::Open { .. }, Self::Whole) => false,
        }
    }
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
        let (in_flight, reports) = InFlightRequests::listen()?;
        descriptors.extend([record.as_fd(), reports.as_fd()]);
        let start =
            Start { program, role: SERVER_ROLE, job, environment, descriptors: &descriptors };
        let Companion { process, orders, events, prints } = Companion::start(start).await?;
        let said = Arc::default();
        let printing = tokio::spawn(pass_on(prints, terminal, Arc::clone(&said)));
        let limit = job.poll_limit;
        Ok(Self {
            process,
            orders,
            events,
            record,
            in_flight,
            limit,
            hung: None,
            said,
            printing,
            backlog: VecDeque::new(),
            mapped: Mapped::Nothing,
            starts: 0,
        })
    }

    /// Gives an order. That the process is gone, [`next`](Self::next) says.
    pub(crate) async fn tell(&mut self, order: &Order) {
        if let Order::Load { load, .. } = order {
            self.mapped.add(load);
            self.starts += usize::from(!matches!(load, Load::Attach { .. }));
        }
        let _ = self.orders.send(order).await;
    }

    /// Whether it may map this code.
    pub(crate) fn takes(&self, load: &Load) -> bool {
        self.mapped.takes(load)
    }

    /// How often an app was to be started in it: what one leaves behind, the next one meets.
    pub(crate) fn starts(&self) -> usize {
        self.starts
    }

    /// Whether it has what no other process can have beside it; `sockets` are inherited.
    pub(crate) fn has_possessions(&self, sockets: &[TcpListener]) -> bool {
        self.process.id().is_some_and(|pid| possessions::are_there(pid, sockets))
    }

    /// The next event; `None` when the process is gone. A call that is given up loses nothing.
    pub(crate) async fn next(&mut self) -> Option<ServerEvent> {
        if let Some(event) = self.backlog.pop_front() {
            return Some(event);
        }
        self.next_new().await
    }

    /// Does something else, and keeps the events that come meanwhile: a server that nobody listens
    /// to stands still when the pipe is full.
    pub(crate) async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                event = self.next_new() => match event {
                    Some(event) => self.backlog.push_back(event),
                    None => return work.await,
                },
            }
        }
    }

    async fn next_new(&mut self) -> Option<ServerEvent> {
        loop {
            match self.events.next().await? {
                ServerEvent::Hung(request) => self.hung = Some(request),
                event => return Some(event),
            }
        }
    }

    /// What ended a process that is gone.
    pub(crate) async fn crash(&mut self) -> Crash {
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
        let requests = flight_recorder::running(&self.record).unwrap_or_default();
        let labels: Vec<String> = requests.iter().map(RunningRequest::label).collect();
        let last_words = self.said.lock().since(labels.iter().map(String::as_str));
        Crash { how, last_words, hung: self.hung.take().zip(self.limit), requests }
    }

    /// The requests that a process which is gone has not answered.
    pub(super) async fn unanswered(&mut self) -> Vec<Unanswered> {
        self.in_flight.left().await
    }

    /// Lets the process finish what it does, and waits until it is gone.
    pub(crate) async fn stop(self) {
        // How it ends is of no interest any more.
        let _ = self.end(&Order::Stop, GRACE * 3).await;
    }

    /// The same for one whose place another takes: what its app saves is in the file `state` then.
    /// Its hooks have `limit`.
    ///
    /// # Errors
    /// With how it ended, if that was not in order: what the app would have saved is lost then.
    pub(crate) async fn leave(self, state: PathBuf, limit: Duration) -> Result<(), String> {
        self.end(&Order::Leave { state }, limit.saturating_add(GRACE * 3)).await
    }

    async fn end(mut self, order: &Order, limit: Duration) -> Result<(), String> {
        self.tell(order).await;
        let ended = timeout(limit, self.process.wait()).await;
        if ended.is_err() {
            let _ = self.process.kill().await;
        }
        let _ = timeout(LAST_WORDS, &mut self.printing).await;
        match ended {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(describe(status)),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("it did not end within {limit:?}")),
        }
    }
}

/// Passes lines on to the terminal, and keeps the last ones.
async fn pass_on(prints: ChildStderr, terminal: Arc<Terminal>, said: Arc<Mutex<LastWords>>) {
    let mut prints = BufReader::new(prints);
    let mut line = Vec::new();
    while matches!(prints.read_until(b'\n', &mut line).await, Ok(1..)) {
        let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
        line.clear();
        if said.lock().hear(&text) {
            terminal.passed_on(&text);
        }
    }
}

#[cfg(test)]
mod tests {
    use nova_host::library::loader::BuildId;
    use nova_host::library::start::StartInfo;
    use nova_parts::PartedApp;

    use super::*;

    #[test]
    fn a_process_has_one_image() {
        let open = |image: &str| Load::Open {
            app: PartedApp {
                shared: vec!["libstd.so".into(), image.into()],
                app: "libnova_app.so".into(),
                build: BuildId::of(b"app"),
            },
            pages: Vec::new(),
            version: String::new(),
            info: StartInfo::default(),
        };
        let library = Load::Library { path: "all.so".into(), info: StartInfo::default() };
        let attach = Load::Attach { pages: Vec::new(), version: String::new() };
        let mut mapped = Mapped::Nothing;
        assert!(mapped.takes(&open("1")) && mapped.takes(&library));
        mapped.add(&open("1"));
        mapped.add(&attach);
        assert!(mapped.takes(&open("1")) && mapped.takes(&attach));
        assert!(!mapped.takes(&open("2")) && !mapped.takes(&library));
        let mut mapped = Mapped::Nothing;
        mapped.add(&library);
        assert!(mapped.takes(&library) && !mapped.takes(&open("1")));
    }
}
