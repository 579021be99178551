//! One connection, from its first byte to its last.
//!
//! The first bytes tell HTTP/2 with prior knowledge from HTTP/1.1; they are looked at, not taken,
//! so that the protocol reads the socket itself and no layer stays in between. A stop is noticed
//! after the protocol has taken in what had arrived, so that a request which is already there is
//! answered.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustix::net::{RecvFlags, recv};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest, ReadBuf};
use tokio::net::TcpStream;

use super::connections::{Phase, Ticket, Wait};
use super::exchange::PerConnection;
use super::{Peer, Service};

/// What an HTTP/2 client sends first (RFC 9113, section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The longest request head in HTTP/1.1; also how much of a body is read at a time.
const MAX_HEAD: usize = 64 * 1024;

/// A quiet HTTP/2 client is asked this often whether it is still there.
const PING: Duration = Duration::from_secs(45);

/// How long a client may go on sending after it was answered and the connection is closing.
const LINGER: Duration = Duration::from_secs(2);

/// What all connections of a server share.
pub(super) struct Protocols {
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
}

impl Protocols {
    pub(super) fn new() -> Arc<Self> {
        let mut http1 = http1::Builder::new();
        http1.max_buf_size(MAX_HEAD);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2.timer(TokioTimer::new()).keep_alive_interval(PING);
        Arc::new(Self { http1, http2 })
    }
}

/// Serves `stream` until the client leaves, breaks the protocol, keeps us waiting for too long,
/// or the server stops.
pub(super) async fn serve<S: Service>(
    stream: TcpStream,
    peer: SocketAddr,
    ticket: Ticket,
    service: S,
    protocols: Arc<Protocols>,
) {
    poll_fn(|cx| {
        ticket.register(cx.waker());
        Poll::Ready(())
    })
    .await;
    let Some(version) = version(&stream, &ticket).await else {
        return;
    };
    let mut service = PerConnection { service, peer: Peer { addr: peer }, wait: None };
    match version {
        Version::Http1 => {
            let wait = ticket.wait();
            service.wait = Some(wait.clone());
            let io = TokioIo::new(Timed { stream, wait });
            let mut connection = protocols.http1.serve_connection(io, service).with_upgrades();
            drive(&mut connection, &ticket).await;
            if ticket.phase() < Phase::Aborted
                && let Some(parts) = connection.into_parts()
            {
                linger(parts.io.into_inner().stream).await;
            }
        }
        Version::Http2 => {
            ticket.wait().end();
            let mut connection = protocols.http2.serve_connection(TokioIo::new(stream), service);
            drive(&mut connection, &ticket).await;
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Http1,
    Http2,
}

/// Waits for the first bytes. `None`: they never came.
async fn version(stream: &TcpStream, ticket: &Ticket) -> Option<Version> {
    let wait = ticket.wait();
    let mut first_bytes = std::pin::pin!(stream.async_io(Interest::READABLE, || peek(stream)));
    poll_fn(|cx| {
        if let Poll::Ready(version) = first_bytes.as_mut().poll(cx) {
            return Poll::Ready(version.ok().flatten());
        }
        if ticket.phase() >= Phase::Closing || wait.is_over() {
            return Poll::Ready(None);
        }
        Poll::Pending
    })
    .await
}

/// Looks at the bytes that have arrived. As long as they may become either protocol there is
/// nothing to say, which is the error `WouldBlock`.
fn peek(stream: &TcpStream) -> io::Result<Option<Version>> {
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
    fn stop(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Runs `connection` to its end, which a stop and an overdue request bring nearer.
async fn drive<C: Protocol + Unpin>(connection: &mut C, ticket: &Ticket) {
    let wait = ticket.wait();
    let mut told = false;
    poll_fn(|cx| {
        loop {
            // How a connection ended is the client's affair: it left, or it was told in HTTP.
            if Pin::new(&mut *connection).poll(cx).is_ready() {
                return Poll::Ready(());
            }
            if wait.is_over() {
                return Poll::Ready(());
            }
            match ticket.phase() {
                Phase::Aborted => return Poll::Ready(()),
                Phase::Stopping | Phase::Closing if !told => {
                    told = true;
                    Pin::new(&mut *connection).stop();
                }
                _ => return Poll::Pending,
            }
        }
    })
    .await;
}

/// Takes in what a client still sends after an answer that did not wait for it, such as 413.
///
/// Closing a socket with unread bytes resets the connection, and the reset may overtake the
/// answer. So they are read and thrown away, for a while.
async fn linger(mut stream: TcpStream) {
    let mut bytes = [0; 8192];
    if !matches!(stream.try_read(&mut bytes), Ok(1..)) {
        return;
    }
    let rest = async {
        // The client may be waiting for the end of the answer.
        stream.shutdown().await.ok();
        while matches!(stream.read(&mut bytes).await, Ok(1..)) {}
    };
    tokio::time::timeout(LINGER, rest).await.ok();
}

/// A socket that tells its connection's [`Wait`] of bytes that come and go.
struct Timed {
    stream: TcpStream,
    wait: Wait,
}

impl Timed {
    fn progress(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.wait.sent();
        }
        written
    }
}

impl AsyncRead for Timed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.wait.received();
        }
        read
    }
}

impl AsyncWrite for Timed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.progress(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.progress(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
