//! Rooms: broadcast channels by name with a bounded history.
//!
//! A [`Store`] keeps the latest messages of each room. Whoever reads has a place in that history and
//! no queue: one that is slow costs nothing, and is told what it has missed. So live messages, what a
//! client asks for after a break, and a reader that lags behind are one thing.
//!
//! A process that numbers messages calls [`Store::publish`]. One that takes part in the rooms of another
//! process [places](Store::place) what that one has numbered, which a [`Feed`] of it gives in order.
//! What carries it over is not known here.

mod feed;
mod reader;
mod room;
mod state;
mod store;

pub use self::feed::{Feed, Numbered};
pub use self::reader::Reader;
pub use self::store::{Limits, LocalRooms, Store};
