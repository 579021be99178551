//! How a host of several processes is: what its workers say, as one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use nova_abi::ABI;
use parking_lot::Mutex;

use super::set::WorkerSet;
use super::slot::WorkerView;
use super::supervisor::Supervisor;
use crate::operate::admin::{
    CanaryStatus, Footprint, GenerationStatus, HeldThreadStatus, RollbackStatus, RouteStatus,
    Status, WaitStatus, WorkerStatus,
};
use crate::operate::operator::{LastRefusal, releases_of};
use crate::swap::GenerationState;

/// How many generations are named that have ended.
const RETIRED: usize = 20;

/// What a status tells that no worker knows.
#[derive(Debug)]
pub(super) struct StatusSource {
    began: Instant,
    pub(super) since: SystemTime,
    pub(super) last_refusal: LastRefusal,
    /// Generations whose workers have ended, as they were seen last.
    retired: Mutex<Vec<GenerationStatus>>,
}

impl StatusSource {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            since: SystemTime::now(),
            last_refusal: LastRefusal::default(),
            retired: Mutex::default(),
        }
    }

    /// Notes the generations of a set that has ended.
    pub(super) fn retire(&self, set: &WorkerSet) {
        let mut retired = self.retired.lock();
        retired.extend(generations(&set.seen(), GenerationState::Retired));
        let surplus = retired.len().saturating_sub(RETIRED);
        retired.drain(..surplus);
    }
}

/// What the workers say, added up.
#[derive(Default)]
struct WorkerSums {
    generations: Vec<GenerationStatus>,
    listed: Vec<WorkerStatus>,
    routes: BTreeMap<String, RouteStatus>,
    processes: Vec<Footprint>,
    held: Vec<HeldThreadStatus>,
    holds: u64,
    connections: u64,
    loads: u64,
    waits: WaitStatus,
    ready: bool,
}

impl WorkerSums {
    fn add(&mut self, views: Vec<WorkerView>, state: GenerationState, leaving: bool) {
        self.generations.extend(generations(&views, state));
        for WorkerView { worker, restarts, status } in views {
            self.listed.push(WorkerStatus {
                number: worker.number,
                pid: worker.pid,
                generation: worker.reports.first().map_or(0, |report| report.generation.0),
                leaving,
                age_seconds: worker.began.elapsed().as_secs_f64(),
                restarts,
                connections: status.as_ref().map_or(0, |status| status.connections),
                process: status.as_ref().map(|status| status.process).unwrap_or_default(),
            });
            let Some(status) = status else { continue };
            self.connections += status.connections;
            self.waits.add(&status.waits);
            self.held.extend(status.held);
            self.holds += status.holds;
            self.loads += status.loads;
            self.ready |= !leaving && state != GenerationState::Canary && status.ready;
            self.processes.push(status.process);
            for route in &status.routes {
                add_route(&mut self.routes, route);
            }
        }
    }
}

impl Supervisor {
    /// How the host is.
    pub(super) async fn sum(&self) -> Status {
        let stopping = self.stopping.is_cancelled();
        let canary = self.canary.lock().clone();
        let mut sums = WorkerSums {
            generations: self.status.retired.lock().clone(),
            processes: vec![Footprint::now()],
            ..WorkerSums::default()
        };
        for set in self.sets() {
            let leaving = set.is_ending();
            let is_canary = canary.as_ref().is_some_and(|it| Arc::ptr_eq(&it.set, &set));
            let state = match leaving && !stopping {
                true => GenerationState::Draining,
                false if is_canary => GenerationState::Canary,
                false => GenerationState::Live,
            };
            sums.add(set.views().await, state, leaving);
        }
        let (published, refused) = self.switch.totals();
        let log = self.switch.ledger().log();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            abi: ABI,
            pid: std::process::id(),
            url: self.settings.url.clone(),
            ready: sums.ready && !stopping,
            stopping,
            uptime_seconds: self.status.began.elapsed().as_secs_f64(),
            generations: sums.generations,
            loads: sums.loads,
            published,
            refused,
            last_refusal: self.status.last_refusal.status(),
            connections: sums.connections,
            waits: sums.waits,
            rollbacks: log.rollbacks,
            last_rollback: log.last_rollback.as_ref().map(RollbackStatus::from),
            releases: releases_of(self.switch.ledger()),
            canary: canary.as_ref().map(|canary| CanaryStatus {
                generation: generation_of(&canary.set),
                build_id: canary.build_id.as_str().to_owned(),
                share: canary.spec.share,
                left_seconds: canary.left().as_secs_f64(),
            }),
            process: sums.processes.into_iter().reduce(Footprint::and).unwrap_or_default(),
            budget: self.settings.budget,
            routes: sums.routes.into_values().collect(),
            held: sums.held,
            holds: sums.holds,
            workers: sums.listed,
        }
    }
}

/// The generations of workers that serve the same, each of them once.
pub(super) fn generations(views: &[WorkerView], state: GenerationState) -> Vec<GenerationStatus> {
    let mut sums: BTreeMap<u64, GenerationStatus> = BTreeMap::new();
    for status in views.iter().filter_map(|view| view.status.as_ref()) {
        for one in &status.generations {
            let Some(sum) = sums.get_mut(&one.id) else {
                // An app that was started again is another one.
                let has_ended = one.state == GenerationState::Retired;
                let state = if has_ended { one.state } else { state };
                sums.insert(one.id, GenerationStatus { state, ..one.clone() });
                continue;
            };
            sum.age_seconds = sum.age_seconds.max(one.age_seconds);
            sum.in_flight += one.in_flight;
            sum.requests += one.requests;
            sum.panics += one.panics;
            sum.server_errors += one.server_errors;
        }
    }
    let ended = state == GenerationState::Retired;
    let mut sums: Vec<_> = sums.into_values().collect();
    if ended {
        sums.iter_mut().for_each(|sum| sum.in_flight = 0);
    }
    sums
}

fn add_route(routes: &mut BTreeMap<String, RouteStatus>, one: &RouteStatus) {
    match routes.get_mut(&one.route) {
        Some(sum) => sum.add(one),
        None => drop(routes.insert(one.route.clone(), one.clone())),
    }
}

/// The first generation of a set.
fn generation_of(set: &WorkerSet) -> u64 {
    set.reports().first().map_or(0, |report| report.generation.0)
}
