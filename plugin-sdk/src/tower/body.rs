//! A [`Body`] as tower's world knows bodies, and the bodies of that world as ours.

use std::any::Any;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Frame, SizeHint};

use crate::body::Body;
use crate::error::Error;

/// An error of the stream is in an [`io::Error`], which gives it back with its status where `?`
/// makes an [`Error`] of it.
impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let next = ready!(self.poll_next(cx));
        Poll::Ready(next.map(|piece| piece.map(Frame::data).map_err(io::Error::from)))
    }

    fn is_end_stream(&self) -> bool {
        self.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.len().map_or_else(SizeHint::default, |length| SizeHint::with_exact(length as u64))
    }
}

impl Body {
    /// A body of another kind, such as `axum::body::Body`. Trailers are left out.
    ///
    /// ```
    /// use nova::prelude::*;
    ///
    /// pub fn get() -> Body {
    ///     Body::from_http_body(axum::body::Body::from("hello"))
    /// }
    /// ```
    pub fn from_http_body<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes, Error: Into<Error>> + Send + 'static,
    {
        let mut body = Some(body);
        if let Some(own) = (&mut body as &mut dyn Any).downcast_mut::<Option<Body>>() {
            return own.take().unwrap_or_default();
        }
        match body {
            Some(body) if !body.is_end_stream() => Body::from_stream(Frames(Box::pin(body))),
            _ => Body::empty(),
        }
    }
}

/// The data of a body, piece by piece.
struct Frames<B>(Pin<Box<B>>);

impl<B: http_body::Body> Stream for Frames<B> {
    type Item = Result<B::Data, B::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match ready!(self.0.as_mut().poll_frame(cx)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
            }
        }
    }
}
