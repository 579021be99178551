//! One swap at a time.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

use super::SwapError;

/// Lets one swap in, and says to the others which it is.
#[derive(Debug, Default)]
pub(super) struct SwapGate {
    turn: Arc<tokio::sync::Mutex<()>>,
    under_way: Arc<Mutex<Option<(PathBuf, Instant)>>>,
}

/// As long as this is kept, no other swap begins.
#[derive(Debug)]
pub struct SwapTurn {
    _guard: OwnedMutexGuard<()>,
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

    fn begin(&self, guard: OwnedMutexGuard<()>, candidate: &Path) -> SwapTurn {
        *self.under_way.lock() = Some((candidate.into(), Instant::now()));
        SwapTurn { _guard: guard, under_way: self.under_way.clone() }
    }
}

impl SwapTurn {
    /// No swap will begin any more: another process takes over.
    pub(crate) fn keep_for_good(self) {
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
}
