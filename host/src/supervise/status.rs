//! How a host of several processes is: what its workers say, as one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use nova_abi::ABI;
use parking_lot::Mutex;

use super::set::{WorkerSet, WorkerView};
use super::supervisor::Supervisor;
use crate::operate::admin::{
    CanaryStatus, Footprint, GenerationStatus, Refusal, RollbackStatus, RouteStatus, Status,
    WaitStatus, WorkerStatus,
};
use crate::operate::operator::releases_of;
use crate::release::ledger::age;
use crate::swap::GenerationState;

/// How many generations are named that have ended.
const RETIRED: usize = 20;

/// What a status tells that no worker knows.
#[derive(Debug)]
pub(super) struct StatusSource {
    began: Instant,
    /// The latest candidate that was refused: where it lies, why, and when.
    last_refusal: Mutex<Option<(PathBuf, String, Instant)>>,
    /// Generations whose workers have ended, as they were seen last.
    retired: Mutex<Vec<GenerationStatus>>,
}

impl StatusSource {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), last_refusal: Mutex::default(), retired: Mutex::default() }
    }

    /// Notes that a candidate was refused.
    pub(super) fn refused(&self, release: &Path, message: String) {
        *self.last_refusal.lock() = Some((release.to_owned(), message, Instant::now()));
    }

    /// Notes the generations of a set that has ended.
    pub(super) fn retire(&self, set: &WorkerSet) {
        let mut retired = self.retired.lock();
        retired.extend(generations(&set.seen(), GenerationState::Retired));
        let surplus = retired.len().saturating_sub(RETIRED);
        retired.drain(..surplus);
    }
}

impl Supervisor {
    /// How the host is.
    pub(super) async fn sum(&self) -> Status {
        let (mut all, mut listed) = (self.status.retired.lock().clone(), Vec::new());
        let (mut connections, mut routes, mut process) =
            (0, BTreeMap::new(), Vec::from([Footprint::now()]));
        let (mut held, mut holds) = (Vec::new(), 0);
        let (mut loads, mut ready, mut waits) = (0, false, WaitStatus::default());
        let canary = self.canary.lock().clone();
        for set in self.sets() {
            let views = set.views().await;
            let leaving = set.is_ending();
            let is_canary = canary.as_ref().is_some_and(|it| Arc::ptr_eq(&it.set, &set));
            let state = match leaving && !self.stopping.is_cancelled() {
                true => GenerationState::Draining,
                false if is_canary => GenerationState::Canary,
                false => GenerationState::Live,
            };
            all.extend(generations(&views, state));
            for WorkerView { worker, restarts, status } in views {
                let status = status.as_ref();
                listed.push(WorkerStatus {
                    number: worker.number,
                    pid: worker.pid,
                    generation: worker.reports.first().map_or(0, |report| report.generation.0),
                    leaving,
                    age_seconds: worker.began.elapsed().as_secs_f64(),
                    restarts,
                    connections: status.map_or(0, |status| status.connections),
                    process: status.map(|status| status.process).unwrap_or_default(),
                });
                let Some(status) = status else { continue };
                connections += status.connections;
                waits.add(&status.waits);
                held.extend(status.held.iter().cloned());
                holds += status.holds;
                loads += status.loads;
                ready |= !leaving && !is_canary && status.ready;
                process.push(status.process);
                for route in &status.routes {
                    add_route(&mut routes, route);
                }
            }
        }
        let (published, refused) = self.switch.totals();
        let refusal = self.status.last_refusal.lock().clone();
        let log = self.switch.ledger().log();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            abi: ABI,
            pid: std::process::id(),
            url: self.settings.url.clone(),
            ready: ready && !self.stopping.is_cancelled(),
            stopping: self.stopping.is_cancelled(),
            uptime_seconds: self.status.began.elapsed().as_secs_f64(),
            generations: all,
            loads,
            published,
            refused,
            last_refusal: refusal.map(|(source, message, at)| Refusal {
                source,
                message,
                age_seconds: at.elapsed().as_secs_f64(),
            }),
            connections,
            waits,
            rollbacks: log.rollbacks,
            last_rollback: log.last_rollback.as_ref().map(|rollback| RollbackStatus {
                from: rollback.from.as_str().to_owned(),
                to: rollback.to.as_str().to_owned(),
                reason: rollback.reason.clone(),
                automatic: rollback.automatic,
                age_seconds: age(rollback.at).as_secs_f64(),
            }),
            releases: releases_of(self.switch.ledger()),
            canary: canary.as_ref().map(|canary| CanaryStatus {
                generation: generation_of(&canary.set),
                build_id: canary.build_id.as_str().to_owned(),
                share: canary.spec.share,
                left_seconds: canary.left().as_secs_f64(),
            }),
            process: process.into_iter().reduce(Footprint::and).unwrap_or_default(),
            budget: self.settings.budget,
            routes: routes.into_values().collect(),
            held,
            holds,
            workers: listed,
        }
    }
}

/// The generations of workers that serve the same, each of them once.
fn generations(views: &[WorkerView], state: GenerationState) -> Vec<GenerationStatus> {
    let mut sums: BTreeMap<u64, GenerationStatus> = BTreeMap::new();
    for status in views.iter().filter_map(|view| view.status.as_ref()) {
        for one in &status.generations {
            let Some(sum) = sums.get_mut(&one.id) else {
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
