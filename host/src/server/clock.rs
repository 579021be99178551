//! hyper's timer, for one connection, without a timer.
//!
//! hyper starts a timer whenever it begins to wait for a request head, and drops it when the head
//! is there. With tokio's timers that is an entry in a shared wheel for every request; here it is
//! two stores, and the sweep over all connections does the rest.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

use super::connections::Wait;

/// See the module.
#[derive(Debug)]
pub(super) struct HeadTimer {
    wait: Wait,
    epoch: Instant,
}

impl HeadTimer {
    pub(super) fn new(wait: Wait) -> Self {
        Self { wait, epoch: Instant::now() }
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, _: Duration) -> Pin<Box<dyn Sleep>> {
        self.wait.begin();
        Box::pin(HeadSleep { wait: self.wait.clone() })
    }

    /// The deadline is not looked at: the limits of the server are what counts.
    fn sleep_until(&self, _: Instant) -> Pin<Box<dyn Sleep>> {
        self.sleep(Duration::ZERO)
    }

    fn reset(&self, _: &mut Pin<Box<dyn Sleep>>, _: Instant) {
        self.wait.begin();
    }

    /// hyper only adds its limit to this, for the deadline above.
    fn now(&self) -> Instant {
        self.epoch
    }
}

/// Waits for a request head; over when the sweep says so.
struct HeadSleep {
    wait: Wait,
}

impl Sleep for HeadSleep {}

impl Future for HeadSleep {
    type Output = ();

    /// The task is woken by the sweep, which knows its waker.
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.wait.is_over() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for HeadSleep {
    fn drop(&mut self) {
        self.wait.end();
    }
}
