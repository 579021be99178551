//! Whether a client does anything: a message may take long to come, and to be taken.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::upgrade::Upgraded;

/// A connection that notes signs of life.
pub(super) struct Watched {
    stream: Upgraded,
    was_active: bool,
    /// Whether the client had to take something before more could be written.
    is_full: bool,
}

impl Watched {
    pub(super) fn new(stream: Upgraded) -> Self {
        Self { stream, was_active: false, is_full: false }
    }

    pub(super) fn get_ref(&self) -> &Upgraded {
        &self.stream
    }

    /// Whether bytes have come, or have been taken, since this was asked last.
    pub(super) fn was_active(&mut self) -> bool {
        std::mem::take(&mut self.was_active)
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.was_active |= buf.filled().len() > before;
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        // What is written while there is room for it says nothing of the client.
        self.was_active |= self.is_full && matches!(polled, Poll::Ready(Ok(count)) if count > 0);
        self.is_full = polled.is_pending();
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
