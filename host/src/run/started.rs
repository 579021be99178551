//! A host whose apps have started, and that answers nothing yet.

use std::ops::ControlFlow;
use std::sync::Arc;

use tempfile::TempDir;

use super::bound::Bound;
use super::stand_in::forward_to_stand_in;
use super::{Error, Exit};
use crate::edge::Metrics;
use crate::operate::admin::Budget;
use crate::operate::handover::Successor;
use crate::operate::operator::Operator;
use crate::release::watch::ReleaseWatch;
use crate::site::Site;
use crate::site::files::{Assets, Caching};
use crate::swap::SwapError;

/// See the [module](self).
pub(super) struct Started<'c> {
    pub(super) bound: Bound<'c>,
    pub(super) site: Arc<Site>,
    pub(super) operator: Arc<Operator>,
    pub(super) budget: Budget,
    pub(super) metrics: Option<Arc<Metrics>>,
    pub(super) watch: Option<ReleaseWatch>,
    /// The files of a program that has its routes inside; they go with this.
    pub(super) unpacked: Option<TempDir>,
}

impl<'c> Started<'c> {
    /// Starts the apps. A signal ends that, and where a recycled host fails, the stand-in serves on.
    pub(super) async fn start(mut bound: Bound<'c>) -> Result<ControlFlow<Exit, Self>, Error> {
        let config = bound.config;
        let assets = Arc::new(Assets::new(Vec::new(), Caching::Hour));
        let site = Arc::new(Site::new(Arc::clone(&bound.state.switch), assets));
        let budget = match bound.linked {
            // It keeps nothing that could be given back.
            Some(_) => Budget::default(),
            None => config.recycling.budget(),
        };
        // Counted where the numbers can be read.
        let is_counted = config.edge.metrics.metrics.is_some() || !config.no_admin;
        let metrics = is_counted.then(Arc::<Metrics>::default);
        if let Some(metrics) = &metrics {
            metrics.on_workers(bound.workers.status());
        }
        let (server, public) = (bound.server.handle(), bound.public.take());
        let operator = Operator::new(Arc::clone(&site), server, bound.url.clone(), public)
            .watching(config.rollback.limits())
            .within(budget)
            .counting(metrics.clone())
            .on_workers(bound.workers.status());
        let operator = Arc::new(operator);
        let unpacked = bound.linked.map(|linked| linked.unpack()).transpose()?.flatten();
        // Before the releases are read, so that no change is missed.
        let watch = (config.watch && bound.linked.is_none())
            .then(|| ReleaseWatch::new(&bound.releases))
            .transpose()?;

        let folder = unpacked.as_ref().map(TempDir::path);
        let linked = bound.linked;
        let start = async {
            match (&bound.handover, linked) {
                (Some(left), _) => operator.take_over(left.state.clone()).await,
                (None, None) => {
                    let reading = bound.reading.take();
                    let reading = reading.unwrap_or_else(|| bound.state.read(&bound.releases));
                    operator.start_read(reading.await.map_err(|_| SwapError::NothingServes)??).await
                }
                (None, Some(linked)) => {
                    operator.start_read(vec![linked.release(&site.switch, folder)?]).await
                }
            }
        };
        let started = tokio::select! {
            started = start => started,
            signal = bound.signals.stop() => return Ok(ControlFlow::Break(Exit::Forced(signal))),
        };
        if let Err(error) = started {
            let Some(left) = bound.handover.filter(|left| left.successor == Successor::Recycled)
            else {
                return Err(error.into());
            };
            tracing::error!("the recycled host does not start: {error}");
            let exit = forward_to_stand_in(left, &mut bound.signals).await?;
            return Ok(ControlFlow::Break(exit));
        }
        if bound.state.owns_store {
            operator.sweep().await;
        }
        Ok(ControlFlow::Continue(Self { bound, site, operator, budget, metrics, watch, unpacked }))
    }
}
