//! Telling the session which requests pages are answering, and over which connections.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nova_host::process::descriptors::send;
use parking_lot::Mutex;

use crate::dev::wire::in_flight::{InFlightMessage, InFlightRequest, LONGEST};

/// The way to the session.
#[derive(Debug)]
pub(crate) struct InFlightReporter {
    socket: Mutex<OwnedFd>,
    last: AtomicU64,
}

impl InFlightReporter {
    pub(crate) fn new(socket: OwnedFd) -> Self {
        Self { socket: Mutex::new(socket), last: AtomicU64::new(0) }
    }

    /// A page is about to answer this over `connection`; until what comes back is dropped, the session
    /// would do it. `None`: it cannot be told.
    pub(crate) fn begin(
        self: &Arc<Self>,
        request: InFlightRequest,
        connection: impl AsFd,
    ) -> Option<InFlight> {
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        let message = InFlightMessage::Begun { number, request };
        self.send(&message, &[connection.as_fd()]).ok()?;
        Some(InFlight { reporter: self.clone(), number })
    }

    fn send(&self, message: &InFlightMessage, connection: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        if line.len() >= LONGEST {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        line.push(b'\n');
        send(&*self.socket.lock(), &line, connection)
    }
}

/// A request that the session knows of.
#[derive(Debug)]
pub(crate) struct InFlight {
    reporter: Arc<InFlightReporter>,
    number: u64,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        // Without a session this process is about to end.
        let _ = self.reporter.send(&InFlightMessage::Answered { number: self.number }, &[]);
    }
}
