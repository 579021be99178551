//! The memory that answers on their way hold, and which of them end when it is too much.
//!
//! Each connection counts what its answers hold, in an atomic of its own, and adds to the sum of
//! all whenever that passes a multiple of [`STEP`]. So a small answer touches nothing that
//! connections share, and what is not in the sum is less than a step for each connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use super::registry::RegistryEntry;
use super::wait::Wait;
use super::{Connections, NEVER, WARNING};
use crate::server::answer_stream::AnswerStream;

/// What one connection may hold without a trace in the sum: little beside what it takes itself.
pub(in crate::server) const STEP: usize = 16 * 1024;

/// Who has taken nothing for so long can be spared when memory is scarce. Over HTTP/1.1 it is seen that
/// a client takes something once for each 64 KiB (`UNSENT` in `listen.rs`): one that takes 21 KiB in a
/// second is not spared.
const STALLED: Duration = Duration::from_secs(3);

/// A search for answers that can be spared goes over all connections. When it has found none, it is
/// not repeated for so many milliseconds.
const IN_VAIN: u64 = 250;

/// See the module.
#[derive(Debug)]
pub(super) struct ResponseMemory {
    most: Option<usize>,
    /// Never less than nothing in the end, but a connection may have subtracted first.
    held: AtomicI64,
    /// How many answers were ended for it.
    ended: AtomicU64,
    /// How many streams ended because their client took nothing of them for too long.
    pub(super) timed_out: AtomicU64,
    /// When a search was in vain, by the coarse clock.
    in_vain: AtomicU64,
    /// When it was said last that answers were ended.
    warned: AtomicU64,
}

impl ResponseMemory {
    pub(super) fn new(most: Option<usize>) -> Self {
        Self {
            most,
            held: AtomicI64::new(0),
            ended: AtomicU64::new(0),
            timed_out: AtomicU64::new(0),
            in_vain: AtomicU64::new(NEVER),
            warned: AtomicU64::new(NEVER),
        }
    }

    /// A connection holds as much now, and another amount before.
    pub(super) fn changed(&self, before: usize, after: usize) {
        let (before, after) = (steps(before), steps(after));
        if before != after {
            self.held.fetch_add(after - before, Ordering::Relaxed);
        }
    }

    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed).try_into().unwrap_or(0)
    }

    pub(super) fn ended(&self) -> u64 {
        self.ended.load(Ordering::Relaxed)
    }

    /// How much there is too much of with so many bytes more. A single answer may be longer than
    /// all of them together.
    fn excess(&self, bytes: usize) -> usize {
        let held = self.held();
        self.most.map_or(0, |most| held.saturating_add(bytes).saturating_sub(most).min(held))
    }
}

/// The bytes in whole steps.
fn steps(bytes: usize) -> i64 {
    i64::try_from(bytes - bytes % STEP).unwrap_or(i64::MAX)
}

/// The memory of one answer, or of some of it, until it is dropped.
#[derive(Debug)]
pub(in crate::server) struct Charge {
    wait: Wait,
    /// In HTTP/2, whose bytes they are.
    stream: Option<Arc<AnswerStream>>,
    bytes: usize,
}

impl Charge {
    pub(in crate::server) fn new(
        wait: Wait,
        stream: Option<Arc<AnswerStream>>,
        bytes: usize,
    ) -> Self {
        wait.hold(bytes);
        if let Some(stream) = &stream {
            stream.hold(bytes);
        }
        Self { wait, stream, bytes }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if let Some(stream) = &self.stream {
            stream.let_go(self.bytes);
        }
        self.wait.let_go(self.bytes);
    }
}

/// What can be ended, and what that gives back.
struct Spared<'a> {
    /// When its client took something last, by the coarse clock.
    since: u64,
    bytes: usize,
    answer: Answer<'a>,
}

enum Answer<'a> {
    /// All that a connection carries.
    Connection(&'a RegistryEntry),
    Stream(Arc<AnswerStream>),
}

impl Connections {
    /// Whether so many bytes more may be on their way to clients. Answers of which clients take
    /// nothing make room, those that have waited longest first.
    pub(in crate::server) fn has_memory_for(&self, bytes: usize) -> bool {
        let excess = self.memory.excess(bytes);
        excess == 0 || self.end_stalled(excess) >= excess
    }

    /// Ends answers of which clients take nothing until they give back so many bytes, and says how
    /// many they do. They give them back when their connections are woken.
    fn end_stalled(&self, wanted: usize) -> usize {
        self.refresh();
        let now = self.now();
        let in_vain = self.memory.in_vain.load(Ordering::Relaxed);
        if in_vain != NEVER && now.saturating_sub(in_vain) < IN_VAIN {
            return 0;
        }
        let limit = millis(self.limits.send);
        let open = self.open();
        let mut spared: Vec<_> = open
            .entries
            .values()
            .flat_map(|entry| spared(entry, limit))
            .filter(|it| it.since.saturating_add(millis(STALLED)) <= now)
            .collect();
        spared.sort_unstable_by_key(|it| it.since);
        let (mut freed, mut ended) = (0, 0);
        for Spared { bytes, answer, .. } in &spared {
            if freed >= wanted {
                break;
            }
            let is_first = match answer {
                Answer::Connection(entry) => {
                    entry.end();
                    true
                }
                Answer::Stream(stream) => stream.end(),
            };
            if is_first {
                freed += bytes;
                ended += 1;
            }
        }
        drop(spared);
        drop(open);
        if ended == 0 {
            self.memory.in_vain.store(now, Ordering::Relaxed);
        } else {
            self.memory.ended.fetch_add(ended, Ordering::Relaxed);
            self.warn_of_memory(now);
        }
        freed
    }

    fn warn_of_memory(&self, now: u64) {
        let warned = self.memory.warned.load(Ordering::Relaxed);
        if warned == NEVER || now.saturating_sub(warned) > WARNING {
            self.memory.warned.store(now, Ordering::Relaxed);
            tracing::warn!(
                "responses on their way hold all the memory that they may \
                 (--max-response-memory): those of which clients take nothing are ended"
            );
        }
    }

    /// Ends what the sweep finds: streams whose clients take nothing of them for too long, and
    /// answers past the limit of all.
    pub(super) fn sweep_answers(&self) {
        let now = self.now();
        let open = self.open();
        let mut timed_out = 0;
        for entry in open.entries.values() {
            // One that is due ends with all of its streams.
            if entry.deadlines.has_unsent() && !entry.deadlines.is_due(now) {
                let streams = entry.deadlines.streams.lock();
                let overdue = streams.iter().filter(|it| it.deadline() <= now);
                timed_out += overdue.filter(|it| it.end()).count() as u64;
            }
        }
        drop(open);
        self.memory.timed_out.fetch_add(timed_out, Ordering::Relaxed);
        let excess = self.memory.excess(0);
        if excess > 0 {
            self.end_stalled(excess);
        }
    }
}

/// What of a connection can be ended: its streams one by one, or else all of it.
fn spared(entry: &RegistryEntry, limit: u64) -> Vec<Spared<'_>> {
    let deadlines = &entry.deadlines;
    let bytes = deadlines.held.load(Ordering::Relaxed);
    if bytes < STEP || deadlines.is_ended() {
        return Vec::new();
    }
    let since = |deadline: u64| (deadline != NEVER).then(|| deadline.saturating_sub(limit));
    let streams = deadlines.streams.lock();
    let of_streams: Vec<_> = streams
        .iter()
        .filter(|stream| !stream.is_ended())
        .filter_map(|stream| {
            let (since, bytes) = (since(stream.deadline())?, stream.held());
            let answer = Answer::Stream(Arc::clone(stream));
            (bytes > 0).then_some(Spared { since, bytes, answer })
        })
        .collect();
    if !of_streams.is_empty() {
        return of_streams;
    }
    let answer = Answer::Connection(entry);
    since(deadlines.taken_by()).map(|since| Spared { since, bytes, answer }).into_iter().collect()
}

fn millis(time: Duration) -> u64 {
    time.as_millis().try_into().unwrap_or(NEVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_that_of_whole_steps() {
        let memory = ResponseMemory::new(None);
        let mut held = 0;
        for (change, sum) in [
            (STEP - 1, 0),
            (1, STEP),
            (10 * STEP + 5, 11 * STEP),
            (STEP - 6, 11 * STEP),
            (1, 12 * STEP),
        ] {
            memory.changed(held, held + change);
            held += change;
            assert_eq!(memory.held(), sum);
        }
        memory.changed(held, 0);
        assert_eq!(memory.held(), 0);
        memory.changed(STEP, 0);
        assert_eq!(memory.held(), 0, "who lets go may be first");
        memory.changed(0, STEP);
        assert_eq!(memory.held(), 0);
    }

    #[test]
    fn there_is_too_much_of_what_is_there_at_most() {
        let memory = ResponseMemory::new(Some(10 * STEP));
        assert_eq!(memory.excess(100 * STEP), 0, "a single one may be longer");
        memory.changed(0, 8 * STEP);
        assert_eq!([STEP, 2 * STEP, 3 * STEP].map(|more| memory.excess(more)), [0, 0, STEP]);
        assert_eq!(memory.excess(usize::MAX), 8 * STEP);
        assert_eq!(ResponseMemory::new(None).excess(usize::MAX), 0);
    }
}
