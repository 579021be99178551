//! The rooms of a host: broadcast channels by name that outlive generations, and that processes of one
//! host have in common.
//!
//! One process numbers the messages, the *leading* one. A process that was started by it *follows*: it
//! has the same history, reads from it, and sends what its apps say to the leading one, which gives it
//! back with a number, in the same order to all. So a supervisor leads its workers. A process that
//! leaves its place lets the one lead that came in it, which goes on with the numbers. Workers whose
//! supervisor is gone number nothing: each would do it for itself, and they would drift apart.
//!
//! Each process that follows has a socket of its own and a place in the history, no queue: one that
//! takes nothing keeps no other waiting, and finds out what it missed.

mod client;
mod server;
mod wire;

use std::fmt;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use nova_abi::{HostRooms, OwnedBytes, RoomError, RoomStart, Rooms};
use nova_rooms::{Limits, Reader, Store};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc, oneshot};

use self::client::{Answer, Follower, Upstream};

/// How many bytes of messages may be on their way to the process that leads. Who sends more waits.
const ON_THE_WAY: usize = 16 << 20;

/// How long another process may take to take over.
const HAND_OVER: Duration = Duration::from_secs(5);

/// What is counted for a message on its way besides its bytes.
const OVERHEAD: usize = 128;

/// See the [module](self).
#[derive(Clone, Debug)]
pub struct SharedRooms(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Arc<Store>,
    role: Mutex<Role>,
    on_the_way: Arc<Semaphore>,
    /// The process that was let in last, which may come to lead.
    successor: Mutex<Option<mpsc::UnboundedSender<HandOver>>>,
}

/// Who numbers the messages.
enum Role {
    /// This process.
    Leads,
    /// Another one.
    Follows(Arc<Upstream>),
    /// The one that has come in the place of this one.
    Left,
    /// No process: the one that led is gone, and this one is not alone beside it.
    Orphaned,
}

/// What a process that follows does when the one that leads is gone without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenGone {
    /// It leads: it came in the place of the other one.
    Lead,
    /// It numbers nothing: it is one of several.
    Leave,
}

/// Lets another process lead; answered when it has all that is there.
type HandOver = oneshot::Sender<()>;

impl fmt::Debug for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Leads => "Leads",
            Self::Follows(_) => "Follows",
            Self::Left => "Left",
            Self::Orphaned => "Orphaned",
        })
    }
}

impl Default for SharedRooms {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl SharedRooms {
    fn new(limits: Limits) -> Self {
        Self(Arc::new(Inner {
            store: Arc::new(Store::new(limits)),
            role: Mutex::new(Role::Leads),
            on_the_way: Arc::new(Semaphore::new(ON_THE_WAY)),
            successor: Mutex::default(),
        }))
    }

    /// The rooms for a library.
    pub fn for_library(&self) -> Rooms {
        Rooms::new(Arc::new(self.clone()))
    }

    /// Sends a message, and waits for its number.
    async fn send_to(self, room: String, message: Bytes) -> Result<u64, RoomError> {
        Store::check(&room, message.len())?;
        let size = u32::try_from(message.len() + OVERHEAD).unwrap_or(u32::MAX);
        loop {
            let upstream = match &*self.0.role.lock() {
                Role::Leads => return self.0.store.publish(&room, message),
                Role::Left | Role::Orphaned => return Err(RoomError::Unavailable),
                Role::Follows(upstream) => Arc::clone(upstream),
            };
            let permits = Arc::clone(&self.0.on_the_way).acquire_many_owned(size).await.ok();
            match upstream.ask(&room, message.clone(), permits).await {
                Answer::Numbered(id) => return Ok(id),
                Answer::Refused(error) => return Err(error),
                Answer::Lost => return Err(RoomError::Unavailable),
                // It was not numbered, and this process leads now.
                Answer::NotTaken => {}
            }
        }
    }

    /// Lets another process take part, which follows at the other end of this socket.
    ///
    /// # Errors
    /// If the socket cannot be used.
    pub(crate) fn let_in(&self, socket: UnixStream) -> io::Result<()> {
        let (successor, hand_overs) = mpsc::unbounded_channel();
        *self.0.successor.lock() = Some(successor);
        socket.set_nonblocking(true)?;
        let socket = tokio::net::UnixStream::from_std(socket)?;
        tokio::spawn(server::serve(self.clone(), socket, hand_overs));
        Ok(())
    }

    /// Takes part in the rooms of the process at the other end of this socket. Ready when what that one
    /// keeps is here, or it is gone.
    ///
    /// # Errors
    /// If the socket cannot be used.
    pub(crate) async fn follow(&self, socket: UnixStream, gone: WhenGone) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        let socket = tokio::net::UnixStream::from_std(socket)?;
        let follower = Follower::new(socket);
        // First this: the other process may be gone at once.
        *self.0.role.lock() = Role::Follows(follower.upstream());
        let _ = follower.begin(self.clone(), gone).await;
        Ok(())
    }

    /// Lets the process lead that was let in last, and waits until it has all that is here. Nothing is
    /// taken any more in this process.
    pub(crate) async fn hand_over(&self) {
        let Some(successor) = self.0.successor.lock().take() else { return };
        *self.0.role.lock() = Role::Left;
        let (done, is_done) = oneshot::channel();
        // One that is gone does not lead.
        if successor.send(done).is_ok() {
            // One that takes nothing leads when this process is gone.
            let _ = tokio::time::timeout(HAND_OVER, is_done).await;
        }
    }

    /// This process follows no more, because the one before has said so or is gone.
    fn follow_no_more(&self, next: Role) {
        let mut role = self.0.role.lock();
        if matches!(*role, Role::Follows(_)) {
            *role = next;
        }
    }

    /// Whether another process is told to lead in the place of this one.
    fn has_left(&self) -> bool {
        matches!(*self.0.role.lock(), Role::Left)
    }

    fn store(&self) -> &Arc<Store> {
        &self.0.store
    }
}

impl HostRooms for SharedRooms {
    type Reader = Reader;

    fn send(
        &self,
        room: &str,
        message: OwnedBytes,
    ) -> impl Future<Output = Result<u64, RoomError>> + Send + 'static {
        let sending = Store::check(room, message.len()).map(|()| {
            // A copy: the host keeps nothing of a library that may have left long ago.
            self.clone().send_to(room.to_owned(), Bytes::copy_from_slice(&message))
        });
        async move { sending?.await }
    }

    fn subscribe(&self, room: &str, start: RoomStart) -> Result<Reader, RoomError> {
        self.0.store.subscribe(room, start)
    }
}

#[cfg(test)]
mod tests;
