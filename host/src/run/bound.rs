//! A host that has its ports, its state folder and its signals, and has run no code of an app.

use std::ops::ControlFlow;
use std::path::PathBuf;

use super::bootstrap::Bootstrap;
use super::config::Config;
use super::edge_builder::EdgeBuilder;
use super::host_state::{Beginning, HostState, ReleaseReading};
use super::linked::LinkedRelease;
use super::listening::Listening;
use super::signals::ProcessSignals;
use super::{Error, Exit};
use crate::operate::succession::{Succession, Successor};
use crate::process::service_manager::ServiceManager;
use crate::process::signals::SignalReceiver;
use crate::process::worker_threads::WorkerThreads;
use crate::release::Release;
use crate::release::watch::ReleaseWatch;
use crate::rooms::WhenGone;
use crate::server::unix_socket::SocketFile;
use crate::server::{Options, Server};
use crate::supervise::WorkerLink;
use crate::swap::SwapError;

/// See the [module](self).
pub(super) struct Bound<'c> {
    pub(super) config: &'c Config,
    pub(super) linked: Option<LinkedRelease>,
    pub(super) workers: &'c WorkerThreads,
    /// The paths that the settings name, absolute.
    pub(super) releases: Vec<PathBuf>,
    pub(super) state: HostState,
    pub(super) reading: Option<ReleaseReading>,
    pub(super) signals: ProcessSignals,
    pub(super) succession: Option<Succession>,
    pub(super) worker: Option<WorkerLink>,
    pub(super) service_manager: ServiceManager,
    pub(super) public: Option<PathBuf>,
    pub(super) edge: EdgeBuilder,
    pub(super) url: String,
    /// What tells this host from others on the machine.
    pub(super) name: String,
    /// The file of the socket that it listens on, if that has one.
    pub(super) socket_file: Option<SocketFile>,
    /// What was read for the start, once it is known; then the watch was there before.
    pub(super) read: Option<ReadReleases>,
    pub(super) server: Server,
}

impl<'c> Bound<'c> {
    /// Takes the ports, and what another process leaves. A signal ends a recycled host that waits
    /// for that; other processes that do are told by the one that starts them.
    pub(super) async fn bind(
        bootstrap: Bootstrap<'c>,
        signals: SignalReceiver,
    ) -> Result<ControlFlow<Exit, Self>, Error> {
        let Bootstrap { config, linked, workers, releases, state, reading } = bootstrap;
        let mut signals = ProcessSignals::new(signals)?;
        let is_first = Successor::current() == Some(Successor::Recycled);
        let received = tokio::select! {
            received = Succession::receive() => received,
            signal = signals.stop(), if is_first => {
                return Ok(ControlFlow::Break(Exit::Forced(signal)));
            }
        };
        let mut succession = received
            .map_err(|error| format!("the process before left nothing to take over: {error}"))?;
        let successor = succession.as_ref().map(|left| left.successor);
        // The process that was started first is the one that is known outside.
        let service_manager = match successor {
            None | Some(Successor::Recycled) => ServiceManager::of_this_process(workers.status()),
            Some(_) => ServiceManager::none(),
        };
        let worker = worker_link(&mut succession, &mut signals)?;
        let public = config.public.as_ref().map(std::path::absolute).transpose()?;
        let edge = EdgeBuilder::open(config, successor)?;
        let listening = Listening::open(config, succession.as_mut())?;
        let (url, name) = (edge.url(listening.url()), listening.name());
        let Listening { sockets, file } = listening;
        let options = Options { workers: Some(workers.handle()), ..edge.server_options(config)? };
        let server = Server::new(sockets, options)?;
        let state = match state {
            Some(state) => state,
            None => {
                let beginning = match (&linked, successor) {
                    (Some(_), _) => Beginning::Linked,
                    (None, Some(Successor::StandIn)) => Beginning::StandIn,
                    (None, Some(Successor::Worker)) => Beginning::Worker,
                    (None, _) => Beginning::Recycled,
                };
                HostState::open(config, workers, &releases, beginning)?
            }
        };
        if let Some(rooms) = succession.as_mut().and_then(|left| left.rooms.take()) {
            let gone = match successor {
                Some(Successor::Worker) => WhenGone::Leave,
                _ => WhenGone::Lead,
            };
            state.switch.rooms().follow(rooms, gone).await?;
        }
        Ok(ControlFlow::Continue(Self {
            config,
            linked,
            workers,
            releases,
            state,
            reading,
            signals,
            succession,
            worker,
            service_manager,
            public,
            edge,
            url,
            name,
            socket_file: file,
            read: None,
            server,
        }))
    }
}

/// The releases that a host starts with, and the watch that was there before they were read.
pub(super) struct ReadReleases {
    pub(super) releases: Vec<Release>,
    pub(super) watch: Option<ReleaseWatch>,
}

impl Bound<'_> {
    /// Reads the releases that a host starts with that takes nothing over.
    pub(super) async fn read(&mut self) -> Result<&ReadReleases, Error> {
        // Before the releases are read, so that no change is missed.
        let watch = self.config.watch.then(|| ReleaseWatch::new(&self.releases)).transpose()?;
        let reading = self.reading.take();
        let reading = reading.unwrap_or_else(|| self.state.read(&self.releases));
        let releases = reading.await.map_err(|_| SwapError::NothingServes)??;
        Ok(self.read.insert(ReadReleases { releases, watch }))
    }

    /// Whether the releases are served by other processes, which this one looks after.
    pub(super) async fn supervises(&mut self) -> Result<bool, Error> {
        if self.succession.is_some() || self.linked.is_some() {
            return Ok(false);
        }
        let (is_told, wanted) = (self.config.workers.is_some(), self.config.hold.swap.0);
        let read = self.read().await?;
        let renews = |release: &Release| wanted.unwrap_or(release.swap.mode).renews_process();
        Ok(is_told || read.releases.iter().any(renews))
    }
}

/// The way to the supervisor of a worker, which is listened to from now on.
fn worker_link(
    succession: &mut Option<Succession>,
    signals: &mut ProcessSignals,
) -> Result<Option<WorkerLink>, Error> {
    let Some(left) = succession.as_mut().filter(|left| left.successor == Successor::Worker) else {
        return Ok(None);
    };
    let missing = "a worker was started without its sockets";
    let forward = left.forward.take().ok_or(missing)?;
    let (link, supervisor) = WorkerLink::open(left.take_peer()?, forward);
    signals.supervisor = Some(supervisor);
    Ok(Some(link))
}
