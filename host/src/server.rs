//! The HTTP server: accepts connections, speaks HTTP/1.1 and HTTP/2 (with prior knowledge, or as
//! TLS agrees), hands each request to a [`Service`], and stops without failing a request.
//!
//! It knows nothing of routes or generations. What takes a lock or a timer is done per connection:
//! between hyper and the service a request costs some counters of its connection and two counts of
//! references, and no allocation, lock or timer.
//!
//! A stop has an order: new connections are refused first, then every connection ends after the
//! request it carries, and what still runs at the deadline is cut.

mod accept;
mod answer_stream;
mod backoff;
mod chunk;
mod connection;
mod connections;
mod exchange;
pub mod forward;
mod frame_budget;
pub mod head;
pub(crate) mod linger;
pub mod listen;
pub mod networks;
mod piece;
mod protocol_errors;
mod proxy_protocol;
mod socket;
mod timed_stream;
pub mod tls;
pub mod unix_socket;
pub mod upgrade;

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::runtime::Handle as Runtime;
use tokio::task::JoinSet;
use tokio_rustls::rustls::ServerConfig;

pub use self::chunk::Chunk;
use self::connection::Protocols;
use self::connections::{ConnectionLimits, Connections, Phase};
pub use self::protocol_errors::ProtocolErrorCounts;
use self::socket::Listener;
pub use self::socket::{Socket, SocketHandles};
use crate::server::networks::Networks;

/// Any error of a response body.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The memory of an answer is counted from so many bytes on.
pub const COUNTED: usize = connections::STEP;

/// In the extensions of an answer: how many bytes its body holds from its beginning to its end. Without
/// it, each [`Chunk`] is counted that a body gives, unless it is shared.
#[derive(Clone, Copy, Debug)]
pub struct HeldBytes(pub usize);

/// A connection whose request has not arrived when the server stops is given this long: the request
/// of a client that connected just before is on its way.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// How long the sockets may take to be emptied and closed at a stop.
const CLOSING: Duration = Duration::from_secs(1);

/// Answers requests. Implemented by functions of a request and a [`Peer`].
///
/// It is cloned once for each connection.
pub trait Service: Clone + Send + 'static {
    /// The body of an answer.
    type Body: http_body::Body<Data: Into<Chunk> + Send, Error: Into<BoxError>> + Send + 'static;
    /// The answer to come. It is dropped when the client goes away.
    type Future: Future<Output = Response<Self::Body>> + Send + 'static;

    /// Answers one request.
    fn call(&self, request: Request<Incoming>, peer: Peer) -> Self::Future;

    /// The connection that this clone answers, before its first request.
    fn connected(&mut self, connection: BorrowedFd<'_>) {
        let _ = connection;
    }
}

impl<F, Fut, B> Service for F
where
    F: Fn(Request<Incoming>, Peer) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Response<B>> + Send + 'static,
    B: http_body::Body<Data: Into<Chunk> + Send, Error: Into<BoxError>> + Send + 'static,
{
    type Body = B;
    type Future = Fut;

    fn call(&self, request: Request<Incoming>, peer: Peer) -> Fut {
        self(request, peer)
    }
}

/// Who sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// The other end of the connection; a proxy, if there is one in between that does not speak
    /// the PROXY protocol. `None` behind a Unix socket.
    pub addr: Option<SocketAddr>,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

/// The limits of a server, and what it speaks besides HTTP.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long the head of a request may take, from its first byte. 30 seconds by default.
    pub header_timeout: Duration,
    /// How long a connection may rest between two requests. 75 seconds by default: load balancers
    /// commonly reuse a connection for 60, and must not be the second to let go.
    pub idle_timeout: Duration,
    /// How long a client may take nothing of what is sent to it. 60 seconds by default.
    pub send_timeout: Duration,
    /// How long requests may run on after a stop. 30 seconds by default.
    pub grace: Duration,
    /// The longest head of a request, in bytes; 64 KiB by default, and 8 KiB at least.
    pub max_header: u32,
    /// How many connections may be open; as many as come by default. Further ones wait to be
    /// accepted, and one that sends a head slowly makes room for them, or else the one that has
    /// rested longest.
    pub max_connections: Option<usize>,
    /// How many connections a client may have, by its address (the first 64 bits of one of version
    /// 6); as many as it likes by default. Another one of its own makes room for a further one.
    pub max_connections_per_ip: Option<usize>,
    /// How many bytes of memory answers on their way may hold; as many as there are by default. Past
    /// that, those of which clients take too little are ended, the longest wait first; a service asks
    /// [`Handle::has_memory_for`] before it gives another large one.
    pub max_response_memory: Option<usize>,
    /// Proxies, whose connections are not counted by address; none by default.
    pub proxies: Networks,
    /// With this, connections are encrypted.
    pub tls: Option<Arc<ServerConfig>>,
    /// Which proxies begin connections with a header of the PROXY protocol; none by default.
    pub proxy_protocol: Networks,
    /// The runtime whose threads carry the connections; that of the caller by default.
    pub workers: Option<Runtime>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
            send_timeout: Duration::from_secs(60),
            grace: Duration::from_secs(30),
            max_header: 64 * 1024,
            max_connections: None,
            max_connections_per_ip: None,
            max_response_memory: None,
            proxies: Networks::default(),
            tls: None,
            proxy_protocol: Networks::default(),
            workers: None,
        }
    }
}

/// A server that is about to run. See the [module](self).
#[derive(Debug)]
pub struct Server {
    listeners: Vec<Listener>,
    handles: SocketHandles,
    workers: Runtime,
    connections: Arc<Connections>,
    protocols: Arc<Protocols>,
    grace: Duration,
}

impl Server {
    /// Takes over sockets that listen already.
    ///
    /// # Errors
    ///
    /// When one of them cannot be registered with the runtime.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with I/O and time.
    pub fn new(
        sockets: impl IntoIterator<Item = impl Into<Socket>>,
        options: Options,
    ) -> io::Result<Self> {
        let workers = options.workers.clone().unwrap_or_else(Runtime::current);
        let sockets: Vec<Socket> = sockets.into_iter().map(Into::into).collect();
        Ok(Self {
            handles: SocketHandles::of(&sockets)?,
            listeners: registered(sockets, &workers)?,
            workers,
            connections: Connections::new(ConnectionLimits {
                head: options.header_timeout,
                idle: options.idle_timeout,
                send: options.send_timeout,
                connections: options.max_connections,
                per_client: options.max_connections_per_ip,
                memory: options.max_response_memory,
                uncounted: options.proxies.clone(),
            }),
            grace: options.grace,
            protocols: Protocols::new(options),
        })
    }

    /// What stops this server, from anywhere.
    #[must_use]
    pub fn handle(&self) -> Handle {
        let (connections, handles) = (Arc::clone(&self.connections), self.handles.clone());
        Handle { connections, handles, grace: self.grace }
    }

    /// More handles of the sockets; they are closed when the server stops.
    #[must_use]
    pub fn sockets(&self) -> SocketHandles {
        self.handles.clone()
    }

    /// What takes connections on other threads besides, for `service`.
    pub fn relief<S: Service>(&self, service: S) -> Relief<S> {
        let sockets = self.handles.clone();
        let (connections, protocols) = (Arc::clone(&self.connections), Arc::clone(&self.protocols));
        Relief { sockets, connections, protocols, service }
    }

    /// Serves until the [`Handle`] says stop and the last request is answered, or the grace
    /// period is over. A future that is dropped cuts the connections.
    ///
    /// What is polled here depends on none of the threads that carry connections.
    pub async fn run<S: Service>(self, service: S) -> StopReport {
        let Self { listeners, handles, workers, connections, protocols, grace: _ } = self;
        let _guard = AbortGuard(&connections, handles);
        let mut accepting = JoinSet::new();
        for listener in listeners {
            let (connections, protocols) = (Arc::clone(&connections), Arc::clone(&protocols));
            let accept = accept::accept(listener, connections, protocols, service.clone());
            accepting.spawn_on(accept, &workers);
        }
        let stopped = async {
            connections.reached(Phase::Stopping).await;
            let closed = async { while accepting.join_next().await.is_some() {} };
            // Where pages hold all threads, none of them closes.
            drop(tokio::time::timeout(CLOSING, closed).await);
            let overdue = async {
                if tokio::time::timeout(LAST_WORDS, connections.overdue()).await.is_err() {
                    connections.advance(Phase::Closing);
                    connections.overdue().await;
                }
            };
            tokio::select! {
                biased;
                () = connections.empty() => {}
                () = connections.reached(Phase::Aborted) => {}
                () = overdue => {}
            }
        };
        tokio::select! {
            () = stopped => {}
            () = connections.sweep() => unreachable!("the sweep has no end"),
        }
        connections.advance(Phase::Aborted);
        StopReport { cut: connections.cut() }
    }
}

/// Takes connections of a [`Server`] on other threads than the server's own.
#[derive(Debug)]
pub struct Relief<S> {
    sockets: SocketHandles,
    connections: Arc<Connections>,
    protocols: Arc<Protocols>,
    service: S,
}

impl<S: Service> Relief<S> {
    /// Accepts and carries connections on the threads of `workers`, too, until the server stops.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn serve_on(&self, workers: &Runtime) -> io::Result<()> {
        for listener in registered(self.sockets.more()?, workers)? {
            let (connections, protocols) =
                (Arc::clone(&self.connections), Arc::clone(&self.protocols));
            workers.spawn(accept::accept(listener, connections, protocols, self.service.clone()));
        }
        Ok(())
    }
}

/// Sockets that the driver of `workers` looks after.
fn registered(sockets: Vec<Socket>, workers: &Runtime) -> io::Result<Vec<Listener>> {
    let _inside = workers.enter();
    sockets.into_iter().map(Socket::register).collect()
}

/// Ends the connections and closes the sockets when the server is gone.
struct AbortGuard<'a>(&'a Connections, SocketHandles);

impl Drop for AbortGuard<'_> {
    fn drop(&mut self) {
        self.0.advance(Phase::Aborted);
        self.1.close();
    }
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub struct StopReport {
    /// The connections that were cut, because the grace period was over or the stop was forced.
    pub cut: usize,
}

/// Stops a [`Server`], and tells whether it stops.
#[derive(Clone, Debug)]
pub struct Handle {
    connections: Arc<Connections>,
    handles: SocketHandles,
    grace: Duration,
}

impl Handle {
    /// Stops accepting connections, and lets the requests that run finish, within the grace period.
    pub fn stop(&self) {
        self.handles.close();
        self.connections.stop(Some(self.grace));
    }

    /// Ends the connections that have left HTTP; those who speak on them were told by the stop.
    pub fn end_upgraded(&self) {
        self.connections.end_upgraded();
    }

    /// The same for a server in whose place another serves already: what runs may take `limit`, or
    /// as long as it likes, unless a [`stop`](Self::stop) follows.
    pub fn hand_over(&self, limit: Option<Duration>) {
        self.handles.close();
        self.connections.stop(limit);
    }

    /// Leaves new connections to another process, which has the same sockets; those that are open
    /// go on.
    pub fn turn_away(&self) {
        self.connections.turn_away();
    }

    /// Stops without waiting for anything.
    pub fn abort(&self) {
        self.connections.advance(Phase::Aborted);
    }

    /// Waits until the time is over that what runs has after a stop; if it has as long as it likes,
    /// for ever.
    pub async fn overdue(&self) {
        self.connections.overdue().await;
    }

    /// Whether [`stop`](Self::stop) or [`abort`](Self::abort) was called.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.connections.phase() >= Phase::Stopping
    }

    /// Waits for a stop. Endless responses, such as event streams, end with it.
    pub async fn stopping(&self) {
        self.connections.reached(Phase::Stopping).await;
    }

    /// The number of open connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.count()
    }

    /// Whether an answer that holds so many bytes may be sent now. Those of which clients have taken
    /// too little for longest make room for it. What is shorter than [`COUNTED`] need not be asked about.
    #[must_use]
    pub fn has_memory_for(&self, bytes: usize) -> bool {
        self.connections.has_memory_for(bytes)
    }

    /// How many bytes of memory answers on their way hold.
    #[must_use]
    pub fn response_memory(&self) -> usize {
        self.connections.held_memory()
    }

    /// How many answers were ended because those on their way held too much memory.
    #[must_use]
    pub fn ended_for_memory(&self) -> u64 {
        self.connections.ended_for_memory()
    }

    /// How many streams of HTTP/2 were reset because their client took nothing of them for too long.
    #[must_use]
    pub fn timed_out_streams(&self) -> u64 {
        self.connections.timed_out_streams()
    }

    /// How often clients broke the protocol, so that there was no request.
    #[must_use]
    pub fn protocol_errors(&self) -> ProtocolErrorCounts {
        self.connections.errors.counts()
    }

    /// The number of connections so far.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.connections.entered()
    }
}

#[cfg(test)]
mod tests;
