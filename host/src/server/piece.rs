//! The pieces of an answer on their way into a connection.
//!
//! In HTTP/2 a piece waits for the window of its client, in a buffer that hyper says nothing about. So
//! a piece tells by itself when some of it has gone: a connection that has any is not idle, and one
//! whose client takes nothing of them is cut. No piece is long, so that what a client has not taken
//! of a body is with the body, and not in the buffer.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::connections::Wait;
use super::exchange::ExchangeGuard;

/// The longest piece in HTTP/2.
const LONGEST: usize = 64 * 1024;

/// Some bytes of an answer.
#[derive(Debug)]
pub(super) struct Piece {
    bytes: Bytes,
    /// In HTTP/1.1 the socket alone tells of what is sent.
    unsent: Option<Unsent>,
}

/// The time from a piece's coming into being to its last byte.
#[derive(Debug)]
struct Unsent(Wait);

impl Unsent {
    fn new(wait: &Wait) -> Self {
        wait.piece_queued();
        Self(wait.clone())
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        self.0.piece_sent();
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        if let Some(Unsent(wait)) = &self.unsent {
            wait.piece_progressed();
        }
    }
}

pin_project! {
    /// The body of an answer, in pieces; with the exchange that it ends.
    pub(super) struct PiecedBody<B> {
        #[pin]
        body: B,
        // What is left of bytes that are too many for one piece.
        rest: Bytes,
        // In HTTP/2, whom the pieces tell.
        wait: Option<Wait>,
        // Dropped with the body: after its last byte, or when the client has gone.
        _exchange: Option<ExchangeGuard>,
    }
}

impl<B> PiecedBody<B> {
    pub(super) fn new(body: B, wait: Option<Wait>, exchange: Option<ExchangeGuard>) -> Self {
        Self { body, rest: Bytes::new(), wait, _exchange: exchange }
    }
}

impl<B: Body<Data = Bytes>> Body for PiecedBody<B> {
    type Data = Piece;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, B::Error>>> {
        let this = self.project();
        let mut bytes = std::mem::take(this.rest);
        if bytes.is_empty() {
            let frame = match ready!(this.body.poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            };
            bytes = match frame.into_data() {
                Ok(bytes) => bytes,
                Err(frame) => {
                    // What is not data is trailers.
                    let trailers = frame.into_trailers().ok().map(Frame::trailers);
                    return Poll::Ready(trailers.map(Ok));
                }
            };
        }
        let unsent = this.wait.as_ref().map(Unsent::new);
        if unsent.is_some() && bytes.len() > LONGEST {
            *this.rest = bytes.split_off(LONGEST);
        }
        Poll::Ready(Some(Ok(Frame::data(Piece { bytes, unsent }))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (mut hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        if rest > 0 {
            if let Some(upper) = hint.upper() {
                hint.set_upper(upper + rest);
            }
            hint.set_lower(hint.lower() + rest);
        }
        hint
    }
}
