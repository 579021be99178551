//! Telling how a host is.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Instant, SystemTime};

use nova_abi::ABI;
use parking_lot::Mutex;

use crate::edge::metrics::Metrics;
use crate::library::loader::BuildId;
use crate::operate::admin::{
    Budget, CanaryStatus, Footprint, GenerationStatus, HeldThreadStatus, Refusal, ReleaseStatus,
    RollbackStatus, Status,
};
use crate::process::worker_threads::WorkerThreadsStatus;
use crate::release::ledger::{Ledger, RollbackRecord, age};
use crate::server::Handle;
use crate::site::Site;
use crate::swap::{GenerationRecord, SwapError};

/// The latest candidate that was refused: where it lies, why, and when.
#[derive(Debug, Default)]
pub(crate) struct LastRefusal(Mutex<Option<(PathBuf, String, Instant)>>);

impl LastRefusal {
    /// Notes and logs why the candidate in `release` does not serve; whether that says anything
    /// about the candidate.
    pub(crate) fn note(&self, release: &Path, error: &SwapError) -> bool {
        if matches!(
            error,
            SwapError::AlreadyLive { .. } | SwapError::Busy { .. } | SwapError::Canary { .. }
        ) {
            return false;
        }
        tracing::error!("{error}");
        *self.0.lock() = Some((release.to_owned(), error.to_string(), Instant::now()));
        true
    }

    pub(crate) fn status(&self) -> Option<Refusal> {
        let refusal = self.0.lock().clone();
        refusal.map(|(source, message, at)| Refusal {
            source,
            message,
            age_seconds: at.elapsed().as_secs_f64(),
        })
    }
}

impl From<&RollbackRecord> for RollbackStatus {
    fn from(rollback: &RollbackRecord) -> Self {
        Self {
            from: rollback.from.as_str().to_owned(),
            to: rollback.to.as_str().to_owned(),
            reason: rollback.reason.clone(),
            automatic: rollback.automatic,
            age_seconds: age(rollback.at).as_secs_f64(),
        }
    }
}

/// What a status tells that the site does not know.
#[derive(Debug)]
pub(super) struct StatusSource {
    pub(super) server: Handle,
    url: String,
    began: Instant,
    pub(super) last_refusal: LastRefusal,
    /// What the process may take.
    pub(super) budget: Budget,
    /// What is counted of each route.
    pub(super) metrics: Option<Arc<Metrics>>,
    /// The threads that answer requests.
    pub(super) workers: Option<WorkerThreadsStatus>,
}

impl StatusSource {
    pub(super) fn new(server: Handle, url: String) -> Self {
        Self {
            server,
            url,
            began: Instant::now(),
            last_refusal: LastRefusal::default(),
            budget: Budget::default(),
            metrics: None,
            workers: None,
        }
    }

    /// How the host is.
    pub(super) fn status(&self, site: &Site) -> Status {
        let switch = &site.switch;
        let (published, refused) = switch.totals();
        let log = switch.ledger().log();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            abi: ABI,
            pid: std::process::id(),
            url: self.url.clone(),
            ready: site.is_ready(),
            stopping: site.is_stopping(),
            uptime_seconds: self.began.elapsed().as_secs_f64(),
            generations: switch.history().iter().map(describe).collect(),
            loads: switch.loads() as u64,
            published,
            refused,
            last_refusal: self.last_refusal.status(),
            connections: self.server.connections() as u64,
            rollbacks: log.rollbacks,
            last_rollback: log.last_rollback.as_ref().map(RollbackStatus::from),
            releases: releases_of(switch.ledger()),
            canary: switch.canary().map(|canary| CanaryStatus {
                generation: canary.generation.id.0,
                build_id: canary.generation.build_id().as_str().to_owned(),
                share: canary.spec.share,
                left_seconds: canary.left.as_secs_f64(),
            }),
            waits: switch.waits().into(),
            process: Footprint::now(),
            budget: self.budget,
            routes: self.metrics.as_ref().map(|metrics| metrics.routes()).unwrap_or_default(),
            workers: Vec::new(),
            held: self.workers.as_ref().map(held_by_pages).unwrap_or_default(),
            holds: self.workers.as_ref().map(WorkerThreadsStatus::holds).unwrap_or_default(),
        }
    }
}

/// The releases that `nova rollback --to` can name, and the builds that are refused; newest first.
pub(crate) fn releases_of(ledger: &Ledger) -> Vec<ReleaseStatus> {
    let log = ledger.log();
    let seconds = |at| age(at).as_secs_f64();
    let kept = log.releases.iter().rev().map(|kept| ReleaseStatus {
        build_id: kept.build_id.as_str().to_owned(),
        source: kept.source.clone(),
        copy: ledger.copy_of(kept),
        current: log.current.get(&kept.slot) == Some(&kept.build_id),
        kept: true,
        refused: log.refusal(&kept.build_id).map(|refused| refused.reason.clone()),
        age_seconds: seconds(kept.since),
    });
    let is_kept = |id: &BuildId| log.releases.iter().any(|kept| kept.build_id == *id);
    let gone = log.refused.iter().rev().filter(|refused| !is_kept(&refused.build_id));
    let gone = gone.map(|refused| ReleaseStatus {
        build_id: refused.build_id.as_str().to_owned(),
        source: refused.source.clone(),
        copy: None,
        current: false,
        kept: false,
        refused: Some(refused.reason.clone()),
        age_seconds: seconds(refused.at),
    });
    kept.chain(gone).collect()
}

fn held_by_pages(workers: &WorkerThreadsStatus) -> Vec<HeldThreadStatus> {
    let held = workers.held().into_iter().map(|held| HeldThreadStatus {
        seconds: held.seconds(),
        activity: held.activity.to_string(),
        generation: held.activity.generation,
    });
    held.collect()
}

fn describe(record: &GenerationRecord) -> GenerationStatus {
    let counters = &record.counters;
    GenerationStatus {
        id: record.id.0,
        build_id: record.build_id.as_str().to_owned(),
        app: record.app.clone(),
        state: record.state,
        source: record.source.clone(),
        routes: record.routes as u64,
        age_seconds: SystemTime::now()
            .duration_since(record.started)
            .unwrap_or_default()
            .as_secs_f64(),
        mode: record.mode,
        in_flight: record.running.counts().sum(),
        requests: counters.requests.load(Relaxed),
        panics: counters.panics.load(Relaxed),
        server_errors: counters.server_errors.load(Relaxed),
    }
}
