//! The rooms of a process, for all of its threads.

use std::future::{Ready, ready};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use nova_abi::{
    HostRooms, LONGEST_ROOM_MESSAGE, LONGEST_ROOM_NAME, OwnedBytes, RoomError, RoomStart,
};

use crate::feed::{Feed, RoomMessage};
use crate::reader::Reader;
use crate::state::State;

/// How much rooms may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many rooms there may be. The one without readers that was silent for longest makes room
    /// for another.
    pub rooms: usize,
    /// How many messages a room keeps.
    pub messages: usize,
    /// How many bytes of messages a room keeps.
    pub room_bytes: usize,
    /// How many bytes the messages of all rooms take, with 128 for each besides its own; the oldest
    /// go first.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rooms: 10_000, messages: 1_000, room_bytes: 4 << 20, bytes: 64 << 20 }
    }
}

/// See the [crate](crate).
#[derive(Debug, Default)]
pub struct Store {
    limits: Limits,
    state: Mutex<State>,
}

impl Store {
    /// A store that keeps no more than this.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, state: Mutex::default() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Numbers a message, and lets all know who read the room; the number.
    ///
    /// # Errors
    /// If the room does not take it.
    pub fn publish(&self, room: &str, bytes: Bytes) -> Result<u64, RoomError> {
        check(room, bytes.len())?;
        let mut state = self.lock();
        let room = state.enter(room, &self.limits)?;
        let id = state.append(&room, first_number, bytes, &self.limits);
        wake(state.waiting(&room), state);
        Ok(id)
    }

    /// Keeps a message that another process has numbered. One that is known is left alone.
    pub fn place(&self, numbered: RoomMessage) {
        let RoomMessage { room, base, id, bytes } = numbered;
        let mut state = self.lock();
        // Where there is no place for the room, nobody reads it.
        let Ok(room) = state.enter(&room, &self.limits) else { return };
        if state.go_to(&room, base, id) {
            state.append(&room, || base, bytes, &self.limits);
            wake(state.waiting(&room), state);
        }
    }

    /// The rooms of which no message is kept that was numbered: each with its first number, and that of
    /// its next message. A [feed](Self::feed) says nothing of them.
    #[must_use]
    pub fn silent(&self) -> Vec<(Arc<str>, u64, u64)> {
        let state = self.lock();
        let rooms = state.rooms.iter().filter(|(_, room)| room.base != 0 && room.len() == 0);
        rooms.map(|(name, room)| (Arc::clone(name), room.base, room.next)).collect()
    }

    /// Takes over a [silent](Self::silent) room of another process, unless it is known.
    pub fn place_silent(&self, room: &str, base: u64, next: u64) {
        let mut state = self.lock();
        let Ok(name) = state.enter(room, &self.limits) else { return };
        if let Some(room) = state.rooms.get_mut(&name)
            && room.base == 0
        {
            room.begin(base, next);
        }
    }

    /// A place in a room.
    ///
    /// # Errors
    /// If there can be no such room.
    pub fn subscribe(self: &Arc<Self>, room: &str, start: RoomStart) -> Result<Reader, RoomError> {
        check(room, 0)?;
        let mut state = self.lock();
        let name = state.enter(room, &self.limits)?;
        let number = state.next_reader();
        let room = state.rooms.get_mut(&name).expect("it was entered");
        room.readers += 1;
        Ok(Reader::new(Arc::clone(self), Arc::clone(&name), number, room, start))
    }

    /// What is kept of all rooms, and what comes, in order.
    #[must_use]
    pub fn feed(self: &Arc<Self>) -> Feed {
        let number = self.lock().next_reader();
        Feed::new(Arc::clone(self), number)
    }

    /// Whether a message of this length may be sent to this room.
    ///
    /// # Errors
    /// If not, with the reason.
    pub fn check(room: &str, length: usize) -> Result<(), RoomError> {
        check(room, length)
    }
}

/// Wakes without the lock, which those who are woken want.
fn wake(waiting: Vec<Waker>, state: MutexGuard<'_, State>) {
    drop(state);
    waiting.into_iter().for_each(Waker::wake);
}

fn check(room: &str, length: usize) -> Result<(), RoomError> {
    let is_name = (1..=LONGEST_ROOM_NAME).contains(&room.len());
    if !is_name || room.chars().any(char::is_control) {
        return Err(RoomError::InvalidName);
    }
    if length > LONGEST_ROOM_MESSAGE { Err(RoomError::TooLong) } else { Ok(()) }
}

/// The first number of a room: the microseconds since 1970. So a room that begins anew, after it was
/// forgotten or the host was started again, is above all numbers that it had, as long as it does not
/// get a million messages a second; and JavaScript counts exactly as far as that for two centuries.
fn first_number() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(1).max(1)
}

/// Rooms of one process alone: those of a test.
#[derive(Debug, Default)]
pub struct LocalRooms(pub Arc<Store>);

impl HostRooms for LocalRooms {
    type Reader = Reader;

    fn send(
        &self,
        room: &str,
        message: OwnedBytes,
    ) -> impl Future<Output = Result<u64, RoomError>> + Send + 'static {
        let sent: Ready<_> = ready(self.0.publish(room, Bytes::from_owner(message)));
        sent
    }

    fn subscribe(&self, room: &str, start: RoomStart) -> Result<Reader, RoomError> {
        self.0.subscribe(room, start)
    }
}

#[cfg(test)]
mod tests;
