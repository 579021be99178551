//! Threads that a page does not let go of.
//!
//! A page that awaits is not polled, however long it awaits. A poll that goes on from one look to the
//! next, often enough, is work that blocks, or an endless loop. Looks are counted and not time: a
//! process that was suspended has not been looking.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::record::{RecordedActivity, Run};
use super::worker_threads::{LONG, LOOK};

/// After so many looks it is said again.
const VERY_LONG: u32 = LONG * 10;

/// A thread that runs one and the same poll.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldThread {
    /// What holds it.
    pub activity: RecordedActivity,
    /// For how many looks.
    pub looks: u32,
}

impl HeldThread {
    /// For how long, about.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        (LOOK * self.looks).as_secs_f64()
    }

    fn log(&self) {
        let Self { activity, .. } = self;
        tracing::warn!(
            "{activity}: holds its thread for {:.0} s{}: a page that waits should await, and work \
             that takes long belongs into `tokio::task::spawn_blocking`",
            self.seconds(),
            activity.in_generation()
        );
    }
}

/// How often each poll that goes on was seen.
#[derive(Default)]
pub(super) struct Looks {
    seen: HashMap<(usize, u64), u32>,
    /// For how many looks nothing more is said of a page, by its file and generation: under load many
    /// requests meet the same page.
    said: HashMap<(String, u64), u32>,
}

impl Looks {
    /// The threads that are held for long; says it, when it is time to.
    pub(super) fn look(&mut self, runs: Vec<Run>) -> Vec<HeldThread> {
        let held = self.held(runs);
        self.said.retain(|_, left| {
            *left = left.saturating_sub(1);
            *left > 0
        });
        for thread in &held {
            let page = (thread.activity.file.clone(), thread.activity.generation);
            let is_new = thread.looks == LONG && !self.said.contains_key(&page);
            if is_new || thread.looks == VERY_LONG {
                thread.log();
                self.said.insert(page, VERY_LONG);
            }
        }
        held
    }

    fn held(&mut self, runs: Vec<Run>) -> Vec<HeldThread> {
        let before = std::mem::take(&mut self.seen);
        let mut held = Vec::new();
        // A hook has a thread of its own, which it may hold.
        for Run { number, activity } in runs.into_iter().filter(|run| !run.activity.is_hook()) {
            let looks = before.get(&number).map_or(0, |looks| looks.saturating_add(1));
            self.seen.insert(number, looks);
            if looks >= LONG {
                held.push(HeldThread { activity, looks });
            }
        }
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(poll: u64) -> Run {
        let path = format!("/{poll}");
        let (method, file) = ("GET".to_owned(), "pages/a.rs".to_owned());
        Run { number: (1, poll), activity: RecordedActivity { generation: 1, method, file, path } }
    }

    #[test]
    fn only_one_and_the_same_poll_holds_its_thread() {
        let mut looks = Looks::default();
        for poll in 1..100 {
            assert_eq!(looks.held(vec![run(poll)]), [], "each look sees another poll");
        }
        for _ in 0..LONG {
            assert_eq!(looks.held(vec![run(200), run(100)]), []);
        }
        let held = looks.held(vec![run(100)]);
        assert_eq!(held, [HeldThread { activity: run(100).activity, looks: LONG }]);
        assert!((held[0].seconds() - 1.0).abs() < 1e-9);
        assert_eq!(looks.held(vec![run(100)])[0].looks, LONG + 1);
        assert_eq!(looks.held(vec![]), []);
        assert_eq!(looks.held(vec![run(100)]), []);
    }
}
