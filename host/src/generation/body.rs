//! The body of a response: it holds its generation until the last byte is sent.

mod event_stream;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use http_body::{Body as HttpBody, Frame, SizeHint};
use nova_abi::{OwnedBytes, ResponseBody};

use self::event_stream::EventStreamEnd;
use crate::generation::InFlight;
use crate::generation::answered::AnsweredRequest;
use crate::generation::streams::OpenStream;

/// The body of a response of the host.
#[derive(Default)]
pub struct Body(Kind);

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    /// All of it, once.
    Full(Bytes),
    /// The same, made by a page for this response: nothing else holds it.
    Own(Bytes),
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

    /// Whether a page makes it as it goes, and has not said how long it is.
    pub(crate) fn is_live(&self) -> bool {
        matches!(&self.0, Kind::Stream(stream) if stream.open.exact_len().is_none())
    }

    /// Takes the bytes out, if all of them are there and there are at most `longest`.
    pub(crate) fn take_full(&mut self, longest: u64) -> Option<Bytes> {
        match &mut self.0 {
            Kind::Full(bytes) | Kind::Own(bytes) if bytes.len() as u64 <= longest => {
                Some(std::mem::take(bytes))
            }
            _ => None,
        }
    }

    /// How many bytes of memory it keeps for this response alone, as far as they are there already.
    pub(crate) fn held_bytes(&self) -> usize {
        match &self.0 {
            Kind::Own(bytes) => bytes.len(),
            Kind::Full(bytes) if !self.is_shared() => bytes.len(),
            _ => 0,
        }
    }

    /// Whether others keep its bytes as well, such as those of a page that was rendered beforehand, or
    /// of a library's static text. What it gives then holds no memory of this response.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(&self.0, Kind::Full(bytes) if !bytes.is_unique())
    }

    /// A library's body, which keeps `pin` until it is sent. What it is, `headers` say: a stream of
    /// events ends by itself when its generation drains.
    pub(crate) fn of(
        body: ResponseBody,
        headers: &HeaderMap,
        pin: InFlight,
        answered: impl FnOnce(&InFlight) -> AnsweredRequest,
    ) -> Self {
        Self(match body {
            // What is upgraded has no body; see `upgrade`.
            ResponseBody::Empty | ResponseBody::Upgrade(_) => Kind::Empty,
            // A library is never unmapped, so its static bytes need no owner.
            ResponseBody::Static(bytes) => Kind::Full(Bytes::from_static(bytes.as_slice())),
            ResponseBody::Owned(bytes) => {
                Kind::Own(Bytes::from_owner(Pinned { bytes, _pin: pin.sending() }))
            }
            ResponseBody::Stream(stream) => {
                let media_type = headers.get(CONTENT_TYPE);
                let end = EventStreamEnd::of(media_type, || pin.draining());
                let request = answered(&pin);
                let has_end = stream.exact_len().is_some() || media_type.is_some_and(is_html);
                let open = OpenStream::new(stream, request, pin.streaming(), has_end);
                Kind::Stream(Box::new(PinnedStream { open, end }))
            }
        })
    }
}

/// Whether a stream of this type is a page, which has an end also where it does not say how long it
/// is.
fn is_html(media_type: &HeaderValue) -> bool {
    let media_type = media_type.as_bytes().trim_ascii_start();
    media_type.get(..9).is_some_and(|begin| begin.eq_ignore_ascii_case(b"text/html"))
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match &self.0 {
            Kind::Empty => "empty",
            Kind::Full(_) | Kind::Own(_) => "full",
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
            Kind::Full(bytes) | Kind::Own(bytes) => {
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
            Kind::Full(bytes) | Kind::Own(bytes) => bytes.is_empty(),
            Kind::Stream(stream) => stream.open.is_ended(),
            Kind::Boxed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Full(bytes) | Kind::Own(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Stream(stream) => {
                stream.open.exact_len().map_or_else(SizeHint::new, SizeHint::with_exact)
            }
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

/// A library's stream, and the generation that it holds.
#[derive(Debug)]
struct PinnedStream {
    open: Arc<OpenStream>,
    /// For a stream of events: where it ends once its generation drains.
    end: Option<EventStreamEnd>,
}

impl PinnedStream {
    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.end.as_mut().is_some_and(|end| end.is_overdue()) {
            self.open.end();
        }
        let piece = match self.open.poll_piece(cx) {
            Poll::Ready(piece) => piece,
            Poll::Pending => {
                let end = self.end.as_mut().map(|end| end.poll_between_events(cx));
                if end.is_none_or(|end| end.is_pending()) {
                    return Poll::Pending;
                }
                self.open.end();
                None
            }
        };
        let Some(piece) = piece else { return Poll::Ready(None) };
        Poll::Ready(Some(match piece {
            Ok(bytes) => {
                if let Some(end) = &mut self.end {
                    end.sends(&bytes);
                }
                let piece = Pinned { bytes, _pin: self.open.pin().clone() };
                Ok(Frame::data(Bytes::from_owner(piece)))
            }
            Err(failure) => Err(failure.into()),
        }))
    }
}
