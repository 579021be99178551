//! What is begun before there is a runtime: a library of some megabytes is read and hashed while
//! threads start and ports are bound.

use std::net::TcpListener;
use std::path::PathBuf;

use super::Error;
use super::bound::Bound;
use super::config::Config;
use super::edge_builder::EdgeBuilder;
use super::host_state::{HostState, ReleaseReading};
use super::linked::Linked;
use super::signals::Signals;
use crate::operate::succession::{As, Inheritance};
use crate::process::service_manager::ServiceManager;
use crate::server::Server;
use crate::server::listen::Listeners;

/// See the [module](self).
pub(super) struct Bootstrap<'c> {
    config: &'c Config,
    linked: Option<Linked>,
    releases: Vec<PathBuf>,
    /// That of a host that starts by itself. What another process leaves says what to read.
    state: Option<HostState>,
    reading: Option<ReleaseReading>,
}

impl<'c> Bootstrap<'c> {
    pub(super) fn new(config: &'c Config, linked: Option<Linked>) -> Result<Self, Error> {
        let releases: Vec<PathBuf> =
            config.routes.iter().map(std::path::absolute).collect::<Result<_, _>>()?;
        let starts_alone = linked.is_none() && !Inheritance::is_there();
        let state = starts_alone.then(|| HostState::open(config, false, false)).transpose()?;
        // What is watched is read behind the watch.
        let reading = state.as_ref().filter(|_| !config.watch).map(|state| state.read(&releases));
        Ok(Self { config, linked, releases, state, reading })
    }

    /// Takes the ports, and what another process leaves.
    pub(super) fn bind(self) -> Result<Bound<'c>, Error> {
        let Self { config, linked, releases, state, reading } = self;
        let signals = Signals::new()?;
        let mut inheritance = Inheritance::receive()
            .map_err(|error| format!("the process before left nothing to take over: {error}"))?;
        let is_stand_in = inheritance.as_ref().is_some_and(|left| left.as_what == As::StandIn);
        let service_manager =
            if is_stand_in { ServiceManager::none() } else { ServiceManager::of_this_process() };
        let public = config.public.as_ref().map(std::path::absolute).transpose()?;
        let edge = EdgeBuilder::open(config, inheritance.is_some())?;
        let listeners = match &mut inheritance {
            Some(left) => Listeners::from_sockets(std::mem::take(&mut left.sockets))?,
            None => match Listeners::of_the_service()? {
                Some(listeners) => listeners,
                None => Listeners::bind(&config.host, config.port)?,
            },
        };
        let (url, port) = (edge.url(listeners.url()), listeners.port());
        let sockets = listeners.into_sockets();
        let handles = sockets.iter().map(TcpListener::try_clone).collect::<Result<_, _>>()?;
        let server = Server::new(sockets, edge.server_options(config)?)?;
        let state = match state {
            Some(state) => state,
            None => HostState::open(config, linked.is_some(), is_stand_in)?,
        };
        Ok(Bound {
            config,
            linked,
            releases,
            state,
            reading,
            signals,
            inheritance,
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
