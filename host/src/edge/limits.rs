//! What one request may take, and what all of them may.
//!
//! None of it costs a lock or a timer as long as a page answers at once: the clock of a request is
//! set when its page has something to wait for.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderValue, Response, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::Sleep;

use crate::generation::body::{Body, BodyError};
use crate::generation::call::plain;

/// How long a client that is turned away should wait, in seconds.
const RETRY: HeaderValue = HeaderValue::from_static("1");

/// Why a request is not answered by a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LimitError {
    /// Too many are being answered.
    Busy,
    /// Its body is too long.
    TooLarge,
    /// The page had no answer in time.
    Late,
}

impl LimitError {
    pub(crate) fn response(self) -> Response<Body> {
        let (status, text) = match self {
            Self::Busy => {
                (StatusCode::SERVICE_UNAVAILABLE, "the server is busy; try again in a moment\n")
            }
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the request's body is too long\n"),
            Self::Late => (StatusCode::GATEWAY_TIMEOUT, "the page did not answer in time\n"),
        };
        let mut response = plain(status, text);
        if self == Self::Busy {
            response.headers_mut().insert(RETRY_AFTER, RETRY);
        }
        response
    }
}

/// How many requests may be without an answer at once.
#[derive(Debug)]
pub(crate) struct RequestLimit {
    most: usize,
    taken: AtomicUsize,
}

impl RequestLimit {
    pub(crate) const fn new(most: usize) -> Self {
        Self { most, taken: AtomicUsize::new(0) }
    }

    /// A permit, until it is dropped; `None` when all are taken.
    pub(crate) fn acquire(&self) -> Option<Permit<'_>> {
        let before = self.taken.fetch_add(1, Ordering::Relaxed);
        // Dropped at once where it is one too many.
        let permit = Permit(self);
        (before < self.most).then_some(permit)
    }
}

/// See [`RequestLimit::acquire`].
#[derive(Debug)]
pub(crate) struct Permit<'a>(&'a RequestLimit);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Waits for `answer`, but no longer than `limit` from its first pause.
pub(crate) fn within<F: Future>(limit: Option<Duration>, answer: F) -> Within<F> {
    Within { limit, answer, clock: None }
}

pin_project! {
    /// See [`within`]. A type and not an `async` function, which would hold the answer twice: once
    /// as it was given, once as it is polled.
    pub(crate) struct Within<F> {
        limit: Option<Duration>,
        #[pin]
        answer: F,
        #[pin]
        clock: Option<Sleep>,
    }
}

impl<F: Future> Future for Within<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Poll::Ready(answer) = this.answer.poll(cx) {
            return Poll::Ready(Some(answer));
        }
        let Some(limit) = *this.limit else { return Poll::Pending };
        if this.clock.is_none() {
            this.clock.set(Some(tokio::time::sleep(limit)));
        }
        match this.clock.as_pin_mut() {
            Some(clock) => clock.poll(cx).map(|()| None),
            None => Poll::Pending,
        }
    }
}

/// A request's body, which ends with an error past a length.
#[derive(Debug)]
pub(crate) struct LimitedBody<B> {
    body: B,
    /// What may still come; `None` where the length is known and short enough.
    left: Option<u64>,
    has_trailers: bool,
    progress: BodyProgress,
}

/// What has become of a body that did not say how long it is; `None` of one that did.
#[derive(Clone, Debug, Default)]
pub(crate) struct BodyProgress(Option<Arc<BodyFlags>>);

#[derive(Debug, Default)]
struct BodyFlags {
    /// It was longer than it may be.
    exceeded: AtomicBool,
    /// It was read to its end, and nothing stood behind the last chunk.
    ended: AtomicBool,
}

impl BodyProgress {
    /// Whether it was longer than it may be.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.0.as_ref().is_some_and(|flags| flags.exceeded.load(Ordering::Relaxed))
    }

    /// Whether it is known where the next request of an HTTP/1.1 connection begins. hyper takes
    /// whatever follows a bare line feed for trailers, up to an empty line.
    pub(crate) fn has_clear_end(&self) -> bool {
        self.0.as_ref().is_none_or(|flags| flags.ended.load(Ordering::Relaxed))
    }
}

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
#[error("the request's body is longer than --max-body allows")]
struct BodyTooLong;

impl<B: HttpBody> LimitedBody<B> {
    /// `None` if the body is known to be longer than `most`.
    pub(crate) fn new(body: B, most: Option<u64>) -> Option<Self> {
        let hint = body.size_hint();
        if most.is_some_and(|most| hint.lower() > most) {
            return None;
        }
        // hyper holds a client to the length that it announced.
        let is_counted = hint.exact().is_none();
        let progress = BodyProgress(is_counted.then(Arc::default));
        Some(Self { body, left: most.filter(|_| is_counted), has_trailers: false, progress })
    }

    pub(crate) fn progress(&self) -> BodyProgress {
        self.progress.clone()
    }
}

impl<B> HttpBody for LimitedBody<B>
where
    B: HttpBody<Data = Bytes, Error: Into<BodyError>> + Unpin,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx).map_err(Into::into);
        let this = &mut *self;
        let Some(flags) = &this.progress.0 else { return polled };
        match (&polled, &mut this.left) {
            (Poll::Ready(Some(Ok(frame))), left) => {
                let length = frame.data_ref().map_or(0, Bytes::len) as u64;
                this.has_trailers |= frame.is_trailers();
                match left.map(|left| left.checked_sub(length)) {
                    Some(None) => {
                        flags.exceeded.store(true, Ordering::Relaxed);
                        return Poll::Ready(Some(Err(BodyTooLong.into())));
                    }
                    rest => *left = rest.flatten(),
                }
            }
            (Poll::Ready(None), _) if !this.has_trailers => {
                flags.ended.store(true, Ordering::Relaxed);
            }
            _ => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full, StreamBody};

    use super::*;

    #[test]
    fn a_permit_is_free_again() {
        let limit = RequestLimit::new(2);
        let (first, second) = (limit.acquire(), limit.acquire());
        assert!(first.is_some() && second.is_some());
        assert!(limit.acquire().is_none());
        assert!(limit.acquire().is_none(), "a request that was turned away holds no permit");
        drop(first);
        assert!(limit.acquire().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_runs_while_a_page_waits() {
        let limit = Some(Duration::from_secs(5));
        let slow = |seconds| async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            seconds
        };
        assert_eq!(within(limit, slow(4)).await, Some(4));
        assert_eq!(within(limit, slow(6)).await, None);
        assert_eq!(within(None, slow(6)).await, Some(6));
        assert_eq!(within(Some(Duration::ZERO), async { 1 }).await, Some(1));
    }

    #[tokio::test]
    async fn a_body_of_unknown_length_is_counted() {
        let pieces = |count: usize| {
            let frames =
                (0..count).map(|_| Ok::<_, BodyError>(Frame::data(Bytes::from_static(b"12345"))));
            StreamBody::new(Frames(frames))
        };
        let body = LimitedBody::new(pieces(2), Some(10)).unwrap();
        assert_eq!(body.collect().await.unwrap().to_bytes().len(), 10);
        let body = LimitedBody::new(pieces(3), Some(14)).unwrap();
        let progress = body.progress();
        assert!(body.collect().await.unwrap_err().to_string().contains("--max-body"));
        assert!(progress.is_exceeded());
        assert!(LimitedBody::new(pieces(3), None).unwrap().collect().await.is_ok());
    }

    #[tokio::test]
    async fn trailers_make_the_end_of_a_body_unclear() {
        let data = || Ok::<_, BodyError>(Frame::data(Bytes::from_static(b"12345")));
        let trailers = || Ok(Frame::trailers(http::HeaderMap::new()));
        for (frames, is_clear) in
            [(vec![], true), (vec![data()], true), (vec![data(), trailers()], false)]
        {
            let body = StreamBody::new(Frames(frames.into_iter()));
            let body = LimitedBody::new(body, Some(10)).unwrap();
            let progress = body.progress();
            assert!(!progress.has_clear_end(), "nothing was read");
            body.collect().await.unwrap();
            assert_eq!(progress.has_clear_end(), is_clear);
        }
        let known = LimitedBody::new(Full::new(Bytes::from_static(b"12345")), Some(5)).unwrap();
        assert!(known.progress().has_clear_end());
    }

    #[tokio::test]
    async fn a_known_length_is_judged_at_once() {
        assert!(LimitedBody::new(Full::new(Bytes::from_static(b"12345")), Some(4)).is_none());
        let body = LimitedBody::new(Full::new(Bytes::from_static(b"12345")), Some(5)).unwrap();
        assert_eq!(body.left, None);
        assert_eq!(body.collect().await.unwrap().to_bytes(), "12345");
    }

    /// A stream that has everything at hand.
    struct Frames<I>(I);

    impl<I: Iterator + Unpin> futures_core::Stream for Frames<I> {
        type Item = I::Item;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
            Poll::Ready(self.0.next())
        }
    }
}
