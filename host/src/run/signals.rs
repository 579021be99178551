//! What the host is told by signals.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::operate::handover::{Peer, PeerOrder, Recycler};

/// What the system tells us to do; a stand-in is told by the process that it stands in for, because
/// a terminal and a service manager send their signals to both.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    recycle: Signal,
    pub(super) first: Option<Peer>,
    /// The first process is gone, which was heard.
    alone: bool,
}

impl Signals {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            recycle: signal(SignalKind::user_defined2())?,
            first: None,
            alone: false,
        })
    }

    pub(super) async fn next(&mut self) -> Order {
        if let Some(first) = &mut self.first {
            if self.alone {
                return std::future::pending().await;
            }
            return match first.order().await {
                Some(PeerOrder::Stop) => Order::Stop(15),
                Some(PeerOrder::Abort) => Order::Abort,
                Some(PeerOrder::Reload) => Order::Reload,
                Some(PeerOrder::TakeBack) => Order::TakeBack,
                None => {
                    self.alone = true;
                    Order::Stop(15)
                }
            };
        }
        tokio::select! {
            _ = self.terminate.recv() => Order::Stop(15),
            _ = self.interrupt.recv() => Order::Stop(2),
            _ = self.hang_up.recv() => Order::Reload,
            _ = self.recycle.recv() => Order::Recycle,
        }
    }

    /// The number of the next signal to stop; there is nothing to reload yet, or any more.
    pub(super) async fn stop(&mut self) -> u8 {
        loop {
            if let Order::Stop(signal) = self.next().await {
                return signal;
            }
        }
    }

    pub(super) async fn give_back(&mut self, recycler: &Recycler) {
        if let Some(first) = &mut self.first
            && let Err(error) = recycler.give_back(first).await
        {
            tracing::error!("the host is not renewed: {error}; this process serves on");
        }
    }
}

/// What a signal means.
pub(super) enum Order {
    Stop(u8),
    /// End at once.
    Abort,
    /// Swap from the same paths.
    Reload,
    /// Start anew as the same process.
    Recycle,
    /// Let the process that this one stands in for serve again.
    TakeBack,
}
