//! The place of one worker in its set: who is there, and what those have done that were there before.

use std::sync::Arc;

use super::process::Worker;
use super::tally::Tallies;
use crate::edge::metrics::{counters, sum};
use crate::operate::admin::Status;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) worker: Arc<Worker>,
    restarts: u64,
    /// What it said last of itself.
    status: Option<Status>,
    /// Its numbers, when it was asked for them last.
    numbers: Option<String>,
    /// What those have done that were here before.
    past: Tallies,
    /// What those had counted when they were asked last.
    past_counted: String,
}

/// What is known of one worker.
#[derive(Debug, Clone)]
pub(super) struct WorkerView {
    pub(super) worker: Arc<Worker>,
    pub(super) restarts: u64,
    /// As it says now; as it said last, if it does not answer.
    pub(super) status: Option<Status>,
}

impl Slot {
    pub(super) fn new(worker: Worker) -> Self {
        Self {
            worker: Arc::new(worker),
            restarts: 0,
            status: None,
            numbers: None,
            past: Tallies::default(),
            past_counted: String::new(),
        }
    }

    /// Puts a worker in the place of one that has ended.
    pub(super) fn put(&mut self, worker: Arc<Worker>) {
        self.past = self.done();
        self.past_counted = self.counted();
        (self.status, self.numbers) = (None, None);
        self.restarts += 1;
        self.worker = worker;
    }

    /// Notes what the process `pid` says of itself, unless another one has come in its place.
    pub(super) fn note(&mut self, pid: u32, status: Status) {
        if self.worker.pid == pid {
            self.status = Some(status);
        }
    }

    /// Notes the numbers of the process `pid`, if it has said them, and gives all that are to be
    /// added: of who does not answer, or is gone, what it had counted when it was asked last.
    pub(super) fn add_numbers(&mut self, pid: u32, said: Option<String>) -> Vec<String> {
        match said.filter(|_| self.worker.pid == pid) {
            Some(said) => {
                self.numbers = Some(said.clone());
                vec![self.past_counted.clone(), said]
            }
            None => vec![self.counted()],
        }
    }

    /// What the workers of this place have done.
    pub(super) fn done(&self) -> Tallies {
        let mut done = self.past.clone();
        if let Some(status) = &self.status {
            done.add(&Tallies::of(&status.generations));
        }
        done
    }

    /// What they have counted.
    pub(super) fn counted(&self) -> String {
        let last = self.numbers.as_deref().map(counters).unwrap_or_default();
        sum("", &[self.past_counted.clone(), last])
    }

    /// What is known of its worker.
    pub(super) fn view(&self) -> WorkerView {
        let (worker, status) = (Arc::clone(&self.worker), self.status.clone());
        WorkerView { worker, restarts: self.restarts, status }
    }
}
