//! The pauses before workers are started that come in the place of others.

use std::time::Duration;

/// How often in a row a worker that ended soon after its start is followed by another at once.
const AT_ONCE: u32 = 3;

/// The first pause before the next one then, and the longest.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long to wait before the next worker is started where one ended soon after its start.
#[derive(Debug, Default)]
pub(super) struct Pauses(u32);

impl Pauses {
    /// The next one.
    pub(super) fn next(&mut self) -> Duration {
        let times = self.0;
        self.0 = times.saturating_add(1);
        match times.checked_sub(AT_ONCE) {
            None => Duration::ZERO,
            Some(times) => PAUSE.saturating_mul(1 << times.min(8)).min(LONGEST_PAUSE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit() {
        let mut pauses = Pauses::default();
        let all: Vec<u128> = (0..12).map(|_| pauses.next().as_millis()).collect();
        assert_eq!(all, [0, 0, 0, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
    }
}
