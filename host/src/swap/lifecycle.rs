//! The states of a generation, as types: each offers what may be done next, and nothing else.
//!
//! candidate -> live -> draining -> retired. A [`CandidateGeneration`] has started and answers no
//! request; the [`Publisher`](super::publisher::Publisher) alone makes a [`LiveGeneration`] of it,
//! in a slot of the table; what is taken out of a slot is a [`DrainingGeneration`], whose one way
//! out is to be retired. A draining one that stands by is the exception that a rollback needs: it
//! can become a candidate again.
//!
//! Each step notes itself in the [`History`], so that what a status shows is what the types say.

use std::sync::Arc;
use std::time::{Duration, Instant};

use nova_abi::App;

use super::GenerationState;
use super::history::History;
use crate::generation::{Generation, GenerationId};
use crate::library::hooks;

/// It has started, and is in no table.
#[derive(Debug)]
#[must_use = "an app that was started is published or discarded"]
pub(super) struct CandidateGeneration(Arc<Generation>);

impl CandidateGeneration {
    /// A generation that has just started.
    pub(super) fn new(generation: Arc<Generation>) -> Self {
        Self(generation)
    }

    /// A generation that lets requests in again, if its app still runs.
    pub(super) fn reopened(generation: Arc<Generation>) -> Option<Self> {
        generation.reopen().then_some(Self(generation))
    }

    pub(super) fn generation(&self) -> &Arc<Generation> {
        &self.0
    }

    /// Shuts down an app that never served.
    pub(super) async fn discard(self, limit: Duration) {
        self.0.close();
        end(&self.0, limit).await;
    }

    /// It is in the table: all of it, or a share of the requests (`state`).
    pub(super) fn go_live(self, state: GenerationState, history: &History) -> LiveGeneration {
        history.set(&self.0, state);
        LiveGeneration(self.0)
    }

    /// It was reopened in vain, and may have requests inside.
    pub(super) fn withdraw(self, history: &Arc<History>) -> DrainingGeneration {
        DrainingGeneration::of(self.0, history)
    }
}

/// It answers requests.
#[derive(Debug)]
pub(super) struct LiveGeneration(Arc<Generation>);

impl LiveGeneration {
    pub(super) fn id(&self) -> GenerationId {
        self.0.id
    }

    pub(super) fn generation(&self) -> &Arc<Generation> {
        &self.0
    }

    /// It is in the table no longer.
    pub(super) fn leave(self, history: &Arc<History>) -> DrainingGeneration {
        DrainingGeneration::of(self.0, history)
    }
}

/// It lets no request in, and finishes those that are inside.
#[derive(Debug)]
#[must_use = "the requests inside are waited for, and then the app is shut down"]
pub(super) struct DrainingGeneration {
    generation: Arc<Generation>,
    history: Arc<History>,
}

impl DrainingGeneration {
    fn of(generation: Arc<Generation>, history: &Arc<History>) -> Self {
        generation.close();
        history.set(&generation, GenerationState::Draining);
        Self { generation, history: history.clone() }
    }

    pub(super) fn id(&self) -> GenerationId {
        self.generation.id
    }

    pub(super) fn generation(&self) -> &Arc<Generation> {
        &self.generation
    }

    /// Waits until no request is inside; `false` if some still are at the `deadline`.
    pub(super) async fn is_empty_by(&self, deadline: Instant) -> bool {
        self.generation.until_by(deadline, |counts| counts.sum() == 0).await
    }

    /// It has no request inside, and its app stays for a while.
    pub(super) fn stand_by(&self) {
        self.history.set(&self.generation, GenerationState::Standby);
    }

    /// Ends the open streams, and shuts the app down, whatever is inside: the process ends.
    pub(super) async fn stop(self, limit: Duration) {
        self.generation.expire();
        self.shut_down(limit).await;
    }

    /// Shuts the app down; the library stays mapped.
    pub(super) async fn shut_down(self, limit: Duration) {
        end(&self.generation, limit).await;
        self.ended();
    }

    /// Its app has been shut down.
    pub(super) fn ended(self) {
        self.history.set(&self.generation, GenerationState::Retired);
    }
}

/// Shuts down the app of a closed generation, and lets go of it if nobody is inside.
async fn end(generation: &Generation, limit: Duration) {
    if let Some(app) = generation.take_app().or_else(|| generation.app()) {
        shut_down(generation.id, app, limit).await;
    }
}

/// Shuts down the app of a generation; `false` if it has not ended in time.
pub(super) async fn shut_down(id: GenerationId, app: Arc<App>, limit: Duration) -> bool {
    let ended = hooks::shut_down(app, limit).await;
    if let Err(error) = &ended {
        tracing::error!(
            "`shutdown` of app.rs in generation {id} {error}; what it holds may not be free"
        );
    }
    ended.is_ok()
}
