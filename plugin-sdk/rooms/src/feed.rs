//! The messages of all rooms, for another process that takes part in them.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use crate::store::Store;

/// A message with its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomMessage {
    /// The name of the room.
    pub room: Arc<str>,
    /// The first number of this life of the room.
    pub base: u64,
    /// The number of the message.
    pub id: u64,
    /// What it says.
    pub bytes: Bytes,
}

/// What is kept of all rooms, and what comes, in order.
///
/// It holds nothing: what is given up before it is read is left out, which the numbers show.
pub struct Feed {
    store: Arc<Store>,
    /// Tells it from others.
    number: u64,
    /// The place that is next.
    next: u64,
}

impl Feed {
    pub(crate) fn new(store: Arc<Store>, number: u64) -> Self {
        Self { store, number, next: 0 }
    }

    /// Ready when there is a next message.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // As that of a reader, without the lock.
        let waker = cx.waker().clone();
        let mut state = self.store.lock();
        if state.places.range(self.next..).next().is_some() {
            return Poll::Ready(());
        }
        let before = state.feeds.insert(self.number, waker);
        drop(state);
        drop(before);
        Poll::Pending
    }

    /// The next message, if it is there.
    pub fn next_now(&mut self) -> Option<RoomMessage> {
        let state = self.store.lock();
        let (&place, (room, id)) = state.places.range(self.next..).next()?;
        let entered = state.rooms.get(room)?;
        let bytes = entered.message(*id)?.bytes.clone();
        self.next = place + 1;
        Some(RoomMessage { room: Arc::clone(room), base: entered.base, id: *id, bytes })
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let waker = self.store.lock().feeds.remove(&self.number);
        drop(waker);
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("next", &self.next).finish()
    }
}
