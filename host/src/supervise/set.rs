//! The workers that serve the same releases: as many as there should be, whatever ends one of them.

use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::pauses::Pauses;
use super::process::Worker;
use super::slot::{Slot, WorkerView};
use super::starting::{StartingWorker, WorkerSpec};
use super::tally::Tallies;
use crate::edge::metrics::sum;
use crate::library::loader::BuildId;
use crate::operate::rollback_policy::Tally;
use crate::operate::succession::{PeerFailure, PeerOrder};
use crate::release::ledger::ReleaseLog;
use crate::swap::{HeldReport, InheritedStates, SwapReport};

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
    orders: Mutex<StandingOrders>,
    /// What each build had done before anybody was let in.
    warm_up: Mutex<Tallies>,
    /// It leaves or stops: what ends is not started again.
    ending: CancellationToken,
    /// How many places are kept filled, or have a worker that has not ended.
    kept: watch::Sender<usize>,
    /// How often code of each library has ended a worker.
    crashes: Vec<AtomicU64>,
    /// One more has ended.
    pub(super) crashed: Notify,
}

/// What workers are told that come in the place of others.
#[derive(Debug, Clone, Default, PartialEq)]
struct StandingOrders {
    /// How they are let in; `None`: not yet.
    opening: Option<PeerOrder>,
    /// Who answers a share of the requests.
    shared: Option<(String, f64)>,
    /// The generations of the first one lead.
    leads: bool,
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

impl WorkerSet {
    /// Starts `count` workers, which accept nothing yet: the first one alone, because what is wrong
    /// with a release is wrong in each of them.
    pub(super) async fn start(
        spec: WorkerSpec,
        forward: String,
        count: usize,
    ) -> Result<Arc<Self>, PeerFailure> {
        let spec = Arc::new(spec);
        let mut workers = vec![spec.start(1).await?];
        let mut starting = JoinSet::new();
        for number in 2..=count {
            let spec = Arc::clone(&spec);
            starting.spawn(async move { spec.start(number).await });
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
        let libraries = workers.first().map_or(0, |worker| worker.reports.len());
        Arc::new(Self {
            spec,
            forward,
            since: SystemTime::now(),
            slots: workers.into_iter().map(Slot::new).map(Mutex::new).collect(),
            orders: Mutex::default(),
            warm_up: Mutex::default(),
            ending: CancellationToken::new(),
            kept: watch::Sender::new(0),
            crashes: (0..libraries).map(|_| AtomicU64::new(0)).collect(),
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
        // Noted first: who comes back meanwhile is told one of the two ways.
        let opened_before = self.orders.lock().opening.replace(order.clone()).is_some();
        self.order(&order).await;
        if opened_before {
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
        self.orders.lock().shared.clone_from(&share);
        self.order(&PeerOrder::Share(share)).await;
    }

    /// Lets the generations of the first worker lead, unless it leaves by now.
    pub(super) async fn lead(&self) {
        if self.is_ending() {
            return;
        }
        self.orders.lock().leads = true;
        if let Some(leader) = self.leader() {
            leader.order(&PeerOrder::Lead).await;
        }
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

    /// How often code of a library has ended a worker, or may have.
    pub(super) fn crashes(&self, slot: usize) -> u64 {
        self.crashes.get(slot).map_or(0, |crashes| crashes.load(Ordering::Relaxed))
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
                self.slots[place].lock().note(pid, status);
            }
        }
        self.seen()
    }

    /// How each worker was when it was asked last.
    pub(super) fn seen(&self) -> Vec<WorkerView> {
        self.slots.iter().map(|slot| slot.lock().view()).collect()
    }

    /// The numbers of the workers, each in the format of Prometheus; of those that have ended, or do
    /// not answer, what they had counted when they were asked last.
    pub(super) async fn metrics(&self) -> Vec<String> {
        let mut asking = JoinSet::new();
        for (place, worker) in self.workers().into_iter().enumerate() {
            asking.spawn(async move { (place, worker.pid, worker.metrics().await) });
        }
        let mut texts = Vec::new();
        while let Some(asked) = asking.join_next().await {
            if let Ok((place, pid, said)) = asked {
                texts.extend(self.slots[place].lock().add_numbers(pid, said));
            }
        }
        texts
    }

    /// What all of them had counted when they were asked last.
    pub(super) fn counted(&self) -> String {
        let each: Vec<_> = self.slots.iter().map(|slot| slot.lock().counted()).collect();
        sum("", &each)
    }

    /// What has been done until now does not count: no request has asked for it.
    pub(super) async fn end_warm_up(&self) {
        self.views().await;
        *self.warm_up.lock() = self.seen_tallies();
    }

    /// What a build has done in all of them, those that have ended, too.
    pub(super) async fn done(&self, build_id: &BuildId) -> Tally {
        self.views().await;
        self.seen_done(build_id)
    }

    /// What it had done when they were asked last.
    pub(super) fn seen_done(&self, build_id: &BuildId) -> Tally {
        self.seen_tallies().get(build_id).since(self.warm_up.lock().get(build_id))
    }

    fn seen_tallies(&self) -> Tallies {
        let mut sum = Tallies::default();
        for slot in &self.slots {
            sum.add(&slot.lock().done());
        }
        sum
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
            for slot in worker.blamed() {
                if let Some(crashes) = self.crashes.get(slot) {
                    crashes.fetch_add(1, Ordering::Relaxed);
                }
            }
            self.crashed.notify_one();
            if worker.began.elapsed() >= STEADY {
                pauses = Pauses::default();
            }
            let started = tokio::select! {
                started = self.start_again(worker.number, &mut pauses) => started,
                () = self.ending.cancelled() => return,
            };
            let (number, pid) = (started.number, started.pid);
            let started = Arc::new(started);
            // It is there before it is told anything: an order that comes now goes to it, too.
            self.slots[place].lock().put(Arc::clone(&started));
            self.let_in(&started, place).await;
            let milliseconds = ended.elapsed().as_secs_f64() * 1e3;
            tracing::info!("worker {number} is back as process {pid}, after {milliseconds:.0} ms");
            // It was not told, if that came while it started.
            if self.ending.is_cancelled() {
                started.order(&PeerOrder::Stop).await;
            }
        }
    }

    /// Lets a worker answer that comes in the place of another one.
    async fn let_in(&self, worker: &Worker, place: usize) {
        let mut told = StandingOrders::default();
        loop {
            let orders = self.orders.lock().clone();
            // What was ordered meanwhile may have come to it before what is older.
            if orders == told {
                return;
            }
            if orders.shared != told.shared {
                worker.order(&PeerOrder::Share(orders.shared.clone())).await;
            }
            if let Some(opening) = &orders.opening {
                worker.order(opening).await;
            }
            if orders.leads && place == 0 && !self.ending.is_cancelled() {
                worker.order(&PeerOrder::Lead).await;
            }
            told = orders;
        }
    }

    /// Starts a worker until one serves.
    async fn start_again(&self, number: usize, pauses: &mut Pauses) -> Worker {
        loop {
            tokio::time::sleep(pauses.next()).await;
            match self.spec.start(number).await {
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
