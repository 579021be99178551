//! A worker on its way: its process has begun, and its apps have not started.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::process::Child;

use super::process::Worker;
use crate::operate::succession::{
    PeerFailure, PeerOrder, Program, SuccessionPeer, SuccessionState, Successor,
};
use crate::process::record::file_in_memory;
use crate::rooms::SharedRooms;
use crate::server::SocketHandles;
use crate::swap::InheritedStates;

/// How long a worker may take until its apps have started, besides their `init`.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a worker that will not serve has to end by itself.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What every worker of a set starts with.
#[derive(Debug)]
pub(super) struct WorkerSpec {
    pub(super) program: Program,
    /// The sockets of the host.
    pub(super) sockets: SocketHandles,
    /// Where requests come that other workers pass on.
    pub(super) forward: UnixListener,
    /// The rooms that all workers have in common.
    pub(super) rooms: SharedRooms,
    /// Releases, and what is known of those before.
    pub(super) state: Mutex<SuccessionState>,
    /// How long a worker may take for each step of its start.
    pub(super) patience: Duration,
}

impl WorkerSpec {
    /// Starts a worker, and waits until its apps have started. It accepts nothing yet.
    pub(super) async fn start(&self, number: usize) -> Result<Worker, PeerFailure> {
        StartingWorker::start(self, number, false).await?.serving().await
    }
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct StartingWorker {
    number: usize,
    began: Instant,
    peer: SuccessionPeer,
    child: Child,
    record: File,
    patience: Duration,
}

/// How long a worker of so many libraries may take until its apps have started, where each `init`
/// may take `init_limit`.
pub(super) fn patience(libraries: usize, init_limit: Duration) -> Duration {
    // One of them may be started with three states, each of which it may not understand.
    let starts = u32::try_from(libraries + 2).unwrap_or(u32::MAX);
    init_limit.saturating_mul(starts).saturating_add(PATIENCE)
}

impl StartingWorker {
    /// Starts a process, and hands everything over. With `waits` the states of its apps come later.
    pub(super) async fn start(
        spec: &WorkerSpec,
        number: usize,
        waits: bool,
    ) -> Result<Self, PeerFailure> {
        let began = Instant::now();
        let record = file_in_memory()?;
        let sockets = spec.sockets.more()?;
        if sockets.is_empty() {
            return Err(PeerFailure::passing("the host is stopping"));
        }
        let (mut peer, child) = spec.program.start(Successor::Worker)?;
        let mut state = spec.state.lock().clone();
        (state.worker, state.waits, state.sockets) = (Some(number), waits, sockets.len());
        let mut descriptors: Vec<_> = sockets.iter().map(AsFd::as_fd).collect();
        let (ours, theirs) = UnixStream::pair()?;
        spec.rooms.let_in(ours)?;
        descriptors.extend([spec.forward.as_fd(), theirs.as_fd(), record.as_fd()]);
        match peer.hand_over(&descriptors, &state).await {
            Ok(()) => {
                let patience = spec.patience;
                Ok(Self { number, began, peer, child, record, patience })
            }
            Err(error) => {
                drop(peer);
                Err(with_its_end(error.into(), child).await)
            }
        }
    }

    /// Waits until its libraries are mapped.
    pub(super) async fn loaded(mut self) -> Result<Self, PeerFailure> {
        match in_time(self.patience, self.peer.loaded()).await {
            Ok(()) => Ok(self),
            Err(failure) => Err(self.failed(failure).await),
        }
    }

    /// Lets its apps start with these states.
    pub(super) async fn start_with(
        mut self,
        states: InheritedStates,
    ) -> Result<Worker, PeerFailure> {
        self.peer.give(PeerOrder::Start(states)).await;
        self.serving().await
    }

    /// Waits until its apps have started. It accepts nothing yet.
    pub(super) async fn serving(mut self) -> Result<Worker, PeerFailure> {
        let started = match in_time(self.patience, self.peer.serving()).await {
            Ok(started) => started,
            Err(failure) => return Err(self.failed(failure).await),
        };
        let Self { number, began, peer, child, record, patience: _ } = self;
        Ok(Worker::new((number, began), started, (peer, child), record))
    }

    /// Lets it end, because it will not serve.
    async fn failed(self, failure: PeerFailure) -> PeerFailure {
        // It ends by itself when the conversation does.
        drop(self.peer);
        with_its_end(failure, self.child).await
    }
}

async fn in_time<T>(
    patience: Duration,
    starting: impl Future<Output = Result<T, PeerFailure>>,
) -> Result<T, PeerFailure> {
    tokio::time::timeout(patience, starting).await.unwrap_or_else(|_| {
        let reason = format!("the new process did not serve within {patience:?}");
        Err(PeerFailure::passing(reason))
    })
}

/// The reason of a worker that does not serve, and how it ended if it gave none.
async fn with_its_end(failure: PeerFailure, mut child: Child) -> PeerFailure {
    match tokio::time::timeout(LAST_WORDS, child.wait()).await {
        Ok(Ok(status)) if !status.success() => {
            let how = crate::process::describe(status);
            PeerFailure { reason: format!("{failure}: {how}"), ..failure }
        }
        Ok(_) => failure,
        Err(_) => {
            child.start_kill().ok();
            child.wait().await.ok();
            failure
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_init_has_its_time() {
        let init_limit = Duration::from_secs(600);
        assert!(patience(1, init_limit) > init_limit);
        assert!(patience(3, init_limit) > init_limit * 3);
        assert_eq!(patience(1, Duration::MAX), Duration::MAX);
    }
}
