//! One worker, as its supervisor sees it.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::Method;
use parking_lot::Mutex;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use tokio::process::Child;
use tokio::sync::{Notify, oneshot, watch};

use crate::generation::recorder::{self, RunningPage};
use crate::operate::admin::Status;
use crate::operate::handover::{
    HandoverState, PageName, PeerFailure, PeerLines, PeerOrder, PeerReport, PeerWriter, Program,
    Started, Successor,
};
use crate::swap::SwapReport;

/// How long a worker may take until its apps have started.
const PATIENCE: Duration = Duration::from_secs(60);

/// A worker that says nothing for so long when it is asked is not asked again for this answer.
const ANSWER: Duration = Duration::from_secs(2);

/// The digits of a generation's number that are on record.
const GENERATIONS: u64 = 0xff_ffff;

/// How long a worker that will not serve has to end by itself.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What every worker of a set starts with.
#[derive(Debug)]
pub(super) struct WorkerSpec {
    pub(super) program: Program,
    /// The sockets of the host.
    pub(super) sockets: Vec<TcpListener>,
    /// Where requests come that other workers pass on.
    pub(super) forward: UnixListener,
    /// Releases, and what is known of those before.
    pub(super) state: Mutex<HandoverState>,
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) number: usize,
    pub(super) pid: u32,
    pub(super) began: Instant,
    /// How its apps were started.
    pub(super) reports: Vec<SwapReport>,
    /// The pages of each of them.
    pages: Vec<Vec<PageName>>,
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

impl Worker {
    /// Starts a worker, and waits until its apps have started. It accepts nothing yet.
    pub(super) async fn start(spec: &WorkerSpec, number: usize) -> Result<Self, PeerFailure> {
        let began = Instant::now();
        let record = record()?;
        let (mut peer, child) = spec.program.start(Successor::Worker)?;
        let state = HandoverState { worker: Some(number), ..spec.state.lock().clone() };
        let mut descriptors: Vec<_> = spec.sockets.iter().map(AsFd::as_fd).collect();
        descriptors.extend([spec.forward.as_fd(), record.as_fd()]);
        let handed = tokio::time::timeout(PATIENCE, peer.hand_over(&descriptors, &state)).await;
        let handed = handed.unwrap_or_else(|_| {
            let reason = format!("the new process did not serve within {PATIENCE:?}");
            Err(PeerFailure { reason, lasting: false })
        });
        let Started { reports, pages } = match handed {
            Ok(started) => started,
            Err(failure) => {
                // It ends by itself when the conversation does.
                drop(peer);
                return Err(with_its_end(failure, child).await);
            }
        };
        let pid = child.id().unwrap_or_default();
        let (hears, speaks) = peer.split();
        let questions = Arc::<Questions>::default();
        tokio::spawn(hear(hears, Arc::clone(&questions)));
        let (end, ended) = watch::channel(None);
        let killed = Arc::<Notify>::default();
        tokio::spawn(wait(child, end, Arc::clone(&killed)));
        let speaks = tokio::sync::Mutex::new(speaks);
        Ok(Self { number, pid, began, reports, pages, speaks, questions, ended, killed, record })
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
        match self.ask(|question| PeerOrder::Status { question }).await? {
            PeerReport::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// What it has counted.
    pub(super) async fn metrics(&self) -> Option<String> {
        match self.ask(|question| PeerOrder::Metrics { question }).await? {
            PeerReport::Metrics { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The pages that it was in when it ended, as people say it: `GET /users (pages/users.rs)`.
    pub(super) fn last_pages(&self) -> Vec<String> {
        let pages = recorder::running(&self.record).unwrap_or_default();
        pages.iter().map(|page| self.label(page)).collect()
    }

    fn label(&self, page: &RunningPage) -> String {
        let method = page.method.as_ref().map_or("a request to", Method::as_str);
        let numbers = self.reports.iter().map(|report| report.generation.0 & GENERATIONS);
        let slot = numbers.into_iter().position(|number| number == page.generation);
        let route = slot.and_then(|slot| self.pages.get(slot)).zip(page.route);
        match route.and_then(|(pages, route)| pages.get(route as usize)) {
            Some(PageName { pattern, file }) => format!("{method} {pattern} ({file})"),
            None => format!("{method} an address without a page"),
        }
    }

    /// Ends it now, whatever it does.
    pub(super) fn kill(&self) {
        self.killed.notify_one();
    }

    async fn ask(&self, order: impl FnOnce(u64) -> PeerOrder) -> Option<PeerReport> {
        let question = self.questions.last.fetch_add(1, Ordering::Relaxed) + 1;
        let (answers, answer) = oneshot::channel();
        self.questions.open.lock().insert(question, answers);
        self.order(&order(question)).await;
        let answer = tokio::time::timeout(ANSWER, answer).await;
        self.questions.open.lock().remove(&question);
        answer.ok()?.ok()
    }
}

/// A piece of memory for what a worker does, which it cannot cut short.
fn record() -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let record = File::from(memfd_create("nova-worker", flags)?);
    record.set_len(recorder::LENGTH)?;
    fcntl_add_seals(&record, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(record)
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
            PeerReport::Status { question, .. } | PeerReport::Metrics { question, .. } => *question,
            // Those are heard at its start.
            PeerReport::Serving { .. } | PeerReport::Failed(_) => continue,
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
