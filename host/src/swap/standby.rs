//! The end of a generation: it drains, stands by for a while, and is shut down.
//!
//! A generation on standby has been taken out of the table, but its app runs on, so that going back
//! to it is one pointer. Whoever takes it out of the list of standbys owns what happens next: the
//! one that goes back, or the task that shuts it down.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::{FOR_EVER, State, Switch, locked};
use crate::generation::Generation;
use crate::library::loader::BuildId;

/// A generation that can serve again at once.
#[derive(Debug)]
pub(super) struct Standby {
    slot: usize,
    generation: Arc<Generation>,
    /// Cancelled when there is something to do about it before its time.
    woken: CancellationToken,
    /// Whether it serves again.
    taken: Arc<AtomicBool>,
}

impl Switch {
    /// Lets an old generation finish; shuts it down, `standby` after now at the earliest.
    ///
    /// The one that stood by for library `slot` before is not needed any more. `None`: it was no
    /// library of the table, but a canary.
    pub(super) fn retire(
        self: &Arc<Self>,
        old: Arc<Generation>,
        slot: Option<usize>,
        standby: Duration,
    ) {
        old.close();
        self.history.mark(old.id, State::Draining);
        let (woken, taken) = (CancellationToken::new(), Arc::new(AtomicBool::new(false)));
        {
            let mut standbys = locked(&self.standbys);
            for before in standbys.extract_if(.., |before| Some(before.slot) == slot) {
                before.woken.cancel();
            }
            if let Some(slot) = slot.filter(|_| !standby.is_zero()) {
                let (generation, woken, taken) = (old.clone(), woken.clone(), taken.clone());
                standbys.push(Standby { slot, generation, woken, taken });
            }
        }
        let (switch, began) = (self.clone(), Instant::now());
        tokio::spawn(async move {
            let limit = switch.settings.drain_limit.unwrap_or(FOR_EVER);
            let drained = tokio::time::timeout_at((began + limit).into(), old.empty());
            let is_standby = !standby.is_zero();
            let drained = tokio::select! {
                biased;
                drained = drained => drained.is_ok(),
                // It serves again, or nobody will go back to it; its streams still have their time.
                () = woken.cancelled() => {
                    if taken.load(Ordering::SeqCst) {
                        return;
                    }
                    tokio::time::timeout_at((began + limit).into(), old.empty()).await.is_ok()
                }
            };
            if drained && is_standby && !woken.is_cancelled() {
                switch.history.mark(old.id, State::Standby);
                let over = tokio::time::sleep_until((began + standby).into());
                tokio::select! {
                    () = over => {}
                    () = woken.cancelled() => {}
                }
            }
            if is_standby && !switch.forget(&old) && taken.load(Ordering::SeqCst) {
                return;
            }
            let cut = old.cut().await;
            if cut > 0 {
                tracing::info!(
                    "generation {}: {cut} open responses ended by the drain limit",
                    old.id
                );
            }
            old.app().shutdown().await;
            switch.history.mark(old.id, State::Retired);
        });
    }

    /// Takes the generation of this build that stands by for library `slot`, and opens it.
    pub(super) fn take_standby(&self, slot: usize, build_id: &BuildId) -> Option<Arc<Generation>> {
        let mut standbys = locked(&self.standbys);
        let at = standbys.iter().position(|standby| {
            standby.slot == slot && standby.generation.build_id() == build_id
        })?;
        let Standby { generation, woken, taken, .. } = standbys.remove(at);
        taken.store(true, Ordering::SeqCst);
        generation.reopen();
        woken.cancel();
        Some(generation)
    }

    /// Takes a generation out of the standbys; `false` if it is not there any more.
    fn forget(&self, old: &Arc<Generation>) -> bool {
        let mut standbys = locked(&self.standbys);
        let before = standbys.len();
        standbys.retain(|standby| !Arc::ptr_eq(&standby.generation, old));
        standbys.len() < before
    }

    /// Shuts down whatever stands by, for the end of the process.
    pub(super) async fn end_standbys(&self) {
        let standbys = std::mem::take(&mut *locked(&self.standbys));
        for Standby { generation, .. } in standbys {
            generation.app().shutdown().await;
            self.history.mark(generation.id, State::Retired);
        }
    }
}
