//! One worker, as its supervisor sees it.

use std::collections::HashMap;
use std::fs::File;
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
    AppFacts, PeerFailure, PeerLines, PeerOrder, PeerReport, PeerWriter, Started, SuccessionPeer,
};
use crate::process::record::running;
use crate::swap::{HeldReport, HoldLimits, SavedState, SwapReport};

/// A worker that says nothing for so long when it is asked is not asked again for this answer.
const ANSWER: Duration = Duration::from_secs(2);

/// How long the jobs of a worker may take to end.
const STAND_BY: Duration = Duration::from_secs(10);

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

impl Worker {
    /// A process whose apps have started.
    pub(super) fn new(
        (number, began): (usize, Instant),
        Started { reports, apps }: Started,
        (peer, child): (SuccessionPeer, Child),
        record: File,
    ) -> Self {
        let pid = child.id().unwrap_or_default();
        let (hears, speaks) = peer.split();
        let questions = Arc::<Questions>::default();
        tokio::spawn(hear(hears, Arc::clone(&questions)));
        let (end, ended) = watch::channel(None);
        let killed = Arc::<Notify>::default();
        tokio::spawn(wait(child, end, Arc::clone(&killed)));
        let speaks = tokio::sync::Mutex::new(speaks);
        Self { number, pid, began, reports, apps, speaks, questions, ended, killed, record }
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
    ///
    /// # Errors
    /// If they do not end, or it does not say so in time; then they go on.
    pub(super) async fn hold(
        &self,
        slots: &[usize],
        path: &Path,
        force: bool,
        limits: HoldLimits,
    ) -> Result<Vec<Option<SavedState>>, PeerFailure> {
        let (slots, path) = (slots.to_vec(), path.to_owned());
        let order = |question| PeerOrder::Hold { question, slots, path, force };
        match self.ask(limits.hold, order).await {
            Some(PeerReport::Held { apps, .. }) => Ok(apps),
            Some(PeerReport::NotHeld { failure, .. }) => Err(failure),
            _ => {
                // They may be held by now, or in a moment: it follows orders one after the other.
                self.resume(limits.resume).await;
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

    /// The libraries whose code was running when it ended; all of them where that is not known.
    pub(super) fn blamed(&self) -> Vec<usize> {
        let generations: Vec<_> = self.reports.iter().map(|it| it.generation.0).collect();
        let running = running(&self.record).unwrap_or_default();
        let running: Vec<_> = running.iter().map(|activity| activity.generation).collect();
        blamed(&generations, &running)
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

/// The places of the generations that were running; all of them if that is not known.
fn blamed(generations: &[u64], running: &[u64]) -> Vec<usize> {
    let is_known = !running.is_empty() && running.iter().all(|it| generations.contains(it));
    let is_blamed = |place: &usize| !is_known || running.contains(&generations[*place]);
    (0..generations.len()).filter(is_blamed).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::record::file_in_memory;

    /// A worker as its supervisor sees it, and the other end of the conversation.
    fn worker() -> (Worker, SuccessionPeer) {
        let (ours, theirs) = SuccessionPeer::pair().unwrap();
        let (hears, speaks) = ours.split();
        let questions = Arc::<Questions>::default();
        tokio::spawn(hear(hears, Arc::clone(&questions)));
        let worker = Worker {
            number: 1,
            pid: 1,
            began: Instant::now(),
            reports: Vec::new(),
            apps: Vec::new(),
            speaks: tokio::sync::Mutex::new(speaks),
            questions,
            ended: watch::channel(None).1,
            killed: Arc::default(),
            record: file_in_memory().unwrap(),
        };
        (worker, theirs)
    }

    #[tokio::test]
    async fn apps_that_may_be_held_start_again() {
        let (worker, peer) = worker();
        let (mut hears, mut speaks) = peer.split();
        let (hold, resume) = (Duration::from_millis(1), Duration::from_secs(60));
        let holding = worker.hold(&[0], Path::new("/next"), false, HoldLimits { hold, resume });
        let following = async {
            // Nothing is said for longer than is waited.
            assert!(matches!(hears.next().await, Some(PeerOrder::Hold { .. })));
            let Some(PeerOrder::Resume { question }) = hears.next().await else {
                panic!("they stay held");
            };
            speaks.say(&PeerReport::Done { question }).await.unwrap();
        };
        let (held, ()) = tokio::join!(holding, following);
        assert!(held.unwrap_err().reason.contains("did not hand over its apps"));
    }

    #[tokio::test]
    async fn apps_that_are_not_held_go_on_as_they_are() {
        let (worker, peer) = worker();
        let (mut hears, mut speaks) = peer.split();
        let hold = Duration::from_secs(60);
        let limits = HoldLimits { hold, resume: hold };
        let holding = async {
            worker.hold(&[0], Path::new("/next"), false, limits).await.unwrap_err();
            worker.order(&PeerOrder::Lead).await;
        };
        let following = async {
            let Some(PeerOrder::Hold { question, .. }) = hears.next().await else { panic!() };
            let failure = PeerFailure::passing("a page does not answer");
            speaks.say(&PeerReport::NotHeld { question, failure }).await.unwrap();
            assert_eq!(hears.next().await, Some(PeerOrder::Lead));
        };
        tokio::join!(holding, following);
    }

    #[test]
    fn what_was_running_is_blamed() {
        for (running, blamed_for) in [
            (&[4][..], &[1][..]),
            (&[4, 3, 4], &[0, 1]),
            (&[], &[0, 1, 2]),
            // A hook has no number, and an app that was started again has another one.
            (&[0], &[0, 1, 2]),
            (&[4, 9], &[0, 1, 2]),
        ] {
            assert_eq!(blamed(&[3, 4, 5], running), blamed_for, "{running:?}");
        }
    }
}
