//! Generations that have not proved themselves yet, and how each does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::rollback_policy::{RollbackPolicy, Tally, describe};
use crate::generation::{Counters, GenerationId};

/// How often the generations are looked at.
const INTERVAL: Duration = Duration::from_millis(50);

/// The generations that are watched.
#[derive(Debug, Default)]
pub(super) struct Watches {
    watches: Mutex<Vec<Watch>>,
    /// There is one more.
    added: Notify,
}

/// One generation that is watched.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) slot: usize,
    pub(super) generation: GenerationId,
    counters: Arc<Counters>,
    /// What it had done before it served: the requests of its warm-up.
    start: Tally,
    /// The one that it is compared with, and what of it does not count.
    other: Option<(Arc<Counters>, Tally)>,
    began: Instant,
    /// How long it is watched.
    window: Duration,
    /// It answers a share of the requests; when its time is over, all of them.
    pub(super) is_canary: bool,
}

/// How a watch ended.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The generation has failed, for this reason.
    Failed(Watch, String),
    /// The time of a canary is over, and it is well.
    Passed(Watch),
}

impl Watch {
    /// Watches a generation that has replaced another one, which had these counters.
    pub(super) fn successor(
        slot: usize,
        generation: GenerationId,
        counters: &Arc<Counters>,
        before: Option<Arc<Counters>>,
        window: Duration,
    ) -> Self {
        Self {
            slot,
            generation,
            counters: Arc::clone(counters),
            start: Tally::of(counters),
            other: before.map(|counters| (counters, Tally::default())),
            began: Instant::now(),
            window,
            is_canary: false,
        }
    }

    /// Watches a canary, and beside it the generation with these counters.
    pub(super) fn canary(
        slot: usize,
        generation: GenerationId,
        counters: &Arc<Counters>,
        beside: Option<Arc<Counters>>,
        window: Duration,
    ) -> Self {
        let other = beside.map(|counters| {
            let start = Tally::of(&counters);
            (counters, start)
        });
        let watch = Self::successor(slot, generation, counters, None, window);
        Self { other, is_canary: true, ..watch }
    }

    /// What it has done.
    pub(super) fn done(&self) -> Tally {
        Tally::of(&self.counters).since(self.start)
    }

    /// What the other one has done.
    fn other(&self) -> Tally {
        let done = |(counters, start): &(Arc<Counters>, Tally)| Tally::of(counters).since(*start);
        self.other.as_ref().map(done).unwrap_or_default()
    }

    fn is_over(&self) -> bool {
        self.began.elapsed() >= self.window
    }

    fn has_failed(&self, policy: &RollbackPolicy) -> bool {
        policy.is_broken_by(self.done(), self.other())
    }
}

impl Watches {
    /// Watches one more, instead of another one of its kind in its slot.
    pub(super) fn add(&self, watch: Watch) {
        let mut watches = self.watches.lock();
        watches.retain(|other| other.slot != watch.slot || other.is_canary != watch.is_canary);
        watches.push(watch);
        self.added.notify_one();
    }

    /// Whether none is watched.
    pub(super) fn is_empty(&self) -> bool {
        self.watches.lock().is_empty()
    }

    /// Watches a generation no longer.
    pub(super) fn remove(&self, generation: GenerationId) {
        self.watches.lock().retain(|watch| watch.generation != generation);
    }

    /// Watches nothing any more.
    pub(super) fn clear(&self) {
        self.watches.lock().clear();
    }

    /// Waits until there is something to look at, and a while.
    pub(super) async fn tick(&self) {
        if self.is_empty() {
            self.added.notified().await;
        }
        tokio::time::sleep(INTERVAL).await;
    }

    /// Takes a watch that has ended, if its end asks for something.
    pub(super) fn verdict(&self, policy: &RollbackPolicy) -> Option<Verdict> {
        let mut watches = self.watches.lock();
        watches.retain(|watch| watch.is_canary || !watch.is_over());
        let is_ended = |watch: &Watch| watch.has_failed(policy) || watch.is_over();
        let ended = watches.iter().position(is_ended)?;
        let watch = watches.swap_remove(ended);
        Some(if watch.has_failed(policy) {
            let reason = describe(watch.done(), watch.began.elapsed());
            Verdict::Failed(watch, reason)
        } else {
            Verdict::Passed(watch)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    fn watch(slot: usize, counters: &Arc<Counters>, window: Duration) -> Watch {
        Watch::successor(slot, GenerationId(slot as u64 + 1), counters, None, window)
    }

    #[test]
    fn a_generation_is_judged_by_what_it_does_while_it_is_watched() {
        let (policy, watches) = (RollbackPolicy::default(), Watches::default());
        let counters = Arc::<Counters>::default();
        counters.requests.store(100, Ordering::Relaxed);
        counters.server_errors.store(100, Ordering::Relaxed);
        watches.add(watch(0, &counters, policy.window));
        assert!(watches.verdict(&policy).is_none(), "that was its warm-up");
        counters.requests.store(120, Ordering::Relaxed);
        counters.server_errors.store(120, Ordering::Relaxed);
        let verdict = watches.verdict(&policy);
        assert!(
            matches!(&verdict, Some(Verdict::Failed(_, reason)) if reason.starts_with("20 of 20")),
            "{verdict:?}"
        );
        assert!(watches.is_empty());
    }

    #[test]
    fn when_its_time_is_over_a_canary_has_passed_and_others_are_forgotten() {
        let (policy, watches) = (RollbackPolicy::default(), Watches::default());
        let counters = Arc::<Counters>::default();
        watches.add(watch(0, &counters, Duration::ZERO));
        watches.add(Watch::canary(0, GenerationId(2), &counters, None, Duration::ZERO));
        let verdict = watches.verdict(&policy);
        assert!(
            matches!(&verdict, Some(Verdict::Passed(watch)) if watch.generation == GenerationId(2)),
            "{verdict:?}"
        );
        assert!(watches.verdict(&policy).is_none());
        assert!(watches.is_empty());
    }
}
