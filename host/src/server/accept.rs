//! Accepting connections, until the server stops or the kernel runs short.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Service;
use super::backoff::Backoff;
use super::connection::{Protocols, serve};
use super::connections::{Connections, NoPlace, Phase};
use super::socket::{Listener, Stream};

/// The first and the longest pause after an error that the next attempt would meet again.
const PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A connection, and the address at its other end if that has one.
type Accepted = (Stream, Option<SocketAddr>);

/// How many connections are taken after a stop; more cannot have been queued before it.
const QUEUED: usize = 4096;

/// Accepts on `listener` until the server stops, then takes what is queued and closes it. Where
/// another process has the socket too, what is queued may be left to that one.
pub(super) async fn accept<S: Service>(
    listener: Listener,
    connections: Arc<Connections>,
    protocols: Arc<Protocols>,
    service: S,
) {
    let mut stopping = std::pin::pin!(connections.reached(Phase::Stopping));
    let mut turned_away = std::pin::pin!(connections.turns_away());
    let start = {
        let connections = Arc::clone(&connections);
        // Gives the connection back where it has to wait.
        move |(stream, peer): Accepted| {
            let ticket = match connections.enter(peer) {
                Ok(ticket) => ticket,
                Err(NoPlace::Full) => return Some((stream, peer)),
                // Closed at once.
                Err(NoPlace::OfClient) => return None,
            };
            let protocols = Arc::clone(&protocols);
            tokio::spawn(serve(stream, peer, ticket, service.clone(), protocols));
            None
        }
    };
    let mut errors = AcceptErrors::new("connections");
    // Accepted when another one took the last place.
    let mut waiting = None;
    loop {
        let accepted = tokio::select! {
            // A stop is heard however many connections come.
            biased;
            () = &mut turned_away => {
                if let Some(connection) = waiting {
                    start(connection);
                }
                return;
            }
            () = &mut stopping => break,
            accepted = next(&listener, &connections, &mut waiting) => accepted,
        };
        match accepted {
            Ok(connection) => {
                errors.accepted();
                waiting = start(connection);
            }
            Err(error) => {
                let Some(pause) = errors.pause(&error) else { continue };
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = &mut turned_away => return,
                    () = &mut stopping => break,
                }
            }
        }
    }
    if let Some(connection) = waiting {
        start(connection);
    }
    // Their handshake is done, so these clients believe themselves connected; dropping the
    // listener would reset them. The socket does not block.
    let Ok(socket) = listener.into_socket() else { return };
    for connection in std::iter::from_fn(|| socket.accept_queued()).take(QUEUED) {
        start(connection);
    }
}

/// The connection that waits, or else one that is accepted, once there is room for it.
async fn next(
    listener: &Listener,
    connections: &Connections,
    waiting: &mut Option<Accepted>,
) -> io::Result<Accepted> {
    connections.room().await;
    match waiting.take() {
        Some(connection) => Ok(connection),
        None => listener.accept().await,
    }
}

/// What is done about errors of a socket that accepts.
#[derive(Debug)]
pub(super) struct AcceptErrors {
    /// What comes over the connections.
    what: &'static str,
    backoff: Backoff,
}

impl AcceptErrors {
    /// For a socket where this comes.
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, backoff: Backoff::new(PAUSE, LONGEST_PAUSE) }
    }

    /// A connection came.
    pub(super) fn accepted(&mut self) {
        self.backoff.succeeded();
    }

    /// How long to wait after `error`, which is said once for as long as it lasts; `None`: the next
    /// connection may be accepted at once.
    pub(super) fn pause(&mut self, error: &io::Error) -> Option<Duration> {
        if is_of_one_connection(error) {
            return None;
        }
        if self.backoff.is_new() {
            tracing::warn!("cannot accept {} for now: {error}", self.what);
        }
        Some(self.backoff.pause())
    }
}

/// Whether `error` concerns the connection that was to be accepted and not the next one.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::Interrupted
            // A firewall's.
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::TimedOut
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_next_connection_would_meet_too_is_waited_for() {
        let mut errors = AcceptErrors::new("connections");
        let milliseconds = |count| Some(Duration::from_millis(count));
        for (error, pause) in [
            (io::ErrorKind::ConnectionAborted, None),
            (io::ErrorKind::OutOfMemory, milliseconds(20)),
            (io::ErrorKind::ConnectionReset, None),
            (io::ErrorKind::OutOfMemory, milliseconds(40)),
        ] {
            assert_eq!(errors.pause(&error.into()), pause, "{error}");
        }
        errors.accepted();
        assert_eq!(errors.pause(&io::ErrorKind::OutOfMemory.into()), milliseconds(20));
    }
}
