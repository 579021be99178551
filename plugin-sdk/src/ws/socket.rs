//! An open WebSocket: in the hands of a page, and in those of the function that runs the page.
//!
//! Both reach the socket. The page receives and sends; the other one closes it when the generation
//! leaves, whatever the page waits for, and when the page has ended.

use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use futures_core::future::BoxFuture;
use futures_util::Sink;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::connection::Connection;
use super::error::Error;
use super::message::{CloseFrame, Message, close_code};
use super::{Settings, connection};
use crate::upgrade::Upgraded;

/// How long a page may go on whose socket has been closed because its generation leaves.
const LAST_WORK: Duration = Duration::from_secs(1);

/// An open WebSocket. See the [module](super).
///
/// It is a [`Stream`] of messages and a [`Sink`] for them, so that `split` of `futures-util` makes
/// halves of it that two tasks use.
pub struct WebSocket {
    shared: Arc<Shared>,
    protocol: Option<String>,
    /// Says that the page has dropped it.
    _alive: oneshot::Sender<()>,
}

#[derive(Debug)]
struct Shared(Mutex<Connection>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn flush(&self) {
        // Who is gone needs nothing more.
        let _ = poll_fn(|cx| self.lock().poll_flush(cx)).await;
    }
}

impl WebSocket {
    /// The next message; `None` when the socket is closed, and when it is being closed because other
    /// code serves: what the client has sent until it heard of that comes before.
    ///
    /// A call that is dropped before it is ready, as in `select!`, loses nothing.
    ///
    /// # Errors
    /// When the client does not keep to the protocol or to the limits, or has gone without a word.
    /// It is the last answer: `None` follows.
    pub async fn recv(&mut self) -> Option<Result<Message, Error>> {
        poll_fn(|cx| self.shared.lock().poll_recv(cx)).await
    }

    /// Sends a message at once: a [`Message`], or a text (`String`, `&str`) or bytes (`Vec<u8>`,
    /// `Bytes`). Waits while the client is slower than the page.
    ///
    /// # Errors
    /// When the socket is closed or being closed, or the connection broke.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        poll_fn(|cx| self.shared.lock().poll_ready(cx)).await?;
        self.shared.lock().start_send(message.into())?;
        poll_fn(|cx| self.shared.lock().poll_flush(cx)).await
    }

    /// Closes the socket for this reason. What the client has sent until it hears of that can still
    /// be [received](Self::recv).
    ///
    /// # Errors
    /// When the connection broke.
    pub async fn close(&mut self, frame: CloseFrame) -> Result<(), Error> {
        self.shared.lock().close(Some(frame));
        poll_fn(|cx| self.shared.lock().poll_flush(cx)).await
    }

    /// The subprotocol that was agreed on, of
    /// [`WebSocketUpgrade::protocols`](super::WebSocketUpgrade::protocols).
    #[must_use]
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// Ready when the socket should be closed soon: other code serves, or the host stops.
    ///
    /// Who asks for it closes the socket by itself; what goes on until the drain limit is cut. A page
    /// that does not ask needs nothing: its socket is closed with
    /// [1012](close_code::RESTART) at that moment.
    ///
    /// ```
    /// use nova::prelude::*;
    /// use nova::ws::{CloseFrame, Message, WebSocketUpgrade, close_code};
    ///
    /// pub fn get(upgrade: WebSocketUpgrade) -> Response {
    ///     upgrade.on_upgrade(async |mut socket| {
    ///         let draining = socket.draining();
    ///         tokio::pin!(draining);
    ///         loop {
    ///             tokio::select! {
    ///                 message = socket.recv() => match message {
    ///                     Some(Ok(message)) => drop(message),
    ///                     _ => return,
    ///                 },
    ///                 () = &mut draining => {
    ///                     let _ = socket.send("back in a moment").await;
    ///                     let _ = socket.close(CloseFrame::new(close_code::RESTART, "")).await;
    ///                     return;
    ///                 }
    ///             }
    ///         }
    ///     })
    /// }
    /// ```
    pub fn draining(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.shared.lock().left_to_page()
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}

impl Stream for WebSocket {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.shared.lock().poll_recv(cx)
    }
}

impl Sink<Message> for WebSocket {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.shared.lock().poll_ready(cx)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.shared.lock().start_send(message)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.shared.lock().poll_flush(cx)
    }

    /// Closes the socket with [1000](close_code::NORMAL).
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut connection = self.shared.lock();
        connection.close(Some(CloseFrame::new(close_code::NORMAL, "")));
        connection.poll_flush(cx)
    }
}

/// Runs a page on its socket, and closes that.
pub(super) async fn serve(
    stream: Upgraded,
    settings: Settings,
    protocol: Option<String>,
    speak: impl FnOnce(WebSocket) -> BoxFuture<'static, ()>,
) {
    let draining = stream.draining();
    let connection = Connection::new(stream, settings.config(), settings.keep_alive).await;
    let shared = Arc::new(Shared(Mutex::new(connection)));
    let (alive, dropped) = oneshot::channel();
    let socket = WebSocket { shared: Arc::clone(&shared), protocol, _alive: alive };
    let mut page = speak(socket);
    let speaking = async {
        poll_fn(|cx| poll_page(&mut page, &shared, cx)).await;
        // It may have handed the socket on.
        let _ = dropped.await;
    };
    {
        let mut speaking = pin!(speaking);
        tokio::select! {
            () = &mut speaking => {}
            () = leave(&shared, draining) => {
                // It was told. One that waits for something else is not waited for.
                let _ = timeout(LAST_WORK, speaking).await;
            }
        }
    }
    // What it still has of the socket goes first.
    drop(page);
    shared.lock().close(Some(CloseFrame::new(close_code::NORMAL, "")));
    let ending = async {
        shared.flush().await;
        while poll_fn(|cx| shared.lock().poll_recv(cx)).await.is_some() {}
    };
    let _ = timeout(connection::CLOSING, ending).await;
    shared.lock().end();
}

/// A page that panics leaves a client that is told so.
fn poll_page(page: &mut BoxFuture<'static, ()>, shared: &Shared, cx: &mut Context<'_>) -> Poll<()> {
    catch_unwind(AssertUnwindSafe(|| page.as_mut().poll(cx))).unwrap_or_else(|panic| {
        let mut connection = shared.lock();
        connection.close(Some(CloseFrame::new(close_code::ERROR, "")));
        // As far as it goes at once: the panic is told where it happened.
        let _ = connection.poll_flush(cx);
        drop(connection);
        resume_unwind(panic)
    })
}

/// Closes the socket when its generation leaves, unless the page does that; ready when the client has
/// had its time to answer.
async fn leave(shared: &Shared, draining: impl Future<Output = ()>) {
    draining.await;
    if shared.lock().is_left_to_page() {
        return std::future::pending().await;
    }
    shared.lock().close(Some(CloseFrame::new(close_code::RESTART, "service restart")));
    let closing = async {
        shared.flush().await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = closing => {}
        () = sleep(connection::CLOSING) => {}
    }
    shared.lock().hear_no_more();
}
