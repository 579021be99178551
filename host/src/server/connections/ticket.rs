//! The place of one connection among those that are open.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;

use super::deadlines::Deadlines;
use super::registry::client_of;
use super::wait::Wait;
use super::{Connections, Phase};
use crate::server::protocol_errors::ProtocolErrors;

/// The presence of one connection; dropping it is leaving.
#[derive(Debug)]
pub(in crate::server) struct Ticket {
    wait: Wait,
    id: u64,
}

impl Ticket {
    pub(super) fn new(connections: &Arc<Connections>, deadlines: Arc<Deadlines>, id: u64) -> Self {
        Self { wait: Wait::new(Arc::clone(connections), deadlines), id }
    }

    /// How this connection's task is woken. Until this is called it cannot be woken, so the
    /// phase must be looked at afterwards.
    pub(in crate::server) fn register(&self, waker: &Waker) {
        if let Some(entry) = self.wait.connections.open().entries.get_mut(&self.id) {
            entry.waker = Some(waker.clone());
        }
    }

    /// What its connection, and the others, have met that is not HTTP.
    pub(in crate::server) fn errors(&self) -> &ProtocolErrors {
        &self.wait.connections.errors
    }

    pub(in crate::server) fn phase(&self) -> Phase {
        self.wait.connections.phase()
    }

    /// Whether this connection has to end if it has left HTTP.
    pub(in crate::server) fn ends_upgraded(&self) -> bool {
        self.wait.connections.ends_upgraded.load(Ordering::SeqCst)
    }

    /// Whose connection it is, as a proxy says; `false` if that client has as many as it may.
    pub(in crate::server) fn belongs_to(&self, client: SocketAddr) -> bool {
        let connections = &self.wait.connections;
        if connections.limits.per_client.is_none() {
            return true;
        }
        let client = client_of(client);
        let mut open = connections.open();
        let has_room = connections.has_room_for(&mut open, client);
        if has_room {
            open.assign(self.id, client);
        }
        has_room
    }

    /// The time limits of this connection, to be handed to the protocol.
    pub(in crate::server) fn wait(&self) -> Wait {
        self.wait.clone()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut open = self.wait.connections.open();
        open.remove(self.id);
        let last = open.entries.is_empty();
        drop(open);
        if last || self.wait.connections.is_crowded() {
            self.wait.connections.changed.notify_waiters();
        }
    }
}
