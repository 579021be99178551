//! What happens to a host while orders come.

use std::fmt;

use super::app::DataApp;
use super::audit::{Audit, Orders};
use super::server::{Server, Settings};
use super::writers::{Load, Writers};
use crate::client::Failure;

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Nothing: the measure of the others.
    Nothing,
    /// The next build is swapped in.
    Swap,
    /// The next build gets half of the requests for a second, then all of them.
    Canary,
    /// The next build is swapped in, and left again.
    Rollback,
    /// The process is renewed.
    Recycle,
    /// A worker is killed.
    WorkerKilled,
    /// The host is killed, and started again.
    HostKilled,
}

/// A host, who writes, and what happens how often.
#[derive(Clone, Copy, Debug)]
pub struct Scenario<'a> {
    /// How the host is started.
    pub settings: Settings<'a>,
    /// Who writes.
    pub load: Load,
    /// What happens.
    pub event: Event,
    /// How often.
    pub times: u32,
    /// How many orders end before, between and after.
    pub between: u64,
}

/// What has come of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Of the orders.
    pub audit: Audit,
    /// What the host did not do, and why.
    pub refused: Vec<String>,
    /// What the host has logged.
    pub log: String,
}

impl Event {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Nothing,
        Self::Swap,
        Self::Canary,
        Self::Rollback,
        Self::Recycle,
        Self::WorkerKilled,
        Self::HostKilled,
    ];

    /// Whether requests that are under way may fail: whoever answers them is killed.
    #[must_use]
    pub fn may_fail(self) -> bool {
        matches!(self, Self::WorkerKilled | Self::HostKilled)
    }

    async fn happen(self, server: &mut Server<'_>) -> Result<(), Failure> {
        match self {
            Self::Nothing => {}
            Self::Swap => drop(server.swap().await?),
            Self::Canary => server.canary(1.0).await?,
            Self::Rollback => {
                server.swap().await?;
                server.rollback().await?;
            }
            Self::Recycle => server.recycle().await?,
            Self::WorkerKilled => server.kill_worker().await?,
            Self::HostKilled => server.kill_and_restart().await?,
        }
        Ok(())
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Nothing => "nothing",
            Self::Swap => "swap",
            Self::Canary => "canary",
            Self::Rollback => "rollback",
            Self::Recycle => "recycle",
            Self::WorkerKilled => "worker killed",
            Self::HostKilled => "host killed",
        })
    }
}

impl Scenario<'_> {
    /// Plays it with a host of its own.
    ///
    /// # Errors
    /// If the host does not start.
    pub async fn play(&self, app: &DataApp) -> Result<Outcome, Failure> {
        let mut server = Server::start(app, self.settings).await?;
        let writers = Writers::start(server.address, self.load, 0);
        let mut refused = Vec::new();
        writers.more(self.between).await;
        for _ in 0..self.times {
            if let Err(error) = self.event.happen(&mut server).await {
                refused.push(error.to_string());
            }
            writers.more(self.between).await;
        }
        let seen = writers.end().await;
        let orders = server
            .orders()
            .await
            .unwrap_or_else(|error| Orders { integrity: error.to_string(), rows: Vec::new() });
        Ok(Outcome { audit: Audit::of(seen, &orders), refused, log: server.process.output() })
    }
}
