//! A worker's side of the conversation with its supervisor.

use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Mutex, Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::generation::Generation;
use crate::generation::table::Table;
use crate::operate::operator::Operator;
use crate::operate::succession::{
    AppFacts, PeerFailure, PeerOrder, PeerReport, PeerWriter, SuccessionPeer, answer_passed_on,
};
use crate::server::forward::Forwarder;
use crate::site::Site;
use crate::swap::{Forward, HeldReport, Hold, InheritedStates, SavedState, SwapError, SwapReport};

/// How long connections are kept that were open before, so that each can be told with an answer
/// that it is the last one.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// How much longer the last requests may be on their way that workers pass on which left before.
const LAST_PASSED_ON: Duration = Duration::from_secs(1);

/// What concerns the process as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WorkerEvent {
    /// Requests finish, then the process ends.
    Stop,
    /// The process ends at once.
    Abort,
    /// The certificate is read again.
    Reload,
    /// The supervisor is gone: this process hears nothing any more.
    Orphaned,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct WorkerLink {
    orders: mpsc::UnboundedReceiver<PeerOrder>,
    speaks: Arc<Mutex<PeerWriter>>,
    /// Where requests come that other workers pass on.
    forward: UnixListener,
}

/// What a worker answers its supervisor with.
pub(crate) struct WorkerAnswers<M> {
    pub(crate) operator: Arc<Operator>,
    pub(crate) site: Arc<Site>,
    /// What is counted, as text.
    pub(crate) metrics: M,
    /// The supervisor says that connections may be accepted.
    pub(crate) opened: Arc<Notify>,
    /// Cancelled when those that left before pass nothing on to this one any more, which has left.
    pub(crate) left: CancellationToken,
}

impl WorkerLink {
    /// Listens to the supervisor from now on. What concerns the whole process comes out of the
    /// channel.
    pub(crate) fn open(
        peer: SuccessionPeer,
        forward: UnixListener,
    ) -> (Self, mpsc::UnboundedReceiver<WorkerEvent>) {
        let (mut hears, speaks) = peer.split();
        let (events, of_the_process) = mpsc::unbounded_channel();
        let (others, orders) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(order) = hears.next().await {
                let event = match order {
                    PeerOrder::Stop => WorkerEvent::Stop,
                    PeerOrder::Abort => WorkerEvent::Abort,
                    PeerOrder::Reload => WorkerEvent::Reload,
                    order => {
                        // A part of the process that does not listen any more is about to end.
                        others.send(order).ok();
                        continue;
                    }
                };
                events.send(event).ok();
            }
            events.send(WorkerEvent::Orphaned).ok();
        });
        let speaks = Arc::new(Mutex::new(speaks));
        (Self { orders, speaks, forward }, of_the_process)
    }

    /// Says that the libraries are mapped, and waits for the states.
    ///
    /// # Errors
    /// If the supervisor is gone.
    pub(crate) async fn states(&mut self) -> Result<InheritedStates, SwapError> {
        say(&self.speaks, PeerReport::Loaded).await;
        while let Some(order) = self.orders.recv().await {
            if let PeerOrder::Start(states) = order {
                return Ok(states);
            }
        }
        let reason = "the supervisor is gone".to_owned();
        Err(SwapError::Elsewhere { reason, lasting: false })
    }

    /// Says that the apps have started.
    pub(crate) async fn serving(&self, reports: Vec<SwapReport>, table: &Table) {
        let facts = |generation: &Arc<Generation>| AppFacts {
            exports: generation.app().is_some_and(|app| app.exports()),
        };
        let apps = table.generations().iter().map(facts).collect();
        say(&self.speaks, PeerReport::Serving { reports, apps }).await;
    }

    /// Says why this worker does not serve.
    pub(crate) async fn failed(&self, failure: PeerFailure) {
        say(&self.speaks, PeerReport::Failed(failure)).await;
    }

    /// Does what the supervisor says, for as long as it speaks.
    pub(crate) async fn follow<M>(self, answers: WorkerAnswers<M>)
    where
        M: Fn() -> String + Send + Sync + 'static,
    {
        let Self { mut orders, speaks, forward } = self;
        let WorkerAnswers { operator, site, metrics, opened, left } = answers;
        let (mut forward, mut hold) = (Some(forward), None::<(Hold, Instant)>);
        let switch = &site.switch;
        while let Some(order) = orders.recv().await {
            let report = match order {
                PeerOrder::Open | PeerOrder::OpenPassedOn => {
                    if let Some(forward) = forward.take() {
                        answer_passed_on(forward, &site);
                    }
                    if order == PeerOrder::Open {
                        opened.notify_one();
                    }
                    continue;
                }
                PeerOrder::Share(share) => {
                    let forwarder = |name| Arc::new(Forwarder::new(name)) as Arc<dyn Forward>;
                    site.share(share.map(|(name, share)| (forwarder(name), share)));
                    continue;
                }
                PeerOrder::Hold { question, slots, path, force } => {
                    if let Some((held, _)) = hold.take() {
                        // Nobody has gone on with it.
                        held.resume().await;
                    }
                    let since = Instant::now();
                    match switch.hold_for(&slots, &path, force).await {
                        Ok(held) => {
                            let apps = saved(&held);
                            hold = Some((held, since));
                            PeerReport::Held { question, apps }
                        }
                        Err(error) => PeerReport::NotHeld { question, failure: failure(&error) },
                    }
                }
                PeerOrder::Resume { question } => {
                    if let Some((held, _)) = hold.take() {
                        held.resume().await;
                    }
                    PeerReport::Done { question }
                }
                PeerOrder::Leave { question, forward } => {
                    let held = leave(&operator, forward, hold.take(), left.clone());
                    PeerReport::Left { question, held }
                }
                PeerOrder::Lead => {
                    switch.lead();
                    continue;
                }
                PeerOrder::StandBy { question } => {
                    // Other orders do not wait for the jobs.
                    let (switch, speaks) = (Arc::clone(switch), Arc::clone(&speaks));
                    tokio::spawn(async move {
                        switch.stand_by().await;
                        say(&speaks, PeerReport::Done { question }).await;
                    });
                    continue;
                }
                PeerOrder::Status { question } => {
                    let status = Box::new(operator.status_now());
                    PeerReport::Status { question, status }
                }
                PeerOrder::Metrics { question } => {
                    PeerReport::Metrics { question, text: metrics() }
                }
                // Those that concern the process are followed elsewhere, and the apps have started.
                PeerOrder::Stop
                | PeerOrder::Abort
                | PeerOrder::Reload
                | PeerOrder::TakeBack
                | PeerOrder::NotWanted
                | PeerOrder::Start(_) => continue,
            };
            say(&speaks, report).await;
        }
    }
}

/// What the apps have exported that a hold has ended.
fn saved(held: &Hold) -> Vec<Option<SavedState>> {
    let saved = |state: Bytes| SavedState(state.to_vec());
    held.states().into_iter().map(|state| state.map(saved)).collect()
}

/// Leaves the place to the process whose socket has the name `forward`, and says how long requests
/// waited if the door was held; `left` is cancelled when nothing comes any more.
fn leave(
    operator: &Arc<Operator>,
    forward: Option<String>,
    hold: Option<(Hold, Instant)>,
    left: CancellationToken,
) -> Option<HeldReport> {
    let forwarder = forward.map(|name| Arc::new(Forwarder::new(name)) as Arc<dyn Forward>);
    operator.turn_away(forwarder.clone());
    let held = hold.zip(forwarder).map(|((hold, since), forwarder)| {
        let waits = hold.leave(forwarder);
        HeldReport::new(since.elapsed(), &waits)
    });
    let operator = Arc::clone(operator);
    tokio::spawn(async move {
        operator.leave(LAST_ANSWERS).await;
        tokio::time::sleep(LAST_PASSED_ON).await;
        left.cancel();
    });
    held
}

/// What is said to the supervisor of an error.
pub(crate) fn failure(error: &SwapError) -> PeerFailure {
    PeerFailure { reason: error.to_string(), lasting: error.is_lasting() }
}

/// A supervisor that is gone hears nothing.
async fn say(speaks: &Mutex<PeerWriter>, report: PeerReport) {
    speaks.lock().await.say(&report).await.ok();
}
