//! Answers and bodies that are on record while code of the app makes them.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http_body::{Body as HttpBody, Frame, SizeHint};
use nova_host::generation::body::{Body, BodyError};

use crate::dev::wire::flight_recorder::TrackedRequest;

/// Waits for `answer`, each poll of which is on record.
pub(crate) async fn answer(
    tracked: TrackedRequest,
    answer: impl Future<Output = Response<Body>>,
) -> Response<Body> {
    let response = {
        let mut answer = pin!(answer);
        std::future::poll_fn(|cx| tracked.poll(|| answer.as_mut().poll(cx))).await
    };
    // A body whose length is known is there already; the others are still being made.
    if response.body().size_hint().exact().is_some() {
        return response;
    }
    response.map(|body| Body::boxed(TrackedBody { body, tracked }))
}

struct TrackedBody {
    body: Body,
    tracked: TrackedRequest,
}

impl HttpBody for TrackedBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Self { body, tracked } = self.get_mut();
        tracked.poll(|| Pin::new(body).poll_frame(cx))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
