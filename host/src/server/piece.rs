//! The pieces of an answer on their way into a connection.
//!
//! In HTTP/2 a piece waits for the window of its client, in a buffer that hyper says nothing about. So
//! a piece tells by itself when some of it has gone: a connection that has any is not idle, one
//! whose client takes nothing of them is cut, and so is a single stream. No piece is long, so that what
//! a client has not taken of a body is with the body, and not in the buffer; and the end of a body that
//! is not short waits until its last piece has gone, because a stream whose end is buffered cannot be
//! reset any more.
//!
//! Pieces of one buffer hold all of it, so it is counted whole until the last of them has gone; what
//! is shared with others is not counted. In HTTP/1.1 hyper keeps it as one to its last byte: to let the beginning go earlier would be to copy it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::answer_stream::AnswerStream;
use super::connections::{Charge, Half, Holder, STEP};
use super::exchange::ExchangeGuard;
use super::{Chunk, HeldBytes};

/// The longest piece in HTTP/2.
const LONGEST: usize = 64 * 1024;

/// A body of HTTP/2 that is no longer goes with its end: it is one frame. The end of a longer one is a
/// frame of its own.
const SHORT: usize = 16 * 1024;

/// Some bytes of an answer.
#[derive(Debug)]
pub(super) struct Piece {
    bytes: Bytes,
    /// In HTTP/1.1 the socket alone tells of what is sent.
    unsent: Option<Unsent>,
    /// The buffer whose piece it is, where it is counted as a whole.
    _charge: Option<Arc<Charge>>,
}

/// The time from a piece's coming into being to its last byte.
#[derive(Debug)]
struct Unsent {
    stream: Arc<AnswerStream>,
    /// How many bytes are counted for this piece.
    held: usize,
    /// How many were taken with its last byte.
    last: usize,
    /// Where it is counted as one of a short body.
    short: Option<Half>,
}

impl Unsent {
    fn new(stream: &Arc<AnswerStream>, held: usize, is_short: bool) -> Self {
        stream.piece_queued();
        stream.hold(held);
        let short = is_short.then(|| stream.wait().short_piece_queued());
        Self { stream: Arc::clone(stream), held, last: 0, short }
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        self.stream.let_go(self.held);
        if let Some(half) = self.short {
            self.stream.wait().short_piece_gone(half, self.last > 0);
        }
        self.stream.piece_gone(self.last);
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
        let Some(unsent) = &mut self.unsent else { return };
        // The last byte is told of when the piece is dropped.
        if self.bytes.has_remaining() {
            unsent.stream.piece_progressed(count);
        } else {
            unsent.last = count;
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
        // Whether those are not counted.
        is_shared: bool,
        // In HTTP/2, whom the pieces tell.
        stream: Option<Arc<AnswerStream>>,
        // What they are pieces of, as far as it is counted.
        charge: Option<Arc<Charge>>,
        // Whether that is kept to the end.
        charged_whole: bool,
        // How many bytes have been given, and whether there are no more.
        given: u64,
        is_over: bool,
        // Dropped with the body: after its last byte, or when the client has gone.
        exchange: Option<ExchangeGuard>,
    }
}

impl<B> PiecedBody<B> {
    pub(super) fn new(
        body: B,
        stream: Option<Arc<AnswerStream>>,
        held: Option<HeldBytes>,
        exchange: Option<ExchangeGuard>,
    ) -> Self {
        let held = held.map_or(0, |HeldBytes(bytes)| bytes);
        let charge = charge(held, stream.as_ref(), exchange.as_ref());
        let charged_whole = charge.is_some();
        let (rest, is_shared, given, is_over) = (Bytes::new(), false, 0, false);
        Self { body, rest, is_shared, stream, charge, charged_whole, given, is_over, exchange }
    }
}

/// Counts so many bytes, if they are worth it.
fn charge(
    bytes: usize,
    stream: Option<&Arc<AnswerStream>>,
    exchange: Option<&ExchangeGuard>,
) -> Option<Arc<Charge>> {
    let exchange = exchange.filter(|_| bytes >= STEP)?;
    let holder = match stream {
        Some(stream) => Holder::Stream(Arc::clone(stream)),
        None => Holder::Connection(exchange.wait().clone()),
    };
    Some(Arc::new(Charge::new(holder, bytes)))
}

impl<B: Body<Data: Into<Chunk>>> Body for PiecedBody<B> {
    type Data = Piece;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, B::Error>>> {
        let this = self.project();
        let mut bytes = std::mem::take(this.rest);
        if bytes.is_empty() {
            let next = if *this.is_over { None } else { ready!(this.body.poll_frame(cx)) };
            let frame = match next {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    *this.is_over = true;
                    if *this.given > SHORT as u64
                        && let Some(stream) = this.stream
                    {
                        ready!(stream.poll_sent(cx));
                    }
                    return Poll::Ready(None);
                }
            };
            let chunk: Chunk = match frame.into_data() {
                Ok(data) => data.into(),
                Err(frame) => {
                    // What is not data is trailers.
                    let trailers = frame.into_trailers().ok().map(Frame::trailers);
                    return Poll::Ready(trailers.map(Ok));
                }
            };
            (bytes, *this.is_shared) = (chunk.bytes, chunk.is_shared);
            if !*this.charged_whole {
                // A single piece counts itself.
                let least = if this.stream.is_some() { LONGEST + 1 } else { STEP };
                let is_counted = bytes.len() >= least && !*this.is_shared;
                let held = if is_counted { bytes.len() } else { 0 };
                *this.charge = charge(held, this.stream.as_ref(), this.exchange.as_ref());
            }
        }
        if this.stream.is_some() && bytes.len() > LONGEST {
            *this.rest = bytes.split_off(LONGEST);
        }
        *this.given += bytes.len() as u64;
        let charge = if *this.charged_whole || !this.rest.is_empty() {
            this.charge.clone()
        } else {
            this.charge.take()
        };
        let is_counted = charge.is_some() || *this.is_shared;
        let held = if is_counted { 0 } else { bytes.len() };
        let is_short = *this.given <= SHORT as u64;
        let unsent = this.stream.as_ref().map(|stream| Unsent::new(stream, held, is_short));
        Poll::Ready(Some(Ok(Frame::data(Piece { bytes, unsent, _charge: charge }))))
    }

    fn is_end_stream(&self) -> bool {
        let waits = self.stream.is_some() && self.given > SHORT as u64;
        !waits && self.rest.is_empty() && self.body.is_end_stream()
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
