//! What one request may take, and what all of them may.
//!
//! None of it costs a lock or a timer as long as a page answers at once: the clock of a request is
//! set when its page has something to wait for.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderValue, Response, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep};

use crate::generation::body::{Body, BodyError};
use crate::generation::call::plain;

/// How long a client that is turned away should wait, in seconds.
const RETRY: HeaderValue = HeaderValue::from_static("1");

/// Why a request is not answered by a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LimitError {
    /// Too many are being answered.
    Busy,
    /// The answers on their way hold too much memory for the one that a page has made.
    Memory,
    /// The same, of a request that must not simply be sent again: it has been carried out.
    Unsent,
    /// Its body is too long.
    TooLarge,
    /// The page had no answer in time.
    Late,
    /// The client did not send its body in time.
    Stalled,
}

impl LimitError {
    pub(crate) fn response(self) -> Response<Body> {
        let (status, text) = match self {
            Self::Busy | Self::Memory => {
                (StatusCode::SERVICE_UNAVAILABLE, "the server is busy; try again in a moment\n")
            }
            Self::Unsent => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the request was carried out, but the server is too busy to send the answer; look \
                 whether it is done before you send it again\n",
            ),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the request's body is too long\n"),
            Self::Late => (StatusCode::GATEWAY_TIMEOUT, "the page did not answer in time\n"),
            Self::Stalled => {
                (StatusCode::REQUEST_TIMEOUT, "the request's body did not arrive in time\n")
            }
        };
        let mut response = plain(status, text);
        if matches!(self, Self::Busy | Self::Memory) {
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
        // Most answers come without a pause, and need none.
        clock: Option<Pin<Box<Sleep>>>,
    }
}

impl<F: Future> Future for Within<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(answer) = this.answer.poll(cx) {
            return Poll::Ready(Some(answer));
        }
        let Some(limit) = *this.limit else { return Poll::Pending };
        let clock = this.clock.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        clock.as_mut().poll(cx).map(|()| None)
    }
}

/// What a request's body may take.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BodyLimits {
    /// How long it may be.
    pub(crate) length: Option<u64>,
    /// How long a page may wait for more of it.
    pub(crate) pause: Option<Duration>,
}

/// A request's body, which ends with an error past a length, and when nothing comes for too long.
#[derive(Debug)]
pub(crate) struct LimitedBody<B> {
    /// In a box, because it is handed on by value and few requests have any; `None` where there is none.
    limited: Option<Box<Limited<B>>>,
    progress: BodyProgress,
}

#[derive(Debug)]
struct Limited<B> {
    body: B,
    /// What may still come; `None` where the length is known and short enough.
    left: Option<u64>,
    /// How long a pause may be, and who has the clock for it: what reads may be a thread of an app's,
    /// which has none.
    pause: Option<(Duration, Handle)>,
    /// Runs while a page waits for more; made for the first pause.
    clock: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
    has_trailers: bool,
}

/// What has become of a body. A request without one has nothing to keep, and so costs nothing.
#[derive(Clone, Debug)]
pub(crate) struct BodyProgress {
    flags: Option<Arc<BodyFlags>>,
    /// Whether the client has said how long it is, to which hyper holds it.
    has_length: bool,
}

#[derive(Debug, Default)]
struct BodyFlags {
    /// The limit that it has passed.
    exceeded: OnceLock<LimitError>,
    /// It was read to its end, and nothing stood behind the last chunk.
    ended: AtomicBool,
}

impl BodyProgress {
    /// The limit that it has passed.
    pub(crate) fn error(&self) -> Option<LimitError> {
        self.flags.as_ref()?.exceeded.get().copied()
    }

    /// Whether it is known where the next request of an HTTP/1.1 connection begins. hyper takes
    /// whatever follows a bare line feed for trailers, up to an empty line.
    pub(crate) fn has_clear_end(&self) -> bool {
        let has_ended = |flags: &Arc<BodyFlags>| flags.ended.load(Ordering::Relaxed);
        self.has_length || self.flags.as_ref().is_none_or(has_ended)
    }

    fn exceeds(&self, error: LimitError) {
        if let Some(flags) = &self.flags {
            // The first counts.
            flags.exceeded.set(error).ok();
        }
    }

    fn ends(&self) {
        if let Some(flags) = &self.flags {
            flags.ended.store(true, Ordering::Relaxed);
        }
    }
}

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
enum BodyLimitError {
    #[error("the request's body is longer than --max-body allows")]
    TooLong,
    #[error("the client sent nothing of the request's body for {0:?} (--body-timeout)")]
    Stalled(Duration),
}

impl<B: HttpBody> LimitedBody<B> {
    /// `None` if the body is known to be longer than it may be.
    pub(crate) fn new(body: B, limits: BodyLimits) -> Option<Self> {
        let BodyLimits { length, pause } = limits;
        let hint = body.size_hint();
        if length.is_some_and(|most| hint.lower() > most) {
            return None;
        }
        // hyper holds a client to the length that it announced.
        let has_length = hint.exact().is_some();
        if hint.exact() == Some(0) {
            return Some(Self {
                limited: None,
                progress: BodyProgress { flags: None, has_length },
            });
        }
        let progress = BodyProgress { flags: Some(Arc::default()), has_length };
        let left = length.filter(|_| !has_length);
        let pause = pause.map(|pause| (pause, Handle::current()));
        let (clock, is_waiting, has_trailers) = (None, false, false);
        let limited = Limited { body, left, pause, clock, is_waiting, has_trailers };
        Some(Self { limited: Some(Box::new(limited)), progress })
    }

    pub(crate) fn progress(&self) -> BodyProgress {
        self.progress.clone()
    }
}

impl<B> Limited<B> {
    /// Waits for more, which may take as long as a pause.
    fn poll_pause(
        &mut self,
        cx: &mut Context<'_>,
        progress: &BodyProgress,
    ) -> Poll<BodyLimitError> {
        let Some((pause, runtime)) = &self.pause else { return Poll::Pending };
        let pause = *pause;
        let clock = self.clock.get_or_insert_with(|| {
            let _inside = runtime.enter();
            Box::pin(tokio::time::sleep(pause))
        });
        if !std::mem::replace(&mut self.is_waiting, true) {
            clock.as_mut().reset(Instant::now() + pause);
        }
        ready!(clock.as_mut().poll(cx));
        progress.exceeds(LimitError::Stalled);
        Poll::Ready(BodyLimitError::Stalled(pause))
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
        let Self { limited, progress } = &mut *self;
        let Some(limited) = limited else { return Poll::Ready(None) };
        let polled = Pin::new(&mut limited.body).poll_frame(cx).map_err(Into::into);
        if polled.is_pending() {
            return limited.poll_pause(cx, progress).map(|error| Some(Err(error.into())));
        }
        limited.is_waiting = false;
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                limited.has_trailers |= frame.is_trailers();
                let length = frame.data_ref().map_or(0, Bytes::len) as u64;
                if let Some(left) = &mut limited.left {
                    let Some(rest) = left.checked_sub(length) else {
                        progress.exceeds(LimitError::TooLarge);
                        return Poll::Ready(Some(Err(BodyLimitError::TooLong.into())));
                    };
                    *left = rest;
                }
            }
            Poll::Ready(None) if !limited.has_trailers => progress.ends(),
            _ => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.limited.as_ref().is_none_or(|limited| limited.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.limited {
            Some(limited) => limited.body.size_hint(),
            None => SizeHint::with_exact(0),
        }
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
        let body = LimitedBody::new(pieces(2), of_length(Some(10))).unwrap();
        assert_eq!(body.collect().await.unwrap().to_bytes().len(), 10);
        let body = LimitedBody::new(pieces(3), of_length(Some(14))).unwrap();
        let progress = body.progress();
        assert!(body.collect().await.unwrap_err().to_string().contains("--max-body"));
        assert_eq!(progress.error(), Some(LimitError::TooLarge));
        assert!(LimitedBody::new(pieces(3), of_length(None)).unwrap().collect().await.is_ok());
    }

    #[tokio::test]
    async fn trailers_make_the_end_of_a_body_unclear() {
        let data = || Ok::<_, BodyError>(Frame::data(Bytes::from_static(b"12345")));
        let trailers = || Ok(Frame::trailers(http::HeaderMap::new()));
        for (frames, is_clear) in
            [(vec![], true), (vec![data()], true), (vec![data(), trailers()], false)]
        {
            let body = StreamBody::new(Frames(frames.into_iter()));
            let body = LimitedBody::new(body, of_length(Some(10))).unwrap();
            let progress = body.progress();
            assert!(!progress.has_clear_end(), "nothing was read");
            body.collect().await.unwrap();
            assert_eq!(progress.has_clear_end(), is_clear);
        }
        let known = Full::new(Bytes::from_static(b"12345"));
        let known = LimitedBody::new(known, of_length(Some(5))).unwrap();
        assert!(known.progress().has_clear_end());
    }

    #[tokio::test]
    async fn a_known_length_is_judged_at_once() {
        let body = || Full::new(Bytes::from_static(b"12345"));
        assert!(LimitedBody::new(body(), of_length(Some(4))).is_none());
        let body = LimitedBody::new(body(), of_length(Some(5))).unwrap();
        assert_eq!(body.limited.as_ref().unwrap().left, None);
        assert_eq!(body.collect().await.unwrap().to_bytes(), "12345");
    }

    fn of_length(length: Option<u64>) -> BodyLimits {
        BodyLimits { length, pause: None }
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_waits_for_each_piece_of_a_body_for_so_long() {
        let pause = Duration::from_secs(5);
        for (pauses, arrives) in [(&[4, 4, 4][..], true), (&[4, 6], false), (&[6], false)] {
            let (sender, frames) = tokio::sync::mpsc::channel(1);
            let pauses = pauses.to_vec();
            tokio::spawn(async move {
                for seconds in pauses {
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                    sender
                        .send(Ok::<_, BodyError>(Frame::data(Bytes::from_static(b"1"))))
                        .await
                        .ok();
                }
            });
            let body = StreamBody::new(Received(frames));
            let body = LimitedBody::new(body, BodyLimits { length: None, pause: Some(pause) });
            let body = body.unwrap();
            let progress = body.progress();
            let read = body.collect().await;
            let error = (!arrives).then_some(LimitError::Stalled);
            assert_eq!((read.is_ok(), progress.error()), (arrives, error));
        }
    }

    #[tokio::test]
    async fn a_thread_of_an_app_may_wait_for_a_body_too() {
        let (_sender, frames) = tokio::sync::mpsc::channel::<Result<Frame<Bytes>, BodyError>>(1);
        let limits = BodyLimits { length: None, pause: Some(Duration::from_millis(1)) };
        let body = LimitedBody::new(StreamBody::new(Received(frames)), limits).unwrap();
        let (read, result) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            read.send(runtime.block_on(body.collect()).map(drop)).ok();
        });
        let error = result.await.unwrap().unwrap_err();
        assert!(error.to_string().contains("--body-timeout"), "{error}");
    }

    /// A stream of what comes through a channel.
    struct Received<T>(tokio::sync::mpsc::Receiver<T>);

    impl<T> futures_core::Stream for Received<T> {
        type Item = T;

        fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
            self.0.poll_recv(cx)
        }
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
