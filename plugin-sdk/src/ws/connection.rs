//! The connection of a WebSocket: messages on it, its keep-alive, and the closing handshake.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use futures_util::Sink;
use tokio::time::{Sleep, sleep};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Message as RawMessage, Role, WebSocketConfig};

use super::activity::Watched;
use super::error::Error;
use super::message::{CloseFrame, Message};
use crate::time::after;
use crate::upgrade::Upgraded;

/// How long the client may take to answer that the socket is closed.
pub(super) const CLOSING: Duration = Duration::from_secs(5);

/// What pings carry, by which the answers to them are known.
const KEEP_ALIVE: Bytes = Bytes::from_static(b"nova");

/// How far a socket has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// One of the sides has said that it closes: nothing is sent any more.
    Closing,
    /// Nothing is received any more.
    Over,
}

/// See the [module](self).
pub(super) struct Connection {
    /// `None`: it is given back.
    stream: Option<WebSocketStream<Watched>>,
    phase: Phase,
    keep_alive: Duration,
    /// When the client is asked for a sign of life; while it closes, when it has had its time.
    timer: Pin<Box<Sleep>>,
    /// Whether it was asked, and has not answered.
    is_asked: bool,
    /// Whether something of this side is to be sent, which no page waits for.
    has_unsent: bool,
    /// Whether a ping is to be answered before anything more is read: a client that asks, and takes no
    /// answer, would fill the memory with answers.
    owes_pong: bool,
    /// Whether the page closes the socket when its generation leaves.
    is_left_to_page: bool,
    /// Who waits for a message, and who to send one.
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Connection {
    pub(super) async fn new(
        stream: Upgraded,
        config: WebSocketConfig,
        keep_alive: Duration,
    ) -> Self {
        let stream = Watched::new(stream);
        let stream = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
        Self {
            stream: Some(stream),
            phase: Phase::Open,
            keep_alive,
            timer: Box::pin(sleep(keep_alive)),
            is_asked: false,
            has_unsent: false,
            owes_pong: false,
            is_left_to_page: false,
            reader: None,
            writer: None,
        }
    }

    pub(super) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Message, Error>>> {
        loop {
            if self.phase == Phase::Over {
                return Poll::Ready(None);
            }
            self.poll_unsent(cx);
            let Some(stream) = &mut self.stream else { return Poll::Ready(None) };
            let polled = if self.owes_pong && self.phase == Phase::Open {
                Poll::Pending
            } else {
                Pin::new(&mut *stream).poll_next(cx)
            };
            if stream.get_mut().was_active() {
                self.heard();
            }
            match polled {
                Poll::Ready(Some(Ok(message))) => {
                    if let Some(message) = self.received(message) {
                        return Poll::Ready(Some(Ok(message)));
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(self.failed(error.into())),
                Poll::Ready(None) => self.phase = Phase::Over,
                Poll::Pending => {
                    if let Poll::Ready(over) = self.poll_timer(cx) {
                        return Poll::Ready(over.map(Err));
                    }
                    self.reader = Some(cx.waker().clone());
                    return Poll::Pending;
                }
            }
        }
    }

    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Some(stream) = self.stream.as_mut().filter(|_| self.phase == Phase::Open) else {
            return Poll::Ready(Err(Error::Closed));
        };
        let polled = Pin::new(stream).poll_ready(cx);
        self.writer = polled.is_pending().then(|| cx.waker().clone());
        polled.map_err(Error::from)
    }

    pub(super) fn start_send(&mut self, message: Message) -> Result<(), Error> {
        if let Message::Close(frame) = message {
            self.close(frame);
            return Ok(());
        }
        let Some(stream) = self.stream.as_mut().filter(|_| self.phase == Phase::Open) else {
            return Err(Error::Closed);
        };
        Ok(Pin::new(stream).start_send(message.into_raw())?)
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(Err(Error::Closed)) };
        let polled = Pin::new(stream).poll_flush(cx);
        self.writer = polled.is_pending().then(|| cx.waker().clone());
        self.has_unsent &= polled.is_pending();
        if polled.is_ready() && std::mem::take(&mut self.owes_pong) {
            self.reader.take().into_iter().for_each(Waker::wake);
        }
        polled.map_err(Error::from)
    }

    /// Says that this side closes the socket, unless one of the sides has said so. What the client
    /// has sent until it hears of that is received, for some seconds.
    pub(super) fn close(&mut self, frame: Option<CloseFrame>) {
        if self.phase != Phase::Open {
            return;
        }
        self.phase = Phase::Closing;
        self.timer.as_mut().reset(after(CLOSING));
        self.say(Message::Close(frame).into_raw());
        self.wake();
    }

    /// Receives nothing more.
    pub(super) fn hear_no_more(&mut self) {
        self.phase = Phase::Over;
        self.wake();
    }

    /// Gives the connection back.
    pub(super) fn end(&mut self) {
        self.stream = None;
        self.hear_no_more();
    }

    /// Leaves it to the page to close the socket when this is ready: when its generation leaves.
    pub(super) fn left_to_page(&mut self) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.is_left_to_page = true;
        let draining = self.stream.as_ref().map(|stream| stream.get_ref().get_ref().draining());
        async move {
            if let Some(draining) = draining {
                draining.await;
            }
        }
    }

    pub(super) fn is_left_to_page(&self) -> bool {
        self.is_left_to_page
    }

    /// What of a message is for the page.
    fn received(&mut self, message: RawMessage) -> Option<Message> {
        let message = Message::from_raw(message)?;
        match &message {
            Message::Ping(_) => {
                (self.owes_pong, self.has_unsent) = (true, true);
                Some(message)
            }
            Message::Pong(bytes) if *bytes == KEEP_ALIVE => None,
            Message::Close(_) if self.phase == Phase::Closing => None,
            Message::Close(_) => {
                self.phase = Phase::Closing;
                self.timer.as_mut().reset(after(CLOSING));
                Some(message)
            }
            _ => Some(message),
        }
    }

    /// The client has shown that it is there.
    fn heard(&mut self) {
        if self.phase == Phase::Open {
            self.is_asked = false;
            self.timer.as_mut().reset(after(self.keep_alive));
        }
    }

    /// Nothing more can be received; a client that is still there is told why.
    fn failed(&mut self, error: Error) -> Option<Result<Message, Error>> {
        let was = self.phase;
        if let Some(code) = error.close_code() {
            self.close(Some(CloseFrame::new(code, error.to_string())));
        }
        self.hear_no_more();
        // A client that hears that the socket is closed may just go.
        (was == Phase::Open).then_some(Err(error))
    }

    /// Asks for a sign of life when it is time to; ready with what that comes to when there is none.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<Option<Error>> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            if self.phase != Phase::Open || self.is_asked {
                let is_asked = self.phase == Phase::Open;
                self.hear_no_more();
                return Poll::Ready(is_asked.then_some(Error::TimedOut));
            }
            self.is_asked = true;
            self.timer.as_mut().reset(after(self.keep_alive));
            self.say(RawMessage::Ping(KEEP_ALIVE));
            self.poll_unsent(cx);
        }
    }

    /// Something of this side.
    fn say(&mut self, message: RawMessage) {
        if let Some(stream) = &mut self.stream {
            // A connection that is broken is found by who reads.
            let _ = Pin::new(stream).start_send(message);
            self.has_unsent = true;
        }
    }

    /// Sends what is of this side. It takes the place of the page that waits to send, which is woken
    /// after it.
    fn poll_unsent(&mut self, cx: &mut Context<'_>) {
        if !self.has_unsent {
            return;
        }
        let Some(stream) = &mut self.stream else { return };
        if Pin::new(stream).poll_flush(cx).is_ready() {
            (self.has_unsent, self.owes_pong) = (false, false);
            self.writer.take().into_iter().for_each(Waker::wake);
        }
    }

    fn wake(&mut self) {
        [self.reader.take(), self.writer.take()].into_iter().flatten().for_each(Waker::wake);
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("phase", &self.phase).finish_non_exhaustive()
    }
}
