//! Bodies in pieces, across the boundary in both directions.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http::StatusCode;
use nova_abi::{BodyStream, ChunkSource, Failure, FailureKind, OwnedBytes};

use super::context::AppContext;
use super::{cause, panics};
use crate::body::ByteStream;
use crate::error::Error;

/// A response's body, polled by the host in the app's context.
pub(super) struct Pieces {
    context: AppContext,
    /// `None` only while it is dropped.
    stream: Option<ByteStream>,
}

impl Pieces {
    pub(super) fn stream(context: AppContext, stream: ByteStream) -> BodyStream {
        BodyStream::new(Self { context, stream: Some(stream) })
    }
}

impl ChunkSource for Pieces {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<OwnedBytes, Failure>>> {
        let _inside = self.context.enter();
        let Some(stream) = &mut self.stream else { return Poll::Ready(None) };
        match panics::catch(|| stream.as_mut().poll_next(cx)) {
            Ok(polled) => polled.map(|piece| {
                piece.map(|piece| match piece {
                    Ok(bytes) => Ok(OwnedBytes::from_owner(bytes)),
                    Err(error) => Err(Failure::error(cause(&error))),
                })
            }),
            Err(panic) => Poll::Ready(Some(Err(Failure::panic(panics::describe(&panic))))),
        }
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        let _inside = self.context.enter();
        let _ = panics::catch(|| self.stream = None);
    }
}

/// A request's body, lent by the host piece by piece.
pub(super) struct Lent(BodyStream);

impl Lent {
    pub(super) fn new(stream: BodyStream) -> Self {
        Self(stream)
    }
}

impl Stream for Lent {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_chunk(cx).map(|piece| {
            piece.map(|piece| match piece {
                Ok(bytes) => Ok(Bytes::from_owner(bytes)),
                Err(failure) => Err(body_error(failure)),
            })
        })
    }
}

fn body_error(failure: Failure) -> Error {
    let (status, message) = match failure.kind {
        FailureKind::Disconnected => {
            (StatusCode::BAD_REQUEST, "the request's body ended before its end")
        }
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "the request's body cannot be read"),
    };
    Error::new(status, message).with_source(failure)
}
