//! What a store holds: rooms by their names, and their messages in the order in which they came.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;
use nova_abi::RoomError;

use crate::room::{Kept, Room};
use crate::store::Limits;

/// What is counted for a message besides its bytes.
const OVERHEAD: usize = 128;

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) rooms: HashMap<Arc<str>, Room>,
    /// Of each message that is kept, room and number.
    pub(crate) places: BTreeMap<u64, (Arc<str>, u64)>,
    /// The place of the next message.
    pub(crate) next_place: u64,
    /// What the messages take.
    bytes: usize,
    /// Tells readers apart.
    last_reader: u64,
    /// The feeds that wait.
    pub(crate) feeds: BTreeMap<u64, Waker>,
}

impl State {
    pub(crate) fn next_reader(&mut self) -> u64 {
        self.last_reader += 1;
        self.last_reader
    }

    /// The room of this name, which is made if there is none.
    pub(crate) fn enter(&mut self, name: &str, limits: &Limits) -> Result<Arc<str>, RoomError> {
        if let Some((name, _)) = self.rooms.get_key_value(name) {
            return Ok(Arc::clone(name));
        }
        if self.rooms.len() >= limits.rooms {
            let unread = self.rooms.iter().filter(|(_, room)| room.readers == 0);
            let silent = unread.min_by_key(|(_, room)| room.used).map(|(name, _)| Arc::clone(name));
            let silent = silent.ok_or(RoomError::TooManyRooms)?;
            self.clear(&silent);
            self.rooms.remove(&silent);
        }
        let name: Arc<str> = name.into();
        let mut room = Room::default();
        room.used = self.next_place;
        self.rooms.insert(Arc::clone(&name), room);
        Ok(name)
    }

    /// Puts a message at the end of a room, which begins with the number that `first` says if it has
    /// none; the number of the message.
    pub(crate) fn append(
        &mut self,
        name: &Arc<str>,
        first: impl FnOnce() -> u64,
        bytes: Bytes,
        limits: &Limits,
    ) -> u64 {
        let place = self.next_place;
        self.next_place += 1;
        self.bytes += bytes.len() + OVERHEAD;
        let room = self.rooms.entry(Arc::clone(name)).or_default();
        if room.base == 0 {
            let base = first();
            room.begin(base, base);
        }
        let id = room.next;
        room.push(Kept { place, bytes });
        self.places.insert(place, (Arc::clone(name), id));
        self.trim(name, limits);
        id
    }

    /// Makes a room ready for the message of this number in this life of it; `false`: it is there.
    pub(crate) fn go_to(&mut self, name: &Arc<str>, base: u64, id: u64) -> bool {
        let room = self.rooms.entry(Arc::clone(name)).or_default();
        if room.base == base && id < room.next {
            return false;
        }
        if room.base != base || id > room.next {
            // What lies between was given up before it came here.
            self.clear(name);
            self.rooms.entry(Arc::clone(name)).or_default().begin(base, id);
        }
        true
    }

    /// Those who wait for a message of this room.
    pub(crate) fn waiting(&mut self, name: &Arc<str>) -> Vec<Waker> {
        let room = self.rooms.get_mut(name).map(|room| std::mem::take(&mut room.waiting));
        let feeds = std::mem::take(&mut self.feeds);
        room.into_iter().flatten().chain(feeds).map(|(_, waker)| waker).collect()
    }

    /// Gives up what is too much: of this room, then of all.
    fn trim(&mut self, name: &Arc<str>, limits: &Limits) {
        while self.rooms.get(name).is_some_and(|room| {
            // The message that has just come is kept.
            room.len() > limits.messages.max(1)
                || (room.len() > 1 && room.bytes() > limits.room_bytes)
        }) {
            self.pop(name);
        }
        while self.bytes > limits.bytes && self.places.len() > 1 {
            // The oldest of all is the oldest of its room.
            let Some((_, (oldest, _))) = self.places.first_key_value() else { return };
            let oldest = Arc::clone(oldest);
            self.pop(&oldest);
        }
    }

    /// Gives up all messages of a room.
    pub(crate) fn clear(&mut self, name: &Arc<str>) {
        while self.pop(name) {}
    }

    fn pop(&mut self, name: &Arc<str>) -> bool {
        let Some(kept) = self.rooms.get_mut(name).and_then(Room::pop) else { return false };
        self.bytes -= kept.bytes.len() + OVERHEAD;
        self.places.remove(&kept.place);
        true
    }
}
