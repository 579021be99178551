//! The open connections: what stops the server, or watches its time limits, finds them here.
//!
//! A connection enters when it is accepted and leaves when its task ends. In between it looks at
//! one atomic per wake-up and touches no lock and no timer wheel, whatever the number of requests
//! it carries: the limits are kept by one coarse [`sweep`](Connections::sweep) over all of them.

mod registry;
mod wait;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::Waker;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use self::registry::{Registry, Shedding, client_of};
use self::wait::Deadlines;
pub(super) use self::wait::Wait;
use super::networks::Networks;

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
    /// Whose connections are not counted by client: proxies bring those of many.
    pub(super) uncounted: Networks,
}

/// The deadline of a connection that waits for nothing.
const NEVER: u64 = u64::MAX;

/// How often it is said that a client has too many connections, in milliseconds.
const WARNING: u64 = 60_000;

/// How often room is looked for while connections wait for it.
const CROWDED: Duration = Duration::from_millis(250);

/// See the module.
#[derive(Debug)]
pub(super) struct Connections {
    phase: AtomicU8,
    started: Instant,
    /// Milliseconds since `started`, as of the last sweep or the last connection.
    now: AtomicU64,
    limits: ConnectionLimits,
    open: Mutex<Registry>,
    /// The first connection came, one went for which others wait, or the phase changed.
    changed: Notify,
    /// Whether a new connection waits for another to go.
    crowded: AtomicBool,
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
            limits,
            open: Mutex::default(),
            changed: Notify::new(),
            crowded: AtomicBool::new(false),
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
        open.wake(|deadlines| deadlines.upgraded.load(Ordering::Relaxed));
    }

    /// Waits until connections are left to another process.
    pub(super) async fn turns_away(&self) {
        self.until(|| self.turned_away.load(Ordering::SeqCst)).await;
    }

    /// A new connection, which waits for the first byte of its first request; `None` if its client
    /// has as many as it may, and none of them can be spared.
    pub(super) fn enter(self: &Arc<Self>, peer: Option<SocketAddr>) -> Option<Ticket> {
        self.refresh();
        let counted = peer.filter(|_| self.limits.per_client.is_some());
        let counted = counted.filter(|_| !self.limits.uncounted.contains_peer(peer)).map(client_of);
        let mut open = self.open();
        if counted.is_some_and(|client| !self.has_room_for(&open, client)) {
            return None;
        }
        let deadlines = Arc::new(Deadlines::default());
        deadlines.until(self.now_after(self.limits.head));
        let id = open.add(Arc::clone(&deadlines), counted);
        let first = open.entries.len() == 1;
        drop(open);
        if first {
            self.changed.notify_waiters();
        }
        Some(Ticket { connections: Arc::clone(self), deadlines, id })
    }

    /// Whether a client may have one more connection. Another one of its own makes room.
    fn has_room_for(&self, open: &Registry, client: IpAddr) -> bool {
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
        self.crowded.store(true, Ordering::SeqCst);
        self.refresh();
        self.open().shed(self.shedding(None));
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
        let ConnectionLimits { head, idle, send, .. } = self.limits.clone();
        let pause = (head.min(idle).min(send) / 16)
            .clamp(Duration::from_millis(10), Duration::from_secs(2));
        loop {
            self.until(|| self.count() > 0).await;
            let is_crowded = self.crowded.load(Ordering::SeqCst);
            tokio::time::sleep(if is_crowded { pause.min(CROWDED) } else { pause }).await;
            self.refresh();
            let now = self.now();
            let open = self.open();
            if self.crowded.load(Ordering::SeqCst) {
                open.shed(self.shedding(None));
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

    pub(super) fn phase(&self) -> Phase {
        self.connections.phase()
    }

    /// Whether this connection has to end if it has left HTTP.
    pub(super) fn ends_upgraded(&self) -> bool {
        self.connections.ends_upgraded.load(Ordering::SeqCst)
    }

    /// Whose connection it is, as a proxy says; `false` if that client has as many as it may.
    pub(super) fn belongs_to(&self, client: SocketAddr) -> bool {
        let connections = &self.connections;
        if connections.limits.per_client.is_none() {
            return true;
        }
        let client = client_of(client);
        let mut open = connections.open();
        let has_room = connections.has_room_for(&open, client);
        if has_room {
            open.assign(self.id, client);
        }
        has_room
    }

    /// The time limits of this connection, to be handed to the protocol.
    pub(super) fn wait(&self) -> Wait {
        Wait { connections: Arc::clone(&self.connections), deadlines: Arc::clone(&self.deadlines) }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut open = self.connections.open();
        open.remove(self.id);
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

    fn enter(connections: &Arc<Connections>) -> Ticket {
        connections.enter(None).expect("there is room")
    }

    #[test]
    fn a_client_has_its_share_of_the_connections() {
        let hour = Duration::from_secs(3600);
        let connections = Connections::new(ConnectionLimits {
            head: hour,
            idle: hour,
            send: hour,
            connections: None,
            per_client: Some(2),
            uncounted: ["192.0.2.9".parse().unwrap()].into_iter().collect(),
        });
        let enter = |address: &str| connections.enter(format!("{address}:1").parse().ok());
        let (first, second) = (enter("192.0.2.1").unwrap(), enter("192.0.2.1").unwrap());
        first.wait().request_started();
        second.wait().request_started();
        assert!(enter("192.0.2.1").is_none(), "both are at work");
        assert!(connections.enter(None).is_some(), "who has no address is not counted");
        let other = enter("192.0.2.2").unwrap();
        second.wait().request_finished();
        let third = enter("192.0.2.1").expect("another one of its own makes room");
        assert!(second.wait().timed_out() && !first.wait().timed_out());
        drop((second, third));
        assert!(enter("192.0.2.1").is_some());
        // A proxy is not counted, and those whom it names are.
        let proxied: Vec<_> = (0..3).map(|_| enter("192.0.2.9").unwrap()).collect();
        other.wait().request_started();
        assert!(proxied[0].belongs_to("192.0.2.2:7".parse().unwrap()));
        proxied[0].wait().request_started();
        assert!(!proxied[1].belongs_to("192.0.2.2:8".parse().unwrap()));
    }

    #[tokio::test]
    async fn the_longest_rest_makes_room() {
        let connections = Connections::new(ConnectionLimits {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(10),
            send: Duration::from_secs(10),
            connections: Some(2),
            per_client: None,
            uncounted: Networks::default(),
        });
        let (busy, resting) = (enter(&connections), enter(&connections));
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
        let connections = Connections::new(ConnectionLimits {
            head: second,
            idle: second,
            send: second,
            connections: None,
            per_client: None,
            uncounted: Networks::default(),
        });
        let _ticket = enter(&connections);
        connections.advance(Phase::Aborted);
        connections.advance(Phase::Stopping);
        assert_eq!(connections.phase(), Phase::Aborted);
        assert_eq!(connections.cut(), 1);
    }
}
