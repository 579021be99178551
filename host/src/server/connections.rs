//! The open connections: what stops the server, or watches its time limits, finds them here.
//!
//! A connection enters when it is accepted and leaves when its task ends. In between it looks at
//! one atomic per wake-up and touches no lock and no timer wheel, whatever the number of requests
//! it carries: the limits are kept by one coarse [`sweep`](Connections::sweep) over all of them.

mod wait;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::Waker;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use self::wait::Deadlines;
pub(super) use self::wait::Wait;
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
#[derive(Clone, Copy, Debug)]
pub(super) struct ConnectionLimits {
    /// From the first byte of a request head to its last one.
    pub(super) head: Duration,
    /// From the end of one exchange to the first byte of the next.
    pub(super) idle: Duration,
    /// From a byte of an answer that the client takes to the next one.
    pub(super) send: Duration,
    /// How many connections may be open.
    pub(super) connections: Option<usize>,
}

/// The deadline of a connection that waits for nothing.
const NEVER: u64 = u64::MAX;

/// See the module.
#[derive(Debug)]
pub(super) struct Connections {
    phase: AtomicU8,
    started: Instant,
    /// Milliseconds since `started`, as of the last sweep or the last connection.
    now: AtomicU64,
    limits: ConnectionLimits,
    /// What the clients broke of the protocol.
    pub(super) errors: ProtocolErrors,
    open: Mutex<Registry>,
    /// The first connection came, one went for which others wait, or the phase changed.
    changed: Notify,
    /// Whether a new connection waits for another to go.
    crowded: AtomicBool,
    /// Whether connections are left to another process.
    turned_away: AtomicBool,
}

#[derive(Debug, Default)]
struct Registry {
    next: u64,
    entries: HashMap<u64, RegistryEntry>,
    /// How many were open when the server aborted.
    cut: usize,
    /// Once the server stops, when it aborts; `None`: when the last connection is gone.
    deadline: Option<Instant>,
}

#[derive(Debug)]
struct RegistryEntry {
    deadlines: Arc<Deadlines>,
    waker: Option<Waker>,
}

impl Connections {
    pub(super) fn new(limits: ConnectionLimits) -> Arc<Self> {
        Arc::new(Self {
            phase: AtomicU8::new(Phase::Serving as u8),
            started: Instant::now(),
            now: AtomicU64::new(0),
            limits,
            errors: ProtocolErrors::default(),
            open: Mutex::default(),
            changed: Notify::new(),
            crowded: AtomicBool::new(false),
            turned_away: AtomicBool::new(false),
        })
    }

    /// From now on connections are left to another process, which has the same sockets.
    pub(super) fn turn_away(&self) {
        self.turned_away.store(true, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    /// Waits until connections are left to another process.
    pub(super) async fn turns_away(&self) {
        self.until(|| self.turned_away.load(Ordering::SeqCst)).await;
    }

    /// A new connection, which waits for the first byte of its first request.
    pub(super) fn enter(self: &Arc<Self>) -> Ticket {
        self.refresh();
        let deadlines = Arc::new(Deadlines::default());
        deadlines.until(self.now_after(self.limits.head));
        let mut open = self.open();
        let id = open.next;
        open.next += 1;
        open.entries.insert(id, RegistryEntry { deadlines: Arc::clone(&deadlines), waker: None });
        let first = open.entries.len() == 1;
        drop(open);
        if first {
            self.changed.notify_waiters();
        }
        Ticket { connections: Arc::clone(self), deadlines, id }
    }

    pub(super) fn count(&self) -> usize {
        self.open().entries.len()
    }

    /// How many connections there have been.
    pub(super) fn entered(&self) -> u64 {
        self.open().next
    }

    /// Waits until one more connection may be open. The one that has rested longest makes room.
    pub(super) async fn room(&self) {
        let Some(most) = self.limits.connections else { return };
        if self.count() < most {
            return;
        }
        self.crowded.store(true, Ordering::SeqCst);
        self.open().shed();
        self.until(|| self.count() < most).await;
        self.crowded.store(false, Ordering::SeqCst);
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
        // A limit need not be met to the millisecond.
        let ConnectionLimits { head, idle, send, .. } = self.limits;
        let pause = (head.min(idle).min(send) / 16)
            .clamp(Duration::from_millis(10), Duration::from_secs(2));
        loop {
            self.until(|| self.count() > 0).await;
            tokio::time::sleep(pause).await;
            self.refresh();
            let now = self.now();
            let mut open = self.open();
            if self.crowded.load(Ordering::SeqCst) {
                open.shed();
            }
            open.wake(|deadlines| deadlines.deadline() <= now);
        }
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
        let limit = limit.as_millis().try_into().unwrap_or(NEVER);
        self.now().saturating_add(limit)
    }

    fn open(&self) -> MutexGuard<'_, Registry> {
        self.open.lock()
    }
}

impl Registry {
    /// Ends the rest of the connection that has rested longest, if one does.
    fn shed(&mut self) {
        let rests = |it: &&RegistryEntry| {
            let deadlines = &it.deadlines;
            deadlines.idle.load(Ordering::Relaxed) && !deadlines.upgraded.load(Ordering::Relaxed)
        };
        let resting = self.entries.values().filter(rests);
        if let Some(entry) = resting.min_by_key(|entry| entry.deadlines.deadline()) {
            entry.deadlines.until(0);
            if let Some(waker) = &entry.waker {
                waker.wake_by_ref();
            }
        }
    }

    fn wake(&self, which: impl Fn(&Deadlines) -> bool) {
        for entry in self.entries.values() {
            if let Some(waker) = &entry.waker
                && which(&entry.deadlines)
            {
                waker.wake_by_ref();
            }
        }
    }
}

/// The presence of one connection; dropping it is leaving.
#[derive(Debug)]
pub(super) struct Ticket {
    connections: Arc<Connections>,
    deadlines: Arc<Deadlines>,
    id: u64,
}

impl Ticket {
    /// How this connection's task is woken. Until this is called it cannot be woken, so the
    /// phase must be looked at afterwards.
    pub(super) fn register(&self, waker: &Waker) {
        if let Some(entry) = self.connections.open().entries.get_mut(&self.id) {
            entry.waker = Some(waker.clone());
        }
    }

    pub(super) fn errors(&self) -> &ProtocolErrors {
        &self.connections.errors
    }

    pub(super) fn phase(&self) -> Phase {
        self.connections.phase()
    }

    /// The time limits of this connection, to be handed to the protocol.
    pub(super) fn wait(&self) -> Wait {
        Wait { connections: Arc::clone(&self.connections), deadlines: Arc::clone(&self.deadlines) }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut open = self.connections.open();
        open.entries.remove(&self.id);
        let last = open.entries.is_empty();
        drop(open);
        if last || self.connections.crowded.load(Ordering::SeqCst) {
            self.connections.changed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use super::*;

    #[tokio::test]
    async fn the_longest_rest_makes_room() {
        let connections = Connections::new(ConnectionLimits {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(10),
            send: Duration::from_secs(10),
            connections: Some(2),
        });
        let (busy, resting) = (connections.enter(), connections.enter());
        busy.wait().request_started();
        resting.wait().idle();
        let mut room = std::pin::pin!(connections.room());
        std::future::poll_fn(|cx| {
            assert!(room.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        assert!(resting.wait().timed_out() && !busy.wait().timed_out());
        drop(resting);
        room.await;
        assert_eq!((connections.count(), connections.entered()), (1, 2));
    }

    #[test]
    fn the_phase_never_goes_back() {
        let second = Duration::from_secs(1);
        let limits =
            ConnectionLimits { head: second, idle: second, send: second, connections: None };
        let connections = Connections::new(limits);
        let _ticket = connections.enter();
        connections.advance(Phase::Aborted);
        connections.advance(Phase::Stopping);
        assert_eq!(connections.phase(), Phase::Aborted);
        assert_eq!(connections.cut(), 1);
    }
}
