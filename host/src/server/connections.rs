//! The open connections: what stops the server, or watches its time limits, finds them here.
//!
//! A connection enters when it is accepted and leaves when its task ends. In between its requests
//! touch no lock and no timer wheel, however many there are: they store into atomics of the connection,
//! each wake-up reads a few of them, and the limits are kept by one coarse
//! [`sweep`](Connections::sweep) over all connections.

mod deadlines;
mod memory;
mod progress;
mod registry;
mod short_pieces;
mod ticket;
mod wait;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use self::deadlines::Deadlines;
use self::memory::ResponseMemory;
pub(super) use self::memory::{Charge, Holder, STEP};
pub(super) use self::progress::Progress;
use self::progress::{Pace, millis};
use self::registry::{Registry, Shedding, client_of};
pub(super) use self::short_pieces::Half;
pub(super) use self::ticket::Ticket;
pub(super) use self::wait::Wait;
use super::networks::Networks;
use super::protocol_errors::ProtocolErrors;

/// How far a server is on its way out; it never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Phase {
    /// Requests are welcome.
    Serving,
    /// No connection is accepted any more; each one ends after the request it carries.
    Stopping,
    /// A connection that has not sent a byte yet ends too.
    Closing,
    /// All of them end, whatever they carry.
    Aborted,
}

/// How long a connection may keep us waiting.
#[derive(Clone, Debug)]
pub(super) struct ConnectionLimits {
    /// From the first byte of a request head to its last one.
    pub(super) head: Duration,
    /// From the end of one exchange to the first byte of the next.
    pub(super) idle: Duration,
    /// From a byte of an answer that the client takes to the next one.
    pub(super) send: Duration,
    /// How many connections may be open.
    pub(super) connections: Option<usize>,
    /// How many of them may be one client's.
    pub(super) per_client: Option<usize>,
    /// How many bytes answers on their way may hold.
    pub(super) memory: Option<usize>,
    /// Whose connections are not counted by client: proxies bring those of many.
    pub(super) uncounted: Networks,
}

/// The deadline of a connection that waits for nothing.
const NEVER: u64 = u64::MAX;

/// How often it is said that a client has too many connections, in milliseconds.
const WARNING: u64 = 60_000;

/// How often room is looked for while connections wait for it.
const CROWDED: Duration = Duration::from_millis(250);

/// Why a connection that was accepted has no place among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// There are as many as may be: it waits for [`room`](Connections::room).
    Full,
    /// Its client has as many as it may, and none of them can be spared.
    OfClient,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Connections {
    phase: AtomicU8,
    started: Instant,
    /// Milliseconds since `started`, as of the last sweep or the last connection.
    now: AtomicU64,
    limits: ConnectionLimits,
    /// What the answers hold.
    memory: ResponseMemory,
    /// What the clients broke of the protocol.
    pub(super) errors: ProtocolErrors,
    open: Mutex<Registry>,
    /// The first connection came, one went for which others wait, or the phase changed.
    changed: Notify,
    /// How many of those who accept wait for a connection to go.
    waiting: AtomicUsize,
    /// Whether connections are left to another process.
    turned_away: AtomicBool,
    /// Whether connections that have left HTTP have to end now.
    ends_upgraded: AtomicBool,
    /// When it was said last that a client has too many.
    warned: AtomicU64,
}

impl Connections {
    pub(super) fn new(limits: ConnectionLimits) -> Arc<Self> {
        Arc::new(Self {
            phase: AtomicU8::new(Phase::Serving as u8),
            started: Instant::now(),
            now: AtomicU64::new(0),
            memory: ResponseMemory::new(limits.memory),
            limits,
            errors: ProtocolErrors::default(),
            open: Mutex::default(),
            changed: Notify::new(),
            waiting: AtomicUsize::new(0),
            turned_away: AtomicBool::new(false),
            ends_upgraded: AtomicBool::new(false),
            warned: AtomicU64::new(NEVER),
        })
    }

    /// From now on connections are left to another process, which has the same sockets.
    pub(super) fn turn_away(&self) {
        self.turned_away.store(true, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    /// Ends the connections that have left HTTP.
    pub(super) fn end_upgraded(&self) {
        let open = self.open();
        // Under the lock, as in `advance`.
        self.ends_upgraded.store(true, Ordering::SeqCst);
        open.wake(Deadlines::is_upgraded);
    }

    /// Waits until connections are left to another process.
    pub(super) async fn turns_away(&self) {
        self.until(|| self.turned_away.load(Ordering::SeqCst)).await;
    }

    /// A new connection, which waits for the first byte of its first request.
    ///
    /// # Errors
    /// When it has to wait, or to go. Of those that are queued at a stop none waits.
    pub(super) fn enter(self: &Arc<Self>, peer: Option<SocketAddr>) -> Result<Ticket, NoPlace> {
        self.refresh();
        let counted = peer.filter(|_| self.limits.per_client.is_some());
        let counted = counted.filter(|_| !self.limits.uncounted.contains_peer(peer)).map(client_of);
        let accepts = self.phase() == Phase::Serving && !self.turned_away.load(Ordering::SeqCst);
        let mut open = self.open();
        // Who else accepts may have seen the same room.
        if accepts && self.limits.connections.is_some_and(|most| open.entries.len() >= most) {
            return Err(NoPlace::Full);
        }
        if counted.is_some_and(|client| !self.has_room_for(&mut open, client)) {
            return Err(NoPlace::OfClient);
        }
        let deadlines = Arc::new(Deadlines::default());
        deadlines.until(self.now_after(self.limits.head));
        let id = open.add(Arc::clone(&deadlines), counted);
        let first = open.entries.len() == 1;
        drop(open);
        if first {
            self.changed.notify_waiters();
        }
        Ok(Ticket::new(self, deadlines, id))
    }

    /// Whether a client may have one more connection. Another one of its own makes room.
    fn has_room_for(&self, open: &mut Registry, client: IpAddr) -> bool {
        let Some(most) = self.limits.per_client else { return true };
        if open.of(client) < most || open.shed(self.shedding(Some(client))) {
            return true;
        }
        let (now, warned) = (self.now(), self.warned.load(Ordering::Relaxed));
        if warned == NEVER || now.saturating_sub(warned) > WARNING {
            self.warned.store(now, Ordering::Relaxed);
            tracing::warn!(
                "{client} has {most} connections, and more are refused (--max-connections-per-ip); \
                 a proxy is named with --trusted-proxy"
            );
        }
        false
    }

    fn shedding(&self, client: Option<IpAddr>) -> Shedding {
        Shedding { client, now: self.now(), head: self.limits.head }
    }

    pub(super) fn count(&self) -> usize {
        self.open().entries.len()
    }

    /// How many bytes of memory answers on their way hold.
    pub(super) fn held_memory(&self) -> usize {
        self.memory.held()
    }

    /// How many answers were ended because those on their way held too much.
    pub(super) fn ended_for_memory(&self) -> u64 {
        self.memory.ended()
    }

    /// How many streams were reset because their client took nothing of them for too long.
    pub(super) fn timed_out_streams(&self) -> u64 {
        self.memory.timed_out.load(Ordering::Relaxed)
    }

    /// How many connections there have been.
    pub(super) fn entered(&self) -> u64 {
        self.open().next
    }

    /// Waits until one more connection may be open. One whose client sends a head slowly makes room,
    /// or else the one that has rested longest.
    pub(super) async fn room(&self) {
        let Some(most) = self.limits.connections else { return };
        if self.count() < most {
            return;
        }
        let _waiting = WaitingGuard::new(&self.waiting);
        self.refresh();
        self.open().shed_unless_in_vain(self.shedding(None));
        self.until(|| self.count() < most).await;
    }

    /// Whether a connection that goes makes room for one that waits.
    fn is_crowded(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    /// Goes on to `phase`, unless the server is there or further, and tells every connection.
    pub(super) fn advance(&self, phase: Phase) {
        let mut open = self.open();
        // Under the lock: a connection registers its waker before it looks at the phase.
        if self.phase.fetch_max(phase as u8, Ordering::AcqRel) >= phase as u8 {
            return;
        }
        if phase == Phase::Aborted {
            open.cut = open.entries.len();
        }
        open.wake(|_| true);
        drop(open);
        self.changed.notify_waiters();
    }

    /// Goes on to [`Phase::Stopping`], and aborts after `limit`. Of two limits the earlier counts.
    pub(super) fn stop(&self, limit: Option<Duration>) {
        // A limit beyond what a clock can show is no limit.
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut open = self.open();
        open.deadline = open.deadline.into_iter().chain(deadline).min();
        drop(open);
        self.advance(Phase::Stopping);
        self.changed.notify_waiters();
    }

    /// Waits until the time of a stop is over.
    pub(super) async fn overdue(&self) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Registered before the look, as in `until`.
            changed.as_mut().enable();
            let deadline = self.open().deadline;
            let over = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = over => return,
                () = changed => {}
            }
        }
    }

    /// How many connections were open when the server aborted.
    pub(super) fn cut(&self) -> usize {
        self.open().cut
    }

    pub(super) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Serving,
            1 => Phase::Stopping,
            2 => Phase::Closing,
            _ => Phase::Aborted,
        }
    }

    /// Waits for `phase` or a later one.
    pub(super) async fn reached(&self, phase: Phase) {
        self.until(|| self.phase() >= phase).await;
    }

    /// Waits until no connection is open.
    pub(super) async fn empty(&self) {
        self.until(|| self.count() == 0).await;
    }

    /// Wakes the connections whose time is up; at rest while none is open.
    pub(super) async fn sweep(&self) {
        let pause = self.pause();
        loop {
            self.until(|| self.count() > 0).await;
            tokio::time::sleep(if self.is_crowded() { pause.min(CROWDED) } else { pause }).await;
            self.refresh();
            let now = self.now();
            let mut open = self.open();
            if self.is_crowded() {
                open.shed(self.shedding(None));
            }
            open.wake(|deadlines| deadlines.is_due(now));
            drop(open);
            self.sweep_answers();
        }
    }

    /// How long the sweep pauses, and so how old the coarse clock is at most. A limit need not be met to
    /// the millisecond.
    fn pause(&self) -> Duration {
        let ConnectionLimits { head, idle, send, .. } = &self.limits;
        (*head.min(idle).min(send) / 16).clamp(Duration::from_millis(10), Duration::from_secs(2))
    }

    async fn until(&self, condition: impl Fn() -> bool) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Registered before the look, so that no change falls in between.
            changed.as_mut().enable();
            if condition() {
                return;
            }
            changed.await;
        }
    }

    fn refresh(&self) {
        let elapsed = self.started.elapsed().as_millis();
        self.now.fetch_max(elapsed.try_into().unwrap_or(NEVER), Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    fn now_after(&self, limit: Duration) -> u64 {
        self.now().saturating_add(millis(limit))
    }

    fn pace(&self) -> Pace {
        Pace { now: self.now(), limit: millis(self.limits.send) }
    }

    fn open(&self) -> MutexGuard<'_, Registry> {
        self.open.lock()
    }
}

/// One of those who wait for a connection to go, as long as it waits.
struct WaitingGuard<'a>(&'a AtomicUsize);

impl<'a> WaitingGuard<'a> {
    fn new(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::SeqCst);
        Self(waiting)
    }
}

impl Drop for WaitingGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn enter(connections: &Arc<Connections>) -> Ticket {
        connections.enter(None).expect("there is room")
    }

    /// An hour for each step, and these limits of their number.
    fn limited(connections: Option<usize>, per_client: Option<usize>) -> ConnectionLimits {
        let hour = Duration::from_secs(3600);
        let uncounted = Networks::default();
        let memory = None;
        ConnectionLimits {
            head: hour,
            idle: hour,
            send: hour,
            connections,
            per_client,
            memory,
            uncounted,
        }
    }

    fn poll(room: Pin<&mut impl Future<Output = ()>>) -> Poll<()> {
        room.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_client_has_its_share_of_the_connections() {
        let connections = Connections::new(ConnectionLimits {
            uncounted: ["192.0.2.9".parse().unwrap()].into_iter().collect(),
            ..limited(None, Some(2))
        });
        let enter = |address: &str| connections.enter(format!("{address}:1").parse().ok());
        let (first, second) = (enter("192.0.2.1").unwrap(), enter("192.0.2.1").unwrap());
        first.wait().request_started();
        second.wait().request_started();
        assert_eq!(enter("192.0.2.1").unwrap_err(), NoPlace::OfClient, "both are at work");
        assert!(connections.enter(None).is_ok(), "who has no address is not counted");
        let other = enter("192.0.2.2").unwrap();
        second.wait().request_finished();
        let third = enter("192.0.2.1").expect("another one of its own makes room");
        assert!(second.wait().timed_out() && !first.wait().timed_out());
        drop((second, third));
        assert!(enter("192.0.2.1").is_ok());
        // A proxy is not counted, and those whom it names are.
        let proxied: Vec<_> = (0..3).map(|_| enter("192.0.2.9").unwrap()).collect();
        other.wait().request_started();
        assert!(proxied[0].belongs_to("192.0.2.2:7".parse().unwrap()));
        proxied[0].wait().request_started();
        assert!(!proxied[1].belongs_to("192.0.2.2:8".parse().unwrap()));
    }

    #[tokio::test]
    async fn the_longest_rest_makes_room() {
        let connections = Connections::new(limited(Some(2), None));
        let (busy, resting) = (enter(&connections), enter(&connections));
        busy.wait().request_started();
        resting.wait().idle();
        let mut room = std::pin::pin!(connections.room());
        assert!(poll(room.as_mut()).is_pending());
        assert!(resting.wait().timed_out() && !busy.wait().timed_out());
        drop(resting);
        room.await;
        assert_eq!((connections.count(), connections.entered()), (1, 2));
    }

    #[test]
    fn each_of_several_who_wait_hears_of_room() {
        let connections = Connections::new(limited(Some(2), None));
        let (first, busy) = (enter(&connections), enter(&connections));
        busy.wait().request_started();
        first.wait().request_started();
        let mut one = std::pin::pin!(connections.room());
        let mut other = std::pin::pin!(connections.room());
        assert!(poll(one.as_mut()).is_pending() && poll(other.as_mut()).is_pending());
        drop(first);
        assert!(poll(one.as_mut()).is_ready());
        let second = enter(&connections);
        second.wait().request_started();
        assert!(poll(other.as_mut()).is_pending(), "it was not the first");
        drop(second);
        assert!(poll(other.as_mut()).is_ready());
    }

    #[test]
    fn one_who_waits_no_more_is_not_counted() {
        let connections = Connections::new(limited(Some(1), None));
        let _only = enter(&connections);
        {
            let mut room = std::pin::pin!(connections.room());
            assert!(poll(room.as_mut()).is_pending() && connections.is_crowded());
        }
        assert!(!connections.is_crowded());
    }

    #[test]
    fn room_that_two_have_seen_is_one_place() {
        let connections = Connections::new(limited(Some(1), None));
        for _ in 0..2 {
            assert!(poll(std::pin::pin!(connections.room())).is_ready());
        }
        let _first = enter(&connections);
        assert_eq!(connections.enter(None).unwrap_err(), NoPlace::Full);
        // What the system has queued at a stop is taken still.
        connections.advance(Phase::Stopping);
        assert!(connections.enter(None).is_ok());
    }

    #[test]
    fn who_looks_for_room_does_not_repeat_what_was_in_vain() {
        let connections = Connections::new(limited(Some(1), None));
        // So far ahead that it stands still.
        connections.now.store(1_000_000_000, Ordering::Relaxed);
        let only = enter(&connections);
        only.wait().request_started();
        let look = || assert!(poll(std::pin::pin!(connections.room())).is_pending());
        look();
        only.wait().request_finished();
        look();
        assert!(!only.wait().timed_out(), "all were at work a moment ago");
        connections.now.fetch_add(60_000, Ordering::Relaxed);
        look();
        assert!(only.wait().timed_out());
    }

    #[test]
    fn the_phase_never_goes_back() {
        let connections = Connections::new(limited(None, None));
        let _ticket = enter(&connections);
        connections.advance(Phase::Aborted);
        connections.advance(Phase::Stopping);
        assert_eq!(connections.phase(), Phase::Aborted);
        assert_eq!(connections.cut(), 1);
    }
}
