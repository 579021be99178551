//! A socket that tells its connection's [`Wait`] of bytes that come and go, and of a client that
//! has closed its side.
//!
//! hyper can answer such a client, or notice it and give the request up, but not both: a client
//! that has gone looks like one that sends nothing more and waits. So hyper is told to answer, and
//! while a request is being answered the end is looked for here. A client that only waits is
//! answered within a while, and for as long as it takes what is sent; one that has gone costs a
//! page this while.
//!
//! The end stands behind what the client has sent before. One byte of that is taken off the socket
//! and kept; past it the socket itself is asked when the connection is woken, which the sweep over all
//! connections sees to.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connections::Wait;
use super::frame_budget::FrameBudget;
use super::socket::OverSocket;

/// See the module.
pub(super) struct TimedStream<I> {
    stream: I,
    wait: Wait,
    /// What frames a client may still send, in HTTP/2. In HTTP/1.1 the bytes themselves tell of
    /// requests: the first ones after an answer do.
    budget: Option<Box<FrameBudget>>,
    /// Whether hyper waits for bytes.
    is_awaited: bool,
    /// A byte that was found in the place of the end.
    found: Option<u8>,
    /// When the socket was asked last for what is behind that, by the coarse clock.
    asked: u64,
    /// Whether the client has closed its side during an exchange.
    half_closed: bool,
}

impl<I> TimedStream<I> {
    /// For HTTP/1.1.
    pub(super) fn of_requests(stream: I, wait: Wait) -> Self {
        Self::new(stream, wait, None)
    }

    /// For HTTP/2, which has ends of its own for each request.
    pub(super) fn of_frames(stream: I, wait: Wait) -> Self {
        let budget = Box::new(FrameBudget::new(wait.now()));
        Self::new(stream, wait, Some(budget))
    }

    fn new(stream: I, wait: Wait, budget: Option<Box<FrameBudget>>) -> Self {
        let (is_awaited, half_closed) = (false, false);
        Self { stream, wait, budget, is_awaited, found: None, asked: 0, half_closed }
    }

    fn written(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match (&mut self.budget, &written) {
            (None, Poll::Ready(_)) => self.wait.sent(),
            (Some(budget), Poll::Ready(Ok(count))) => budget.sent(*count),
            _ => {}
        }
        match &written {
            Poll::Ready(taken) => {
                self.progressed();
                self.wait.write_progressed(*taken.as_ref().unwrap_or(&0));
            }
            Poll::Pending => self.wait.write_blocked(),
        }
        written
    }

    /// A client that has closed its side, and so may have gone, gets its answer, or is heard.
    fn progressed(&self) {
        if self.half_closed && self.wait.in_exchange() {
            self.wait.half_closed();
        }
    }
}

impl<I: OverSocket + AsyncRead + Unpin> TimedStream<I> {
    /// Looks whether the client has closed its side, and waits for that otherwise.
    fn look_for_end(&mut self, cx: &mut Context<'_>) {
        if self.budget.is_some() || !self.wait.in_exchange() {
            return;
        }
        if self.half_closed {
            // Since an exchange before: this one, of a request that had come already, has as long.
            if self.wait.is_unlimited() {
                self.wait.half_closed();
            }
            return;
        }
        if self.found.is_some() {
            self.ask_socket();
            return;
        }
        let mut byte = [0];
        let mut buf = ReadBuf::new(&mut byte);
        match Pin::new(&mut self.stream).poll_read(cx, &mut buf) {
            Poll::Pending => return,
            Poll::Ready(Ok(())) => match buf.filled() {
                [] => self.found_end(),
                // The next request, or more of the body.
                found => {
                    self.found = found.first().copied();
                    self.asked = self.wait.now();
                    self.wait.watched_by_sweep(true);
                }
            },
            Poll::Ready(Err(_)) => self.wait.gone(),
        }
        // hyper was to be woken by what was found.
        if std::mem::take(&mut self.is_awaited) {
            cx.waker().wake_by_ref();
        }
    }

    /// Asks the socket for an end behind bytes that wait in it; at most once for each time that the
    /// clock shows.
    fn ask_socket(&mut self) {
        let now = self.wait.now();
        if std::mem::replace(&mut self.asked, now) == now {
            return;
        }
        let mut asked = [PollFd::from_borrowed_fd(self.stream.socket(), PollFlags::RDHUP)];
        if poll(&mut asked, Some(&Timespec::default())).is_err() {
            return;
        }
        let answer = asked[0].revents();
        if answer.intersects(PollFlags::ERR | PollFlags::HUP) {
            self.wait.gone();
        } else if answer.contains(PollFlags::RDHUP) {
            self.found_end();
        }
    }

    fn found_end(&mut self) {
        self.half_closed = true;
        self.wait.watched_by_sweep(false);
        self.wait.half_closed();
    }
}

impl<I> Drop for TimedStream<I> {
    fn drop(&mut self) {
        self.wait.closed();
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for TimedStream<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let found = self.found.take_if(|_| buf.remaining() > 0);
        if let Some(byte) = found {
            buf.put_slice(&[byte]);
            self.wait.watched_by_sweep(false);
        }
        let mut read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if found.is_some() {
            // What there is besides, or what is wrong, is seen the next time.
            read = Poll::Ready(Ok(()));
        }
        self.is_awaited = read.is_pending();
        let received = &buf.filled()[before..];
        if received.is_empty() {
            return read;
        }
        let Self { wait, budget, .. } = &mut *self;
        match budget {
            None => wait.received(),
            Some(budget) => {
                if !budget.received(received, wait.now()) {
                    wait.flooded();
                    return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
                }
            }
        }
        self.progressed();
        read
    }
}

impl<I: OverSocket + AsyncRead + AsyncWrite + Unpin> AsyncWrite for TimedStream<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.written(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.written(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        // hyper flushes whenever it has done what it can.
        self.look_for_end(cx);
        match flushed {
            // It flushes behind the last byte that there is.
            Poll::Ready(_) => self.wait.write_progressed(usize::MAX),
            Poll::Pending => self.wait.write_blocked(),
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
