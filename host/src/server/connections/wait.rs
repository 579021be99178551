//! What one connection tells of itself.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::deadlines::{Deadlines, UPGRADED};
use super::progress::{Pace, enough};
use super::short_pieces::Half;
use super::{Connections, NEVER};
use crate::server::answer_stream::AnswerStream;
use crate::server::upgrade::Signals;

/// How long a client has to take leave when it is told that it was idle for too long.
const LEAVE: Duration = Duration::from_secs(2);

/// How long a client that sends nothing more, and may be gone, is still answered.
const HALF_CLOSED: Duration = Duration::from_secs(1);

/// What one connection tells of itself, so that its [`Deadlines`] move: a request starts and
/// finishes, bytes come and go.
///
/// A clock of its own would be an entry in tokio's timer wheel for every request, and hyper's
/// header timeout costs another turn of its loop besides; this is a store or two.
#[derive(Clone, Debug)]
pub(in crate::server) struct Wait(Arc<Connection>);

/// What a [`Wait`] is of. Each exchange has one: what is counted then is a line of its connection's, and
/// none that all threads write to.
#[derive(Debug)]
pub(in crate::server) struct Connection {
    pub(super) connections: Arc<Connections>,
    pub(super) deadlines: Arc<Deadlines>,
}

impl Deref for Wait {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl Wait {
    pub(super) fn new(connections: Arc<Connections>, deadlines: Arc<Deadlines>) -> Self {
        Self(Arc::new(Connection { connections, deadlines }))
    }
}

impl Wait {
    /// No exchange is under way; the next may begin when it likes, within the idle limit.
    pub(in crate::server) fn idle(&self) {
        self.deadlines.idle.store(true, Ordering::Relaxed);
        let limit = self.connections.limits.idle;
        self.deadlines.until(self.connections.now_after(limit));
    }

    /// A request was answered to the last byte, or given up.
    pub(in crate::server) fn request_finished(&self) {
        let exchanges = &self.deadlines.exchanges;
        if exchanges.fetch_sub(1, Ordering::SeqCst) > 1 {
            return;
        }
        self.idle();
        // In HTTP/2 another may have begun on another thread in between.
        if exchanges.load(Ordering::SeqCst) > 0 {
            self.busy();
        }
    }

    /// Bytes went out. If they belong to the exchange before, the client takes its time.
    pub(in crate::server) fn sent(&self) {
        if self.deadlines.idle.load(Ordering::Relaxed) {
            self.idle();
        }
    }

    /// Bytes are there to be sent, and the client takes none.
    pub(in crate::server) fn write_blocked(&self) {
        let send = &self.deadlines.send;
        if send.load(Ordering::Relaxed) == NEVER {
            send.store(self.connections.now_after(self.connections.limits.send), Ordering::Relaxed);
            if self.deadlines.blocked.load(Ordering::Relaxed) == NEVER {
                self.deadlines.taken.store(0, Ordering::Relaxed);
                self.deadlines.blocked.store(self.now(), Ordering::Relaxed);
            }
        }
    }

    /// The client takes what is sent: so many bytes, or all that there is.
    pub(in crate::server) fn write_progressed(&self, bytes: usize) {
        let Deadlines { send, blocked, taken, held, .. } = &*self.deadlines;
        // It is so whenever `send` is set.
        if blocked.load(Ordering::Relaxed) == NEVER {
            return;
        }
        send.store(NEVER, Ordering::Relaxed);
        let taken = taken.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if taken >= enough(held.load(Ordering::Relaxed)) {
            blocked.store(NEVER, Ordering::Relaxed);
        }
    }

    /// A piece of an answer waits for the client. Until it is sent, the exchange goes on.
    pub(in crate::server) fn piece_queued(&self) {
        self.deadlines.exchanges.fetch_add(1, Ordering::SeqCst);
        if self.deadlines.unsent.fetch_add(1, Ordering::SeqCst) == 0 {
            self.deadlines.pieces.begin(self.pace());
        }
    }

    /// It is the one of a short answer.
    pub(in crate::server) fn short_piece_queued(&self) -> Half {
        self.deadlines.short.queued()
    }

    /// That is gone, taken to its last byte or given up.
    pub(in crate::server) fn short_piece_gone(&self, half: Half, is_sent: bool) {
        self.deadlines.short.gone(half, is_sent, self.now());
    }

    /// The client took so many bytes of one.
    pub(in crate::server) fn piece_progressed(&self, bytes: usize) {
        let held = self.deadlines.held.load(Ordering::Relaxed);
        self.deadlines.pieces.taken(bytes, held, self.pace());
    }

    pub(in crate::server) fn pace(&self) -> Pace {
        self.connections.pace()
    }

    /// The answers hold so many bytes of memory more.
    pub(in crate::server) fn hold(&self, bytes: usize) {
        let before = self.deadlines.held.fetch_add(bytes, Ordering::Relaxed);
        self.connections.memory.changed(before, before + bytes);
    }

    /// They have let so many go.
    pub(in crate::server) fn let_go(&self, bytes: usize) {
        let before = self.deadlines.held.fetch_sub(bytes, Ordering::Relaxed);
        self.connections.memory.changed(before, before - bytes);
    }

    /// Pieces of this stream wait for the client.
    pub(in crate::server) fn list(&self, stream: Arc<AnswerStream>) {
        self.deadlines.streams.lock().push(stream);
    }

    /// The stream is over.
    pub(in crate::server) fn unlist(&self, stream: &Arc<AnswerStream>) {
        let mut streams = self.deadlines.streams.lock();
        if let Some(place) = streams.iter().position(|it| Arc::ptr_eq(it, stream)) {
            streams.swap_remove(place);
        }
        // A connection that rests keeps no room for its streams.
        if streams.is_empty() {
            *streams = Vec::new();
        }
    }

    /// A piece is gone: sent to its last byte, the client having taken so many since it last told, or given
    /// up, which is none.
    pub(in crate::server) fn piece_gone(&self, last: usize) {
        let Deadlines { pieces, unsent, .. } = &*self.deadlines;
        if unsent.fetch_sub(1, Ordering::SeqCst) == 1 {
            pieces.end();
            // Another may have come on another thread in between.
            if unsent.load(Ordering::SeqCst) > 0 {
                pieces.begin(self.pace());
            }
        } else if last > 0 {
            self.piece_progressed(last);
            // Small ones may be all that this client is sent besides one that does not move.
            pieces.extend(self.pace());
        }
        self.request_finished();
    }

    /// The time, in milliseconds of the coarse clock.
    pub(in crate::server) fn now(&self) -> u64 {
        self.connections.now()
    }

    /// Bytes came in. If they are the first of a request, the rest of its head has to follow.
    pub(in crate::server) fn received(&self) {
        if self.deadlines.idle.load(Ordering::Relaxed) {
            self.deadlines.idle.store(false, Ordering::Relaxed);
            let limit = self.connections.limits.head;
            self.deadlines.until(self.connections.now_after(limit));
        }
    }

    /// The head of a request is complete, and an exchange begins.
    pub(in crate::server) fn request_started(&self) {
        self.deadlines.exchanges.fetch_add(1, Ordering::SeqCst);
        self.busy();
    }

    /// Whether the request that came last has a body. As long as that is so, the client may be
    /// sending it.
    pub(in crate::server) fn body_follows(&self, follows: bool) {
        self.deadlines.owes_body.store(follows, Ordering::Relaxed);
    }

    /// Whether the client may still be sending the body of the request that came last.
    pub(in crate::server) fn owes_body(&self) -> bool {
        self.deadlines.owes_body.load(Ordering::Relaxed)
    }

    fn busy(&self) {
        self.deadlines.idle.store(false, Ordering::Relaxed);
        self.deadlines.until(NEVER);
    }

    /// The client is told that its time is up; it has a moment to take leave.
    pub(in crate::server) fn leave(&self) {
        self.deadlines.until(self.connections.now_after(LEAVE));
    }

    /// Whether an exchange is under way.
    pub(in crate::server) fn in_exchange(&self) -> bool {
        self.deadlines.exchanges.load(Ordering::Relaxed) > 0
    }

    /// Whether no time is set to the exchange that is under way.
    pub(in crate::server) fn is_unlimited(&self) -> bool {
        self.deadlines.request.load(Ordering::Relaxed) == NEVER
    }

    /// Whether the sweep wakes the connection, as long as an exchange is under way, to look whether
    /// its client has gone.
    pub(in crate::server) fn watched_by_sweep(&self, watched: bool) {
        self.deadlines.watched.store(watched, Ordering::Relaxed);
    }

    /// The client sent more frames than it may; the connection ends.
    pub(in crate::server) fn flooded(&self) {
        self.deadlines.flooded.store(true, Ordering::Relaxed);
    }

    /// Whether it did.
    pub(in crate::server) fn is_flooded(&self) -> bool {
        self.deadlines.flooded.load(Ordering::Relaxed)
    }

    /// The client has closed its side of the connection during an exchange. It may wait for the
    /// answer, or have gone: the two look the same until something is sent to it.
    pub(in crate::server) fn half_closed(&self) {
        // The clock is as old as the last sweep, and this wait may be shorter than its pause.
        self.connections.refresh();
        self.deadlines.until(self.connections.now_after(HALF_CLOSED));
    }

    /// The client is gone.
    pub(in crate::server) fn gone(&self) {
        self.deadlines.until(0);
    }

    /// HTTP is over, and another protocol is spoken. What is sent has to be taken still.
    pub(in crate::server) fn upgraded(&self) {
        self.deadlines.state.fetch_or(UPGRADED, Ordering::SeqCst);
    }

    /// What is said to those who speak another protocol on this connection.
    pub(in crate::server) fn signals(&self) -> &Signals {
        self.deadlines.signals.get_or_init(Signals::default)
    }

    /// The connection itself is closed.
    pub(in crate::server) fn closed(&self) {
        if let Some(signals) = self.deadlines.signals.get() {
            signals.closed.cancel();
        }
    }

    /// Whether the connection ends at once, without a leave.
    pub(in crate::server) fn is_cut(&self) -> bool {
        self.deadlines.is_cut()
    }

    /// Whether the client has kept us waiting for too long.
    pub(in crate::server) fn timed_out(&self) -> bool {
        self.deadlines.deadline() <= self.connections.now()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ConnectionLimits, Ticket};
    use super::*;
    use crate::server::networks::Networks;

    struct Clock(Arc<Connections>);

    impl Clock {
        fn at(&self, milliseconds: u64) {
            self.0.now.store(milliseconds, Ordering::Relaxed);
        }
    }

    /// A head within 10 ms, idle for 100 ms, 50 ms for what is sent, and time that stands still.
    fn connection() -> (Clock, Ticket) {
        let connections = Connections::new(ConnectionLimits {
            head: Duration::from_millis(10),
            idle: Duration::from_millis(100),
            send: Duration::from_millis(50),
            connections: None,
            per_client: None,
            memory: None,
            uncounted: Networks::default(),
        });
        let ticket = connections.enter(None).unwrap();
        ticket.wait().deadlines.until(10);
        let clock = Clock(connections);
        clock.at(0);
        (clock, ticket)
    }

    #[test]
    fn a_new_connection_owes_a_head() {
        let (clock, ticket) = connection();
        clock.at(9);
        assert!(!ticket.wait().timed_out());
        clock.at(10);
        assert!(ticket.wait().timed_out());
    }

    #[test]
    fn an_exchange_may_take_its_time() {
        let (clock, ticket) = connection();
        let wait = ticket.wait();
        wait.request_started();
        clock.at(1_000_000);
        wait.received();
        wait.sent();
        assert!(!wait.timed_out());
    }

    #[test]
    fn another_protocol_may_rest_but_not_refuse_what_is_sent() {
        let (clock, ticket) = connection();
        let wait = ticket.wait();
        wait.request_started();
        wait.upgraded();
        wait.request_finished();
        clock.at(1_000_000);
        wait.received();
        assert!(!wait.timed_out());
        wait.write_blocked();
        clock.at(1_000_050);
        assert!(wait.timed_out());
    }

    #[test]
    fn idleness_is_limited() {
        let (clock, ticket) = connection();
        let wait = ticket.wait();
        wait.request_started();
        clock.at(1000);
        wait.request_finished();
        clock.at(1099);
        assert!(!wait.timed_out());
        clock.at(1100);
        assert!(wait.timed_out());
    }

    #[test]
    fn the_first_byte_starts_the_clock_of_the_head() {
        let (clock, ticket) = connection();
        let wait = ticket.wait();
        wait.idle();
        clock.at(50);
        wait.received();
        clock.at(59);
        wait.received();
        assert!(!wait.timed_out());
        clock.at(60);
        assert!(wait.timed_out(), "the second byte must not start it again");
    }

    #[test]
    fn a_client_that_still_takes_the_last_answer_is_not_idle() {
        let (clock, ticket) = connection();
        let wait = ticket.wait();
        wait.idle();
        clock.at(90);
        wait.sent();
        clock.at(189);
        assert!(!wait.timed_out());
        clock.at(190);
        assert!(wait.timed_out());
    }

    #[test]
    fn a_client_that_takes_nothing_of_its_answer_is_given_up() {
        let (clock, ticket) = connection();
        let wait = ticket.wait();
        wait.request_started();
        wait.write_blocked();
        clock.at(40);
        wait.write_progressed(1);
        clock.at(60);
        wait.write_blocked();
        clock.at(80);
        wait.write_blocked();
        clock.at(109);
        assert!(!wait.timed_out());
        clock.at(110);
        assert!(wait.timed_out(), "to try again is no progress");
    }

    #[test]
    fn pieces_that_wait_keep_a_connection_until_its_client_takes_nothing_of_them() {
        let (clock, ticket) = connection();
        let wait = ticket.wait();
        wait.request_started();
        wait.piece_queued();
        wait.piece_queued();
        wait.request_finished();
        for at in [40, 80, 120] {
            clock.at(at);
            assert!(!wait.timed_out(), "{at}: neither idle nor stuck");
            wait.piece_progressed(10);
        }
        wait.piece_gone(1);
        clock.at(169);
        assert!(!wait.timed_out());
        clock.at(170);
        assert!(wait.timed_out(), "one of them is not taken");
        wait.piece_gone(1);
        assert!(!wait.timed_out(), "now it rests");
        clock.at(270);
        assert!(wait.timed_out());
    }

    #[test]
    fn a_connection_that_is_cut_stays_so_whatever_comes_over_it() {
        let (_clock, ticket) = connection();
        let wait = ticket.wait();
        wait.request_started();
        assert!(wait.deadlines.cut() && !wait.deadlines.cut(), "it is told once");
        wait.leave();
        wait.request_started();
        assert!(wait.timed_out() && wait.is_cut(), "another request takes nothing back");
    }

    #[test]
    fn half_of_a_connection_is_answered_for_a_while() {
        let (clock, ticket) = connection();
        let wait = ticket.wait();
        wait.request_started();
        clock.at(1_000_000);
        wait.half_closed();
        clock.at(1_000_999);
        assert!(!wait.timed_out());
        clock.at(1_001_000);
        assert!(wait.timed_out());
        wait.half_closed();
        assert!(!wait.timed_out(), "it took something");
        wait.gone();
        assert!(wait.timed_out());
    }

    #[test]
    fn exchanges_overlap_and_idleness_begins_with_the_last() {
        let (clock, ticket) = connection();
        let wait = ticket.wait();
        wait.request_started();
        wait.request_started();
        wait.request_finished();
        clock.at(1_000_000);
        assert!(!wait.timed_out(), "one is under way");
        wait.request_finished();
        clock.at(1_000_100);
        assert!(wait.timed_out());
    }
}
