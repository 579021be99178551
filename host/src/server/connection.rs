//! One connection, from its first byte to its last.
//!
//! The first bytes tell HTTP/2 with prior knowledge from HTTP/1.1; they are looked at, not taken,
//! so that the protocol reads the socket itself and no layer stays in between. Over TLS the
//! handshake tells which it is. Before either, a proxy may name its client. A stop is noticed
//! after the protocol has taken in what had arrived, so that a request which is already there is
//! answered.

use std::fmt::Display;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::{RecvFlags, recv};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

use super::answer_stream::StreamExecutor;
use super::connections::{Phase, Ticket, Wait};
use super::exchange::PerConnection;
use super::linger;
use super::socket::{OverSocket, Stream};
use super::timed_stream::TimedStream;
use super::upgrade::Signals;
use super::{Options, Peer, Service, proxy_protocol};
use crate::server::networks::Networks;

/// What an HTTP/2 client sends first (RFC 9113, section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The shortest limit of a request's head that hyper allows.
const LEAST_HEAD: u32 = 8 * 1024;

/// A quiet HTTP/2 client is asked this often whether it is still there.
const PING: Duration = Duration::from_secs(45);

/// What all connections of a server share.
pub(super) struct Protocols {
    http1: http1::Builder,
    longest_head: u32,
    tls: Option<TlsAcceptor>,
    /// Who begins with a header of the PROXY protocol.
    proxies: Networks,
}

impl std::fmt::Debug for Protocols {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Protocols").field("proxies", &self.proxies).finish_non_exhaustive()
    }
}

impl Protocols {
    pub(super) fn new(options: Options) -> Arc<Self> {
        let Options { max_header, tls, proxy_protocol, .. } = options;
        let longest_head = max_header.max(LEAST_HEAD);
        let mut http1 = http1::Builder::new();
        // Also how much of a body is read at a time.
        http1.max_buf_size(longest_head as usize).max_header_size(longest_head as usize);
        // A client that has closed its side is looked for by `TimedStream`.
        http1.half_close(true);
        let tls = tls.map(TlsAcceptor::from);
        Arc::new(Self { http1, longest_head, tls, proxies: proxy_protocol })
    }

    /// HTTP/2, whose streams are those of one connection.
    fn http2(&self, wait: Wait) -> http2::Builder<StreamExecutor> {
        let mut http2 = http2::Builder::new(StreamExecutor(wait));
        http2.timer(TokioTimer::new()).keep_alive_interval(PING);
        http2.max_header_list_size(self.longest_head);
        http2
    }
}

/// Serves `stream` until the client leaves, breaks the protocol, keeps us waiting for too long,
/// or the server stops.
pub(super) async fn serve<S: Service>(
    stream: Stream,
    mut peer: Option<SocketAddr>,
    ticket: Ticket,
    mut service: S,
    protocols: Arc<Protocols>,
) {
    poll_fn(|cx| {
        ticket.register(cx.waker());
        Poll::Ready(())
    })
    .await;
    if !protocols.proxies.is_empty() && protocols.proxies.contains_peer(peer) {
        match owed(&ticket, proxy_protocol::read(&stream)).await {
            Some(Ok(Some(source))) => {
                if !ticket.belongs_to(source) {
                    return;
                }
                peer = Some(source);
            }
            Some(Ok(None)) => {}
            Some(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
                tracing::warn!(
                    "{} is a proxy, and did not begin with a header of the PROXY protocol: \
                     the connection is closed",
                    name(peer)
                );
                return;
            }
            // It has gone, or said nothing.
            _ => return,
        }
    }
    let peer = Peer { addr: peer, tls: protocols.tls.is_some() };
    let wait = ticket.wait();
    service.connected(stream.as_fd());
    let service = PerConnection { service, peer, wait, has_windows: false };
    let Some(tls) = &protocols.tls else {
        let first_bytes = stream.when_readable(peek);
        if let Some(Ok(Some(version))) = owed(&ticket, first_bytes).await {
            speak(stream, version, service, &ticket, &protocols).await;
        }
        return;
    };
    // Boxed, because a plain connection should not be as large as one that is encrypted.
    let encrypted = Box::pin(async {
        match owed(&ticket, tls.accept(stream)).await {
            Some(Ok(stream)) => {
                let version = match stream.get_ref().1.alpn_protocol() {
                    Some(b"h2") => Version::Http2,
                    _ => Version::Http1,
                };
                speak(stream, version, service, &ticket, &protocols).await;
            }
            Some(Err(error)) => tracing::debug!("no TLS with {}: {error}", name(peer.addr)),
            None => {}
        }
    });
    encrypted.await;
}

/// The other end of a connection, for messages.
pub(super) fn name(peer: Option<impl Display>) -> String {
    peer.map_or_else(|| "a client of the Unix socket".to_owned(), |peer| peer.to_string())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Http1,
    Http2,
}

/// Speaks HTTP over `stream`.
async fn speak<I, S>(
    stream: I,
    version: Version,
    service: PerConnection<S>,
    ticket: &Ticket,
    protocols: &Protocols,
) where
    I: OverSocket + AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service,
{
    match version {
        Version::Http1 => speak_http1(stream, service, ticket, protocols).await,
        // Boxed, as TLS is: most connections that rest are of HTTP/1.1, and should be small.
        Version::Http2 => Box::pin(speak_http2(stream, service, ticket, protocols)).await,
    }
}

fn speak_http1<'t, I, S>(
    stream: I,
    service: PerConnection<S>,
    ticket: &'t Ticket,
    protocols: &Protocols,
) -> impl Future<Output = ()> + Send + use<'t, I, S>
where
    I: OverSocket + AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service,
{
    let (peer, wait) = (service.peer.addr, service.wait.clone());
    let io = TokioIo::new(TimedStream::of_requests(stream, ticket.wait()));
    // Made here, so that the future has it in one place.
    let mut connection = protocols.http1.serve_connection(io, service).with_upgrades();
    async move {
        let ended = drive(&mut connection, ticket).await;
        let mut may_send_more = ended.is_some() && wait.owes_body();
        if let Some(Err(error)) = &ended {
            ticket.errors().http1(peer, error);
            may_send_more |= error.is_parse();
        }
        match connection.into_parts() {
            Some(parts) if ticket.phase() < Phase::Aborted => {
                let mut stream = parts.io.into_inner();
                Box::pin(linger::after_answer(&mut stream, may_send_more)).await;
            }
            Some(_) => {}
            None => Box::pin(outlast(ticket)).await,
        }
    }
}

async fn speak_http2<I, S>(
    stream: I,
    mut service: PerConnection<S>,
    ticket: &Ticket,
    protocols: &Protocols,
) where
    I: OverSocket + AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service,
{
    let (peer, wait) = (service.peer.addr, service.wait.clone());
    wait.idle();
    service.has_windows = true;
    let io = TokioIo::new(TimedStream::of_frames(stream, ticket.wait()));
    let mut connection = protocols.http2(wait.clone()).serve_connection(io, service);
    let ended = drive(&mut connection, ticket).await;
    if wait.is_flooded() {
        ticket.errors().flood(peer);
    } else if let Some(Err(error)) = ended {
        ticket.errors().http2(peer, &error);
    }
}

/// Waits for what a client has to do before its first request. `None`: it did not.
async fn owed<T>(ticket: &Ticket, work: impl Future<Output = T>) -> Option<T> {
    let wait = ticket.wait();
    let mut work = std::pin::pin!(work);
    poll_fn(|cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(Some(done));
        }
        if ticket.phase() >= Phase::Closing || wait.timed_out() {
            return Poll::Ready(None);
        }
        Poll::Pending
    })
    .await
}

/// Looks at the bytes that have arrived. As long as they may become either protocol there is
/// nothing to say, which is the error `WouldBlock`.
fn peek(stream: BorrowedFd<'_>) -> io::Result<Option<Version>> {
    let mut bytes = [0; PREFACE.len()];
    let (_, length) = recv(stream, &mut bytes[..], RecvFlags::PEEK)?;
    match &bytes[..length] {
        [] => Ok(None),
        start if start == PREFACE => Ok(Some(Version::Http2)),
        start if PREFACE.starts_with(start) => Err(io::ErrorKind::WouldBlock.into()),
        _ => Ok(Some(Version::Http1)),
    }
}

/// A connection of either protocol.
trait Protocol: Future<Output = hyper::Result<()>> {
    /// Whether a client is told that its connection ends, and may have begun a request meanwhile.
    const TAKES_LEAVE: bool;

    /// Finish what runs, begin nothing new.
    fn stop(self: Pin<&mut Self>);
}

impl<I, S, B> Protocol for http1::UpgradeableConnection<I, S>
where
    S: hyper::service::HttpService<Incoming, ResBody = B>,
    S::Error: Into<super::BoxError>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    B: http_body::Body + 'static,
    B::Error: Into<super::BoxError>,
{
    const TAKES_LEAVE: bool = false;

    fn stop(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, S, B, E> Protocol for http2::Connection<I, S, E>
where
    S: hyper::service::HttpService<Incoming, ResBody = B>,
    S::Error: Into<super::BoxError>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin + 'static,
    B: http_body::Body + 'static,
    B::Error: Into<super::BoxError>,
    E: hyper::rt::bounds::Http2ServerConnExec<S::Future, B>,
{
    const TAKES_LEAVE: bool = true;

    fn stop(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Runs `connection` to its end, which a stop and an overdue request bring nearer; `None`: it was
/// cut.
async fn drive<C: Protocol + Unpin>(
    connection: &mut C,
    ticket: &Ticket,
) -> Option<hyper::Result<()>> {
    let wait = ticket.wait();
    let mut is_leaving = false;
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(ended) = Pin::new(&mut *connection).poll(cx) {
                return Poll::Ready(Some(ended));
            }
            if wait.timed_out() {
                if is_leaving || !C::TAKES_LEAVE || wait.is_cut() {
                    return Poll::Ready(None);
                }
                is_leaving = true;
                wait.leave();
                Pin::new(&mut *connection).stop();
                continue;
            }
            match ticket.phase() {
                Phase::Aborted => return Poll::Ready(None),
                Phase::Stopping | Phase::Closing if !is_leaving => {
                    is_leaving = true;
                    if !wait.in_exchange() {
                        // It rests between two requests: the one before was read to its end.
                        wait.body_follows(false);
                    }
                    Pin::new(&mut *connection).stop();
                }
                _ => return Poll::Pending,
            }
        }
    })
    .await
}

/// Stays while another protocol is spoken over the connection.
async fn outlast(ticket: &Ticket) {
    let wait = ticket.wait();
    wait.upgraded();
    let Signals { leaving, cut, closed } = wait.signals();
    let mut closed = std::pin::pin!(closed.cancelled());
    poll_fn(|cx| {
        let phase = ticket.phase();
        if phase >= Phase::Stopping {
            leaving.cancel();
        }
        if phase == Phase::Aborted || ticket.ends_upgraded() || wait.timed_out() {
            cut.cancel();
        }
        if phase == Phase::Aborted { Poll::Ready(()) } else { closed.as_mut().poll(cx) }
    })
    .await;
}
