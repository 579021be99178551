//! One swap at a time.
//!
//! A rollback to what stands by takes no turn: it would wait for the whole preflight of a candidate
//! that is to replace what fails. What it must not meet are the moments in which an app has ended
//! for another one, and those in which another process goes on with all of them. Both have the
//! [`Alone`] of the gate.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use super::SwapError;

/// Lets one swap in, and says to the others which it is.
#[derive(Debug)]
pub(super) struct SwapGate {
    turn: Arc<tokio::sync::Mutex<()>>,
    under_way: Arc<Mutex<Option<(PathBuf, Instant)>>>,
    /// One permit; closed once another process has taken over.
    alone: Arc<Semaphore>,
}

impl Default for SwapGate {
    fn default() -> Self {
        let alone = Arc::new(Semaphore::new(1));
        Self { turn: Arc::default(), under_way: Arc::default(), alone }
    }
}

/// As long as this is kept, no rollback publishes, no app ends for another one, and no other process
/// takes over. Who has a turn, too, has taken that first.
#[derive(Debug)]
pub(super) struct Alone(OwnedSemaphorePermit);

/// As long as this is kept, no other swap begins.
#[derive(Debug)]
pub struct SwapTurn {
    _guard: OwnedMutexGuard<()>,
    /// Of a pause: it holds for rollbacks, too.
    alone: Option<Alone>,
    under_way: Arc<Mutex<Option<(PathBuf, Instant)>>>,
}

impl SwapGate {
    /// Begins a swap to `candidate`, unless another one is under way.
    pub(super) fn try_enter(&self, candidate: &Path) -> Result<SwapTurn, SwapError> {
        match self.turn.clone().try_lock_owned() {
            Ok(guard) => Ok(self.begin(guard, candidate)),
            Err(_) => {
                let under_way = self.under_way.lock().clone();
                let (candidate, since) =
                    under_way.unwrap_or_else(|| (candidate.into(), Instant::now()));
                Err(SwapError::Busy { candidate, since: since.elapsed() })
            }
        }
    }

    /// Begins a swap to `candidate`, after the one that may be under way.
    pub(super) async fn enter(&self, candidate: &Path) -> SwapTurn {
        let guard = self.turn.clone().lock_owned().await;
        self.begin(guard, candidate)
    }

    /// Lets nothing begin, a rollback included, because another process is to take over.
    pub(super) async fn pause(&self, reason: &Path) -> Result<SwapTurn, SwapError> {
        let mut turn = self.try_enter(reason)?;
        turn.alone = self.alone().await;
        Ok(turn)
    }

    /// Waits until no app is about to end for another one; `None`: another process has taken over.
    pub(super) async fn alone(&self) -> Option<Alone> {
        Arc::clone(&self.alone).acquire_owned().await.ok().map(Alone)
    }

    fn begin(&self, guard: OwnedMutexGuard<()>, candidate: &Path) -> SwapTurn {
        *self.under_way.lock() = Some((candidate.into(), Instant::now()));
        SwapTurn { _guard: guard, alone: None, under_way: self.under_way.clone() }
    }
}

impl SwapTurn {
    /// No swap and no rollback will begin any more: another process takes over.
    pub(crate) fn keep_for_good(self) {
        if let Some(Alone(permit)) = &self.alone {
            permit.semaphore().close();
        }
        std::mem::forget(self);
    }
}

impl Drop for SwapTurn {
    fn drop(&mut self) {
        // Before the guard goes: what comes next notes itself.
        *self.under_way.lock() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_is_turned_away_is_told_what_is_under_way() {
        let gate = SwapGate::default();
        let turn = gate.try_enter(Path::new("/srv/one")).unwrap();
        let error = gate.try_enter(Path::new("/srv/two")).unwrap_err();
        assert!(
            matches!(&error, SwapError::Busy { candidate, .. } if candidate == Path::new("/srv/one")),
            "{error}"
        );
        drop(turn);
        gate.enter(Path::new("/srv/two")).await.keep_for_good();
        let error = gate.try_enter(Path::new("/srv/three")).unwrap_err();
        assert!(
            matches!(&error, SwapError::Busy { candidate, .. } if candidate == Path::new("/srv/two"))
        );
    }

    #[tokio::test]
    async fn a_rollback_waits_for_a_pause_and_not_for_a_swap() {
        let gate = SwapGate::default();
        let turn = gate.try_enter(Path::new("/srv/one")).unwrap();
        assert!(gate.alone().await.is_some(), "a swap that is prepared keeps nobody");
        drop(turn);

        let pause = gate.pause(Path::new("recycling")).await.unwrap();
        let mut rollback = Box::pin(gate.alone());
        assert!(is_waiting(rollback.as_mut()));
        drop(pause);
        assert!(rollback.await.is_some(), "this process serves on");

        let pause = gate.pause(Path::new("recycling")).await.unwrap();
        let mut rollback = Box::pin(gate.alone());
        assert!(is_waiting(rollback.as_mut()));
        pause.keep_for_good();
        assert!(rollback.await.is_none(), "another process has taken over");
    }

    fn is_waiting(alone: std::pin::Pin<&mut impl Future<Output = Option<Alone>>>) -> bool {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        alone.poll(&mut context).is_pending()
    }
}
