//! The sockets that are listened on, and the connections that come from them: TCP, or a Unix socket.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use rustix::net::{AddressFamily, getsockname};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use tokio::task::coop::consume_budget;
use tokio_rustls::server::TlsStream;

/// A socket that listens.
#[derive(Debug)]
pub enum Socket {
    /// At an address and a port.
    Tcp(TcpListener),
    /// At a path.
    Unix(UnixListener),
}

impl Socket {
    /// A socket that another process has opened.
    ///
    /// # Errors
    /// When it is neither of the two.
    pub fn of_descriptor(descriptor: OwnedFd) -> io::Result<Self> {
        match getsockname(&descriptor)?.address_family() {
            AddressFamily::UNIX => Ok(Self::Unix(descriptor.into())),
            AddressFamily::INET | AddressFamily::INET6 => Ok(Self::Tcp(descriptor.into())),
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a TCP or Unix socket")),
        }
    }

    /// Another handle of the same socket.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(socket) => Self::Tcp(socket.try_clone()?),
            Self::Unix(socket) => Self::Unix(socket.try_clone()?),
        })
    }

    /// The socket, looked after by the runtime of the caller.
    pub(super) fn register(self) -> io::Result<Listener> {
        Ok(match self {
            Self::Tcp(socket) => {
                socket.set_nonblocking(true)?;
                Listener::Tcp(tokio::net::TcpListener::from_std(socket)?)
            }
            Self::Unix(socket) => {
                socket.set_nonblocking(true)?;
                Listener::Unix(tokio::net::UnixListener::from_std(socket)?)
            }
        })
    }

    /// A connection that waits to be accepted, if there is one; for a socket that does not block.
    pub(super) fn accept_queued(&self) -> Option<(Stream, Option<SocketAddr>)> {
        match self {
            Self::Tcp(socket) => {
                let (stream, peer) = socket.accept().ok()?;
                stream.set_nonblocking(true).ok()?;
                Some((Stream::Tcp(tokio::net::TcpStream::from_std(stream).ok()?), Some(peer)))
            }
            Self::Unix(socket) => {
                let (stream, _) = socket.accept().ok()?;
                stream.set_nonblocking(true).ok()?;
                Some((Stream::Unix(tokio::net::UnixStream::from_std(stream).ok()?), None))
            }
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(socket) => socket.as_fd(),
            Self::Unix(socket) => socket.as_fd(),
        }
    }
}

impl From<TcpListener> for Socket {
    fn from(socket: TcpListener) -> Self {
        Self::Tcp(socket)
    }
}

impl From<UnixListener> for Socket {
    fn from(socket: UnixListener) -> Self {
        Self::Unix(socket)
    }
}

/// More handles of listening sockets, for other threads and other processes. A socket listens as
/// long as any of its handles is open, so all of these are closed together when the server stops.
#[derive(Clone, Debug, Default)]
pub struct SocketHandles(Arc<Mutex<Vec<Socket>>>);

impl SocketHandles {
    /// Another handle of each of these sockets.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn of(sockets: &[Socket]) -> io::Result<Self> {
        let handles = sockets.iter().map(Socket::try_clone).collect::<io::Result<_>>()?;
        Ok(Self(Arc::new(Mutex::new(handles))))
    }

    /// One more handle of each socket; none once they are closed.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn more(&self) -> io::Result<Vec<Socket>> {
        self.0.lock().iter().map(Socket::try_clone).collect()
    }

    /// Closes these handles, and gives out none any more.
    pub fn close(&self) {
        self.0.lock().clear();
    }
}

/// A socket that listens, in a runtime.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

impl Listener {
    /// The next connection, and the address at its other end if that has one.
    pub(super) async fn accept(&self) -> io::Result<(Stream, Option<SocketAddr>)> {
        match self {
            Self::Tcp(socket) => {
                let (stream, peer) = socket.accept().await?;
                Ok((Stream::Tcp(stream), Some(peer)))
            }
            Self::Unix(socket) => Ok((Stream::Unix(socket.accept().await?.0), None)),
        }
    }

    /// The socket, out of the runtime; it does not block.
    pub(super) fn into_socket(self) -> io::Result<Socket> {
        match self {
            Self::Tcp(socket) => socket.into_std().map(Socket::Tcp),
            Self::Unix(socket) => socket.into_std().map(Socket::Unix),
        }
    }
}

/// A connection, before TLS.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(tokio::net::TcpStream),
    Unix(tokio::net::UnixStream),
}

impl Stream {
    /// Looks at the socket when bytes have come, until `look` does not say `WouldBlock`.
    ///
    /// # Errors
    /// Those of `look`; [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) where it waits for more and
    /// the client has closed its side.
    pub(super) async fn when_readable<T>(
        &self,
        mut look: impl FnMut(BorrowedFd<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            // A socket whose other side is closed is readable for ever. It is known before the look,
            // so that the look has seen all there will be.
            let has_ended = self.readable().await?.is_read_closed();
            match self.try_look(&mut look) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if has_ended {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                looked => return looked,
            }
            // However often bytes come, the connection's task sees its deadline.
            consume_budget().await;
        }
    }

    async fn readable(&self) -> io::Result<Ready> {
        match self {
            Self::Tcp(stream) => stream.ready(Interest::READABLE).await,
            Self::Unix(stream) => stream.ready(Interest::READABLE).await,
        }
    }

    fn try_look<T>(&self, look: &mut impl FnMut(BorrowedFd<'_>) -> io::Result<T>) -> io::Result<T> {
        match self {
            Self::Tcp(stream) => stream.try_io(Interest::READABLE, || look(stream.as_fd())),
            Self::Unix(stream) => stream.try_io(Interest::READABLE, || look(stream.as_fd())),
        }
    }
}

/// What carries the bytes of a connection over a socket, plain or encrypted.
pub(super) trait OverSocket {
    /// The socket itself.
    fn socket(&self) -> BorrowedFd<'_>;
}

impl OverSocket for Stream {
    fn socket(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

impl OverSocket for TlsStream<Stream> {
    fn socket(&self) -> BorrowedFd<'_> {
        self.get_ref().0.socket()
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Unix(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
