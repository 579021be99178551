//! A body that is compressed as it passes.
//!
//! The encoder holds bytes back as long as more of them come. When the page pauses, what it has
//! said so far is let go, so that a client never waits for what is there already.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame};

use super::encoder::Encoder;
use crate::generation::body::{Body, BodyError};

/// How much is encoded in one go: its thread does nothing else meanwhile.
const PIECE: usize = 64 * 1024;

pub(super) struct EncodedBody {
    body: Body,
    /// Gone at the end.
    encoder: Option<Encoder>,
    /// What has come of the body and is not encoded yet.
    rest: Bytes,
    /// Whether the encoder may hold something back.
    holds: bool,
    trailers: Option<HeaderMap>,
}

impl EncodedBody {
    pub(super) fn new(body: Body, encoder: Encoder) -> Self {
        let encoder = Some(encoder);
        Self { body, encoder, rest: Bytes::new(), holds: false, trailers: None }
    }

    /// The next piece, as far as the body has one ready.
    fn next(&mut self, cx: &mut Context<'_>) -> Result<Poll<Option<Frame<Bytes>>>, BodyError> {
        loop {
            let Some(encoder) = &mut self.encoder else {
                return Ok(Poll::Ready(self.trailers.take().map(Frame::trailers)));
            };
            if !self.rest.is_empty() {
                let piece = self.rest.split_to(self.rest.len().min(PIECE));
                encoder.write(&piece)?;
                self.holds = true;
            } else {
                match Pin::new(&mut self.body).poll_frame(cx) {
                    Poll::Ready(Some(frame)) => match frame?.into_data() {
                        Ok(data) => self.rest = data,
                        Err(frame) => self.trailers = frame.into_trailers().ok(),
                    },
                    Poll::Ready(None) => {
                        if let Some(encoder) = self.encoder.take() {
                            return Ok(Poll::Ready(Some(Frame::data(encoder.finish()?))));
                        }
                    }
                    Poll::Pending if self.holds => {
                        self.holds = false;
                        encoder.flush()?;
                        let out = encoder.take();
                        // The body will wake us all the same: it was asked.
                        return Ok(if out.is_empty() {
                            Poll::Pending
                        } else {
                            Poll::Ready(Some(Frame::data(out)))
                        });
                    }
                    Poll::Pending => return Ok(Poll::Pending),
                }
                continue;
            }
            let out = encoder.take();
            if !out.is_empty() {
                return Ok(Poll::Ready(Some(Frame::data(out))));
            }
        }
    }
}

impl HttpBody for EncodedBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.next(cx) {
            Ok(polled) => polled.map(|frame| frame.map(Ok)),
            Err(error) => {
                self.encoder = None;
                self.trailers = None;
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.encoder.is_none() && self.trailers.is_none()
    }
}
