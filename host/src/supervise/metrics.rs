//! The numbers of a host of several processes, as one: what its workers count is added up, and what
//! there is once it says itself.

use super::status::generations;
use super::supervisor::Supervisor;
use crate::edge::metrics::{HostFacts, LiveGeneration, of_process, sum};
use crate::swap::GenerationState;

impl Supervisor {
    /// Everything, in the format of Prometheus.
    pub async fn metrics(&self) -> String {
        let facts = self.host_facts().await;
        let (sets, counted) = self.sets_and_counted();
        let mut parts = vec![counted, of_process()];
        for set in sets {
            parts.extend(set.metrics().await);
        }
        sum(&facts.text(), &parts)
    }

    /// What there is once, however many workers there are.
    async fn host_facts(&self) -> HostFacts {
        let current = self.current();
        let views = match &current {
            Some(set) => set.views().await,
            None => Vec::new(),
        };
        let is_ready = views.iter().any(|view| view.status.as_ref().is_some_and(|it| it.ready));
        let live = generations(&views, GenerationState::Live).into_iter();
        let live = live.filter(|generation| generation.state == GenerationState::Live);
        let leaving = self.leaving.lock().sets.clone();
        HostFacts {
            live: live
                .map(|it| LiveGeneration { app: it.app, build: it.build_id, number: it.id })
                .collect(),
            draining: leaving.iter().map(|set| set.reports().len()).sum(),
            swaps: self.switch.totals(),
            ready: is_ready && !self.is_stopping(),
            began: self.status.since,
        }
    }
}
