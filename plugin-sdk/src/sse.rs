//! Server-sent events: a response that goes on, event by event.
//!
//! The format is that of the HTML standard, section 9.2.5.

mod event;

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use futures_core::stream::BoxStream;
use http::header::{CACHE_CONTROL, HeaderValue};
use tokio::sync::mpsc;
use tokio::time::{Sleep, sleep};

pub use self::event::Event;
use crate::body::{Body, Closed};
use crate::error::Error;
pub use crate::extract::LastEventId;
use crate::response::{IntoResponse, Response};
use crate::stream::{ChannelStream, PageStream};
use crate::time::after;

/// A stream of events as an answer.
///
/// While there is nothing to say, a comment every 15 seconds keeps proxies from hanging up.
///
/// ```
/// use nova::prelude::*;
/// use nova::sse::{Event, Sse};
///
/// pub fn get() -> Sse {
///     let (events, sse) = Sse::channel();
///     tokio::spawn(async move {
///         for n in 0..3 {
///             events.send(Event::data(n.to_string())).await?;
///         }
///         Ok::<_, Closed>(())
///     });
///     sse
/// }
/// ```
#[must_use]
pub struct Sse {
    events: Events,
    keep_alive: Duration,
}

type Events = BoxStream<'static, Result<Event, Error>>;

impl Sse {
    /// The events of a stream. An error ends the response.
    pub fn new<St, E>(events: St) -> Self
    where
        St: Stream<Item = Result<Event, E>> + Send + 'static,
        E: Into<Error> + 'static,
    {
        Sse {
            events: Box::pin(PageStream::<_, Event>::new(events)),
            keep_alive: Duration::from_secs(15),
        }
    }

    /// The sending end and the answer for it, which ends when the sender is dropped.
    pub fn channel() -> (EventSender, Self) {
        let (sender, receiver) = mpsc::channel(16);
        (EventSender(sender), Sse::new(ChannelStream::<Result<Event, Error>>(receiver)))
    }

    /// The same with another pause after which a comment is sent.
    pub fn keep_alive(mut self, pause: Duration) -> Self {
        self.keep_alive = pause;
        self
    }
}

impl std::fmt::Debug for Sse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sse")
    }
}

/// The sending end of [`Sse::channel`].
#[derive(Clone, Debug)]
pub struct EventSender(mpsc::Sender<Result<Event, Error>>);

impl EventSender {
    /// Sends an event; waits while the client has not taken the earlier ones.
    ///
    /// # Errors
    /// When the client is gone.
    pub async fn send(&self, event: Event) -> Result<(), Closed> {
        self.0.send(Ok(event)).await.map_err(|_| Closed)
    }

    /// Waits until the client is gone.
    pub async fn closed(&self) {
        self.0.closed().await;
    }
}

/// The body: events as text, and comments in between.
struct EventText {
    events: Events,
    pause: Duration,
    /// Made at the first poll, which is inside the runtime.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Stream for EventText {
    type Item = Result<Bytes, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let EventText { events, pause, timer } = self.get_mut();
        let timer = timer.get_or_insert_with(|| Box::pin(sleep(*pause)));
        let next = events
            .as_mut()
            .poll_next(cx)
            .map(|event| event.map(|event| event.map(Event::into_bytes)));
        if next.is_pending() && timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        timer.as_mut().reset(after(*pause));
        match next {
            Poll::Ready(event) => Poll::Ready(event),
            Poll::Pending => Poll::Ready(Some(Ok(Bytes::from_static(b":\n\n")))),
        }
    }
}

#[diagnostic::do_not_recommend]
impl IntoResponse for Sse {
    fn into_response(self) -> Response {
        let text = EventText { events: self.events, pause: self.keep_alive, timer: None };
        let mut response =
            Response::new(Body::from_stream(text).with_content_type("text/event-stream"));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    fn body(sse: Sse) -> Body {
        sse.into_response().into_body()
    }

    #[tokio::test]
    async fn events_end_with_their_sender() {
        let (events, sse) = Sse::channel();
        events.send(Event::data("a")).await.expect("a reader");
        events.send(Event::data("b")).await.expect("a reader");
        drop(events);
        assert_eq!(body(sse).text().await.expect("text"), "data: a\n\ndata: b\n\n");
    }

    #[tokio::test]
    async fn the_sender_notices_that_the_client_is_gone() {
        let (events, sse) = Sse::channel();
        drop(body(sse));
        events.closed().await;
        assert_eq!(events.send(Event::data("a")).await, Err(Closed));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_broken_by_comments() {
        let (events, sse) = Sse::channel();
        let mut body = body(sse.keep_alive(Duration::from_secs(5)));
        for _ in 0..2 {
            let start = Instant::now();
            assert_eq!(body.chunk().await.expect("a piece").expect("no error"), ":\n\n");
            assert!(start.elapsed() >= Duration::from_secs(5));
        }
        events.send(Event::data("x")).await.expect("a reader");
        assert_eq!(body.chunk().await.expect("a piece").expect("no error"), "data: x\n\n");
    }

    #[tokio::test]
    async fn silence_may_last_for_ever() {
        let (events, sse) = Sse::channel();
        let mut body = body(sse.keep_alive(Duration::MAX));
        events.send(Event::data("x")).await.expect("a reader");
        assert_eq!(body.chunk().await.expect("a piece").expect("no error"), "data: x\n\n");
    }
}
