//! The connection in the hands of a page, and what the page does with it.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use nova_abi::{Connection, Failure, FailureKind};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Seam: what the page does with the connection.
pub(crate) struct TakeOver(Box<dyn FnOnce(Upgraded) -> Speaking + Send>);

type Speaking = Pin<Box<dyn Future<Output = ()> + Send>>;

impl TakeOver {
    pub(crate) fn new(speak: impl FnOnce(Upgraded) -> Speaking + Send + 'static) -> Self {
        TakeOver(Box::new(speak))
    }

    pub(crate) fn run(self, stream: Upgraded) -> Speaking {
        (self.0)(stream)
    }
}

/// An upgraded connection: the bytes of the client, and those for it. Dropping it ends it.
///
/// Who reads slowly makes the client wait, and the other way round. What was written is sent at
/// once.
pub struct Upgraded(Connection);

impl Upgraded {
    pub(crate) fn new(connection: Connection) -> Self {
        Upgraded(connection)
    }

    /// Ready when the connection should end soon: another generation serves, or the host stops.
    /// What the client should know then, the protocol says.
    ///
    /// The future stands for itself: it may be awaited beside a read.
    pub fn draining(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.0.draining()
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Upgraded")
    }
}

fn broken(failure: Failure) -> io::Error {
    let kind = match failure.kind {
        FailureKind::Disconnected => io::ErrorKind::ConnectionReset,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, failure)
}

impl AsyncRead for Upgraded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let unfilled = buf.initialize_unfilled();
        if unfilled.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let room = unfilled.len();
        let count = ready!(self.0.poll_read(cx, unfilled)).map_err(broken)?;
        buf.advance(count.min(room));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, bytes).map_err(broken)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx).map_err(broken)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_shutdown(cx).map_err(broken)
    }
}
