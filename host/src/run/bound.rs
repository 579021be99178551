//! A host that has its ports, its state folder and its signals, and has run no code of an app.

use std::net::TcpListener;
use std::path::PathBuf;

use super::Error;
use super::bootstrap::Bootstrap;
use super::config::Config;
use super::edge_builder::EdgeBuilder;
use super::host_state::{Beginning, HostState, ReleaseReading};
use super::linked::LinkedRelease;
use super::signals::ProcessSignals;
use crate::operate::handover::{Handover, Successor};
use crate::process::service_manager::ServiceManager;
use crate::process::signals::SignalReceiver;
use crate::process::workers::Workers;
use crate::server::listen::Listeners;
use crate::server::{Options, Server};

/// See the [module](self).
pub(super) struct Bound<'c> {
    pub(super) config: &'c Config,
    pub(super) linked: Option<LinkedRelease>,
    pub(super) workers: &'c Workers,
    /// The paths that the settings name, absolute.
    pub(super) releases: Vec<PathBuf>,
    pub(super) state: HostState,
    pub(super) reading: Option<ReleaseReading>,
    pub(super) signals: ProcessSignals,
    pub(super) handover: Option<Handover>,
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
    /// Takes the ports, and what another process leaves.
    pub(super) fn bind(bootstrap: Bootstrap<'c>, signals: SignalReceiver) -> Result<Self, Error> {
        let Bootstrap { config, linked, workers, releases, state, reading } = bootstrap;
        let signals = ProcessSignals::new(signals)?;
        let mut handover = Handover::receive()
            .map_err(|error| format!("the process before left nothing to take over: {error}"))?;
        let is_stand_in =
            handover.as_ref().is_some_and(|left| left.successor == Successor::StandIn);
        let service_manager = if is_stand_in {
            ServiceManager::none()
        } else {
            ServiceManager::of_this_process(workers.status())
        };
        let public = config.public.as_ref().map(std::path::absolute).transpose()?;
        let edge = EdgeBuilder::open(config, handover.is_some())?;
        let listeners = match &mut handover {
            Some(left) => Listeners::from_sockets(std::mem::take(&mut left.sockets))?,
            None => match Listeners::of_the_service()? {
                Some(listeners) => listeners,
                None => Listeners::bind(&config.host, config.port)?,
            },
        };
        let (url, port) = (edge.url(listeners.url()), listeners.port());
        let sockets = listeners.into_sockets();
        let handles = sockets.iter().map(TcpListener::try_clone).collect::<Result<_, _>>()?;
        let options = Options { workers: Some(workers.handle()), ..edge.server_options(config)? };
        let server = Server::new(sockets, options)?;
        let state = match state {
            Some(state) => state,
            None => {
                let beginning = match &linked {
                    Some(_) => Beginning::Linked,
                    None if is_stand_in => Beginning::StandIn,
                    None => Beginning::Recycled,
                };
                HostState::open(config, workers, &releases, beginning)?
            }
        };
        Ok(Self {
            config,
            linked,
            workers,
            releases,
            state,
            reading,
            signals,
            handover,
            service_manager,
            public,
            edge,
            url,
            port,
            handles,
            server,
        })
    }
}
