//! Rooms: broadcast channels by name, which the host keeps.
//!
//! What is sent to a room reaches all who read it, in whichever generation they are and, where the
//! host has several workers, in whichever of them: a chat goes on over a swap.
//!
//! ```
//! use nova::prelude::*;
//! use nova::sse::LastEventId;
//!
//! // pages/messages.rs
//! pub async fn post(text: String) -> Result<StatusCode> {
//!     nova::room("chat").send(text).await?;
//!     Ok(StatusCode::NO_CONTENT)
//! }
//!
//! pub fn get(last: Option<LastEventId>) -> Result<Sse> {
//!     nova::room("chat").events(last)
//! }
//! ```
//!
//! A message has a number, which grows by one with each message of its room; the host keeps the latest
//! messages. So who was away goes on behind the last one that it had
//! ([`subscribe_from`](Room::subscribe_from)), and who is too slow, or was away for too long, is told
//! so ([`Lagged`]) and goes on with the oldest message that is kept. It costs the host nothing to have
//! slow readers.
//!
//! | bound | |
//! |---|---|
//! | a message | 256 KiB |
//! | the name of a room | 200 bytes |
//! | what a room keeps | 1,000 messages, 4 MiB |
//! | what all rooms of a host keep | 64 MiB, with 128 bytes for each message; the oldest go first |
//! | rooms of a host | 10,000; one without readers that was silent for longest makes room for another |
//!
//! Rooms are in memory. They outlive swaps, rollbacks, recycling and the end of a worker, not the
//! host: after a restart a room is empty, and its numbers begin above all that it had. What must not be
//! lost belongs into a database. The apps of one host share its rooms; other hosts have their own.
//!
//! In a test each [`TestApp`](crate::testing::TestApp) has rooms of its own, and so has the check of a
//! candidate before a swap.

use std::borrow::Cow;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use futures_core::Stream;
use nova_abi::{
    OwnedBytes, RoomError as AbiError, RoomEvent, RoomStart, Rooms, Subscription as Place,
};
use serde_core::Serialize;
use serde_core::de::DeserializeOwned;

use crate::error::Error;
use crate::extract::LastEventId;
use crate::info;
use crate::response::Result;
use crate::sse::{Event, Sse};

/// The room of this name; it is made when it is used.
#[must_use]
pub fn room(name: impl Into<Cow<'static, str>>) -> Room {
    Room { name: name.into(), rooms: info::current().and_then(|app| app.rooms().cloned()) }
}

/// A broadcast channel by name. See the [module](self).
#[derive(Clone, Debug)]
pub struct Room {
    name: Cow<'static, str>,
    /// `None`: no app has started, or its host has none.
    rooms: Option<Rooms>,
}

/// Why a room did not take a message or a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoomError {
    /// The name is empty, longer than 200 bytes, or has control characters.
    InvalidName,
    /// The message is longer than 256 KiB.
    TooLong,
    /// There are as many rooms as there may be, and all of them are read.
    TooManyRooms,
    /// No app has started here, its host has no rooms, or the process that keeps them ended at that
    /// moment; then it is not known whether a message was sent.
    Unavailable,
}

impl From<AbiError> for RoomError {
    fn from(error: AbiError) -> Self {
        match error {
            AbiError::InvalidName => Self::InvalidName,
            AbiError::TooLong => Self::TooLong,
            AbiError::TooManyRooms => Self::TooManyRooms,
            AbiError::Unavailable => Self::Unavailable,
        }
    }
}

impl fmt::Display for RoomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = match self {
            Self::InvalidName => AbiError::InvalidName,
            Self::TooLong => AbiError::TooLong,
            Self::TooManyRooms => AbiError::TooManyRooms,
            Self::Unavailable => AbiError::Unavailable,
        };
        error.fmt(f)
    }
}

impl std::error::Error for RoomError {}

impl Room {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn rooms(&self) -> Result<&Rooms, RoomError> {
        self.rooms.as_ref().ok_or(RoomError::Unavailable)
    }

    /// Sends a text or bytes to all who read the room; ready with the number of the message, when the
    /// host has it: whoever subscribes from now on with a smaller number gets it, whatever becomes of
    /// this worker.
    ///
    /// Dropped before it is ready, the message may have been sent or not.
    ///
    /// # Errors
    /// If name or message are not allowed, or the host cannot take it.
    pub async fn send(&self, message: impl Into<Bytes>) -> Result<u64, RoomError> {
        let message = OwnedBytes::from_owner(message.into());
        Ok(self.rooms()?.send(&self.name, message).await?)
    }

    /// The same with a value as JSON.
    ///
    /// # Errors
    /// As for [`send`](Self::send), and when the value has no form in JSON.
    pub async fn send_json<T: Serialize + ?Sized>(&self, value: &T) -> Result<u64> {
        // Not across the await: the value need not be `Sync`.
        let message = serde_json::to_vec(value)?;
        Ok(self.send(message).await?)
    }

    /// What is sent from now on.
    ///
    /// # Errors
    /// If the name is not allowed, or there are too many rooms.
    pub fn subscribe(&self) -> Result<Subscription, RoomError> {
        self.subscribe_at(RoomStart::Now)
    }

    /// What was sent after the message of this number, as far as it is kept, and what comes. Where it
    /// is not kept, [`Lagged`] comes first. After 0 comes all that there ever was.
    ///
    /// # Errors
    /// As for [`subscribe`](Self::subscribe).
    pub fn subscribe_from(&self, last: u64) -> Result<Subscription, RoomError> {
        self.subscribe_at(RoomStart::After(last))
    }

    fn subscribe_at(&self, start: RoomStart) -> Result<Subscription, RoomError> {
        let place = self.rooms()?.subscribe(&self.name, start)?;
        Ok(Subscription { room: self.name.clone(), place })
    }

    /// The messages that are kept, the oldest first: for a page that is rendered with them. The number
    /// of the last one is where the page's stream goes on.
    ///
    /// # Errors
    /// As for [`subscribe`](Self::subscribe).
    pub fn history(&self) -> Result<Vec<Message>, RoomError> {
        let mut place = self.subscribe_at(RoomStart::Oldest)?;
        let mut cx = Context::from_waker(Waker::noop());
        let mut messages = Vec::new();
        let mut is_lost = false;
        while let Poll::Ready(next) = place.poll(&mut cx) {
            match next {
                Ok(message) => {
                    messages.push(message);
                    is_lost = false;
                }
                // A host that finds nothing behind that either has failed.
                Err(Lagged { .. }) if is_lost => break,
                // The oldest were given up meanwhile.
                Err(Lagged { .. }) => {
                    messages.clear();
                    is_lost = true;
                }
            }
        }
        Ok(messages)
    }

    /// The room as a stream of server-sent events, each with the message as its data and the number as
    /// its id: what is sent from now on, or after the last event that the client has. A client that
    /// has none is told first where it begins, by an event of an id alone, which browsers remember and
    /// no script hears of: so it misses nothing when it connects again before the first message.
    ///
    /// Where that is no longer kept, an event with the name `lagged` comes first, for which the
    /// script of the page loads the page anew; its data is how many messages are missing, or empty. A
    /// message that is not UTF-8 is made it.
    ///
    /// # Errors
    /// As for [`subscribe`](Self::subscribe).
    pub fn events(&self, last: Option<LastEventId>) -> Result<Sse> {
        let is_new = last.is_none();
        let start = match last {
            None => RoomStart::Now,
            // What is not a number is not one of this room's.
            Some(LastEventId(id)) => RoomStart::After(id.parse().unwrap_or(u64::MAX)),
        };
        let subscription = self.subscribe_at(start)?;
        let begin = is_new.then(|| subscription.place.begin());
        Ok(Sse::new(Events { begin, subscription }))
    }
}

/// A message of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    id: u64,
    bytes: Bytes,
}

impl Message {
    /// Its number, which grows by one with each message of its room. It is 10^15 and more, and less
    /// than 2^53, so that JavaScript counts with it.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What was sent.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The same as text; what is not UTF-8 is replaced by `U+FFFD`.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }

    /// The value that was sent as JSON.
    ///
    /// # Errors
    /// When it is not JSON of this shape: another generation may have sent another.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_slice(&self.bytes)?)
    }
}

/// A reader has missed messages, which are no longer kept. The next one is the oldest that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lagged {
    /// How many; `None`: not known, because the room was forgotten or the host started again since.
    pub missed: Option<u64>,
}

impl fmt::Display for Lagged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.missed {
            Some(missed) => write!(f, "{missed} messages of the room are no longer kept"),
            None => f.write_str("an unknown number of messages of the room is no longer kept"),
        }
    }
}

impl std::error::Error for Lagged {}

/// A place in a room: a [`Stream`] of its messages, without an end.
#[derive(Debug)]
pub struct Subscription {
    room: Cow<'static, str>,
    place: Place,
}

impl Subscription {
    /// The next message. A call that is dropped before it is ready, as in `select!`, loses nothing.
    ///
    /// # Errors
    /// [`Lagged`], once, when messages are missing; it goes on behind them.
    pub async fn recv(&mut self) -> Result<Message, Lagged> {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// The name of its room.
    #[must_use]
    pub fn room(&self) -> &str {
        &self.room
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, Lagged>> {
        Poll::Ready(match ready!(self.place.poll_next(cx)) {
            RoomEvent::Message { id, bytes } => Ok(Message { id, bytes: Bytes::from_owner(bytes) }),
            RoomEvent::Lagged(missed) => Err(Lagged { missed: missed.into_option() }),
        })
    }
}

impl Stream for Subscription {
    type Item = Result<Message, Lagged>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(cx).map(Some)
    }
}

/// A place in a room, as events.
struct Events {
    /// Where it begins, which the client is to be told.
    begin: Option<u64>,
    subscription: Subscription,
}

impl Stream for Events {
    type Item = Result<Event, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(begin) = self.begin.take() {
            return Poll::Ready(Some(Ok(Event::only_id(begin.to_string()))));
        }
        let event = match ready!(self.subscription.poll(cx)) {
            Ok(message) => Event::data(message.text()).id(message.id.to_string()),
            Err(Lagged { missed }) => {
                let missed = missed.map(|missed| missed.to_string()).unwrap_or_default();
                Event::data(missed).name("lagged")
            }
        };
        Poll::Ready(Some(Ok(event)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use nova_abi::{HostRooms, RoomReader};

    use super::*;

    /// A host that fails.
    struct Fails;

    impl HostRooms for Fails {
        type Reader = Self;

        fn send(
            &self,
            _: &str,
            _: OwnedBytes,
        ) -> impl Future<Output = Result<u64, AbiError>> + Send + 'static {
            std::future::ready(Err(AbiError::Unavailable))
        }

        fn subscribe(&self, _: &str, _: RoomStart) -> Result<Self, AbiError> {
            Ok(Self)
        }
    }

    impl RoomReader for Fails {
        fn position(&self) -> u64 {
            0
        }

        fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<RoomEvent> {
            panic!("in the host")
        }
    }

    #[test]
    fn a_host_that_fails_has_no_history() {
        let room = Room { name: "a".into(), rooms: Some(Rooms::new(Arc::new(Fails))) };
        assert_eq!(room.history(), Ok(Vec::new()));
    }
}
