//! The memory that answers on their way hold, and which of them end when it is too much.
//!
//! Each connection counts what its answers hold, in an atomic of its own, and adds to the sum of
//! all whenever that passes a multiple of [`STEP`]. So a small answer touches nothing that
//! connections share, and what is not in the sum is less than a step for each connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use super::progress::millis;
use super::registry::RegistryEntry;
use super::wait::Wait;
use super::{Connections, NEVER, WARNING};
use crate::server::answer_stream::AnswerStream;

/// What one connection may hold without a trace in the sum: little beside what it takes itself.
pub(in crate::server) const STEP: usize = 16 * 1024;

/// Who has not taken [enough](super::progress::enough) for so long can be spared when memory is scarce, which
/// is seen up to a pause of the sweep later. That a client takes something of a socket is seen once for
/// each 64 KiB (`UNSENT` in `listen.rs`): over HTTP/1.1 one that takes 22 KiB in a second, and 88 KiB of
/// 16 MiB, is not spared; of a stream of HTTP/2 it is 6 KiB where the window is what it waits for.
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
    holder: Holder,
    bytes: usize,
}

/// Whose bytes they are.
#[derive(Debug)]
pub(in crate::server) enum Holder {
    /// In HTTP/1.1, the answer's that the connection carries.
    Connection(Wait),
    /// In HTTP/2.
    Stream(Arc<AnswerStream>),
}

impl Charge {
    pub(in crate::server) fn new(holder: Holder, bytes: usize) -> Self {
        match &holder {
            Holder::Connection(wait) => wait.hold(bytes),
            Holder::Stream(stream) => stream.hold(bytes),
        }
        Self { holder, bytes }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        match &self.holder {
            Holder::Connection(wait) => wait.let_go(self.bytes),
            Holder::Stream(stream) => stream.let_go(self.bytes),
        }
    }
}

/// What can be ended, and what that gives back.
struct Spared<'a> {
    /// Since when its client has not taken enough of it, by the coarse clock.
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
    /// too little make room, those that have waited longest first.
    pub(in crate::server) fn has_memory_for(&self, bytes: usize) -> bool {
        let excess = self.memory.excess(bytes);
        excess == 0 || self.end_stalled(excess) >= excess
    }

    /// Ends answers of which clients take too little until they give back so many bytes, and says how
    /// many they do. They give them back when their connections are woken; until then they are in the
    /// sum, and those that were told before count first.
    fn end_stalled(&self, wanted: usize) -> usize {
        self.refresh();
        let now = self.now();
        let in_vain = self.memory.in_vain.load(Ordering::Relaxed);
        if in_vain != NEVER && now.saturating_sub(in_vain) < IN_VAIN {
            return 0;
        }
        // What a time was set by may have been as old as the pause is long.
        let stalled = millis(STALLED + self.pause());
        let open = self.open();
        let (mut freed, mut ended) = (0, 0);
        let mut all = Vec::new();
        for entry in open.entries.values() {
            freed += spare(entry, &mut all);
        }
        all.retain(|it| it.since.saturating_add(stalled) <= now);
        all.sort_unstable_by_key(|it| it.since);
        for Spared { bytes, answer, .. } in &all {
            if freed >= wanted {
                break;
            }
            let is_first = match answer {
                Answer::Connection(entry) => entry.cut(),
                Answer::Stream(stream) => stream.end(),
            };
            if is_first {
                freed += bytes;
                ended += 1;
            }
        }
        drop(all);
        drop(open);
        if freed < wanted && ended == 0 {
            self.memory.in_vain.store(now, Ordering::Relaxed);
        }
        if ended > 0 {
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
                 (--max-response-memory): those of which clients take too little are ended"
            );
        }
    }

    /// Ends what the sweep finds: streams whose clients take too little of them for too long,
    /// connections that keep short answers for as long, and answers past the limit of all.
    pub(super) fn sweep_answers(&self) {
        let now = self.now();
        let open = self.open();
        let timed_out: u64 = open
            .entries
            .values()
            .map(|entry| end_overdue(entry, now, millis(self.limits.send)))
            .sum();
        drop(open);
        self.memory.timed_out.fetch_add(timed_out, Ordering::Relaxed);
        let excess = self.memory.excess(0);
        if excess > 0 {
            self.end_stalled(excess);
        }
    }
}

/// Ends what of a connection was not taken in time, and says how many of its streams that are.
fn end_overdue(entry: &RegistryEntry, now: u64, limit: u64) -> u64 {
    let deadlines = &entry.deadlines;
    // One that is due ends with all of its streams.
    if !deadlines.has_unsent() || deadlines.is_due(now) {
        return 0;
    }
    let streams = deadlines.streams.lock();
    let overdue = streams.iter().filter(|it| it.deadline() <= now);
    let ended = overdue.filter(|it| it.end()).count() as u64;
    let are_ending = streams.iter().any(|it| it.is_ended());
    drop(streams);
    deadlines.short.look(now);
    // The short pieces may be those of streams that are being reset.
    if !are_ending && deadlines.short.since().is_some_and(|it| it.saturating_add(limit) <= now) {
        entry.cut();
    }
    ended
}

/// Adds what of a connection can be ended, its streams one by one or else all of it; and says how many
/// bytes are being given back by what was ended already.
fn spare<'a>(entry: &'a RegistryEntry, spared: &mut Vec<Spared<'a>>) -> usize {
    let deadlines = &entry.deadlines;
    let bytes = deadlines.held.load(Ordering::Relaxed);
    if deadlines.is_cut() {
        return bytes;
    }
    if bytes < STEP {
        return 0;
    }
    let (mut given_back, before) = (0, spared.len());
    for stream in deadlines.streams.lock().iter() {
        let (since, bytes) = (stream.since(), stream.held());
        if stream.is_ended() {
            given_back += bytes;
        } else if since != NEVER && bytes > 0 {
            spared.push(Spared { since, bytes, answer: Answer::Stream(Arc::clone(stream)) });
        }
    }
    let since = deadlines.since();
    if given_back == 0 && spared.len() == before && since != NEVER {
        spared.push(Spared { since, bytes, answer: Answer::Connection(entry) });
    }
    given_back
}

#[cfg(test)]
mod tests {
    use super::super::{ConnectionLimits, Ticket};
    use super::*;
    use crate::server::networks::Networks;

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

    /// Two connections of which clients take nothing for so long, and which hold all that they may.
    fn stalled(since: u64) -> (Arc<Connections>, [Ticket; 2]) {
        let hour = Duration::from_secs(3600);
        let connections = Connections::new(ConnectionLimits {
            head: hour,
            idle: hour,
            send: hour,
            connections: None,
            per_client: None,
            memory: Some(10 * STEP),
            uncounted: Networks::default(),
        });
        // So far ahead that it stands still.
        connections.now.store(1_000_000_000, Ordering::Relaxed);
        let tickets = [(); 2].map(|()| {
            let ticket = connections.enter(None).unwrap();
            ticket.wait().request_started();
            ticket.wait().hold(5 * STEP);
            ticket.wait().write_blocked();
            ticket
        });
        connections.now.fetch_add(since, Ordering::Relaxed);
        (connections, tickets)
    }

    #[test]
    fn no_more_is_ended_than_is_needed() {
        let (connections, [first, second]) = stalled(60_000);
        for _ in 0..3 {
            assert!(connections.has_memory_for(STEP));
            assert_eq!(connections.ended_for_memory(), 1, "it has not let go yet, and will");
        }
        assert!(first.wait().is_cut() != second.wait().is_cut());
        assert!(connections.has_memory_for(6 * STEP));
        assert_eq!(connections.ended_for_memory(), 2);
    }

    #[test]
    fn who_may_have_taken_something_a_moment_ago_is_not_ended() {
        let (connections, tickets) = stalled(millis(STALLED));
        assert!(!connections.has_memory_for(STEP), "the clock may have been a pause behind");
        connections.now.fetch_add(millis(connections.pause()), Ordering::Relaxed);
        assert!(connections.has_memory_for(STEP));
        drop(tickets);
    }

    #[test]
    fn a_little_of_what_a_connection_holds_is_nothing() {
        let (connections, [first, second]) = stalled(0);
        let (slow, steady) = (first.wait(), second.wait());
        slow.hold(640 * STEP);
        for _ in 0..10 {
            connections.now.fetch_add(1000, Ordering::Relaxed);
            for wait in [&slow, &steady] {
                wait.write_progressed(STEP / 2);
                wait.write_blocked();
            }
        }
        assert!(connections.has_memory_for(STEP));
        assert!(slow.is_cut() && !steady.is_cut());
    }
}
