//! How a new release does in its workers, and when it has failed.

use std::time::{Duration, Instant};

use super::set::WorkerSet;
use crate::library::loader::BuildId;
use crate::operate::rollback_policy::{RollbackPolicy, Tally, describe};

/// How often the workers are asked.
const INTERVAL: Duration = Duration::from_millis(100);

/// A build whose code has ended so many workers is left.
const CRASHES: u64 = 3;

/// A release on trial. It may outlive the workers in which it began: others may go on with it, and
/// then what it has done counts together.
#[derive(Debug)]
pub(super) struct Trial {
    policy: RollbackPolicy,
    /// The library of the table.
    pub(super) slot: usize,
    pub(super) build_id: BuildId,
    began: Instant,
    /// What the release before has done.
    before: Tally,
    /// What it has done in workers that have left since.
    done: Tally,
    /// How many of those it has ended.
    crashes: u64,
}

/// What comes of a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The release has failed, for this reason.
    Failed(String),
    /// Its time is over.
    Passed,
    /// Its workers leave.
    Left,
}

impl Trial {
    /// A release that begins to answer, in the place of one that has done `before`.
    pub(super) fn new(
        policy: RollbackPolicy,
        slot: usize,
        build_id: BuildId,
        before: Tally,
    ) -> Self {
        let (began, done, crashes) = (Instant::now(), Tally::default(), 0);
        Self { policy, slot, build_id, began, before, done, crashes }
    }

    /// Watches it in a set of workers.
    pub(super) async fn in_set(&self, set: &WorkerSet) -> Verdict {
        loop {
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = set.crashed.notified() => {}
            }
            if self.began.elapsed() >= self.policy.window {
                return Verdict::Passed;
            }
            if set.is_ending() {
                return Verdict::Left;
            }
            let done = set.done(&self.build_id).await;
            if let Some(reason) = self.failure(done, set.crashes(self.slot)) {
                return Verdict::Failed(reason);
            }
        }
    }

    /// Watches a canary for its whole time, beside a set in whose place there is another build;
    /// gives the reason if it has failed.
    pub(super) async fn failure_beside(
        mut self,
        set: &WorkerSet,
        beside: &WorkerSet,
        other: &BuildId,
    ) -> Option<String> {
        let start = beside.done(other).await;
        loop {
            let window = self.policy.window.saturating_sub(self.began.elapsed());
            if window.is_zero() || set.is_ending() {
                return None;
            }
            self.before = beside.done(other).await.since(start);
            let done = set.done(&self.build_id).await;
            if let Some(reason) = self.failure(done, set.crashes(self.slot)) {
                return Some(reason);
            }
            tokio::select! {
                () = tokio::time::sleep(INTERVAL.min(window)) => {}
                () = set.crashed.notified() => {}
            }
        }
    }

    /// Its workers have left: what it has done in them goes with it.
    pub(super) fn leave(&mut self, set: &WorkerSet) {
        self.carry(set.seen_done(&self.build_id), set.crashes(self.slot));
    }

    fn carry(&mut self, done: Tally, crashes: u64) {
        self.done = self.done.and(done);
        self.crashes += crashes;
    }

    /// Why it has failed, if it has done this in the workers that it is in.
    fn failure(&self, done: Tally, crashes: u64) -> Option<String> {
        let (done, crashes) = (self.done.and(done), self.crashes + crashes);
        let within = self.began.elapsed();
        if crashes >= CRASHES {
            let seconds = within.as_secs_f64();
            return Some(format!("{crashes} workers ended in its first {seconds:.1} s"));
        }
        let is_broken = self.policy.is_broken_by(done, self.before);
        is_broken.then(|| describe(done, within))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(failures: u64, requests: u64) -> Tally {
        Tally { requests, panics: 0, failures }
    }

    #[test]
    fn what_it_has_done_in_workers_that_left_counts() {
        let policy = RollbackPolicy::default();
        let mut trial = Trial::new(policy, 0, BuildId::of(b"one"), Tally::default());
        assert_eq!(trial.failure(tally(4, 6), 2), None);
        trial.carry(tally(4, 6), 1);
        assert_eq!(trial.failure(Tally::default(), 1), None);
        let reason = trial.failure(tally(1, 4), 0).unwrap();
        assert!(reason.starts_with("5 of 10 requests failed "), "{reason}");
        let reason = trial.failure(Tally::default(), 2).unwrap();
        assert!(reason.starts_with("3 workers ended in its first "), "{reason}");
    }
}
