//! Pauses between attempts, for what would fail again at once.

use std::time::Duration;

/// Pauses that become longer as long as nothing succeeds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Each pause is twice the one before, from `first` to `longest`.
    pub(super) const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// How long to wait after one more failure.
    pub(super) fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        pause
    }

    /// Whether nothing has failed since the last success.
    pub(super) fn is_new(&self) -> bool {
        self.next == self.first
    }

    /// An attempt succeeded.
    pub(super) fn succeeded(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_until_something_succeeds() {
        let milliseconds = Duration::from_millis;
        let mut backoff = Backoff::new(milliseconds(20), milliseconds(100));
        for expected in [20, 40, 80, 100, 100] {
            assert_eq!(backoff.is_new(), expected == 20);
            assert_eq!(backoff.pause(), milliseconds(expected));
        }
        backoff.succeeded();
        assert!(backoff.is_new());
        assert_eq!(backoff.pause(), milliseconds(20));
    }
}
