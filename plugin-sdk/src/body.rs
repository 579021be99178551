//! Bodies of requests and responses.

mod channel;

use std::borrow::Cow;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use futures_core::stream::BoxStream;

pub use self::channel::{BodySender, Closed};
use crate::error::{Error, Rejection, RejectionKind};
use crate::html::{Links, PageContent};
use crate::stream::PageStream;
use crate::upgrade::connection::TakeOver;

/// How many bytes of a request's body a page reads unless it says otherwise: 2 MiB. A longer one is
/// answered with 413 (RFC 9110, section 15.5.14).
pub const DEFAULT_BODY_LIMIT: usize = 2 * 1024 * 1024;

/// The body of a request or a response: bytes at hand, or a stream of them.
///
/// As an argument of a page it is the request's body, read as it arrives:
///
/// ```
/// use nova::prelude::*;
///
/// pub async fn post(mut body: Body) -> Result<String> {
///     let mut count = 0;
///     while let Some(chunk) = body.chunk().await {
///         count += chunk?.len();
///     }
///     Ok(format!("{count} bytes"))
/// }
/// ```
///
/// It is a [`Stream`] of `Result<Bytes>` too.
pub struct Body {
    kind: Kind,
    content_type: Option<&'static str>,
    limit: Option<Limit>,
}

/// What a body is made of. Seam: the boundary matches on it to hand bytes over uncopied.
pub(crate) enum Kind {
    Empty,
    Static(&'static [u8]),
    Vec(Vec<u8>),
    Bytes(Bytes),
    Stream(ByteStream),
    /// What is done with the connection, after a 101.
    Upgrade(TakeOver),
    /// A page that still needs its layouts and its shell; gone when the pipeline ends.
    Page(Box<PageContent>),
    /// An error that still needs its page; gone when the pipeline ends.
    Error(Error),
}

/// What is left for the pipeline to render.
pub(crate) enum Unfinished {
    Page(Box<PageContent>),
    Error(Error),
}

pub(crate) type ByteStream = BoxStream<'static, Result<Bytes, Error>>;

#[derive(Clone, Copy)]
struct Limit {
    max: usize,
    left: usize,
}

impl Body {
    const fn new(kind: Kind) -> Self {
        Body { kind, content_type: None, limit: None }
    }

    /// A body without bytes.
    #[must_use]
    pub const fn empty() -> Self {
        Body::new(Kind::Empty)
    }

    /// A body that is sent piece by piece, as `stream` gives them.
    ///
    /// An error ends the response early: the connection is cut, so that the client notices.
    pub fn from_stream<St, B, E>(stream: St) -> Self
    where
        St: Stream<Item = Result<B, E>> + Send + 'static,
        B: Into<Bytes>,
        E: Into<Error>,
    {
        Body::new(Kind::Stream(Box::pin(PageStream::<_, Bytes>::new(stream))))
    }

    /// A body and the sending end for it. The body ends when the sender is dropped, and
    /// [`BodySender::send`] waits while the client is slower than the page.
    ///
    /// ```
    /// use nova::prelude::*;
    ///
    /// pub fn get() -> Body {
    ///     let (sender, body) = Body::channel();
    ///     tokio::spawn(async move {
    ///         for n in 0..3 {
    ///             sender.send(format!("{n}\n")).await?;
    ///         }
    ///         Ok::<_, Closed>(())
    ///     });
    ///     body
    /// }
    /// ```
    #[must_use]
    pub fn channel() -> (BodySender, Self) {
        let (sender, pieces) = BodySender::new();
        (sender, Body::new(Kind::Stream(Box::pin(pieces))))
    }

    /// The next piece; `None` at the end.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, Error>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// All of it.
    ///
    /// # Errors
    /// 413 when it is longer than the page's limit; otherwise what broke while it was read.
    pub async fn bytes(mut self) -> Result<Bytes, Error> {
        let Some(first) = self.chunk().await.transpose()? else {
            return Ok(Bytes::new());
        };
        let Some(second) = self.chunk().await.transpose()? else {
            return Ok(first);
        };
        let mut all = BytesMut::with_capacity(first.len() + second.len());
        all.extend_from_slice(&first);
        all.extend_from_slice(&second);
        while let Some(piece) = self.chunk().await.transpose()? {
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }

    /// All of it as text.
    ///
    /// # Errors
    /// As for [`Body::bytes`]; 400 when it is not UTF-8.
    pub async fn text(self) -> Result<String, Error> {
        let bytes = Vec::from(self.bytes().await?);
        let not_utf8 = |error| {
            Rejection::of(RejectionKind::InvalidSyntax, "the body is not UTF-8").with_source(error)
        };
        Ok(String::from_utf8(bytes).map_err(not_utf8)?)
    }

    /// The number of bytes; `None` for a stream.
    #[must_use]
    pub fn len(&self) -> Option<usize> {
        match &self.kind {
            Kind::Empty | Kind::Upgrade(_) => Some(0),
            Kind::Static(bytes) => Some(bytes.len()),
            Kind::Vec(bytes) => Some(bytes.len()),
            Kind::Bytes(bytes) => Some(bytes.len()),
            Kind::Stream(_) | Kind::Page(_) | Kind::Error(_) => None,
        }
    }

    /// Whether it is known to have no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// The media type that the response says unless it has a `Content-Type` header.
    ///
    /// A body carries it so that the common answers need no header map.
    #[must_use]
    pub fn content_type(&self) -> Option<&'static str> {
        self.content_type
    }

    /// The same body with this media type.
    #[must_use]
    pub fn with_content_type(mut self, media_type: &'static str) -> Self {
        self.content_type = Some(media_type);
        self
    }

    /// Lets at most `max` bytes through; then 413, at once when `announced` says so.
    pub(crate) fn limited(mut self, max: usize, announced: Option<u64>) -> Self {
        if announced.is_some_and(|length| length > max as u64) {
            return Body::error(too_large(max));
        }
        self.limit = Some(Limit { max, left: max });
        self
    }

    pub(crate) fn page(page: Box<PageContent>) -> Self {
        Body::new(Kind::Page(page))
    }

    pub(crate) fn upgrade(take_over: TakeOver) -> Self {
        Body::new(Kind::Upgrade(take_over))
    }

    /// The error that still needs its page, if that is what it is.
    pub(crate) fn take_error(&mut self) -> Option<Error> {
        match std::mem::replace(&mut self.kind, Kind::Empty) {
            Kind::Error(error) => Some(error),
            kind => {
                self.kind = kind;
                None
            }
        }
    }

    /// What is done with the connection, if that is what it is.
    #[cfg(feature = "tower")]
    pub(crate) fn take_upgrade(&mut self) -> Option<TakeOver> {
        match std::mem::replace(&mut self.kind, Kind::Empty) {
            Kind::Upgrade(take_over) => Some(take_over),
            kind => {
                self.kind = kind;
                None
            }
        }
    }

    pub(crate) fn error(error: Error) -> Self {
        Body::new(Kind::Error(error))
    }

    /// Whether the pipeline has to render it.
    pub(crate) fn is_unfinished(&self) -> bool {
        matches!(self.kind, Kind::Page(_) | Kind::Error(_))
    }

    /// What the pipeline has to render, or the body as it was.
    pub(crate) fn into_unfinished(self) -> Result<Unfinished, Self> {
        match self.kind {
            Kind::Page(page) => Ok(Unfinished::Page(page)),
            Kind::Error(error) => Ok(Unfinished::Error(error)),
            _ => Err(self),
        }
    }

    /// Seam: what the boundary sends. A request's body that is sent back keeps its limit.
    pub(crate) fn into_kind(self) -> Kind {
        match self.kind {
            Kind::Stream(_) if self.limit.is_some() => Kind::Stream(Box::pin(self)),
            kind => kind,
        }
    }
}

fn too_large(max: usize) -> Error {
    Rejection::of(RejectionKind::BodyTooLarge, format!("the body is longer than {max} bytes"))
        .into()
}

impl Stream for Body {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = match &mut self.kind {
            Kind::Stream(stream) => ready!(stream.as_mut().poll_next(cx)),
            kind => match std::mem::replace(kind, Kind::Empty) {
                Kind::Static(bytes) if !bytes.is_empty() => Some(Ok(Bytes::from_static(bytes))),
                Kind::Vec(bytes) if !bytes.is_empty() => Some(Ok(Bytes::from(bytes))),
                Kind::Bytes(bytes) if !bytes.is_empty() => Some(Ok(bytes)),
                Kind::Page(page) => Some(Ok(Bytes::from(page.into_document(&Links::default())))),
                Kind::Error(error) => Some(Err(error)),
                _ => None,
            },
        };
        if let (Some(Ok(bytes)), Some(limit)) = (&next, &mut self.limit) {
            match limit.left.checked_sub(bytes.len()) {
                Some(left) => limit.left = left,
                None => {
                    let max = limit.max;
                    self.kind = Kind::Empty;
                    return Poll::Ready(Some(Err(too_large(max))));
                }
            }
        }
        Poll::Ready(next)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Stream(_) => f.write_str("Body(stream)"),
            Kind::Upgrade(_) => f.write_str("Body(upgrade)"),
            Kind::Page(_) => f.write_str("Body(page)"),
            Kind::Error(error) => write!(f, "Body({error:?})"),
            _ => write!(f, "Body({} bytes)", self.len().unwrap_or(0)),
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Body::empty()
    }
}

impl From<&'static [u8]> for Body {
    fn from(bytes: &'static [u8]) -> Self {
        Body::new(Kind::Static(bytes))
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Body::from(text.as_bytes())
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Body::new(Kind::Vec(bytes))
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Body::from(text.into_bytes())
    }
}

impl From<Cow<'static, str>> for Body {
    fn from(text: Cow<'static, str>) -> Self {
        match text {
            Cow::Borrowed(text) => Body::from(text),
            Cow::Owned(text) => Body::from(text),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Body::new(Kind::Bytes(bytes))
    }
}

impl From<()> for Body {
    fn from((): ()) -> Self {
        Body::empty()
    }
}
