//! Code that the server was asked to load, until its answer comes.

use tokio::sync::oneshot;

use super::replay::ReplayState;
use super::starter::FirstLoad;
use crate::dev::wire::protocol::{Load, LoadOutcome, Order, Refusal, Trust};

/// See the [module](self).
pub(super) struct PendingLoad {
    pub(super) id: u64,
    pub(super) load: Load,
    pub(super) answer: oneshot::Sender<Result<LoadOutcome, Refusal>>,
    /// Pages of it that have ended a server: it was published, and the answer was lost with the
    /// server.
    pub(super) guilty: Vec<String>,
    /// The pages that stay in quarantine when it serves, as the server was told.
    pub(super) same: Vec<String>,
}

impl PendingLoad {
    /// The order to load it, and which pages stay in quarantine then: those whose libraries are
    /// what serves already, and those that have shown that these are no better.
    pub(super) fn order(&mut self, replay: &ReplayState) -> Order {
        let FirstLoad { load, trust, same, saved } = self.first(replay, Trust::Fresh);
        Order::Load { id: self.id, load, trust, same, saved }
    }

    /// The same for a server that begins with it.
    pub(super) fn first(&mut self, replay: &ReplayState, trust: Trust) -> FirstLoad {
        self.same = replay.unchanged(&replay.whole(self.load.clone()));
        self.same.extend(self.guilty.iter().cloned());
        FirstLoad { load: self.load.clone(), trust, same: self.same.clone(), saved: None }
    }
}
