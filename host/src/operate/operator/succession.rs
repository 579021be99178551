//! Leaving the place to another process, and taking one.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::{Operator, say};
use crate::operate::succession::{Succession, SuccessionState};
use crate::swap::{
    Forward, Hold, InheritedStates, LoadedReleases, SwapError, SwapReport, SwapTurn, Switch,
};

impl Operator {
    /// The switch of the site.
    pub(crate) fn switch(&self) -> &Arc<Switch> {
        &self.site.switch
    }

    /// Whether the host is stopping.
    pub(crate) fn is_stopping(&self) -> bool {
        self.site.is_stopping()
    }

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

    /// Lets no swap and no rollback begin as long as what this gives back is kept.
    ///
    /// # Errors
    /// When one is under way.
    pub(crate) async fn pause(&self) -> Result<SwapTurn, SwapError> {
        let turn = self.site.switch.pause().await?;
        // Everything is written before another process reads it.
        self.site.switch.keep().await;
        Ok(turn)
    }

    /// What the next process has to know; it gets `sockets` sockets to listen on, and the states of
    /// the apps later.
    pub(crate) fn succession_state(&self, sockets: usize, admin: bool) -> SuccessionState {
        SuccessionState {
            pid: std::process::id(),
            sockets,
            admin,
            forward: true,
            rooms: true,
            switch: self.site.switch.facts(),
            folders: self.folders.brought(),
            worker: None,
            waits: true,
        }
    }

    /// Ends the apps that must not be alive in two processes, and lets requests for them wait; gives
    /// the states of all apps, too.
    ///
    /// # Errors
    /// If a page does not answer in time, or a state cannot be exported; what served serves on.
    pub(crate) async fn hold(&self) -> Result<(Hold, InheritedStates), SwapError> {
        let switch = &self.site.switch;
        let hold = switch.hold().await?;
        let replaces = switch.table().generations().iter().map(|it| it.id).collect();
        let apps = switch.states(&hold).await;
        Ok((hold, InheritedStates { apps, replaces, instead: None }))
    }

    /// Accepts nothing any more: each connection is told with its next answer that it was the last
    /// one. What comes until then is answered by the process behind `forwarder`, or else here.
    pub(crate) fn turn_away(&self, forwarder: Option<Arc<dyn Forward>>) {
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

    /// Starts what the process before served. It does not lead until this process may
    /// [answer](Self::answers).
    ///
    /// # Errors
    /// When one of the releases does not start.
    pub async fn take_over(&self, left: &mut Succession) -> Result<Vec<SwapReport>, SwapError> {
        let loaded = self.load_inherited(&left.state).await?;
        self.site.switch.lead_when_told();
        let states = match left.state.waits {
            // Requests wait there from now on.
            true => left.states().await.map_err(SwapError::Inherited)?,
            false => {
                let apps = std::mem::take(&mut left.state.switch.apps);
                InheritedStates { apps, ..InheritedStates::default() }
            }
        };
        self.site.switch.start_loaded(loaded, states).await
    }

    /// The process before has left its place, in which these were started: they lead from now on.
    pub fn answers(&self, reports: &[SwapReport]) {
        let switch = &self.site.switch;
        switch.lead();
        let log = switch.ledger().log();
        for (slot, report) in reports.iter().enumerate() {
            let source = log.serving(slot).map(|kept| kept.source.clone()).unwrap_or_default();
            say(&source, report);
        }
    }

    /// Maps the libraries of what the process before serves; none of their code has run.
    ///
    /// # Errors
    /// When one of the releases cannot be loaded.
    pub(crate) async fn load_inherited(
        &self,
        state: &SuccessionState,
    ) -> Result<LoadedReleases, SwapError> {
        let switch = Arc::clone(&self.site.switch);
        switch.inherit(&state.switch);
        self.folders.inherit(&state.folders).await;
        let reading = Arc::clone(&switch);
        let read = tokio::task::spawn_blocking(move || reading.read_serving());
        let releases =
            read.await.map_err(|error| SwapError::Inherited(io::Error::other(error)))??;
        switch.load_all(releases, &self.info(self.site.assets.favicon())).await
    }
}
