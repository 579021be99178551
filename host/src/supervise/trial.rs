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
                let seconds = began.elapsed().as_secs_f64();
                return Some(format!(
                    "{crashes} workers ended within {seconds:.1} s of its publish"
                ));
            }
            let done = set.tally().await.since(self.warm_up);
            if self.policy.is_broken_by(done, self.before) {
                return Some(describe(done, began.elapsed()));
            }
        }
    }
}
