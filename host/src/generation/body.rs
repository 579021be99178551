//! The body of a response: it holds its generation until the last byte is sent.

mod event_stream;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderValue;
use http_body::{Body as HttpBody, Frame, SizeHint};
use nova_abi::{BodyStream, Failure, OwnedBytes, ResponseBody};
use tokio_util::sync::WaitForCancellationFutureOwned;

use self::event_stream::EventStreamEnd;
use crate::generation::InFlight;
use crate::generation::recorder::PageWord;

/// The body of a response of the host.
#[derive(Default)]
pub struct Body(Kind);

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    /// All of it, once.
    Full(Bytes),
    /// A library's stream.
    Stream(Box<PinnedStream>),
    /// A file, or what a wrapper made of another body.
    Boxed(Pin<Box<dyn HttpBody<Data = Bytes, Error = BodyError> + Send>>),
}

/// Why a body ended before its end.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

impl Body {
    /// No body.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Kind::Empty)
    }

    /// Any other body, boxed.
    pub fn boxed<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        use http_body_util::BodyExt;
        Self(Kind::Boxed(Box::pin(body.map_err(Into::into))))
    }

    /// Takes the bytes out, if all of them are there and there are at most `longest`.
    pub(crate) fn take_full(&mut self, longest: u64) -> Option<Bytes> {
        match &mut self.0 {
            Kind::Full(bytes) if bytes.len() as u64 <= longest => Some(std::mem::take(bytes)),
            _ => None,
        }
    }

    /// A library's body, which keeps `pin` until it is sent. `media_type` is what the head says
    /// that it is: a stream of events ends by itself when its generation drains.
    pub(crate) fn of(
        body: ResponseBody,
        media_type: Option<&HeaderValue>,
        pin: InFlight,
        page: PageWord,
    ) -> Self {
        Self(match body {
            // What is upgraded has no body; see `upgrade`.
            ResponseBody::Empty | ResponseBody::Upgrade(_) => Kind::Empty,
            // A library is never unmapped, so its static bytes need no owner.
            ResponseBody::Static(bytes) => Kind::Full(Bytes::from_static(bytes.as_slice())),
            ResponseBody::Owned(bytes) => {
                Kind::Full(Bytes::from_owner(Pinned { bytes, _pin: pin }))
            }
            ResponseBody::Stream(stream) => Kind::Stream(Box::new(PinnedStream {
                stream: Some(stream),
                page,
                end: EventStreamEnd::of(media_type, || pin.draining()),
                expired: Box::pin(pin.expired().clone().cancelled_owned()),
                pin: Arc::new(pin),
            })),
        })
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match &self.0 {
            Kind::Empty => "empty",
            Kind::Full(_) => "full",
            Kind::Stream(_) => "stream",
            Kind::Boxed(_) => "boxed",
        };
        write!(f, "Body({kind}, {:?})", self.size_hint())
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(Kind::Full(bytes))
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self(Kind::Full(text.into()))
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Self(Kind::Full(Bytes::from_static(text.as_bytes())))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.0 {
            Kind::Empty => Poll::Ready(None),
            Kind::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                self.0 = Kind::Empty;
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Kind::Stream(stream) => stream.poll_frame(cx),
            Kind::Boxed(body) => body.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Full(bytes) => bytes.is_empty(),
            Kind::Stream(stream) => stream.stream.is_none(),
            Kind::Boxed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Stream(stream) => stream.size_hint(),
            Kind::Boxed(body) => body.size_hint(),
        }
    }
}

/// Bytes and the generation whose they are.
struct Pinned<P> {
    bytes: OwnedBytes,
    _pin: P,
}

impl<P> AsRef<[u8]> for Pinned<P> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A library's stream and its generation.
#[derive(Debug)]
struct PinnedStream {
    /// Declared before the pin, so that it is dropped while the generation is held.
    stream: Option<BodyStream>,
    page: PageWord,
    /// For a stream of events: where it ends once its generation drains.
    end: Option<EventStreamEnd>,
    /// Ready when the generation's time is over.
    expired: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Each piece that is under way holds it too.
    pin: Arc<InFlight>,
}

impl PinnedStream {
    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(None) };
        if self.end.as_mut().is_some_and(|end| end.is_overdue()) {
            self.stream = None;
            return Poll::Ready(None);
        }
        let polled = match self.page.run(|| stream.poll_chunk(cx)) {
            Poll::Ready(polled) => polled,
            Poll::Pending if self.expired.as_mut().poll(cx).is_ready() => {
                Some(Err(Failure::disconnected("the generation that sent this body has ended")))
            }
            Poll::Pending => match self.end.as_mut().map(|end| end.poll_between_events(cx)) {
                Some(Poll::Ready(())) => None,
                _ => return Poll::Pending,
            },
        };
        Poll::Ready(match polled {
            Some(Ok(bytes)) => {
                if let Some(end) = &mut self.end {
                    end.sends(&bytes);
                }
                let piece = Pinned { bytes, _pin: self.pin.clone() };
                Some(Ok(Frame::data(Bytes::from_owner(piece))))
            }
            Some(Err(failure)) => {
                self.stream = None;
                Some(Err(failure.into()))
            }
            None => {
                self.stream = None;
                None
            }
        })
    }

    fn size_hint(&self) -> SizeHint {
        match &self.stream {
            Some(stream) => stream.exact_len().map_or_else(SizeHint::new, SizeHint::with_exact),
            None => SizeHint::with_exact(0),
        }
    }
}
