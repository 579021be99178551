//! The door: while a swap holds it, requests for what is being replaced wait; when it opens, they
//! ask the table again.
//!
//! A request comes here only when its generation would not let it in, so without a swap the door
//! costs nothing. It is closed before the first generation is, and opened after the table was
//! published; so a request that found a closed generation and then finds the door open has a new table.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_core::future::BoxFuture;
use http::{Request, Response};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::generation::body::Body;

/// What answers in the place of this process: another one that has taken over its apps.
pub trait Forward: Send + Sync + fmt::Debug {
    /// Lets the other process answer a request of this client.
    fn forward(
        &self,
        request: Request<Body>,
        peer: Option<SocketAddr>,
    ) -> BoxFuture<'static, Response<Body>>;
}

/// What a request is to do that found its generation closed.
#[derive(Debug, Clone)]
pub(crate) enum Passage {
    /// Ask the table again.
    Ask,
    /// Another process answers.
    Forward(Arc<dyn Forward>),
    /// Too many wait already.
    Full,
    /// The host is stopping.
    Stopping,
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Door {
    state: Mutex<State>,
    /// How many may wait.
    limit: usize,
    /// The next ticket; none is given twice.
    next: AtomicU64,
    totals: Mutex<WaitTotals>,
}

#[derive(Debug)]
enum State {
    Open,
    Held(Queue),
    /// The apps are in another process.
    Left(Arc<dyn Forward>),
    Stopping,
}

/// Those that wait.
#[derive(Debug, Default)]
struct Queue {
    opened: CancellationToken,
    /// When each of them came, by its ticket; those that came first have the lowest.
    since: BTreeMap<u64, Instant>,
    turned_away: u64,
}

/// The place of one that waits, which is free again if its client leaves.
#[derive(Debug)]
struct Place<'d> {
    door: &'d Door,
    ticket: u64,
    opened: CancellationToken,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        // Where the door is open by now, its queue is gone, and another one has other tickets.
        if let State::Held(queue) = &mut *self.door.state.lock() {
            queue.since.remove(&self.ticket);
        }
    }
}

/// How long requests waited while the door was held once: those whose clients were still there when
/// it opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waits {
    /// How many waited.
    pub count: u64,
    /// How long half of them waited at most.
    pub median: Duration,
    /// How long the first one waited.
    pub longest: Duration,
    /// How many were turned away, because too many waited.
    pub turned_away: u64,
}

/// How long requests have waited at the door since the process began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WaitTotals {
    /// How often the door was held.
    pub holds: u64,
    /// How many requests waited.
    pub count: u64,
    /// How long all of them together.
    pub total: Duration,
    /// The longest of them.
    pub longest: Duration,
    /// How many were turned away.
    pub turned_away: u64,
}

impl Door {
    /// An open door, at which so many may wait.
    pub(super) fn new(limit: usize) -> Self {
        let (state, next) = (Mutex::new(State::Open), AtomicU64::new(0));
        Self { state, limit, next, totals: Mutex::default() }
    }

    /// Waits until the door is open, for a request that found its generation closed.
    pub(super) async fn pass(&self) -> Passage {
        let place = match &mut *self.state.lock() {
            State::Open => return Passage::Ask,
            State::Left(forward) => return Passage::Forward(forward.clone()),
            State::Stopping => return Passage::Stopping,
            State::Held(queue) if queue.since.len() >= self.limit => {
                queue.turned_away += 1;
                return Passage::Full;
            }
            State::Held(queue) => {
                let ticket = self.next.fetch_add(1, Ordering::Relaxed);
                queue.since.insert(ticket, Instant::now());
                Place { door: self, ticket, opened: queue.opened.clone() }
            }
        };
        place.opened.cancelled().await;
        drop(place);
        match &*self.state.lock() {
            // Held again already: what was published in between is in the table.
            State::Open | State::Held(_) => Passage::Ask,
            State::Left(forward) => Passage::Forward(forward.clone()),
            State::Stopping => Passage::Stopping,
        }
    }

    /// Lets requests wait from now on.
    pub(super) fn hold(self: &Arc<Self>) -> HeldDoor {
        let mut state = self.state.lock();
        if matches!(*state, State::Open) {
            *state = State::Held(Queue::default());
        }
        HeldDoor { door: Arc::clone(self), is_open: false }
    }

    /// Lets nobody wait any more: the host is stopping.
    pub(super) fn stop(&self) {
        self.change(State::Stopping);
    }

    /// How long requests have waited.
    pub(super) fn totals(&self) -> WaitTotals {
        *self.totals.lock()
    }

    /// Changes the state, and wakes those that wait. A host that stops stays so.
    fn change(&self, next: State) -> Waits {
        let mut state = self.state.lock();
        if matches!(*state, State::Stopping) {
            return Waits::default();
        }
        let State::Held(queue) = std::mem::replace(&mut *state, next) else {
            return Waits::default();
        };
        drop(state);
        let waits = queue.waits();
        let mut totals = self.totals.lock();
        totals.holds += 1;
        totals.count += waits.count;
        totals.total += queue.total();
        totals.longest = totals.longest.max(waits.longest);
        totals.turned_away += waits.turned_away;
        drop(totals);
        queue.opened.cancel();
        waits
    }
}

impl Queue {
    /// Those that came first have waited longest.
    fn waits(&self) -> Waits {
        let count = self.since.len();
        let waited = |at| self.since.values().nth(at).map(Instant::elapsed).unwrap_or_default();
        Waits {
            count: count as u64,
            median: waited(count / 2),
            longest: waited(0),
            turned_away: self.turned_away,
        }
    }

    fn total(&self) -> Duration {
        self.since.values().map(Instant::elapsed).sum()
    }
}

/// As long as this is kept, requests wait.
#[derive(Debug)]
pub(super) struct HeldDoor {
    door: Arc<Door>,
    is_open: bool,
}

impl HeldDoor {
    /// Lets those that wait ask the table again.
    pub(super) fn open(mut self) -> Waits {
        self.is_open = true;
        self.door.change(State::Open)
    }

    /// Lets those that wait, and all that come later, be answered by another process.
    pub(super) fn leave(mut self, forward: Arc<dyn Forward>) -> Waits {
        self.is_open = true;
        self.door.change(State::Left(forward))
    }
}

impl Drop for HeldDoor {
    fn drop(&mut self) {
        if !self.is_open {
            self.door.change(State::Open);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use futures_core::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn is_waiting(passage: std::pin::Pin<&mut impl Future<Output = Passage>>) -> bool {
        passage.poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    /// Another process that answers with nothing.
    #[derive(Debug)]
    pub(in crate::swap) struct Elsewhere;

    impl Forward for Elsewhere {
        fn forward(
            &self,
            _: Request<Body>,
            _: Option<SocketAddr>,
        ) -> BoxFuture<'static, Response<Body>> {
            Box::pin(async { Response::new(Body::empty()) })
        }
    }

    #[tokio::test]
    async fn an_open_door_lets_everybody_through() {
        let door = Arc::new(Door::new(1));
        assert!(matches!(door.pass().await, Passage::Ask));
        assert_eq!(door.hold().open(), Waits::default());
        assert_eq!(door.totals().holds, 1);
        assert!(matches!(door.pass().await, Passage::Ask));
    }

    #[tokio::test]
    async fn those_that_wait_ask_again_and_too_many_are_turned_away() {
        let door = Arc::new(Door::new(2));
        let held = door.hold();
        let (mut one, mut two) = (Box::pin(door.pass()), Box::pin(door.pass()));
        assert!(is_waiting(one.as_mut()) && is_waiting(two.as_mut()));
        assert!(matches!(door.pass().await, Passage::Full));
        let waits = held.open();
        assert_eq!((waits.count, waits.turned_away), (2, 1));
        assert!(waits.longest >= waits.median);
        assert!(matches!(one.await, Passage::Ask));
        // Held again before it looked: it asks all the same.
        let held = door.hold();
        assert!(matches!(two.await, Passage::Ask));
        drop(held);
        assert!(matches!(door.pass().await, Passage::Ask), "dropping it opens the door");
        let totals = door.totals();
        assert_eq!((totals.holds, totals.count, totals.turned_away), (2, 2, 1));
    }

    #[tokio::test]
    async fn who_leaves_makes_room_and_has_not_waited() {
        let door = Arc::new(Door::new(1));
        let held = door.hold();
        let mut one = Box::pin(door.pass());
        assert!(is_waiting(one.as_mut()));
        assert!(matches!(door.pass().await, Passage::Full));
        drop(one);
        let mut two = Box::pin(door.pass());
        assert!(is_waiting(two.as_mut()), "the place of the first one is free");
        let waits = held.open();
        assert_eq!((waits.count, waits.turned_away), (1, 1));
        // Who looks up late takes no place from those that wait by then.
        let held = door.hold();
        let mut three = Box::pin(door.pass());
        assert!(is_waiting(three.as_mut()));
        assert!(matches!(two.await, Passage::Ask));
        assert!(matches!(door.pass().await, Passage::Full));
        assert_eq!(held.open().count, 1);
        assert!(matches!(three.await, Passage::Ask));
        assert_eq!(door.totals().count, 2);
    }

    #[tokio::test]
    async fn what_has_left_is_answered_elsewhere() {
        let door = Arc::new(Door::new(9));
        let held = door.hold();
        let mut waits = pin!(door.pass());
        assert!(is_waiting(waits.as_mut()));
        held.leave(Arc::new(Elsewhere));
        assert!(matches!(waits.await, Passage::Forward(_)));
        assert!(matches!(door.pass().await, Passage::Forward(_)));
    }

    #[tokio::test]
    async fn who_waits_is_told_that_the_host_stops() {
        let door = Arc::new(Door::new(9));
        let held = door.hold();
        let mut waits = pin!(door.pass());
        assert!(is_waiting(waits.as_mut()));
        door.stop();
        assert!(matches!(waits.await, Passage::Stopping));
        held.open();
        assert!(matches!(door.pass().await, Passage::Stopping));
    }
}
