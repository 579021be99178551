//! The pieces of an answer on their way into a connection.
//!
//! In HTTP/2 a piece waits for the window of its client, in a buffer that hyper says nothing about. So
//! a piece tells by itself when some of it has gone: a connection that has any is not idle, one
//! whose client takes nothing of them is cut, and so is a single stream. No piece is long, so that what
//! a client has not taken of a body is with the body, and not in the buffer; and the end of a body that
//! is not short waits until its last piece has gone, because a stream whose end is buffered cannot be
//! reset any more.
//!
//! Pieces of one buffer hold all of it, so it is counted whole until the last of them has gone. In
//! HTTP/1.1 hyper keeps it as one to its last byte: to let the beginning go earlier would be to copy it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::HeldBytes;
use super::answer_stream::AnswerStream;
use super::connections::{Charge, STEP};
use super::exchange::ExchangeGuard;

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
}

impl Unsent {
    fn new(stream: &Arc<AnswerStream>, held: usize) -> Self {
        stream.piece_queued();
        if held > 0 {
            stream.hold(held);
            stream.wait().hold(held);
        }
        Self { stream: Arc::clone(stream), held }
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        if self.held > 0 {
            self.stream.let_go(self.held);
            self.stream.wait().let_go(self.held);
        }
        self.stream.piece_sent();
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
        if let Some(Unsent { stream, .. }) = &self.unsent {
            stream.piece_progressed();
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
        let (rest, given, is_over) = (Bytes::new(), 0, false);
        Self { body, rest, stream, charge, charged_whole, given, is_over, exchange }
    }
}

/// Counts so many bytes, if they are worth it.
fn charge(
    bytes: usize,
    stream: Option<&Arc<AnswerStream>>,
    exchange: Option<&ExchangeGuard>,
) -> Option<Arc<Charge>> {
    let wait = exchange.filter(|_| bytes >= STEP)?.wait();
    Some(Arc::new(Charge::new(wait.clone(), stream.cloned(), bytes)))
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
            bytes = match frame.into_data() {
                Ok(bytes) => bytes,
                Err(frame) => {
                    // What is not data is trailers.
                    let trailers = frame.into_trailers().ok().map(Frame::trailers);
                    return Poll::Ready(trailers.map(Ok));
                }
            };
            if !*this.charged_whole {
                // A single piece counts itself. What others hold as well, such as a file that is
                // kept for all clients, is not this answer's.
                let least = if this.stream.is_some() { LONGEST + 1 } else { STEP };
                let is_counted = bytes.len() >= least && bytes.is_unique();
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
        let held = if charge.is_some() { 0 } else { bytes.len() };
        let unsent = this.stream.as_ref().map(|stream| Unsent::new(stream, held));
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
