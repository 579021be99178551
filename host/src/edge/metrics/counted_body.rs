//! A body whose end is counted.

use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Body as HttpBody, Frame, SizeHint};

use super::RequestTimer;
use crate::generation::body::{Body, BodyError};
use crate::server::Chunk;

/// The body of a response, and the timer of its request, which ends with it: after the last byte, or
/// when the client has gone.
#[derive(Debug)]
pub struct CountedBody {
    body: Body,
    timer: Option<RequestTimer>,
}

impl CountedBody {
    pub(crate) fn new(body: Body, timer: Option<RequestTimer>) -> Self {
        Self { body, timer }
    }
}

impl HttpBody for CountedBody {
    type Data = Chunk;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Chunk>, BodyError>>> {
        let is_shared = self.body.is_shared();
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let (Poll::Ready(Some(Err(error))), Some(timer)) = (&polled, &self.timer) {
            timer.metrics.count_failed_body(error);
        }
        let chunk = |bytes| if is_shared { Chunk::shared(bytes) } else { bytes.into() };
        polled.map_ok(|frame| frame.map_data(chunk))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
