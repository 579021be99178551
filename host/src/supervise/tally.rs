//! What the builds have done that a set of workers serves, each by itself.
//!
//! A set serves several libraries where the host does, and one that fails is no reason to leave
//! another. A worker may have several generations of one build: an app that was held and started
//! again is another generation.

use std::collections::BTreeMap;

use crate::library::loader::BuildId;
use crate::operate::admin::GenerationStatus;
use crate::operate::rollback_policy::Tally;

/// See the [module](self).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tallies(BTreeMap<String, Tally>);

impl Tallies {
    /// What the generations of a worker have done.
    pub(super) fn of(generations: &[GenerationStatus]) -> Self {
        let mut tallies = Self::default();
        for generation in generations {
            let done = Tally {
                requests: generation.requests,
                panics: generation.panics,
                failures: generation.server_errors.max(generation.panics),
            };
            tallies.add_to(&generation.build_id, done);
        }
        tallies
    }

    /// Adds what others have done.
    pub(super) fn add(&mut self, others: &Self) {
        for (build_id, done) in &others.0 {
            self.add_to(build_id, *done);
        }
    }

    /// What one build has done.
    pub(super) fn get(&self, build_id: &BuildId) -> Tally {
        self.0.get(build_id.as_str()).copied().unwrap_or_default()
    }

    fn add_to(&mut self, build_id: &str, done: Tally) {
        let sum = self.0.entry(build_id.to_owned()).or_default();
        *sum = sum.and(done);
    }
}

#[cfg(test)]
mod tests {
    use nova_abi::SwapMode;

    use super::*;
    use crate::swap::GenerationState;

    fn generation(id: u64, build_id: &BuildId, requests: u64, errors: u64) -> GenerationStatus {
        GenerationStatus {
            id,
            build_id: build_id.as_str().to_owned(),
            app: "app 1.0.0".to_owned(),
            state: GenerationState::Live,
            source: "/srv/app".into(),
            routes: 1,
            age_seconds: 1.0,
            mode: SwapMode::Overlap,
            in_flight: 0,
            requests,
            panics: 1,
            server_errors: errors,
        }
    }

    #[test]
    fn a_build_answers_for_itself() {
        let (one, two) = (BuildId::of(b"one"), BuildId::of(b"two"));
        let worker =
            [generation(1, &one, 10, 0), generation(2, &two, 20, 20), generation(3, &one, 5, 3)];
        let mut tallies = Tallies::of(&worker);
        tallies.add(&Tallies::of(&worker[..1]));
        assert_eq!(tallies.get(&one), Tally { requests: 25, panics: 3, failures: 5 });
        assert_eq!(tallies.get(&two), Tally { requests: 20, panics: 1, failures: 20 });
        assert_eq!(tallies.get(&BuildId::of(b"three")), Tally::default());
    }
}
