//! Rooms: broadcast channels by name that a host keeps, so that they outlive generations.
//!
//! A message gets a number from the host, which grows within its room. A reader has no queue of its
//! own: it has a place in the room's history, which is bounded, and is told when what it has not read
//! is gone.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use abi_stable::{
    StableAbi,
    std_types::{ROption, RResult, RStr},
};
use async_ffi::{ContextExt, FfiContext, FfiPoll};

use crate::{
    Failure, GuardedFuture, OwnedBytes,
    guard::{catch, drop_quietly},
};

/// How many bytes the name of a room may have.
pub const LONGEST_ROOM_NAME: usize = 200;

/// How many bytes a message to a room may have.
pub const LONGEST_ROOM_MESSAGE: usize = 256 * 1024;

/// What a host implements: rooms by their names.
pub trait HostRooms: Send + Sync + 'static {
    /// A place in one of them.
    type Reader: RoomReader;

    /// Sends a message to a room; ready with its number when it has one.
    fn send(
        &self,
        room: &str,
        message: OwnedBytes,
    ) -> impl Future<Output = Result<u64, RoomError>> + Send + 'static;

    /// A place in a room.
    ///
    /// # Errors
    /// If there can be no such room.
    fn subscribe(&self, room: &str, start: RoomStart) -> Result<Self::Reader, RoomError>;
}

/// What a host implements: a place in a room.
pub trait RoomReader: Send + 'static {
    /// The number of the message behind which it is; 0: it is before the first one of all.
    fn position(&self) -> u64;

    /// What is next.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<RoomEvent>;
}

/// Where a reader begins.
#[repr(C, u8)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, StableAbi)]
pub enum RoomStart {
    /// With the next message that is sent.
    Now,
    /// Behind the message of this number; 0: before the first one of all.
    After(u64),
    /// With the oldest message that is kept.
    Oldest,
}

/// What a reader finds.
#[repr(C, u8)]
#[derive(Debug, StableAbi)]
pub enum RoomEvent {
    /// A message.
    Message {
        /// Its number in the room.
        id: u64,
        /// What it says.
        bytes: OwnedBytes,
    },
    /// What it had not read is gone: so many messages, where that is known. The next one is the oldest
    /// that is kept.
    Lagged(ROption<u64>),
}

/// Why a room does not take a message or a reader.
#[repr(u8)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, StableAbi)]
pub enum RoomError {
    /// The name is empty, too long, or has control characters.
    InvalidName,
    /// The message is too long.
    TooLong,
    /// There are as many rooms as there may be, and all of them are in use.
    TooManyRooms,
    /// The process that numbers the messages is gone; whether this one was sent is not known.
    Unavailable,
}

impl fmt::Display for RoomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidName => write!(
                f,
                "the name of a room has 1 to {LONGEST_ROOM_NAME} bytes, and no control characters"
            ),
            Self::TooLong => {
                write!(f, "a message to a room has {LONGEST_ROOM_MESSAGE} bytes at most")
            }
            Self::TooManyRooms => f.write_str("there are too many rooms in use"),
            Self::Unavailable => f.write_str(
                "there are no rooms here, or the process that keeps them has ended meanwhile",
            ),
        }
    }
}

impl std::error::Error for RoomError {}

/// The rooms of a host, in the hands of a library.
#[repr(C)]
#[derive(StableAbi)]
pub struct Rooms {
    /// An `Arc` of the host.
    host: *const (),
    send: unsafe extern "C" fn(*const (), RStr<'_>, OwnedBytes) -> Sending,
    subscribe:
        unsafe extern "C" fn(*const (), RStr<'_>, RoomStart) -> RResult<Subscription, RoomError>,
    clone: unsafe extern "C" fn(*const ()),
    drop: unsafe extern "C" fn(*const ()),
}

type Sending = GuardedFuture<'static, RResult<u64, RoomError>>;

// SAFETY: `new` takes a `HostRooms`, which is `Send` and `Sync`.
unsafe impl Send for Rooms {}
// SAFETY: as above.
unsafe impl Sync for Rooms {}

impl Rooms {
    /// The rooms of a host for a library.
    pub fn new<H: HostRooms>(host: Arc<H>) -> Self {
        Self {
            host: Arc::into_raw(host).cast(),
            send: send::<H>,
            subscribe: subscribe::<H>,
            clone: clone_host::<H>,
            drop: drop_host::<H>,
        }
    }

    /// See [`HostRooms::send`].
    ///
    /// # Errors
    /// If the room does not take the message.
    pub fn send(
        &self,
        room: &str,
        message: OwnedBytes,
    ) -> impl Future<Output = Result<u64, RoomError>> + Send + 'static + use<> {
        // SAFETY: `send` belongs to `host`, which this keeps alive.
        let sending = unsafe { (self.send)(self.host, room.into(), message) };
        async move {
            match sending.await {
                Ok(sent) => sent.into_result(),
                // The host panicked.
                Err(_) => Err(RoomError::Unavailable),
            }
        }
    }

    /// See [`HostRooms::subscribe`].
    ///
    /// # Errors
    /// If there can be no such room.
    pub fn subscribe(&self, room: &str, start: RoomStart) -> Result<Subscription, RoomError> {
        // SAFETY: as in `send`.
        unsafe { (self.subscribe)(self.host, room.into(), start) }.into_result()
    }
}

impl Clone for Rooms {
    fn clone(&self) -> Self {
        // SAFETY: `clone` belongs to `host`; the copy is counted, and dropped once.
        unsafe { (self.clone)(self.host) };
        Self { ..*self }
    }
}

impl Drop for Rooms {
    fn drop(&mut self) {
        // SAFETY: `drop` belongs to `host`, which was counted for this.
        unsafe { (self.drop)(self.host) }
    }
}

impl fmt::Debug for Rooms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rooms")
    }
}

unsafe extern "C" fn send<H: HostRooms>(
    host: *const (),
    room: RStr<'_>,
    message: OwnedBytes,
) -> Sending {
    // SAFETY: `host` is the `Arc` of `Rooms::new`, borrowed for this call.
    let host = unsafe { &*host.cast::<H>() };
    match catch(|| host.send(room.as_str(), message)) {
        Ok(sending) => GuardedFuture::new(async move { Ok(sending.await.into()) }),
        Err(message) => GuardedFuture::new(async move { Err(Failure::panic(message)) }),
    }
}

unsafe extern "C" fn subscribe<H: HostRooms>(
    host: *const (),
    room: RStr<'_>,
    start: RoomStart,
) -> RResult<Subscription, RoomError> {
    // SAFETY: as in `send`.
    let host = unsafe { &*host.cast::<H>() };
    match catch(|| host.subscribe(room.as_str(), start).map(Subscription::new)) {
        Ok(subscription) => subscription.into(),
        Err(_) => RResult::RErr(RoomError::Unavailable),
    }
}

unsafe extern "C" fn clone_host<H>(host: *const ()) {
    // SAFETY: `host` is the `Arc` of `Rooms::new`, which is alive as long as the one that is cloned.
    unsafe { Arc::increment_strong_count(host.cast::<H>()) };
}

unsafe extern "C" fn drop_host<H>(host: *const ()) {
    // SAFETY: it is counted for the one that is dropped.
    drop_quietly(|| drop(unsafe { Arc::from_raw(host.cast::<H>()) }));
}

/// A place in a room, in the hands of a library.
#[repr(C)]
#[derive(StableAbi)]
pub struct Subscription {
    reader: *mut (),
    /// Where it began.
    begin: u64,
    poll: unsafe extern "C" fn(*mut (), &mut FfiContext<'_>) -> FfiPoll<RoomEvent>,
    drop: unsafe extern "C" fn(*mut ()),
}

// SAFETY: `new` takes a `RoomReader`, which is `Send`; it is not shared.
unsafe impl Send for Subscription {}

impl Subscription {
    fn new<R: RoomReader>(reader: R) -> Self {
        unsafe extern "C" fn poll<R: RoomReader>(
            reader: *mut (),
            cx: &mut FfiContext<'_>,
        ) -> FfiPoll<RoomEvent> {
            // SAFETY: `reader` is the box made below; `poll_next` has `&mut self`.
            let reader = unsafe { &mut *reader.cast::<R>() };
            match catch(|| cx.with_context(|cx| reader.poll_next(cx))) {
                Ok(poll) => poll.into(),
                Err(_) => FfiPoll::Panicked,
            }
        }
        unsafe extern "C" fn drop_reader<R>(reader: *mut ()) {
            // SAFETY: `reader` is the box made below, dropped once.
            drop_quietly(|| drop(unsafe { Box::from_raw(reader.cast::<R>()) }));
        }
        Self {
            begin: reader.position(),
            reader: Box::into_raw(Box::new(reader)).cast(),
            poll: poll::<R>,
            drop: drop_reader::<R>,
        }
    }

    /// The [position](RoomReader::position) where it began.
    pub fn begin(&self) -> u64 {
        self.begin
    }

    /// See [`RoomReader::poll_next`].
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<RoomEvent> {
        // SAFETY: `poll` belongs to `reader`; `&mut self` makes this the only access.
        match cx.with_ffi_context(|cx| unsafe { (self.poll)(self.reader, cx) }) {
            FfiPoll::Ready(event) => Poll::Ready(event),
            FfiPoll::Pending => Poll::Pending,
            // What it missed is not known.
            FfiPoll::Panicked => Poll::Ready(RoomEvent::Lagged(ROption::RNone)),
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // SAFETY: `drop` belongs to `reader`, called once.
        unsafe { (self.drop)(self.reader) }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subscription")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Waker;

    use super::*;

    /// Knows one room, and panics about another.
    struct Host(AtomicUsize);

    struct Reader(u64);

    impl HostRooms for Host {
        type Reader = Reader;

        fn send(
            &self,
            room: &str,
            message: OwnedBytes,
        ) -> impl Future<Output = Result<u64, RoomError>> + Send + 'static {
            assert_ne!(room, "panics");
            let known = room == "known";
            let sent = self.0.fetch_add(message.len(), Ordering::SeqCst);
            std::future::ready(if known { Ok(sent as u64) } else { Err(RoomError::InvalidName) })
        }

        fn subscribe(&self, room: &str, start: RoomStart) -> Result<Reader, RoomError> {
            match (room, start) {
                ("known", RoomStart::After(id)) => Ok(Reader(id)),
                _ => Err(RoomError::TooManyRooms),
            }
        }
    }

    impl RoomReader for Reader {
        fn position(&self) -> u64 {
            self.0
        }

        fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<RoomEvent> {
            self.0 += 1;
            match self.0 {
                8 => {
                    Poll::Ready(RoomEvent::Message { id: 8, bytes: OwnedBytes::from_static(b"x") })
                }
                9 => Poll::Ready(RoomEvent::Lagged(ROption::RSome(3))),
                10 => Poll::Pending,
                _ => panic!("no more"),
            }
        }
    }

    fn now<F: Future>(future: F) -> F::Output {
        let mut future = std::pin::pin!(future);
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("it waits"),
        }
    }

    #[test]
    fn rooms_are_used_through_the_table() {
        let host = Arc::new(Host(AtomicUsize::new(0)));
        let rooms = Rooms::new(Arc::clone(&host));
        let other = rooms.clone();
        drop(rooms);
        let sent = |room| now(other.send(room, OwnedBytes::from_static(b"abc")));
        assert_eq!((sent("known"), sent("known")), (Ok(0), Ok(3)));
        assert_eq!(sent("unknown"), Err(RoomError::InvalidName));
        assert_eq!(sent("panics"), Err(RoomError::Unavailable));
        assert!(other.subscribe("known", RoomStart::Now).is_err());

        let mut reader = other.subscribe("known", RoomStart::After(7)).unwrap();
        assert_eq!(reader.begin(), 7);
        let mut cx = Context::from_waker(Waker::noop());
        let mut next = || reader.poll_next(&mut cx);
        match next() {
            Poll::Ready(RoomEvent::Message { id: 8, bytes }) => assert_eq!(&*bytes, b"x"),
            other => panic!("{other:?}"),
        }
        assert!(matches!(next(), Poll::Ready(RoomEvent::Lagged(ROption::RSome(3)))));
        assert!(next().is_pending());
        assert!(matches!(next(), Poll::Ready(RoomEvent::Lagged(ROption::RNone))), "a panic");
        drop(other);
        assert_eq!(Arc::strong_count(&host), 1);
    }
}
