//! How far a client comes with what waits for it.
//!
//! To take a byte now and then is not to take an answer, so a clock moves only when enough was taken
//! since it moved last, or all there was. There are two, because they ask for different amounts:
//! `--send-timeout` must not end a client whose line is slow, and who keeps memory that others
//! need has to hurry.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::NEVER;
use super::memory::STEP;

/// What `--send-timeout` asks of a client for each of its streams, in bytes a second. It is so little
/// because streams of one connection share its line: 16 of them still go on at 1 KiB a second.
const LEAST_RATE: u64 = 64;

/// Who holds memory that others need takes this part of it between two looks.
const PART: usize = 64;

/// The coarse time, and how long a client may take nothing; both in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct Pace {
    pub(super) now: u64,
    pub(super) limit: u64,
}

impl Pace {
    fn deadline(self) -> u64 {
        self.now.saturating_add(self.limit)
    }

    /// How many bytes `--send-timeout` asks for each time.
    fn least(self) -> usize {
        (self.limit.saturating_mul(LEAST_RATE) / 1000).clamp(1, STEP as u64) as usize
    }
}

/// How many bytes of so many have to be taken for the client not to be one that can be spared.
pub(super) fn enough(held: usize) -> usize {
    STEP.max(held / PART)
}

/// See the module.
#[derive(Debug)]
pub(in crate::server) struct Progress {
    /// By when the client has to take something.
    deadline: AtomicU64,
    toward_deadline: AtomicUsize,
    /// Since when it has not taken enough to keep memory that others need.
    since: AtomicU64,
    toward_since: AtomicUsize,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            deadline: AtomicU64::new(NEVER),
            toward_deadline: AtomicUsize::new(0),
            since: AtomicU64::new(NEVER),
            toward_since: AtomicUsize::new(0),
        }
    }
}

impl Progress {
    /// The first of something begins to wait.
    pub(in crate::server) fn begin(&self, pace: Pace) {
        self.extend(pace);
        self.toward_since.store(0, Ordering::Relaxed);
        self.since.store(pace.now, Ordering::SeqCst);
    }

    /// The deadline moves, as it would if enough were taken.
    pub(super) fn extend(&self, pace: Pace) {
        self.toward_deadline.store(0, Ordering::Relaxed);
        self.deadline.store(pace.deadline(), Ordering::SeqCst);
    }

    /// The client took so many bytes of what waits, and holds so many of memory.
    pub(in crate::server) fn taken(&self, bytes: usize, held: usize, pace: Pace) {
        if self.toward_deadline.fetch_add(bytes, Ordering::Relaxed) + bytes >= pace.least() {
            self.extend(pace);
        }
        if self.toward_since.fetch_add(bytes, Ordering::Relaxed) + bytes >= enough(held) {
            self.toward_since.store(0, Ordering::Relaxed);
            self.since.store(pace.now, Ordering::SeqCst);
        }
    }

    /// Nothing waits any more.
    pub(in crate::server) fn end(&self) {
        self.deadline.store(NEVER, Ordering::SeqCst);
        self.since.store(NEVER, Ordering::SeqCst);
    }

    /// By when the client has to take something, in milliseconds of the coarse clock; never while nothing
    /// waits.
    pub(in crate::server) fn deadline(&self) -> u64 {
        self.deadline.load(Ordering::Relaxed)
    }

    /// Since when it has not taken enough; never while nothing waits.
    pub(in crate::server) fn since(&self) -> u64 {
        self.since.load(Ordering::Relaxed)
    }
}

/// The time in whole milliseconds.
pub(super) fn millis(time: Duration) -> u64 {
    time.as_millis().try_into().unwrap_or(NEVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u64 = 60_000;

    #[test]
    fn a_trickle_moves_neither_clock_and_a_modest_rate_the_deadline() {
        let progress = Progress::default();
        let held = 16 << 20;
        progress.begin(Pace { now: 0, limit: LIMIT });
        for now in (1000..LIMIT).step_by(1000) {
            progress.taken(1, held, Pace { now, limit: LIMIT });
        }
        assert_eq!((progress.deadline(), progress.since()), (LIMIT, 0), "a byte a second");
        progress.begin(Pace { now: 0, limit: LIMIT });
        for now in (1000..10 * LIMIT).step_by(1000) {
            progress.taken(1024, held, Pace { now, limit: LIMIT });
            assert!(progress.deadline() > now + LIMIT / 2, "a KiB a second");
        }
        assert!(progress.since() < 9 * LIMIT, "16 MiB would be held for hours");
    }

    #[test]
    fn who_holds_much_has_to_take_much() {
        let progress = Progress::default();
        for (held, needed) in [(0, STEP), (STEP * 64, STEP), (STEP * 640, STEP * 10)] {
            progress.begin(Pace { now: 1, limit: LIMIT });
            progress.taken(needed - 1, held, Pace { now: 2, limit: LIMIT });
            assert_eq!(progress.since(), 1);
            progress.taken(1, held, Pace { now: 3, limit: LIMIT });
            assert_eq!(progress.since(), 3);
            progress.taken(needed - 1, held, Pace { now: 4, limit: LIMIT });
            assert_eq!(progress.since(), 3, "it counts anew");
        }
        progress.end();
        assert_eq!((progress.deadline(), progress.since()), (NEVER, NEVER));
    }
}
