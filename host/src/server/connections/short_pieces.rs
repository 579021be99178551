//! How long the short answers of one HTTP/2 connection have waited for its client.
//!
//! The end of a short answer is buffered with it, so its task is over and its stream cannot be reset: when
//! it is not taken, the connection ends. What others of the connection take says nothing of it.
//! A time for each would have to be listed; so they are counted in two halves, those that had come by
//! a certain look of the sweep, and those that came later. A new look begins when the first are all sent.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct ShortPieces {
    counts: [AtomicUsize; 2],
    /// Which of them new pieces belong to.
    current: AtomicUsize,
    /// When the others had all come, or one of them was sent last, by the coarse clock.
    since: AtomicU64,
}

/// The half that a piece belongs to.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct Half(usize);

impl ShortPieces {
    pub(super) fn queued(&self) -> Half {
        let half = self.current.load(Ordering::Relaxed);
        self.counts[half].fetch_add(1, Ordering::SeqCst);
        Half(half)
    }

    /// One is gone: `is_sent` if it was taken to its last byte.
    pub(super) fn gone(&self, Half(half): Half, is_sent: bool, now: u64) {
        if is_sent && half != self.current.load(Ordering::Relaxed) {
            self.since.store(now, Ordering::Relaxed);
        }
        self.counts[half].fetch_sub(1, Ordering::SeqCst);
    }

    /// The sweep looks.
    pub(super) fn look(&self, now: u64) {
        let current = self.current.load(Ordering::Relaxed);
        let are_gone = self.counts[1 - current].load(Ordering::SeqCst) == 0;
        if are_gone && self.counts[current].load(Ordering::SeqCst) > 0 {
            self.since.store(now, Ordering::Relaxed);
            self.current.store(1 - current, Ordering::SeqCst);
        }
    }

    /// Since when none of the older ones was taken to its last byte; `None` while there are none.
    pub(super) fn since(&self) -> Option<u64> {
        let older = 1 - self.current.load(Ordering::Relaxed);
        let are_there = self.counts[older].load(Ordering::SeqCst) > 0;
        are_there.then(|| self.since.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_count_whatever_comes_and_goes_later() {
        let pieces = ShortPieces::default();
        let (first, second) = (pieces.queued(), pieces.queued());
        assert_eq!(pieces.since(), None, "not looked at yet");
        pieces.look(10);
        for now in 11..20 {
            let later = pieces.queued();
            pieces.look(now);
            pieces.gone(later, true, now);
            assert_eq!(pieces.since(), Some(10), "two have waited since then");
        }
        pieces.gone(first, true, 20);
        assert_eq!(pieces.since(), Some(20), "one was taken");
        let third = pieces.queued();
        pieces.gone(second, false, 21);
        assert_eq!(pieces.since(), None);
        pieces.look(30);
        assert_eq!(pieces.since(), Some(30));
        pieces.gone(third, true, 31);
        pieces.look(40);
        assert_eq!(pieces.since(), None);
    }
}
