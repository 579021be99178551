//! What the host is told to do by signals.

use rustix::process::Signal;
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};
use tokio::sync::mpsc;

use crate::library::loader::signal_handlers;
use crate::operate::succession::{PeerOrder, Recycler, SuccessionPeer};
use crate::process::signals::{HEARD, SignalReceiver};
use crate::supervise::WorkerEvent;

/// The signals of this process. A stand-in is told by the process that it stands in for instead,
/// and a worker by its supervisor, because a terminal and a service manager send their signals to
/// both.
pub(super) struct ProcessSignals {
    received: SignalReceiver,
    /// What came while the thread that waits for signals was not waiting.
    terminate: SignalStream,
    interrupt: SignalStream,
    hang_up: SignalStream,
    recycle: SignalStream,
    pub(super) first: Option<SuccessionPeer>,
    /// Where a worker is told what concerns the process.
    pub(super) supervisor: Option<mpsc::UnboundedReceiver<WorkerEvent>>,
    /// The first process is gone, which was heard.
    is_alone: bool,
}

/// What a signal asks for.
pub(super) enum Action {
    /// Answer what is under way and end; the second one of them: end at once.
    Stop(Signal),
    /// The same, and without the delay of a stop, which is for who asks whether this host is
    /// ready: the process that is known outside is gone.
    StopAlone,
    /// End at once.
    Abort,
    /// Swap from the same paths.
    Reload,
    /// Start anew as the same process.
    Recycle,
    /// Let the process that this one stands in for serve again.
    GiveBack,
}

impl ProcessSignals {
    pub(super) fn new(received: SignalReceiver) -> std::io::Result<Self> {
        let signals = Self {
            received,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            recycle: signal(SignalKind::user_defined2())?,
            first: None,
            supervisor: None,
            is_alone: false,
        };
        signal_handlers::keep(&HEARD);
        Ok(signals)
    }

    /// The next thing to do. A call that is given up loses nothing.
    pub(super) async fn next(&mut self) -> Action {
        if let Some(supervisor) = &mut self.supervisor {
            return match supervisor.recv().await {
                Some(WorkerEvent::Stop) => Action::Stop(Signal::TERM),
                Some(WorkerEvent::Abort) => Action::Abort,
                Some(WorkerEvent::Reload) => Action::Reload,
                Some(WorkerEvent::Orphaned) => Action::StopAlone,
                None => std::future::pending().await,
            };
        }
        if let Some(first) = &mut self.first {
            if self.is_alone {
                return std::future::pending().await;
            }
            loop {
                return match first.order().await {
                    Some(PeerOrder::Stop) => Action::Stop(Signal::TERM),
                    Some(PeerOrder::Abort) => Action::Abort,
                    Some(PeerOrder::Reload) => Action::Reload,
                    Some(PeerOrder::TakeBack) => Action::GiveBack,
                    // Those of a worker.
                    Some(_) => continue,
                    None => {
                        self.is_alone = true;
                        Action::StopAlone
                    }
                };
            }
        }
        let signal = tokio::select! {
            signal = self.received.next() => signal,
            _ = self.terminate.recv() => Signal::TERM,
            _ = self.interrupt.recv() => Signal::INT,
            _ = self.hang_up.recv() => Signal::HUP,
            _ = self.recycle.recv() => Signal::USR2,
        };
        match signal {
            Signal::HUP => Action::Reload,
            Signal::USR2 => Action::Recycle,
            stop => Action::Stop(stop),
        }
    }

    /// The next signal to stop; there is nothing to reload yet, or any more.
    pub(super) async fn stop(&mut self) -> Signal {
        loop {
            match self.next().await {
                Action::Stop(signal) => return signal,
                Action::StopAlone => return Signal::TERM,
                _ => {}
            }
        }
    }

    pub(super) async fn give_back(&mut self, recycler: &Recycler) {
        if let Some(first) = &mut self.first
            && let Err(error) = recycler.give_back(first).await
        {
            tracing::error!("the host is not recycled: {error}; this process serves on");
        }
    }
}
