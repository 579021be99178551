//! The ends of generations: each drains, stands by for a while, and is retired.
//!
//! A generation on standby is out of the table, but its app runs on, so that going back to it is
//! one pointer. A task waits for its requests and its time; the list of those that leave holds the
//! way to tell that task something else, its [`Fate`]. An entry leaves the list when its app has
//! ended, or is taken out to serve again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::lifecycle::{CandidateGeneration, DrainingGeneration};
use crate::generation::Generation;
use crate::library::loader::BuildId;

/// A drain without limit, in a unit that an `Instant` can add.
const UNLIMITED: Duration = Duration::from_secs(60 * 60 * 24 * 365);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Drains {
    /// How long requests may take once something else serves.
    limit: Duration,
    /// How long `shutdown` may take.
    hook_limit: Duration,
    leaving: Arc<Mutex<Vec<Leaving>>>,
}

/// A generation whose app has not ended yet.
#[derive(Debug)]
struct Leaving {
    slot: usize,
    generation: Arc<Generation>,
    /// Whether it can serve again at once.
    may_return: bool,
    fate: UnboundedSender<Fate>,
    /// Cancelled when its app has ended.
    ended: CancellationToken,
}

/// What becomes of a generation that leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It serves again.
    Serve,
    /// It will not be needed: its requests still have their time, then it is retired.
    Retire,
    /// Another app takes its place that must be alone: its streams are cut, then it is retired.
    Cut,
    /// The process ends: it is shut down at once.
    Stop,
}

impl Drains {
    /// `limit`: how long requests may take once something else serves; `None`: for ever.
    /// `hook_limit`: how long `shutdown` may take.
    pub(super) fn new(limit: Option<Duration>, hook_limit: Duration) -> Self {
        Self { limit: limit.unwrap_or(UNLIMITED), hook_limit, leaving: Arc::default() }
    }

    /// Lets a generation of library `slot` finish, and retires it.
    pub(super) fn drain(&self, draining: DrainingGeneration, slot: usize) {
        self.begin(draining, slot, Duration::ZERO);
    }

    /// Lets the generation that served as library `slot` finish, and retires it, `standby` after
    /// now at the earliest. What stood by for that library before is not needed any more.
    pub(super) fn drain_slot(&self, draining: DrainingGeneration, slot: usize, standby: Duration) {
        for before in self.leaving.lock().iter_mut().filter(|it| it.slot == slot) {
            before.may_return = false;
            // The task may be about to end by itself.
            before.fate.send(Fate::Retire).ok();
        }
        self.begin(draining, slot, standby);
    }

    fn begin(&self, draining: DrainingGeneration, slot: usize, standby: Duration) {
        let began = Instant::now();
        let (fate, told) = unbounded_channel();
        let ended = CancellationToken::new();
        let generation = draining.generation().clone();
        let may_return = !standby.is_zero();
        // In the list before its task looks for it.
        self.leaving.lock().push(Leaving {
            slot,
            generation,
            may_return,
            fate,
            ended: ended.clone(),
        });
        let task = Task {
            draining,
            deadline: began + self.limit,
            standby_until: began + standby,
            hook_limit: self.hook_limit,
            leaving: self.leaving.clone(),
            told,
            _ended: ended.drop_guard(),
        };
        tokio::spawn(task.run());
    }

    /// Takes the generation of this build that stands by for library `slot`.
    pub(super) fn take_standby(
        &self,
        slot: usize,
        build_id: &BuildId,
    ) -> Option<CandidateGeneration> {
        let mut leaving = self.leaving.lock();
        let is_it =
            |it: &Leaving| it.may_return && it.slot == slot && it.generation.build_id() == build_id;
        let at = leaving.iter().position(is_it)?;
        let candidate = CandidateGeneration::reopened(leaving[at].generation.clone())?;
        leaving.remove(at).fate.send(Fate::Serve).ok();
        Some(candidate)
    }

    /// Ends what still runs of library `slot` besides the one that serves, and waits for it.
    ///
    /// # Errors
    /// With the generation that has not ended by `deadline`.
    pub(super) async fn end_slot(
        &self,
        slot: usize,
        deadline: Instant,
    ) -> Result<(), Arc<Generation>> {
        for (generation, ended) in self.tell(Fate::Cut, |it| it.slot == slot) {
            if tokio::time::timeout_at(deadline.into(), ended.cancelled()).await.is_err() {
                return Err(generation);
            }
        }
        Ok(())
    }

    /// Gives what leaves library `slot` now so long, and then ends what it has open.
    pub(super) fn cut_slot_after(&self, slot: usize, limit: Duration) {
        let of_slot = |it: &&Leaving| it.slot == slot;
        let leaving = self.leaving.lock();
        let fates: Vec<_> = leaving.iter().filter(of_slot).map(|it| it.fate.clone()).collect();
        drop(leaving);
        tokio::spawn(async move {
            tokio::time::sleep(limit).await;
            // One that has ended meanwhile does not listen.
            for fate in fates {
                fate.send(Fate::Cut).ok();
            }
        });
    }

    /// Ends the open streams of what leaves that have no end of their own.
    pub(super) fn cut_endless(&self) {
        self.leaving.lock().iter().for_each(|it| it.generation.cut_endless());
    }

    /// The generations whose apps have not ended yet.
    pub(super) fn generations(&self) -> Vec<Arc<Generation>> {
        self.leaving.lock().iter().map(|it| Arc::clone(&it.generation)).collect()
    }

    /// Shuts down what has not ended yet, for the end of the process; all of it together may take
    /// `limit`.
    pub(super) async fn stop(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        for (generation, ended) in self.tell(Fate::Stop, |_| true) {
            if tokio::time::timeout_at(deadline.into(), ended.cancelled()).await.is_err() {
                let id = generation.id;
                tracing::error!(
                    "`shutdown` of app.rs in generation {id} did not finish within {limit:?}; \
                     the process ends without it"
                );
            }
        }
    }

    /// Tells those that `concerns` wants, which serve no more from then on.
    fn tell(
        &self,
        fate: Fate,
        concerns: impl Fn(&Leaving) -> bool,
    ) -> Vec<(Arc<Generation>, CancellationToken)> {
        let mut leaving = self.leaving.lock();
        let told = leaving.iter_mut().filter(|it| concerns(it)).map(|it| {
            it.may_return = false;
            it.fate.send(fate).ok();
            (it.generation.clone(), it.ended.clone())
        });
        told.collect()
    }
}

/// The end of one generation.
struct Task {
    draining: DrainingGeneration,
    /// Until when its requests may take.
    deadline: Instant,
    standby_until: Instant,
    hook_limit: Duration,
    leaving: Arc<Mutex<Vec<Leaving>>>,
    told: UnboundedReceiver<Fate>,
    /// Says that it is over, whatever ends it.
    _ended: DropGuard,
}

impl Task {
    async fn run(mut self) {
        let (id, limit) = (self.draining.id(), self.hook_limit);
        let fate = match self.fate().await {
            // It may have been taken to serve again in that moment.
            Fate::Retire if !self.decide() => self.word().await,
            fate => fate,
        };
        if fate == Fate::Serve {
            return;
        }
        let generation = self.draining.generation().clone();
        if fate != Fate::Stop {
            tokio::select! {
                cut = generation.cut() => if cut > 0 {
                    tracing::info!("generation {id}: {cut} open responses ended by the drain limit");
                },
                () = async { while self.word().await != Fate::Stop {} } => {}
            }
        }
        self.draining.shut_down(limit).await;
        self.leaving.lock().retain(|it| !Arc::ptr_eq(&it.generation, &generation));
    }

    /// What it is told next.
    async fn word(&mut self) -> Fate {
        // The sender is in the list of those that leave, and goes with the word to serve alone.
        match self.told.recv().await {
            Some(fate) => fate,
            None => std::future::pending().await,
        }
    }

    /// Waits until it is decided what becomes of it: by itself, when its time is over.
    async fn fate(&mut self) -> Fate {
        let mut standby_until = self.standby_until;
        loop {
            let told = tokio::select! {
                biased;
                is_empty = self.draining.is_empty_by(self.deadline) => {
                    if !is_empty {
                        return Fate::Retire;
                    }
                    break;
                }
                told = self.told.recv() => told,
            };
            match told {
                // Its requests still have their time.
                Some(Fate::Retire) | None => standby_until = self.standby_until.min(Instant::now()),
                Some(fate) => return fate,
            }
        }
        self.stand_by();
        tokio::select! {
            () = tokio::time::sleep_until(standby_until.into()) => Fate::Retire,
            told = self.told.recv() => told.unwrap_or(Fate::Retire),
        }
    }

    /// Says that it stands by, unless it is not needed.
    fn stand_by(&self) {
        let leaving = self.leaving.lock();
        let is_it = |it: &Leaving| Arc::ptr_eq(&it.generation, self.draining.generation());
        if leaving.iter().any(|it| it.may_return && is_it(it)) {
            self.draining.stand_by();
        }
    }

    /// From now on it cannot serve again; `false` if it does already.
    fn decide(&self) -> bool {
        let mut leaving = self.leaving.lock();
        let is_it = |it: &&mut Leaving| Arc::ptr_eq(&it.generation, self.draining.generation());
        let entry = leaving.iter_mut().find(is_it);
        entry.map(|it| it.may_return = false).is_some()
    }
}
