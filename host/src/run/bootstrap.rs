//! What is begun before there is a runtime: a library of some megabytes is read and hashed while
//! threads start and ports are bound.

use std::path::PathBuf;

use super::Error;
use super::config::Config;
use super::host_state::{Beginning, HostState, ReleaseReading};
use super::linked::LinkedRelease;
use crate::operate::succession::Succession;
use crate::process::worker_threads::WorkerThreads;

/// See the [module](self).
pub(super) struct Bootstrap<'c> {
    pub(super) config: &'c Config,
    pub(super) linked: Option<LinkedRelease>,
    /// What answers requests.
    pub(super) workers: &'c WorkerThreads,
    /// The paths that the settings name, absolute.
    pub(super) releases: Vec<PathBuf>,
    /// That of a host that starts by itself. What another process leaves says what to read.
    pub(super) state: Option<HostState>,
    pub(super) reading: Option<ReleaseReading>,
}

impl<'c> Bootstrap<'c> {
    pub(super) fn new(
        config: &'c Config,
        linked: Option<LinkedRelease>,
        workers: &'c WorkerThreads,
    ) -> Result<Self, Error> {
        let releases: Vec<PathBuf> =
            config.routes.iter().map(std::path::absolute).collect::<Result<_, _>>()?;
        let starts_alone = linked.is_none() && !Succession::is_there();
        let state = starts_alone
            .then(|| HostState::open(config, workers, &releases, Beginning::Alone))
            .transpose()?;
        // What is watched is read behind the watch.
        let reading = state.as_ref().filter(|_| !config.watch).map(|state| state.read(&releases));
        Ok(Self { config, linked, workers, releases, state, reading })
    }
}
