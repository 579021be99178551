//! The ends of generations: each drains, stands by for a while, and is retired.
//!
//! A generation on standby is out of the table, but its app runs on, so that going back to it is
//! one pointer. A task waits for its requests and its time; the list of standbys holds the way to
//! tell that task something else, and what takes an entry out of the list decides its [`Fate`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::lifecycle::{CandidateGeneration, DrainingGeneration};
use crate::generation::Generation;
use crate::library::loader::BuildId;

/// A drain without limit, in a unit that an `Instant` can add.
const UNLIMITED: Duration = Duration::from_secs(60 * 60 * 24 * 365);

/// How long what is told to end at once is waited for.
const HURRY: Duration = Duration::from_secs(1);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Drains {
    /// How long requests may take once something else serves.
    limit: Duration,
    standbys: Arc<Mutex<Vec<Standby>>>,
    hurry: Mutex<Hurry>,
}

/// The way to those that drain now, and have no standby.
#[derive(Debug, Default)]
struct Hurry {
    told: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

/// A generation that can serve again at once.
#[derive(Debug)]
struct Standby {
    slot: usize,
    generation: Arc<Generation>,
    fate: oneshot::Sender<Fate>,
    task: JoinHandle<()>,
}

/// What becomes of a generation that could serve again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It serves again.
    Serve,
    /// It will not be needed: its requests still have their time, then it is retired.
    Retire,
    /// The process ends: it is shut down at once.
    Stop,
}

impl Drains {
    /// `limit`: how long requests may take once something else serves; `None`: for ever.
    pub(super) fn new(limit: Option<Duration>) -> Self {
        Self {
            limit: limit.unwrap_or(UNLIMITED),
            standbys: Arc::default(),
            hurry: Mutex::default(),
        }
    }

    /// Lets a generation finish, and retires it.
    pub(super) fn drain(&self, draining: DrainingGeneration) {
        let deadline = Instant::now() + self.limit;
        let mut hurry = self.hurry.lock();
        let told = hurry.told.clone();
        hurry.tasks.retain(|task| !task.is_finished());
        hurry.tasks.push(tokio::spawn(async move {
            tokio::select! {
                _ = draining.is_empty_by(deadline) => {}
                () = told.cancelled() => {}
            }
            finish(draining, Instant::now()).await;
        }));
    }

    /// Ends those that drain now, whatever they have open; ready when their apps are shut down, or
    /// when they do not end.
    pub(super) async fn hurry(&self) {
        let Hurry { told, tasks } = std::mem::take(&mut *self.hurry.lock());
        told.cancel();
        let ended = async {
            for task in tasks {
                // A panic in it is in the log.
                task.await.ok();
            }
        };
        // A page that never answers is no reason to wait for it.
        tokio::time::timeout(HURRY, ended).await.ok();
    }

    /// Lets the generation that served as library `slot` finish, and retires it, `standby` after
    /// now at the earliest. What stood by for that library before is not needed any more.
    pub(super) fn drain_slot(&self, draining: DrainingGeneration, slot: usize, standby: Duration) {
        let began = Instant::now();
        let mut standbys = self.standbys.lock();
        for before in standbys.extract_if(.., |before| before.slot == slot) {
            // The task may be about to end by itself.
            before.fate.send(Fate::Retire).ok();
        }
        if standby.is_zero() {
            return self.drain(draining);
        }
        let (fate, told) = oneshot::channel();
        let generation = draining.generation().clone();
        let task = Task {
            draining,
            deadline: began + self.limit,
            standby_until: began + standby,
            standbys: self.standbys.clone(),
        };
        // It may look for itself in the list at once, and waits until it is there.
        let task = tokio::spawn(task.run(told));
        standbys.push(Standby { slot, generation, fate, task });
    }

    /// Takes the generation of this build that stands by for library `slot`.
    pub(super) fn take_standby(
        &self,
        slot: usize,
        build_id: &BuildId,
    ) -> Option<CandidateGeneration> {
        let mut standbys = self.standbys.lock();
        let is_it = |it: &Standby| it.slot == slot && it.generation.build_id() == build_id;
        let at = standbys.iter().position(is_it)?;
        let Standby { generation, fate, .. } = standbys.remove(at);
        let candidate = CandidateGeneration::reopened(generation);
        fate.send(Fate::Serve).ok();
        Some(candidate)
    }

    /// Shuts down what stands by, for the end of the process.
    pub(super) async fn stop(&self) {
        let standbys = std::mem::take(&mut *self.standbys.lock());
        for Standby { fate, task, .. } in standbys {
            fate.send(Fate::Stop).ok();
            // A panic in it is in the log.
            task.await.ok();
        }
    }
}

/// The end of one generation that stands by.
struct Task {
    draining: DrainingGeneration,
    /// Until when its requests may take.
    deadline: Instant,
    standby_until: Instant,
    standbys: Arc<Mutex<Vec<Standby>>>,
}

impl Task {
    async fn run(self, told: oneshot::Receiver<Fate>) {
        match self.fate(told).await {
            Fate::Serve => {}
            Fate::Retire => finish(self.draining, self.deadline).await,
            Fate::Stop => self.draining.shut_down().await,
        }
    }

    /// Says that it stands by, unless it has been taken to serve again meanwhile.
    fn stand_by(&self) {
        let standbys = self.standbys.lock();
        if standbys.iter().any(|it| Arc::ptr_eq(&it.generation, self.draining.generation())) {
            self.draining.stand_by();
        }
    }

    /// Waits until it is decided what becomes of it: by itself, when its time is over.
    async fn fate(&self, mut told: oneshot::Receiver<Fate>) -> Fate {
        // The sender is in the list of standbys, and only goes with a word.
        let word = |told: Result<Fate, _>| told.unwrap_or(Fate::Retire);
        tokio::select! {
            biased;
            is_empty = self.draining.is_empty_by(self.deadline) => {
                if is_empty {
                    self.stand_by();
                    let over = tokio::time::sleep_until(self.standby_until.into());
                    tokio::select! {
                        () = over => {}
                        fate = &mut told => return word(fate),
                    }
                }
            }
            fate = &mut told => return word(fate),
        }
        if self.leave_standbys() { Fate::Retire } else { word(told.await) }
    }

    /// Takes the generation out of the standbys; `false` if it is not there any more.
    fn leave_standbys(&self) -> bool {
        let mut standbys = self.standbys.lock();
        let generation = self.draining.generation();
        standbys.extract_if(.., |it| Arc::ptr_eq(&it.generation, generation)).count() > 0
    }
}

/// Waits for the requests inside, ends those that take too long, and shuts the app down.
async fn finish(draining: DrainingGeneration, deadline: Instant) {
    draining.is_empty_by(deadline).await;
    let id = draining.id();
    let cut = draining.retire().await;
    if cut > 0 {
        tracing::info!("generation {id}: {cut} open responses ended by the drain limit");
    }
}
