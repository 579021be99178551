//! The workers that serve the same releases: as many as there should be, whatever ends one of them.

use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::process::{StartingWorker, Worker, WorkerSpec};
use crate::operate::admin::Status;
use crate::operate::rollback_policy::Tally;
use crate::operate::succession::{PeerFailure, PeerOrder};
use crate::release::ledger::ReleaseLog;
use crate::swap::{HeldReport, InheritedStates, SwapReport};

/// How often in a row a worker that ended soon after its start is followed by another at once.
const AT_ONCE: u32 = 3;

/// The first pause before the next one then, and the longest.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A worker that has lived for so long did not end soon after its start.
const STEADY: Duration = Duration::from_secs(1);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct WorkerSet {
    spec: Arc<WorkerSpec>,
    /// The name of the socket for requests that are passed on to it.
    pub(super) forward: String,
    /// When it was started.
    pub(super) since: SystemTime,
    slots: Vec<Mutex<Slot>>,
    /// How its workers were let in; `None`: not yet.
    opening: Mutex<Option<PeerOrder>>,
    /// Who answers a share of its requests.
    shared: Mutex<Option<(String, f64)>>,
    /// It leaves or stops: what ends is not started again.
    ending: CancellationToken,
    /// How many places are kept filled, or have a worker that has not ended.
    kept: watch::Sender<usize>,
    /// How often a worker ended by itself.
    crashes: AtomicU64,
    /// One more has.
    pub(super) crashed: Notify,
}

/// A set of one worker that waits for the states of its apps.
#[derive(Debug)]
pub(super) struct LoadedSet {
    spec: Arc<WorkerSpec>,
    forward: String,
    worker: StartingWorker,
}

impl LoadedSet {
    /// Starts the apps. Nothing is accepted yet.
    pub(super) async fn start(
        self,
        states: InheritedStates,
    ) -> Result<Arc<WorkerSet>, PeerFailure> {
        let Self { spec, forward, worker } = self;
        Ok(WorkerSet::of(spec, forward, vec![worker.start_with(states).await?]))
    }
}

/// The place of one worker.
#[derive(Debug)]
struct Slot {
    worker: Arc<Worker>,
    restarts: u64,
    /// What it said last of itself.
    last: Option<Status>,
    /// What those have done that were here before.
    past: Tally,
}

/// What is known of one worker.
#[derive(Debug, Clone)]
pub(super) struct WorkerView {
    pub(super) worker: Arc<Worker>,
    pub(super) restarts: u64,
    /// As it says now; as it said last, if it does not answer.
    pub(super) status: Option<Status>,
}

impl WorkerSet {
    /// Starts `count` workers, which accept nothing yet: the first one alone, because what is wrong
    /// with a release is wrong in each of them.
    pub(super) async fn start(
        spec: WorkerSpec,
        forward: String,
        count: usize,
    ) -> Result<Arc<Self>, PeerFailure> {
        let spec = Arc::new(spec);
        let mut workers = vec![Worker::start(&spec, 1).await?];
        let mut starting = JoinSet::new();
        for number in 2..=count {
            let spec = Arc::clone(&spec);
            starting.spawn(async move { Worker::start(&spec, number).await });
        }
        let mut failed = None;
        while let Some(started) = starting.join_next().await {
            match started {
                Ok(Ok(worker)) => workers.push(worker),
                Ok(Err(failure)) => failed = Some(failure),
                Err(error) => failed = Some(PeerFailure::passing(error.to_string())),
            }
        }
        if let Some(failure) = failed {
            for worker in workers {
                // They have served nobody.
                worker.order(&PeerOrder::Stop).await;
            }
            return Err(failure);
        }
        workers.sort_by_key(|worker| worker.number);
        Ok(Self::of(spec, forward, workers))
    }

    /// Starts one worker, which has only mapped its libraries when this is over.
    pub(super) async fn load(spec: WorkerSpec, forward: String) -> Result<LoadedSet, PeerFailure> {
        let worker = StartingWorker::start(&spec, 1, true).await?.loaded().await?;
        Ok(LoadedSet { spec: Arc::new(spec), forward, worker })
    }

    fn of(spec: Arc<WorkerSpec>, forward: String, workers: Vec<Worker>) -> Arc<Self> {
        let slot = |worker| {
            let worker = Arc::new(worker);
            Mutex::new(Slot { worker, restarts: 0, last: None, past: Tally::default() })
        };
        Arc::new(Self {
            spec,
            forward,
            since: SystemTime::now(),
            slots: workers.into_iter().map(slot).collect(),
            opening: Mutex::default(),
            shared: Mutex::default(),
            ending: CancellationToken::new(),
            kept: watch::Sender::new(0),
            crashes: AtomicU64::new(0),
            crashed: Notify::new(),
        })
    }

    /// The worker whose generations lead, if any does.
    pub(super) fn leader(&self) -> Option<Arc<Worker>> {
        self.workers().into_iter().next()
    }

    /// How the apps were started, as the first worker did it.
    pub(super) fn reports(&self) -> Vec<SwapReport> {
        self.slots.first().map(|slot| slot.lock().worker.reports.clone()).unwrap_or_default()
    }

    /// Lets the workers answer, as this order says, and keeps them running from now on.
    pub(super) async fn open(self: &Arc<Self>, order: PeerOrder) {
        self.order(&order).await;
        if self.opening.lock().replace(order).is_some() {
            return;
        }
        self.kept.send_replace(self.slots.len());
        for place in 0..self.slots.len() {
            let set = Arc::clone(self);
            tokio::spawn(async move {
                set.keep(place).await;
                set.kept.send_modify(|kept| *kept -= 1);
            });
        }
    }

    /// Lets others answer a share of the requests, at the socket of this name, or lets them answer
    /// none any more.
    pub(super) async fn share(&self, share: Option<(String, f64)>) {
        self.shared.lock().clone_from(&share);
        self.order(&PeerOrder::Share(share)).await;
    }

    /// Gives an order to each worker.
    pub(super) async fn order(&self, order: &PeerOrder) {
        for worker in self.workers() {
            worker.order(order).await;
        }
    }

    /// Lets the workers finish what they have and end; what still comes is answered at the socket
    /// of this name. When this is over they do so, and it is known how long requests waited for it.
    pub(super) async fn leave(&self, forward: &str) -> Option<HeldReport> {
        self.ending.cancel();
        let mut leaving = JoinSet::new();
        for worker in self.workers() {
            let forward = Some(forward.to_owned());
            leaving.spawn(async move { worker.leave(forward).await });
        }
        let mut held = None;
        while let Some(left) = leaving.join_next().await {
            held = held.or(left.ok().flatten());
        }
        held
    }

    /// Stops the workers.
    pub(super) async fn stop(&self) {
        self.ending.cancel();
        self.order(&PeerOrder::Stop).await;
    }

    /// Ends the workers now, whatever they do.
    pub(super) fn kill(&self) {
        self.ending.cancel();
        self.workers().iter().for_each(|worker| worker.kill());
    }

    /// Waits until no worker is left.
    pub(super) async fn ended(&self) {
        // The sender is our own.
        self.kept.subscribe().wait_for(|kept| *kept == 0).await.ok();
    }

    /// Whether it leaves or stops.
    pub(super) fn is_ending(&self) -> bool {
        self.ending.is_cancelled()
    }

    /// What workers that come in the place of others are told of releases from now on.
    pub(super) fn remember(&self, log: ReleaseLog) {
        self.spec.state.lock().switch.log = log;
    }

    /// How often a worker ended by itself.
    pub(super) fn crashes(&self) -> u64 {
        self.crashes.load(Ordering::Relaxed)
    }

    fn workers(&self) -> Vec<Arc<Worker>> {
        self.slots.iter().map(|slot| Arc::clone(&slot.lock().worker)).collect()
    }

    /// How each worker is.
    pub(super) async fn views(&self) -> Vec<WorkerView> {
        let mut asking = JoinSet::new();
        for (place, worker) in self.workers().into_iter().enumerate() {
            asking.spawn(async move { (place, worker.pid, worker.status().await) });
        }
        while let Some(asked) = asking.join_next().await {
            if let Ok((place, pid, Some(status))) = asked {
                let mut slot = self.slots[place].lock();
                // Another one may have come in its place.
                if slot.worker.pid == pid {
                    slot.last = Some(status);
                }
            }
        }
        self.seen()
    }

    /// How each worker was when it was asked last.
    pub(super) fn seen(&self) -> Vec<WorkerView> {
        let view = |slot: &Mutex<Slot>| {
            let slot = slot.lock();
            let (worker, status) = (Arc::clone(&slot.worker), slot.last.clone());
            WorkerView { worker, restarts: slot.restarts, status }
        };
        self.slots.iter().map(view).collect()
    }

    /// What the workers have counted, each in the format of Prometheus.
    pub(super) async fn metrics(&self) -> Vec<String> {
        let mut texts = Vec::new();
        for worker in self.workers() {
            texts.extend(worker.metrics().await);
        }
        texts
    }

    /// What all of them have done, those that have ended, too.
    pub(super) async fn tally(&self) -> Tally {
        self.views().await;
        self.seen_tally()
    }

    /// What all of them had done when they were asked last.
    pub(super) fn seen_tally(&self) -> Tally {
        let of = |slot: &Mutex<Slot>| {
            let slot = slot.lock();
            slot.past.and(slot.last.as_ref().map(tally_of).unwrap_or_default())
        };
        self.slots.iter().map(of).fold(Tally::default(), Tally::and)
    }

    /// Keeps the worker at a place running.
    async fn keep(&self, place: usize) {
        let mut pauses = Pauses::default();
        loop {
            let worker = Arc::clone(&self.slots[place].lock().worker);
            let status = worker.ended().await;
            let ended = Instant::now();
            if self.ending.is_cancelled() {
                if !status.success() {
                    self.say_how_it_ended(&worker, status);
                }
                return;
            }
            self.say_how_it_ended(&worker, status);
            self.crashes.fetch_add(1, Ordering::Relaxed);
            self.crashed.notify_one();
            if worker.began.elapsed() >= STEADY {
                pauses = Pauses::default();
            }
            let started = tokio::select! {
                started = self.start_again(worker.number, &mut pauses) => started,
                () = self.ending.cancelled() => return,
            };
            let (number, pid) = (started.number, started.pid);
            self.let_in(&started, place).await;
            let milliseconds = ended.elapsed().as_secs_f64() * 1e3;
            tracing::info!("worker {number} is back as process {pid}, after {milliseconds:.0} ms");
            let started = Arc::new(started);
            self.put(place, Arc::clone(&started));
            // It was not told, if that came while it started.
            if self.ending.is_cancelled() {
                started.order(&PeerOrder::Stop).await;
            }
        }
    }

    /// Lets a worker answer that comes in the place of another one.
    async fn let_in(&self, worker: &Worker, place: usize) {
        let (opening, shared) = (self.opening.lock().clone(), self.shared.lock().clone());
        if shared.is_some() {
            worker.order(&PeerOrder::Share(shared)).await;
        }
        let leads = place == 0 && opening == Some(PeerOrder::Open);
        if let Some(opening) = opening {
            worker.order(&opening).await;
        }
        if leads {
            worker.order(&PeerOrder::Lead).await;
        }
    }

    /// Puts a worker in the place of one that has ended.
    fn put(&self, place: usize, worker: Arc<Worker>) {
        let mut slot = self.slots[place].lock();
        let past = slot.last.take().as_ref().map(tally_of).unwrap_or_default();
        slot.past = slot.past.and(past);
        slot.restarts += 1;
        slot.worker = worker;
    }

    /// Starts a worker until one serves.
    async fn start_again(&self, number: usize, pauses: &mut Pauses) -> Worker {
        loop {
            tokio::time::sleep(pauses.next()).await;
            match Worker::start(&self.spec, number).await {
                Ok(worker) => return worker,
                Err(failure) => tracing::error!("worker {number} does not start: {failure}"),
            }
        }
    }

    fn say_how_it_ended(&self, worker: &Worker, status: ExitStatus) {
        let Worker { number, pid, .. } = worker;
        let how = match status.code() {
            Some(0) => "it exited with code 0, without having been told to".to_owned(),
            _ => crate::process::describe(status),
        };
        let activities = worker.last_activities();
        let what = match activities.as_slice() {
            [] => "no page was running".to_owned(),
            [one] => format!("{one} was running"),
            several => format!("one of these was running: {}", several.join(", ")),
        };
        // What was written meanwhile is in no other place.
        let lost = if worker.exports() { "; the state of its app is lost" } else { "" };
        tracing::error!("worker {number} (process {pid}) ended: {how}; {what}{lost}");
    }
}

/// How long to wait before the next worker is started where one ended soon after its start.
#[derive(Debug, Default)]
struct Pauses(u32);

impl Pauses {
    fn next(&mut self) -> Duration {
        let times = self.0;
        self.0 = times.saturating_add(1);
        match times.checked_sub(AT_ONCE) {
            None => Duration::ZERO,
            Some(times) => PAUSE.saturating_mul(1 << times.min(8)).min(LONGEST_PAUSE),
        }
    }
}

/// What the generations of a worker have done.
fn tally_of(status: &Status) -> Tally {
    let of = |generation: &crate::operate::admin::GenerationStatus| Tally {
        requests: generation.requests,
        panics: generation.panics,
        failures: generation.server_errors.max(generation.panics),
    };
    status.generations.iter().map(of).fold(Tally::default(), Tally::and)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit() {
        let mut pauses = Pauses::default();
        let all: Vec<u128> = (0..12).map(|_| pauses.next().as_millis()).collect();
        assert_eq!(all, [0, 0, 0, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
    }
}
