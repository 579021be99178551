//! Never two apps alive: the door is held while one ends and the next one begins.
//!
//! Everything slow comes before: the candidate is read, checked and mapped. Then
//!
//! 1. streams are told, and have a moment to end, while requests still come in;
//! 2. the door is held: requests wait, those inside finish, what still streams is cut;
//! 3. `export` and `shutdown` of the old app run, and it is dropped with its runtime;
//! 4. `import` or `init` of the new one runs, it is published, the door opens.
//!
//! Up to `export` nothing is lost by going back: the old app serves on. After that the way back is
//! the old release, started again with what it exported.
//!
//! What is between 3 and 4 is a [`Hold`] (`hold.rs`).

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use nova_abi::OwnedBytes;

use super::apart::Apart;
use super::door::{HeldDoor, Waits};
use super::hold::{HeldSlot, Hold};
use super::launcher::{Loaded, WarmUp};
use super::lifecycle::CandidateGeneration;
use super::stranded::{StrandedApp, revive_later};
use super::{InsteadOfState, SavedState, SwapError, SwapOptions, SwapReport, Switch};
use crate::generation::{Generation, GenerationId};
use crate::library::start::StartError;

/// How long the release before is waited for between two tries to start it again: what the app
/// that ended held may be free a moment later.
pub(super) const PAUSES: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_millis(1500),
];

/// What becomes of a state that the next app cannot take over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnMisfit {
    /// Then the next app is not wanted.
    Refuse,
    /// It starts anew: somebody has said that the state may be lost.
    StartAnew,
    /// It goes on from what its build exported last, or else starts anew.
    Older,
}

impl From<SwapOptions> for OnMisfit {
    fn from(options: SwapOptions) -> Self {
        if options.force { Self::StartAnew } else { Self::Refuse }
    }
}

impl OnMisfit {
    /// What an app in another process starts with that does not understand its state; `exported` is
    /// what its build has exported last.
    pub(crate) fn instead(
        self,
        slot: usize,
        exported: impl FnOnce() -> Option<Bytes>,
    ) -> Option<InsteadOfState> {
        let state = |bytes: Bytes| SavedState(bytes.to_vec());
        match self {
            Self::Refuse => None,
            Self::StartAnew => Some(InsteadOfState { slot, state: None, older: false }),
            Self::Older => Some(InsteadOfState { slot, state: exported().map(state), older: true }),
        }
    }

    /// Why the state is lost, if an app that did not start may go on without it.
    fn allows(self, error: SwapError, held: &HeldSlot) -> Result<String, SwapError> {
        match error {
            SwapError::Start { cause: StartError::Misfit(reason), path } => match self {
                Self::Refuse => Err(SwapError::Misfit { path, generation: held.old.id, reason }),
                Self::StartAnew | Self::Older => Ok(reason),
            },
            // Older code may say in its own way that it does not understand a newer state.
            SwapError::Start { cause, .. } if self == Self::Older && held.state.is_some() => {
                Ok(cause.to_string())
            }
            error => Err(error),
        }
    }
}

impl Switch {
    /// Puts what was loaded in the place of what serves in a slot, so that the two are never alive
    /// at once.
    pub(super) async fn hand_over(
        self: &Arc<Self>,
        slot: usize,
        loaded: Loaded,
        on_misfit: OnMisfit,
    ) -> Result<SwapReport, SwapError> {
        let path = loaded.path().to_owned();
        let force = on_misfit != OnMisfit::Refuse;
        let next = loaded.library().clone();
        let hold = self.hold_slots(&[slot], &path, force, Some(&next)).await?;
        hold.go_on(loaded, on_misfit).await
    }
}

impl Hold {
    /// Starts what was loaded with the state of the one slot that is held.
    async fn go_on(mut self, loaded: Loaded, on_misfit: OnMisfit) -> Result<SwapReport, SwapError> {
        let switch = Arc::clone(&self.switch);
        let Some(held) = self.slots().first() else { return Err(SwapError::NothingServes) };
        let replaced = held.old.id;
        let result = switch.start_next(held, &loaded, on_misfit).await;
        match result {
            Ok(mut report) => {
                report.replaced = Some(replaced);
                let held = self.since.elapsed();
                let waits = self.held.take().map(|(door, _)| door.open()).unwrap_or_default();
                report.held(held, &waits);
                Ok(report)
            }
            Err(error) => {
                tracing::warn!(
                    "generation {replaced} is started again from what it exported: {error}"
                );
                self.resume().await;
                Err(error)
            }
        }
    }
}

impl Switch {
    /// Starts apps again from their states, and opens the door.
    pub(super) async fn resume(self: Arc<Self>, door: HeldDoor, slots: Vec<HeldSlot>) -> Waits {
        for held in slots {
            self.revive(held).await;
        }
        door.open()
    }

    /// Starts the next app of a slot and publishes it.
    async fn start_next(
        &self,
        held: &HeldSlot,
        loaded: &Loaded,
        on_misfit: OnMisfit,
    ) -> Result<SwapReport, SwapError> {
        let start = |state: Option<Bytes>| {
            self.launcher.start(loaded, state.map(OwnedBytes::from_owner), WarmUp::None)
        };
        let started = match &held.lost {
            None => start(held.state.clone()).await,
            Some(reason) => Err(misfit(loaded, reason)),
        };
        let mut lost = None;
        let (candidate, mut report) = match started {
            Err(error) => {
                let reason = on_misfit.allows(error, held)?;
                let older = self.exported.of(&loaded.library().build_id);
                let older = older.filter(|_| on_misfit == OnMisfit::Older);
                lost = Some(lost_state(&held.old, &reason, older.is_some()));
                match start(older).await {
                    Err(SwapError::Start { cause: StartError::Misfit(_), .. }) => {
                        start(None).await?
                    }
                    started => started?,
                }
            }
            Ok(started) => started,
        };
        self.publish_ended(candidate, held).await?;
        if let Some(lost) = &lost {
            tracing::warn!("{lost}");
        }
        report.state_lost = lost;
        Ok(report)
    }

    /// Publishes a candidate in the place of a generation whose app has ended.
    async fn publish_ended(
        &self,
        candidate: CandidateGeneration,
        held: &HeldSlot,
    ) -> Result<(), SwapError> {
        match self.publisher.publish(candidate, held.slot, Some(held.old.id)) {
            Ok(replaced) => {
                self.stranded.remove(held.old.id);
                self.follow();
                if let Some(replaced) = replaced {
                    replaced.ended();
                }
                Ok(())
            }
            Err(failure) => Err(failure.discard(self.settings().hook_limit).await),
        }
    }

    /// Starts the app of a slot again from what it exported. If it does not start, that is tried
    /// again later, and its requests are turned away until then.
    async fn revive(self: &Arc<Self>, held: HeldSlot) {
        for pause in PAUSES {
            tokio::time::sleep(pause).await;
            match self.start_ended(&held).await {
                Ok(id) => {
                    let old = held.old.id;
                    tracing::warn!("generation {id} is live: what generation {old} was");
                    return;
                }
                Err(error) => {
                    tracing::error!("generation {} does not start again: {error}", held.old.id);
                }
            }
        }
        let (id, slot) = (held.old.id, held.slot);
        if let Some(app) = held.unended.get().cloned() {
            // It holds what neither of the two could have, and its `shutdown` may never end.
            let candidate = self.launcher.go_on(&held.old, app);
            let again = candidate.generation().id;
            match self.publish_ended(candidate, &held).await {
                Ok(()) => {
                    tracing::error!(
                        "generation {again} is live: the app of generation {id}, whose `shutdown` \
                         has begun and does not end"
                    );
                    return;
                }
                Err(error) => tracing::error!("{error}"),
            }
        }
        tracing::error!(
            "generation {id} cannot be started again now: its requests get 503 until it can"
        );
        let HeldSlot { old: generation, state, was_stranded, .. } = held;
        self.stranded.keep(StrandedApp { slot, generation, state });
        if !was_stranded {
            tokio::spawn(revive_later(Arc::downgrade(self), id));
        }
    }

    async fn start_ended(&self, held: &HeldSlot) -> Result<GenerationId, SwapError> {
        let state = held.state.clone().map(OwnedBytes::from_owner);
        let candidate = self.launcher.start_again(&held.old, state).await?;
        let id = candidate.generation().id;
        self.publish_ended(candidate, held).await?;
        Ok(id)
    }

    /// Tries once more to start a generation that could not be started again; `true`: there is
    /// nothing left to do.
    pub(super) async fn revive_stranded(&self, id: GenerationId) -> bool {
        let Ok(_turn) = self.gate.try_enter(Path::new("an app that starts again")) else {
            return false;
        };
        let Some(StrandedApp { slot, generation: old, state }) = self.stranded.get(id) else {
            return true;
        };
        let unended = Apart::default();
        let held = HeldSlot { slot, old, state, lost: None, unended, was_stranded: true };
        match self.start_ended(&held).await {
            Ok(again) => {
                tracing::warn!("generation {again} is live: what generation {id} was");
                true
            }
            Err(SwapError::Overtaken(_)) => {
                self.stranded.remove(id);
                true
            }
            Err(error) => {
                tracing::error!("generation {id} does not start again: {error}");
                false
            }
        }
    }
}

/// As if an app had said that it cannot read the state: there is none.
fn misfit(loaded: &Loaded, reason: &str) -> SwapError {
    let cause = StartError::Misfit(reason.to_owned());
    SwapError::Start { path: loaded.path().to_owned(), cause }
}

/// What is said of a state that is lost.
fn lost_state(old: &Generation, reason: &str, older: bool) -> String {
    let instead = if older {
        "the app goes on from what this build exported when it served last"
    } else {
        "the app starts anew"
    };
    let (id, build) = (old.id, old.build_id());
    format!("the state of generation {id} (build {build}) is lost: {reason}; {instead}")
}
