//! One answer of an HTTP/2 connection: what of it waits for its client, and how it is ended.
//!
//! A closed window is no blocked write. While it is closed hyper polls one frame of the body, and waits
//! for the window with that in hand; the body is not polled again, and hears of nothing. So the
//! time and the bytes of an answer are kept beside it, where the sweep over all connections sees
//! them, and what ends is the task that sends it: when that is dropped, h2 discards what it has
//! buffered and resets the stream (CANCEL); the others of the connection go on.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use hyper::rt::Executor;
use parking_lot::Mutex;
use pin_project_lite::pin_project;
use tokio::task::futures::TaskLocalFuture;

use super::connections::{Progress, Wait};

tokio::task_local! {
    /// The stream whose task is polled.
    static CURRENT: Arc<AnswerStream>;
}

/// See the module.
#[derive(Debug)]
pub(super) struct AnswerStream {
    wait: Wait,
    /// How many pieces of it wait for the client.
    unsent: AtomicUsize,
    /// How the client comes on with them.
    progress: Progress,
    /// How many bytes of memory it holds.
    held: AtomicUsize,
    ended: AtomicBool,
    /// What wakes its task, once that waits.
    waker: Mutex<Option<Waker>>,
}

impl AnswerStream {
    fn new(wait: Wait) -> Arc<Self> {
        Arc::new(Self {
            wait,
            unsent: AtomicUsize::new(0),
            progress: Progress::default(),
            held: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
            waker: Mutex::new(None),
        })
    }

    /// The stream that answers in the task that is running.
    pub(super) fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(Arc::clone).ok()
    }

    pub(super) fn wait(&self) -> &Wait {
        &self.wait
    }

    /// By when the client has to take something of it; never while nothing waits for that.
    pub(super) fn deadline(&self) -> u64 {
        self.progress.deadline()
    }

    /// Since when it has not taken enough of it to keep memory that others need.
    pub(super) fn since(&self) -> u64 {
        self.progress.since()
    }

    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// It holds so many bytes more, and its connection does.
    pub(super) fn hold(&self, bytes: usize) {
        if bytes > 0 {
            self.held.fetch_add(bytes, Ordering::Relaxed);
            self.wait.hold(bytes);
        }
    }

    /// It has let so many go.
    pub(super) fn let_go(&self, bytes: usize) {
        if bytes > 0 {
            self.held.fetch_sub(bytes, Ordering::Relaxed);
            self.wait.let_go(bytes);
        }
    }

    pub(super) fn has_unsent(&self) -> bool {
        self.unsent.load(Ordering::SeqCst) > 0
    }

    /// A piece waits for the client.
    pub(super) fn piece_queued(&self) {
        self.wait.piece_queued();
        if self.unsent.fetch_add(1, Ordering::SeqCst) == 0 {
            self.progress.begin(self.wait.pace());
        }
    }

    /// The client took so many bytes of one.
    pub(super) fn piece_progressed(&self, bytes: usize) {
        self.wait.piece_progressed(bytes);
        self.progress.taken(bytes, self.held(), self.wait.pace());
    }

    /// A piece is gone: sent to its last byte, the client having taken so many since it last told, or given
    /// up, which is none.
    pub(super) fn piece_gone(&self, last: usize) {
        if self.unsent.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.progress.end();
            // Another may have come on another thread in between.
            if self.has_unsent() {
                self.progress.begin(self.wait.pace());
            } else {
                self.wake();
            }
        } else if last > 0 {
            self.progress.taken(last, self.held(), self.wait.pace());
        }
        self.wait.piece_gone(last);
    }

    /// Waits until no piece waits any more.
    pub(super) fn poll_sent(&self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.has_unsent() {
            return Poll::Ready(());
        }
        self.register(cx.waker());
        if self.has_unsent() { Poll::Pending } else { Poll::Ready(()) }
    }

    fn register(&self, waker: &Waker) {
        let mut registered = self.waker.lock();
        if !registered.as_ref().is_some_and(|it| it.will_wake(waker)) {
            *registered = Some(waker.clone());
        }
    }

    fn wake(&self) {
        let waker = self.waker.lock().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// Resets it; `false` if that was done already.
    pub(super) fn end(&self) -> bool {
        let is_first = !self.ended.swap(true, Ordering::SeqCst);
        if is_first {
            self.wake();
        }
        is_first
    }
}

/// Spawns the tasks of one connection's streams.
#[derive(Clone, Debug)]
pub(super) struct StreamExecutor(pub(super) Wait);

impl<F> Executor<F> for StreamExecutor
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, future: F) {
        let stream = AnswerStream::new(self.0.clone());
        let future = CURRENT.scope(Arc::clone(&stream), future);
        tokio::spawn(StreamTask { future, listing: Listing { stream, is_listed: false } });
    }
}

pin_project! {
    /// What hyper does for one stream, until it is done or the stream is ended.
    struct StreamTask<F> {
        #[pin]
        future: TaskLocalFuture<Arc<AnswerStream>, F>,
        listing: Listing,
    }
}

/// The place of a stream among those of its connection of which something waits.
struct Listing {
    stream: Arc<AnswerStream>,
    is_listed: bool,
}

impl<F: Future> Future for StreamTask<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let Listing { stream, is_listed } = this.listing;
        if stream.is_ended() {
            // What is sent is dropped with this.
            return Poll::Ready(());
        }
        let polled = this.future.poll(cx);
        // An answer that is taken at once is never listed.
        if polled.is_pending() && !*is_listed && stream.has_unsent() {
            stream.register(cx.waker());
            stream.wait.list(Arc::clone(stream));
            *is_listed = true;
        }
        polled.map(drop)
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        if self.is_listed {
            self.stream.wait.unlist(&self.stream);
            // Pieces may outlive the task, whose memory this would keep.
            *self.stream.waker.lock() = None;
        }
    }
}
