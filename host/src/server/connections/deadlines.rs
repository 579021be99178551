//! By when a client has to do what its connection waits for: a store or two per request, and no timer.
//!
//! [`Wait`](super::Wait) moves them, the sweep over all connections reads them.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::NEVER;
use super::progress::Progress;
use super::short_pieces::ShortPieces;
use crate::server::answer_stream::AnswerStream;
use crate::server::upgrade::Signals;

/// Another protocol is spoken over the connection.
pub(super) const UPGRADED: u8 = 1;

/// The connection ends at once.
const CUT: u8 = 2;

/// By when a client has to do what its connection waits for.
#[derive(Debug)]
pub(super) struct Deadlines {
    /// When the wait for a request is over, in milliseconds of the coarse clock.
    pub(super) request: AtomicU64,
    /// When the client has to have taken something of what is sent.
    pub(super) send: AtomicU64,
    /// Since when it has not taken enough of it to keep memory that others need; never while all is taken
    /// that there is.
    pub(super) blocked: AtomicU64,
    /// How much it has taken since.
    pub(super) taken: AtomicUsize,
    /// How the client comes on with the pieces of answers that wait for it, in HTTP/2.
    pub(super) pieces: Progress,
    /// How many of them there are.
    pub(super) unsent: AtomicUsize,
    /// Those of short answers.
    pub(super) short: ShortPieces,
    /// The streams whose they are, in HTTP/2; those of an answer that is taken at once are not here.
    pub(super) streams: Mutex<Vec<Arc<AnswerStream>>>,
    /// How many bytes of memory the answers hold.
    pub(super) held: AtomicUsize,
    /// Whether not a byte of the awaited request has come yet.
    pub(super) idle: AtomicBool,
    /// How many exchanges are under way; in HTTP/1.1 one at most.
    pub(super) exchanges: AtomicUsize,
    /// Whether the last request had a body, which may not have been read to its end.
    pub(super) owes_body: AtomicBool,
    /// Whether the end of the connection is to be looked for from time to time.
    pub(super) watched: AtomicBool,
    /// Whether the client sent more frames than it may.
    pub(super) flooded: AtomicBool,
    /// [`UPGRADED`]: then no request is waited for; and [`CUT`].
    pub(super) state: AtomicU8,
    /// For the other protocol; made for the first request that asks for one.
    pub(super) signals: OnceLock<Signals>,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            request: AtomicU64::new(NEVER),
            send: AtomicU64::new(NEVER),
            blocked: AtomicU64::new(NEVER),
            taken: AtomicUsize::new(0),
            pieces: Progress::default(),
            unsent: AtomicUsize::new(0),
            short: ShortPieces::default(),
            streams: Mutex::default(),
            held: AtomicUsize::new(0),
            idle: AtomicBool::new(false),
            exchanges: AtomicUsize::new(0),
            owes_body: AtomicBool::new(false),
            watched: AtomicBool::new(false),
            flooded: AtomicBool::new(false),
            state: AtomicU8::new(0),
            signals: OnceLock::new(),
        }
    }
}

impl Deadlines {
    pub(super) fn until(&self, deadline: u64) {
        self.request.store(deadline, Ordering::Relaxed);
    }

    pub(super) fn deadline(&self) -> u64 {
        let send = self.send.load(Ordering::Relaxed);
        match self.state.load(Ordering::Relaxed) {
            0 => self.request.load(Ordering::Relaxed).min(send).min(self.pieces.deadline()),
            UPGRADED => send,
            _ => 0,
        }
    }

    /// Since when the client has not taken enough of what is sent to it; never while nothing waits.
    pub(super) fn since(&self) -> u64 {
        let blocked = self.blocked.load(Ordering::Relaxed);
        blocked.min(self.pieces.since()).min(self.short.since().unwrap_or(NEVER))
    }

    /// Whether pieces of answers wait for the client.
    pub(super) fn has_unsent(&self) -> bool {
        self.unsent.load(Ordering::Relaxed) > 0
    }

    pub(super) fn is_upgraded(&self) -> bool {
        self.state.load(Ordering::Relaxed) & UPGRADED > 0
    }

    /// Whether it has to end at once.
    pub(super) fn is_cut(&self) -> bool {
        self.state.load(Ordering::Relaxed) & CUT > 0
    }

    /// It has to; `false` if it had to already.
    pub(super) fn cut(&self) -> bool {
        self.state.fetch_or(CUT, Ordering::SeqCst) & CUT == 0
    }

    /// Whether its task has something to do at this time: to end it, or to look for its client.
    pub(super) fn is_due(&self, now: u64) -> bool {
        let is_watched =
            self.watched.load(Ordering::Relaxed) && self.exchanges.load(Ordering::Relaxed) > 0;
        is_watched || self.deadline() <= now
    }

    /// Whether it rests, and the deadline of the request that it waits for; `None` if it is at work,
    /// or has to end already.
    pub(super) fn can_be_shed(&self) -> Option<(bool, u64)> {
        let deadline = self.request.load(Ordering::Relaxed);
        let is_at_work =
            self.exchanges.load(Ordering::SeqCst) > 0 || self.is_upgraded() || self.is_cut();
        (!is_at_work && deadline > 0).then(|| (self.idle.load(Ordering::Relaxed), deadline))
    }
}
