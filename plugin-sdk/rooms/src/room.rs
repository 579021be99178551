//! One room: its latest messages, and who waits for the next one.

use std::collections::{BTreeMap, VecDeque};
use std::task::Waker;

use bytes::Bytes;

/// A message in a room's history.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Its place among those of all rooms.
    pub(crate) place: u64,
    pub(crate) bytes: Bytes,
}

/// See the [module](self).
///
/// The numbers of its messages have no gaps. A room that was forgotten begins anew, above all numbers
/// that it had.
#[derive(Debug, Default)]
pub(crate) struct Room {
    /// The first number of this life of the room; 0: nobody has numbered anything.
    pub(crate) base: u64,
    /// The number of the next message.
    pub(crate) next: u64,
    messages: VecDeque<Kept>,
    bytes: usize,
    /// How many have a place in it.
    pub(crate) readers: usize,
    /// Those of them that wait.
    pub(crate) waiting: BTreeMap<u64, Waker>,
    /// When a message came last, or it was made: a place among all of those.
    pub(crate) used: u64,
}

impl Room {
    /// The number of the oldest message that is kept; that of the next one where there is none.
    pub(crate) fn oldest(&self) -> u64 {
        self.next - self.messages.len() as u64
    }

    /// The message of this number, if it is kept.
    pub(crate) fn message(&self, id: u64) -> Option<&Kept> {
        let index = id.checked_sub(self.oldest())?;
        self.messages.get(usize::try_from(index).ok()?)
    }

    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Begins a life of the room with this number.
    pub(crate) fn begin(&mut self, base: u64, next: u64) {
        debug_assert!(self.messages.is_empty(), "what was kept has been given up");
        (self.base, self.next) = (base, next);
    }

    pub(crate) fn push(&mut self, kept: Kept) {
        self.bytes += kept.bytes.len();
        self.used = kept.place;
        self.messages.push_back(kept);
        self.next += 1;
    }

    /// Gives up the oldest message.
    pub(crate) fn pop(&mut self) -> Option<Kept> {
        let kept = self.messages.pop_front()?;
        self.bytes -= kept.bytes.len();
        Some(kept)
    }
}
