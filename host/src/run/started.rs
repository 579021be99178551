//! A host whose apps have started, and that answers nothing yet.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use super::bound::{Bound, ReadReleases};
use super::lifecycle::SHUTDOWN;
use super::stand_in::forward_to_stand_in;
use super::{Error, Exit};
use crate::edge::Metrics;
use crate::operate::admin::Budget;
use crate::operate::operator::Operator;
use crate::operate::succession::{PeerFailure, SuccessionState, Successor};
use crate::release::watch::ReleaseWatch;
use crate::server::unix_socket::SocketFile;
use crate::site::Site;
use crate::site::files::{Assets, Caching};
use crate::supervise::{WorkerLink, failure};
use crate::swap::{InheritedStates, SwapError, SwapReport};

/// See the [module](self).
pub(super) struct Started<'c> {
    pub(super) bound: Bound<'c>,
    pub(super) site: Arc<Site>,
    pub(super) operator: Arc<Operator>,
    pub(super) budget: Budget,
    pub(super) metrics: Option<Arc<Metrics>>,
    pub(super) watch: Option<ReleaseWatch>,
    pub(super) reports: Vec<SwapReport>,
    /// The files of a program that has its routes inside; they go with this.
    pub(super) unpacked: Option<TempDir>,
}

impl<'c> Started<'c> {
    /// Starts the apps, and waits until this process may answer. A signal ends that, and where a
    /// recycled host fails, the stand-in serves on.
    pub(super) async fn start(mut bound: Bound<'c>) -> Result<ControlFlow<Exit, Self>, Error> {
        let config = bound.config;
        let types = config.edge.responses.types.iter().cloned().collect();
        let assets = Assets::with_types(Vec::new(), Caching::Hour, types);
        // A folder that is named is one that others write to.
        let assets = Arc::new(assets.finding_new(bound.public.is_some()));
        let site = Arc::new(Site::new(Arc::clone(&bound.state.switch), assets));
        let (budget, metrics) = (budget_of(&bound), metrics_of(&bound));
        let (server, public) = (bound.server.handle(), bound.public.take());
        let policy = config.rollback.limits().filter(|_| bound.worker.is_none());
        let operator = Operator::new(Arc::clone(&site), server, bound.url.clone(), public)
            .watching(policy)
            .within(budget)
            .counting(metrics.clone())
            .on_workers(bound.workers.status());
        let operator = Arc::new(operator);
        let unpacked = bound.linked.map(|linked| linked.unpack()).transpose()?.flatten();
        let (releases, watch) = match bound.read.take() {
            Some(ReadReleases { releases, watch }) => (releases, watch),
            // A worker's supervisor watches.
            None if bound.worker.is_some() || bound.linked.is_some() => (Vec::new(), None),
            None => {
                let watch = config.watch.then(|| ReleaseWatch::new(&bound.releases)).transpose()?;
                (Vec::new(), watch)
            }
        };

        let folder = unpacked.as_ref().map(TempDir::path);
        let linked = bound.linked;
        let start = async {
            match (&mut bound.succession, linked) {
                (Some(left), _) => match &mut bound.worker {
                    Some(worker) => start_worker(&operator, worker, &left.state).await,
                    None => operator.take_over(left).await,
                },
                (None, None) => operator.start_read(releases).await,
                (None, Some(linked)) => {
                    operator.start_read(vec![linked.release(&site.switch, folder)?]).await
                }
            }
        };
        let started = tokio::select! {
            started = start => started,
            signal = bound.signals.stop() => return stopped(bound, signal).await,
        };
        let reports = match started {
            Ok(reports) => reports,
            Err(error) => return failed(bound, error).await,
        };
        if let Some(left) = bound.succession.as_mut().filter(|_| bound.worker.is_none()) {
            let opened = tokio::select! {
                opened = left.opened(reports.clone()) => Ok(opened),
                signal = bound.signals.stop() => Err(signal),
            };
            if !matches!(opened, Ok(Ok(()))) {
                // What they hold is the other process's again as soon as that hears of it.
                site.switch.stop(Duration::ZERO, SHUTDOWN).await;
            }
            match opened {
                Ok(Ok(())) => operator.answers(&reports),
                Ok(Err(failure)) => return give_way(bound, failure, false).await,
                Err(signal) => return stopped(bound, signal).await,
            }
        }
        if bound.state.owns_store {
            operator.sweep().await;
        }
        Ok(ControlFlow::Continue(Self {
            bound,
            site,
            operator,
            budget,
            metrics,
            watch,
            reports,
            unpacked,
        }))
    }
}

/// What the host may keep before it is recycled.
fn budget_of(bound: &Bound<'_>) -> Budget {
    // A program with its routes inside keeps nothing that could be given back, and the supervisor
    // looks at what a worker keeps.
    let has_none = bound.linked.is_some() || bound.worker.is_some();
    if has_none { Budget::default() } else { bound.config.recycling.budget() }
}

/// What is counted, where it can be read.
fn metrics_of(bound: &Bound<'_>) -> Option<Arc<Metrics>> {
    let config = bound.config;
    let is_counted = config.edge.metrics.metrics.is_some() || !config.no_admin;
    let metrics = is_counted.then(Arc::<Metrics>::default)?;
    metrics.on_workers(bound.workers.status());
    Some(metrics)
}

/// Starts the apps of a worker, with the states that another worker has left if there are any.
async fn start_worker(
    operator: &Operator,
    worker: &mut WorkerLink,
    state: &SuccessionState,
) -> Result<Vec<SwapReport>, SwapError> {
    let loaded = operator.load_inherited(state).await?;
    // The supervisor says which worker leads.
    operator.switch().lead_when_told();
    let states = match state.waits {
        true => worker.states().await?,
        false => InheritedStates::default(),
    };
    operator.switch().start_loaded(loaded, states).await
}

/// Ends a process whose apps do not start. Who started it is told why.
async fn failed<T>(bound: Bound<'_>, error: SwapError) -> Result<ControlFlow<Exit, T>, Error> {
    let failure = failure(&error);
    if let Some(worker) = bound.worker {
        worker.failed(failure).await;
        return Ok(ControlFlow::Break(Exit::Stopped));
    }
    match bound.succession {
        None => Err(error.into()),
        Some(_) => give_way(bound, failure, false).await,
    }
}

/// Ends a process that is told to stop before it answers. Of a recycled host the stand-in has
/// requests to finish.
async fn stopped<T>(bound: Bound<'_>, signal: Signal) -> Result<ControlFlow<Exit, T>, Error> {
    match &bound.succession {
        Some(left) if left.successor == Successor::Recycled => {
            give_way(bound, PeerFailure::passing("it is told to stop"), true).await
        }
        _ => Ok(ControlFlow::Break(Exit::Forced(signal))),
    }
}

/// Leaves the place to the process before, because this one fails or is told to stop. A recycled
/// host goes on as the one that is known outside.
async fn give_way<T>(
    bound: Bound<'_>,
    failure: PeerFailure,
    is_stopping: bool,
) -> Result<ControlFlow<Exit, T>, Error> {
    let Bound { succession, server, mut signals, mut socket_file, .. } = bound;
    // Who connects is the other one's.
    drop(server);
    let Some(left) = succession else { return Ok(ControlFlow::Break(Exit::Stopped)) };
    if left.successor != Successor::Recycled {
        // The process before may be gone.
        left.failed(failure).await.ok();
        return Ok(ControlFlow::Break(Exit::Stopped));
    }
    if !is_stopping {
        tracing::error!("the recycled host does not serve: {failure}");
    }
    let exit = forward_to_stand_in(left, failure, is_stopping, &mut signals).await?;
    if matches!(exit, Exit::Recycle(..)) {
        socket_file.iter_mut().for_each(SocketFile::leave);
    }
    Ok(ControlFlow::Break(exit))
}
