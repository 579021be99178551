//! Leaving the place to another process, and taking one.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use nova_abi::OwnedBytes;

use super::{Operator, say};
use crate::operate::handover::HandoverState;
use crate::server::forward::Forwarder;
use crate::swap::{SwapError, SwapReport, SwapTurn};

impl Operator {
    /// How many libraries are mapped.
    pub(crate) fn loads(&self) -> usize {
        self.site.switch.loads()
    }

    /// Why the process had better not leave now, if there is a reason.
    pub(crate) fn busy(&self) -> Option<&'static str> {
        if self.site.switch.canary().is_some() {
            return Some("a canary is under way");
        }
        (!self.watches.is_empty()).then_some("a new generation is watched")
    }

    /// Lets no swap begin as long as what this gives back is kept.
    ///
    /// # Errors
    /// When one is under way.
    pub(crate) async fn pause(&self) -> Result<SwapTurn, SwapError> {
        let turn = self.site.switch.pause()?;
        // Everything is written before another process reads it.
        self.site.switch.keep().await;
        Ok(turn)
    }

    /// What the next process has to know; it gets `sockets` sockets to listen on.
    pub(crate) async fn handover_state(&self, sockets: usize) -> HandoverState {
        HandoverState {
            pid: std::process::id(),
            sockets,
            switch: self.site.switch.state(None).await,
            folders: self.folders.brought(),
            worker: None,
        }
    }

    /// Accepts nothing any more: each connection is told with its next answer that it was the last
    /// one. What comes until then is answered by the process behind `forwarder`, or else here.
    pub(crate) fn turn_away(&self, forwarder: Option<Forwarder>) {
        self.site.leave(forwarder);
        self.status.server.turn_away();
    }

    /// Closes the rest of the connections after `last_answers`.
    pub(crate) async fn leave(&self, last_answers: Duration) {
        self.watches.clear();
        tokio::time::sleep(last_answers).await;
        // The successor answers already: an open stream may end as it does after a swap.
        self.status.server.hand_over(self.site.switch.settings().drain_limit);
    }

    /// Starts what the process before served.
    ///
    /// # Errors
    /// When one of the releases does not start.
    pub async fn take_over(&self, state: HandoverState) -> Result<Vec<SwapReport>, SwapError> {
        let switch = Arc::clone(&self.site.switch);
        switch.inherit(&state.switch);
        self.folders.inherit(&state.folders).await;
        let reading = Arc::clone(&switch);
        let read = tokio::task::spawn_blocking(move || reading.read_serving());
        let releases =
            read.await.map_err(|error| SwapError::Inherited(io::Error::other(error)))??;
        let sources: Vec<_> = releases.iter().map(|release| release.source.clone()).collect();
        let info = self.info(self.site.assets.favicon());
        let apps = state.switch.apps.into_iter();
        let states = apps.map(|app| app.map(OwnedBytes::from_vec)).collect();
        let reports = switch.start_with(releases, &info, states).await?;
        // Of its workers the supervisor says it, once.
        if state.worker.is_none() {
            sources.iter().zip(&reports).for_each(|(source, report)| say(source, report));
        }
        Ok(reports)
    }
}
