//! One worker, as its supervisor sees it.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::process::Child;
use tokio::sync::{Notify, oneshot, watch};

use crate::operate::admin::Status;
use crate::operate::succession::{
    AppFacts, PeerFailure, PeerLines, PeerOrder, PeerReport, PeerWriter, Program, Started,
    SuccessionPeer, SuccessionState, Successor,
};
use crate::process::record::{file_in_memory, running};
use crate::server::SocketHandles;
use crate::swap::{HeldReport, InheritedStates, SavedState, SwapReport};

/// How long a worker may take until its apps have started.
const PATIENCE: Duration = Duration::from_secs(60);

/// A worker that says nothing for so long when it is asked is not asked again for this answer.
const ANSWER: Duration = Duration::from_secs(2);

/// How long the jobs of a worker may take to end.
const STAND_BY: Duration = Duration::from_secs(10);

/// How long a worker that will not serve has to end by itself.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What every worker of a set starts with.
#[derive(Debug)]
pub(super) struct WorkerSpec {
    pub(super) program: Program,
    /// The sockets of the host.
    pub(super) sockets: SocketHandles,
    /// Where requests come that other workers pass on.
    pub(super) forward: UnixListener,
    /// Releases, and what is known of those before.
    pub(super) state: Mutex<SuccessionState>,
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) number: usize,
    pub(super) pid: u32,
    pub(super) began: Instant,
    /// How its apps were started.
    pub(super) reports: Vec<SwapReport>,
    /// What else is to be known of them.
    pub(super) apps: Vec<AppFacts>,
    speaks: tokio::sync::Mutex<PeerWriter>,
    questions: Arc<Questions>,
    ended: watch::Receiver<Option<ExitStatus>>,
    killed: Arc<Notify>,
    /// What it was doing, for the time after its end.
    record: File,
}

/// What was asked and is not answered.
#[derive(Debug, Default)]
struct Questions {
    last: AtomicU64,
    open: Mutex<HashMap<u64, oneshot::Sender<PeerReport>>>,
}

/// A worker whose apps have not started.
#[derive(Debug)]
pub(super) struct StartingWorker {
    number: usize,
    began: Instant,
    peer: SuccessionPeer,
    child: Child,
    record: File,
}

impl StartingWorker {
    /// Starts a process, and hands everything over. With `waits` the states of its apps come later.
    pub(super) async fn start(
        spec: &WorkerSpec,
        number: usize,
        waits: bool,
    ) -> Result<Self, PeerFailure> {
        let began = Instant::now();
        let record = file_in_memory()?;
        let sockets = spec.sockets.more()?;
        if sockets.is_empty() {
            return Err(PeerFailure::passing("the host is stopping"));
        }
        let (mut peer, child) = spec.program.start(Successor::Worker)?;
        let mut state = spec.state.lock().clone();
        (state.worker, state.waits, state.sockets) = (Some(number), waits, sockets.len());
        let mut descriptors: Vec<_> = sockets.iter().map(AsFd::as_fd).collect();
        descriptors.extend([spec.forward.as_fd(), record.as_fd()]);
        match peer.hand_over(&descriptors, &state).await {
            Ok(()) => Ok(Self { number, began, peer, child, record }),
            Err(error) => {
                drop(peer);
                Err(with_its_end(error.into(), child).await)
            }
        }
    }

    /// Waits until its libraries are mapped.
    pub(super) async fn loaded(mut self) -> Result<Self, PeerFailure> {
        match in_time(self.peer.loaded()).await {
            Ok(()) => Ok(self),
            Err(failure) => Err(self.failed(failure).await),
        }
    }

    /// Lets its apps start with these states.
    pub(super) async fn start_with(
        mut self,
        states: InheritedStates,
    ) -> Result<Worker, PeerFailure> {
        self.peer.give(PeerOrder::Start(states)).await;
        self.serving().await
    }

    /// Waits until its apps have started. It accepts nothing yet.
    pub(super) async fn serving(mut self) -> Result<Worker, PeerFailure> {
        let Started { reports, apps } = match in_time(self.peer.serving()).await {
            Ok(started) => started,
            Err(failure) => return Err(self.failed(failure).await),
        };
        let Self { number, began, peer, child, record } = self;
        let pid = child.id().unwrap_or_default();
        let (hears, speaks) = peer.split();
        let questions = Arc::<Questions>::default();
        tokio::spawn(hear(hears, Arc::clone(&questions)));
        let (end, ended) = watch::channel(None);
        let killed = Arc::<Notify>::default();
        tokio::spawn(wait(child, end, Arc::clone(&killed)));
        let speaks = tokio::sync::Mutex::new(speaks);
        Ok(Worker { number, pid, began, reports, apps, speaks, questions, ended, killed, record })
    }

    /// Lets it end, because it will not serve.
    async fn failed(self, failure: PeerFailure) -> PeerFailure {
        // It ends by itself when the conversation does.
        drop(self.peer);
        with_its_end(failure, self.child).await
    }
}

async fn in_time<T>(
    starting: impl Future<Output = Result<T, PeerFailure>>,
) -> Result<T, PeerFailure> {
    tokio::time::timeout(PATIENCE, starting).await.unwrap_or_else(|_| {
        let reason = format!("the new process did not serve within {PATIENCE:?}");
        Err(PeerFailure::passing(reason))
    })
}

impl Worker {
    /// Starts a worker, and waits until its apps have started. It accepts nothing yet.
    pub(super) async fn start(spec: &WorkerSpec, number: usize) -> Result<Self, PeerFailure> {
        StartingWorker::start(spec, number, false).await?.serving().await
    }

    /// Gives an order. A worker that is gone follows none.
    pub(super) async fn order(&self, order: &PeerOrder) {
        self.speaks.lock().await.say(order).await.ok();
    }

    /// Waits for the end of the process.
    pub(super) async fn ended(&self) -> ExitStatus {
        let mut ended = self.ended.clone();
        let end = ended.wait_for(Option::is_some).await;
        // Who sends it lives until then.
        end.ok().and_then(|end| *end).unwrap_or_default()
    }

    /// How it is; `None`: it does not answer.
    pub(super) async fn status(&self) -> Option<Status> {
        match self.ask(ANSWER, |question| PeerOrder::Status { question }).await? {
            PeerReport::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// What it has counted.
    pub(super) async fn metrics(&self) -> Option<String> {
        match self.ask(ANSWER, |question| PeerOrder::Metrics { question }).await? {
            PeerReport::Metrics { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Ends the apps of these slots, and gives back their states; requests for them wait.
    pub(super) async fn hold(
        &self,
        slots: &[usize],
        path: &Path,
        force: bool,
        limit: Duration,
    ) -> Result<Vec<Option<SavedState>>, PeerFailure> {
        let (slots, path) = (slots.to_vec(), path.to_owned());
        let order = |question| PeerOrder::Hold { question, slots, path, force };
        match self.ask(limit, order).await {
            Some(PeerReport::Held { apps, .. }) => Ok(apps),
            Some(PeerReport::NotHeld { failure, .. }) => Err(failure),
            _ => {
                let reason = "the process that serves did not hand over its apps";
                Err(PeerFailure::passing(reason))
            }
        }
    }

    /// Starts apps again that were held.
    pub(super) async fn resume(&self, limit: Duration) {
        self.ask(limit, |question| PeerOrder::Resume { question }).await;
    }

    /// Lets others answer what still comes; says how long requests waited for that.
    pub(super) async fn leave(&self, forward: Option<String>) -> Option<HeldReport> {
        let order = |question| PeerOrder::Leave { question, forward };
        match self.ask(ANSWER, order).await? {
            PeerReport::Left { held, .. } => held,
            _ => None,
        }
    }

    /// Waits until its generations lead no more.
    pub(super) async fn stand_by(&self) {
        self.ask(STAND_BY, |question| PeerOrder::StandBy { question }).await;
    }

    /// Whether an app of it saves its state.
    pub(super) fn exports(&self) -> bool {
        self.apps.iter().any(|app| app.exports)
    }

    /// What it was running when it ended, as people say it: `GET /users (pages/users.rs)`.
    pub(super) fn last_activities(&self) -> Vec<String> {
        let mut activities = Vec::new();
        for activity in running(&self.record).unwrap_or_default() {
            let activity = activity.to_string();
            if !activities.contains(&activity) {
                activities.push(activity);
            }
        }
        activities
    }

    /// Ends it now, whatever it does.
    pub(super) fn kill(&self) {
        self.killed.notify_one();
    }

    async fn ask(
        &self,
        limit: Duration,
        order: impl FnOnce(u64) -> PeerOrder,
    ) -> Option<PeerReport> {
        let question = self.questions.last.fetch_add(1, Ordering::Relaxed) + 1;
        let (answers, answer) = oneshot::channel();
        self.questions.open.lock().insert(question, answers);
        // Who is gone is not waited for: nobody is there to give its questions back.
        if self.speaks.lock().await.say(&order(question)).await.is_err() {
            self.questions.open.lock().remove(&question);
            return None;
        }
        let answer = tokio::time::timeout(limit, answer).await;
        self.questions.open.lock().remove(&question);
        answer.ok()?.ok()
    }
}

/// Waits for the end of a process, which comes at once when it is to be killed.
async fn wait(mut child: Child, end: watch::Sender<Option<ExitStatus>>, killed: Arc<Notify>) {
    let status = tokio::select! {
        status = child.wait() => status,
        () = killed.notified() => {
            // It may have ended by itself.
            child.start_kill().ok();
            child.wait().await
        }
    };
    end.send_replace(Some(status.unwrap_or_default()));
}

/// Hands the answers to those who have asked.
async fn hear(mut hears: PeerLines, questions: Arc<Questions>) {
    while let Some(report) = hears.next::<PeerReport>().await {
        let question = match &report {
            PeerReport::Status { question, .. }
            | PeerReport::Metrics { question, .. }
            | PeerReport::Held { question, .. }
            | PeerReport::NotHeld { question, .. }
            | PeerReport::Left { question, .. }
            | PeerReport::Done { question } => *question,
            // Those are heard at its start.
            PeerReport::Loaded | PeerReport::Serving { .. } | PeerReport::Failed(_) => continue,
        };
        let asked = questions.open.lock().remove(&question);
        if let Some(asked) = asked {
            // Who does not wait any more needs no answer.
            asked.send(report).ok();
        }
    }
    // Nobody answers any more.
    questions.open.lock().clear();
}

/// The reason of a worker that does not serve, and how it ended if it gave none.
async fn with_its_end(failure: PeerFailure, mut child: Child) -> PeerFailure {
    match tokio::time::timeout(LAST_WORDS, child.wait()).await {
        Ok(Ok(status)) if !status.success() => {
            let how = crate::process::describe(status);
            PeerFailure { reason: format!("{failure}: {how}"), ..failure }
        }
        Ok(_) => failure,
        Err(_) => {
            child.start_kill().ok();
            child.wait().await.ok();
            failure
        }
    }
}
