//! A place in a room.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use nova_abi::abi_stable::std_types::ROption;
use nova_abi::{OwnedBytes, RoomEvent, RoomReader, RoomStart};

use crate::room::Room;
use crate::store::Store;

/// A message that a client has, and that has not come to this process yet, is no further ahead. One
/// that is was numbered by a host whose clock was ahead, or is made up.
const ON_ITS_WAY: u64 = 100_000;

/// It holds a place in the history of its room, and keeps none of its messages.
pub struct Reader {
    store: Arc<Store>,
    room: Arc<str>,
    /// Tells it from others.
    number: u64,
    /// The life of the room in which it reads; 0: the first one that there is. A message may be on its
    /// way from the process that numbers to this one, so a room may be known to clients before it is
    /// known here.
    base: u64,
    /// The message behind which it begins as soon as there is one.
    after: Option<u64>,
    /// The number of the message that it wants.
    next: u64,
    /// It begins behind a message that this life of the room does not know.
    is_lost: bool,
}

impl Reader {
    pub(crate) fn new(
        store: Arc<Store>,
        name: Arc<str>,
        number: u64,
        room: &Room,
        start: RoomStart,
    ) -> Self {
        let mut reader =
            Self { store, room: name, number, base: 0, next: 0, after: None, is_lost: false };
        match start {
            RoomStart::Now => (reader.base, reader.next) = (room.base, room.next),
            RoomStart::Oldest => (reader.base, reader.next) = (room.base, room.oldest()),
            RoomStart::After(id) => reader.after = Some(id),
        }
        if room.base != 0 {
            reader.enter(room);
        }
        reader
    }

    /// Finds its place in a room that has a first number now.
    fn enter(&mut self, room: &Room) {
        if self.base == 0 {
            self.next = room.base;
        }
        self.base = room.base;
        let Some(id) = self.after.take() else { return };
        if id == 0 {
            // It began before there was anything, so all of it is for it.
            self.next = room.base;
            return;
        }
        let known = room.base.saturating_sub(1)..room.next.saturating_add(ON_ITS_WAY);
        self.is_lost = !known.contains(&id);
        self.next = if self.is_lost { room.oldest() } else { id + 1 };
    }

    /// What is next, if it is there.
    fn found(&mut self, room: &Room) -> Option<Next> {
        if self.base == 0 && room.base != 0 {
            self.enter(room);
        }
        if self.base != room.base {
            (self.base, self.next) = (room.base, room.oldest());
            self.is_lost = true;
        }
        if std::mem::take(&mut self.is_lost) {
            return Some(Next::Lagged(None));
        }
        let oldest = room.oldest();
        if let Some(missed) = oldest.checked_sub(self.next).filter(|missed| *missed > 0) {
            self.next = oldest;
            return Some(Next::Lagged(Some(missed)));
        }
        let id = self.next;
        let bytes = room.message(id)?.bytes.clone();
        self.next += 1;
        Some(Next::Message(id, bytes))
    }
}

enum Next {
    Message(u64, Bytes),
    Lagged(Option<u64>),
}

impl RoomReader for Reader {
    fn position(&self) -> u64 {
        self.after.unwrap_or(self.next.saturating_sub(1))
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<RoomEvent> {
        let store = Arc::clone(&self.store);
        // A waker is the library's, which may do anything when it is cloned or dropped, as to drop
        // another reader: so that is done without the lock.
        let waker = cx.waker().clone();
        let mut state = store.lock();
        // A room with readers is kept.
        let Some(room) = state.rooms.get_mut(&self.room) else { return Poll::Pending };
        match self.found(room) {
            Some(Next::Message(id, bytes)) => {
                drop(state);
                Poll::Ready(RoomEvent::Message { id, bytes: OwnedBytes::from_owner(bytes) })
            }
            Some(Next::Lagged(missed)) => {
                Poll::Ready(RoomEvent::Lagged(missed.map_or(ROption::RNone, ROption::RSome)))
            }
            None => {
                let before = room.waiting.insert(self.number, waker);
                drop(state);
                drop(before);
                Poll::Pending
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.store.lock();
        let Some(room) = state.rooms.get_mut(&self.room) else { return };
        room.readers -= 1;
        let waker = room.waiting.remove(&self.number);
        // Nothing was ever said in it: whoever just looks takes no place.
        if room.readers == 0 && room.base == 0 {
            state.rooms.remove(&self.room);
        }
        drop(state);
        drop(waker);
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("room", &self.room).field("next", &self.next).finish()
    }
}
