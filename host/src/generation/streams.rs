//! The bodies of a generation that come in pieces, so that they can be ended while nobody asks for
//! the next piece: a client that reads nothing must not keep an app alive.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use nova_abi::{BodyStream, Failure, OwnedBytes};
use parking_lot::Mutex;

use crate::generation::Sending;
use crate::generation::answered::AnsweredRequest;
use crate::process::record;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct OpenStreams {
    /// By the address of each.
    streams: Mutex<HashMap<usize, Weak<OpenStream>>>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct OpenStream {
    /// The request that it answers.
    request: AnsweredRequest,
    state: Mutex<State>,
    /// Its generation ends.
    is_over: AtomicBool,
    /// Whether it ends by itself, as what a client asks for once does.
    has_end: bool,
    /// Each piece that is under way holds it too.
    pin: Arc<Sending>,
}

#[derive(Debug)]
enum State {
    /// A library's stream, and who waits for it.
    Open(BodyStream, Option<Waker>),
    /// It has said that it has no more, or why.
    Ended,
    /// Its generation has ended.
    Cut,
}

/// A piece that a stream gives.
pub(super) type Piece = Option<Result<OwnedBytes, Failure>>;

impl OpenStream {
    /// A stream that holds `pin`.
    pub(super) fn new(
        stream: BodyStream,
        request: AnsweredRequest,
        pin: Sending,
        has_end: bool,
    ) -> Arc<Self> {
        let state = Mutex::new(State::Open(stream, None));
        let is_over = AtomicBool::new(false);
        let stream = Arc::new(Self { request, state, is_over, has_end, pin: Arc::new(pin) });
        let mut streams = stream.pin.streams.streams.lock();
        streams.insert(Arc::as_ptr(&stream).addr(), Arc::downgrade(&stream));
        drop(streams);
        // Its generation may have ended while it came into being.
        if stream.pin.expired().is_cancelled() {
            stream.cut();
        }
        stream
    }

    /// What the pieces hold.
    pub(super) fn pin(&self) -> &Arc<Sending> {
        &self.pin
    }

    pub(super) fn poll_piece(&self, cx: &mut Context<'_>) -> Poll<Piece> {
        let polled = self.poll_open(cx);
        // Who ends it while it is locked leaves the rest to this.
        if polled.is_pending() && (self.is_over.load(Ordering::SeqCst) || self.is_endless()) {
            self.cut();
            return self.poll_open(cx);
        }
        polled
    }

    /// Whether it has to end although its page would go on for ever.
    fn is_endless(&self) -> bool {
        !self.has_end && self.pin.ends_endless.load(Ordering::SeqCst)
    }

    fn poll_open(&self, cx: &mut Context<'_>) -> Poll<Piece> {
        let mut state = self.state.lock();
        let polled = match &mut *state {
            State::Open(..) if self.is_over.load(Ordering::SeqCst) => Some(Err(cut())),
            State::Open(stream, waiting) => match self.run(|| stream.poll_chunk(cx)) {
                Poll::Pending => {
                    *waiting = Some(cx.waker().clone());
                    return Poll::Pending;
                }
                Poll::Ready(piece) => {
                    *waiting = None;
                    piece
                }
            },
            State::Ended => None,
            State::Cut => Some(Err(cut())),
        };
        if !matches!(polled, Some(Ok(_))) {
            let ended = std::mem::replace(&mut *state, State::Ended);
            drop(state);
            self.run(|| drop(ended));
            self.pin.stream_ended();
        }
        if let Some(Err(failure)) = &polled {
            self.request.failed(failure, &self.pin.counters);
        }
        Poll::Ready(polled)
    }

    /// Runs code of the library, on record.
    fn run<T>(&self, code: impl FnOnce() -> T) -> T {
        record::run(&self.request.activity(), code)
    }

    pub(super) fn exact_len(&self) -> Option<u64> {
        match &*self.state.lock() {
            State::Open(stream, _) => stream.exact_len(),
            State::Ended | State::Cut => Some(0),
        }
    }

    pub(super) fn is_ended(&self) -> bool {
        matches!(*self.state.lock(), State::Ended)
    }

    /// Whether its page was asked for a piece and had none. One that is being asked right now sees by
    /// itself that it has to end.
    fn waits(&self) -> bool {
        let state = self.state.try_lock();
        state.is_some_and(|state| matches!(&*state, State::Open(_, Some(_))))
    }

    /// Drops the stream; who sends it finds its end.
    pub(super) fn end(&self) {
        let before = std::mem::replace(&mut *self.state.lock(), State::Ended);
        self.run(|| drop(before));
        self.pin.stream_ended();
    }

    /// Drops the stream; who sends it finds an error in its place. One that is being asked for a
    /// piece right now ends after that.
    fn cut(&self) {
        self.is_over.store(true, Ordering::SeqCst);
        let Some(mut state) = self.state.try_lock() else { return };
        if !matches!(*state, State::Open(..)) {
            return;
        }
        let before = std::mem::replace(&mut *state, State::Cut);
        drop(state);
        let State::Open(stream, waiting) = before else { return };
        self.run(|| drop(stream));
        self.pin.stream_ended();
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }
}

fn cut() -> Failure {
    Failure::disconnected("the generation that sent this body has ended")
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        if let State::Open(..) = self.state.get_mut() {
            self.end();
        }
        let address = std::ptr::from_ref(self).addr();
        self.pin.streams.streams.lock().remove(&address);
    }
}

impl OpenStreams {
    /// Ends those that have no end of their own, and whose pages have nothing to send now; the
    /// others end when that comes.
    pub(super) fn end_endless(&self) {
        let open: Vec<_> = self.streams.lock().values().filter_map(Weak::upgrade).collect();
        for stream in open.iter().filter(|stream| !stream.has_end && stream.waits()) {
            stream.cut();
        }
    }

    /// Ends all of them.
    pub(super) fn end(&self) {
        let open: Vec<_> = self.streams.lock().values().filter_map(Weak::upgrade).collect();
        for stream in open {
            stream.cut();
        }
    }
}
