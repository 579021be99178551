//! How a new set of workers does, and when it has failed.

use std::time::{Duration, Instant};

use super::set::WorkerSet;
use crate::operate::rollback_policy::{RollbackPolicy, Tally, describe};

/// How often the workers are asked.
const INTERVAL: Duration = Duration::from_millis(100);

/// Workers that end by themselves so often have a generation that ends them.
const CRASHES: u64 = 3;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) policy: RollbackPolicy,
    /// What it had done before it served.
    pub(super) warm_up: Tally,
    /// What those before have done.
    pub(super) before: Tally,
}

impl Trial {
    /// Watches a set that answers beside another one, for the whole window; gives the reason if it
    /// has failed.
    pub(super) async fn failure_beside(
        self,
        set: &WorkerSet,
        beside: &WorkerSet,
    ) -> Option<String> {
        let (start, began) = (self.before, Instant::now());
        let mut trial = self;
        loop {
            let window = trial.policy.window.saturating_sub(began.elapsed());
            if window.is_zero() || set.is_ending() {
                return None;
            }
            trial.before = beside.tally().await.since(start);
            let crashes = set.crashes();
            let done = set.tally().await.since(trial.warm_up);
            if crashes >= CRASHES {
                return Some(of_crashes(crashes, began.elapsed()));
            }
            if trial.policy.is_broken_by(done, trial.before) {
                return Some(describe(done, began.elapsed()));
            }
            tokio::select! {
                () = tokio::time::sleep(INTERVAL.min(window)) => {}
                () = set.crashed.notified() => {}
            }
        }
    }

    /// Watches a set for as long as the policy says; gives the reason if it has failed.
    pub(super) async fn failure_of(&self, set: &WorkerSet) -> Option<String> {
        let began = Instant::now();
        loop {
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = set.crashed.notified() => {}
            }
            if began.elapsed() >= self.policy.window || set.is_ending() {
                return None;
            }
            let crashes = set.crashes();
            if crashes >= CRASHES {
                return Some(of_crashes(crashes, began.elapsed()));
            }
            let done = set.tally().await.since(self.warm_up);
            if self.policy.is_broken_by(done, self.before) {
                return Some(describe(done, began.elapsed()));
            }
        }
    }
}

fn of_crashes(crashes: u64, within: Duration) -> String {
    let seconds = within.as_secs_f64();
    format!("{crashes} workers ended within {seconds:.1} s of its publish")
}
