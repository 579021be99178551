//! A host that has its ports, its state folder and its signals, and has run no code of an app.

use std::net::TcpListener;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;

use super::config::Config;
use super::edge_builder::EdgeBuilder;
use super::host_state::{HostState, ReleaseReading};
use super::linked::Linked;
use super::signals::Signals;
use super::stand_in::forward_to_stand_in;
use super::started::Started;
use super::{Error, Exit};
use crate::edge::Metrics;
use crate::operate::operator::Operator;
use crate::operate::recycle::Budget;
use crate::operate::succession::{As, Inheritance};
use crate::process::service_manager::ServiceManager;
use crate::release::watch::ReleaseWatch;
use crate::server::Server;
use crate::site::Site;
use crate::site::files::{Assets, Caching};
use crate::swap::SwapError;

/// See the [module](self).
pub(super) struct Bound<'c> {
    pub(super) config: &'c Config,
    pub(super) linked: Option<Linked>,
    /// The paths that the settings name, absolute.
    pub(super) releases: Vec<PathBuf>,
    pub(super) state: HostState,
    pub(super) reading: Option<ReleaseReading>,
    pub(super) signals: Signals,
    pub(super) inheritance: Option<Inheritance>,
    pub(super) service_manager: ServiceManager,
    pub(super) public: Option<PathBuf>,
    pub(super) edge: EdgeBuilder,
    pub(super) url: String,
    pub(super) port: u16,
    /// More handles of the sockets that the server accepts on.
    pub(super) handles: Vec<TcpListener>,
    pub(super) server: Server,
}

impl<'c> Bound<'c> {
    /// Starts the apps. A signal ends that, and where a renewed host fails, the stand-in serves on.
    pub(super) async fn start(mut self) -> Result<ControlFlow<Exit, Started<'c>>, Error> {
        let config = self.config;
        let assets = Arc::new(Assets::new(Vec::new(), Caching::Hour));
        let site = Arc::new(Site::new(Arc::clone(&self.state.switch), assets));
        let budget = match self.linked {
            // It keeps nothing that could be given back.
            Some(_) => Budget::default(),
            None => config.recycling.budget(),
        };
        // Counted where the numbers can be read.
        let is_counted = config.edge.metrics.metrics.is_some() || !config.no_admin;
        let metrics = is_counted.then(Arc::<Metrics>::default);
        let (server, public) = (self.server.handle(), self.public.take());
        let operator = Operator::new(Arc::clone(&site), server, self.url.clone(), public)
            .watching(config.rollback.limits())
            .within(budget)
            .counting(metrics.clone());
        let operator = Arc::new(operator);
        let unpacked = self.linked.map(|linked| linked.unpack()).transpose()?.flatten();
        // Before the releases are read, so that no change is missed.
        let watch = (config.watch && self.linked.is_none())
            .then(|| ReleaseWatch::new(&self.releases))
            .transpose()?;

        let folder = unpacked.as_ref().map(TempDir::path);
        let linked = self.linked;
        let start = async {
            match (&self.inheritance, linked) {
                (Some(left), _) => operator.take_over(left.will.clone()).await,
                (None, None) => {
                    let reading = self.reading.take();
                    let reading = reading.unwrap_or_else(|| self.state.read(&self.releases));
                    operator.start_read(reading.await.map_err(|_| SwapError::NothingServes)??).await
                }
                (None, Some(linked)) => {
                    operator.start_read(vec![linked.release(&site.switch, folder)?]).await
                }
            }
        };
        let started = tokio::select! {
            started = start => started,
            signal = self.signals.stop() => return Ok(ControlFlow::Break(Exit::Forced(signal))),
        };
        if let Err(error) = started {
            let Some(left) = self.inheritance.filter(|left| left.as_what == As::Renewed) else {
                return Err(error.into());
            };
            tracing::error!("the renewed host does not start: {error}");
            let exit = forward_to_stand_in(left, &mut self.signals).await?;
            return Ok(ControlFlow::Break(exit));
        }
        if self.state.owns_store {
            operator.sweep().await;
        }
        let bound = self;
        Ok(ControlFlow::Continue(Started {
            bound,
            site,
            operator,
            budget,
            metrics,
            watch,
            unpacked,
        }))
    }
}
