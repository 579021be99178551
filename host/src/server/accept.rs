//! Accepting connections, until the server stops or the kernel runs short.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Service;
use super::connection::{Protocols, serve};
use super::connections::{Connections, Phase};
use super::socket::{Listener, Stream};

/// The first and the longest pause after an error that the next attempt would meet again.
const PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

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
        move |stream: Stream, peer: Option<SocketAddr>| {
            // Closed at once: its client has as many as it may.
            let Some(ticket) = connections.enter(peer) else { return };
            let protocols = Arc::clone(&protocols);
            tokio::spawn(serve(stream, peer, ticket, service.clone(), protocols));
        }
    };
    let mut pause = PAUSE;
    loop {
        let accepted = tokio::select! {
            // A stop is heard however many connections come.
            biased;
            () = &mut turned_away => return,
            () = &mut stopping => break,
            accepted = next(&listener, &connections) => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                pause = PAUSE;
                start(stream, peer);
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                if pause == PAUSE {
                    tracing::warn!("cannot accept connections for now: {error}");
                }
                tokio::select! {
                    () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
                    () = &mut turned_away => return,
                    () = &mut stopping => break,
                }
            }
        }
    }
    // Their handshake is done, so these clients believe themselves connected; dropping the
    // listener would reset them. The socket does not block.
    let Ok(socket) = listener.into_socket() else { return };
    for (stream, peer) in std::iter::from_fn(|| socket.accept_queued()).take(QUEUED) {
        start(stream, peer);
    }
}

/// Accepts a connection, once there is room for one.
async fn next(
    listener: &Listener,
    connections: &Connections,
) -> io::Result<(Stream, Option<SocketAddr>)> {
    connections.room().await;
    listener.accept().await
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
