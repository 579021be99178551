//! When a host goes back by itself: so many requests of a new generation fail that the one before
//! is wanted again.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::generation::Counters;

/// When a new generation has failed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RollbackPolicy {
    /// How long it is watched.
    pub window: Duration,
    /// So many failures are too many…
    pub failures: u64,
    /// …if they are this share of its requests, from 0 to 1…
    pub share: f64,
    /// …and there were so many requests that a share means something.
    pub requests: u64,
}

impl Default for RollbackPolicy {
    fn default() -> Self {
        Self { window: Duration::from_secs(60), failures: 5, share: 0.2, requests: 10 }
    }
}

/// What a generation has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests that it has begun to answer.
    pub requests: u64,
    /// Those that ended in a panic.
    pub panics: u64,
    /// Those that ended in a panic or in a status of 500 and above.
    pub failures: u64,
}

impl Tally {
    /// As the counters of a generation say.
    #[must_use]
    pub fn of(counters: &Counters) -> Self {
        let panics = counters.panics.load(Ordering::Relaxed);
        Self {
            requests: counters.requests.load(Ordering::Relaxed),
            panics,
            // A panic while a body is sent comes after its status.
            failures: counters.server_errors.load(Ordering::Relaxed).max(panics),
        }
    }

    /// What has been done since it was `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(before.requests),
            panics: self.panics.saturating_sub(before.panics),
            failures: self.failures.saturating_sub(before.failures),
        }
    }

    /// What two have done together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            panics: self.panics + other.panics,
            failures: self.failures + other.failures,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 52 bits")]
    fn share(self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.failures as f64 / self.requests as f64 }
    }
}

impl RollbackPolicy {
    /// Whether a generation that has done this has failed. One that replaced a generation which
    /// was no better has not: what is wrong then is elsewhere.
    #[must_use]
    pub fn is_broken_by(&self, done: Tally, by_the_one_before: Tally) -> bool {
        done.failures >= self.failures.max(1)
            && done.requests >= self.requests
            && done.share() >= self.share
            && done.share() > by_the_one_before.share()
    }
}

/// What a generation has done in the time since it began to answer, as the end of a sentence about it.
pub(crate) fn describe(done: Tally, time: Duration) -> String {
    let Tally { requests, panics, failures } = done;
    let panics = match panics {
        0 => String::new(),
        1 => " (1 panic)".to_owned(),
        panics => format!(" ({panics} panics)"),
    };
    let seconds = time.as_secs_f64();
    format!("{failures} of {requests} requests failed{panics} in its first {seconds:.1} s")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(failures: u64, requests: u64) -> Tally {
        Tally { requests, panics: 0, failures }
    }

    #[test]
    fn a_generation_fails_when_all_of_the_policy_is_broken() {
        let policy = RollbackPolicy::default();
        for (failures, requests, failed) in [
            (0, 0, false),
            (4, 10, false),
            (5, 9, false),
            (5, 10, true),
            (5, 25, true),
            (5, 26, false),
            (1_000, 10_000, false),
            (3_333, 10_000, true),
        ] {
            let done = tally(failures, requests);
            assert_eq!(
                policy.is_broken_by(done, Tally::default()),
                failed,
                "{failures} of {requests}"
            );
        }
    }

    #[test]
    fn what_was_as_bad_before_is_no_reason() {
        let policy = RollbackPolicy::default();
        assert!(!policy.is_broken_by(tally(10, 20), tally(50, 100)));
        assert!(policy.is_broken_by(tally(11, 20), tally(50, 100)));
    }

    #[test]
    fn a_policy_of_zero_still_want_a_failure() {
        let policy =
            RollbackPolicy { failures: 0, share: 0.0, requests: 0, ..RollbackPolicy::default() };
        assert!(!policy.is_broken_by(tally(0, 100), Tally::default()));
        assert!(policy.is_broken_by(tally(1, 100), Tally::default()));
    }

    #[test]
    fn what_happened_is_said() {
        let done = Tally { requests: 31, panics: 12, failures: 12 };
        assert_eq!(
            describe(done, Duration::from_millis(420)),
            "12 of 31 requests failed (12 panics) in its first 0.4 s"
        );
    }
}
