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
//! A [`Hold`] is what is between 3 and 4: the states of the apps that have ended. A swap goes on
//! with it here; another process does with [`Hold::states`], and [`Hold::leave`] lets it answer.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use nova_abi::{App, OwnedBytes};

use super::door::{Forward, HeldDoor, Waits};
use super::launcher::{Loaded, WarmUp};
use super::lifecycle::{CandidateGeneration, shut_down};
use super::{SwapError, SwapReport, Switch};
use crate::generation::{Generation, GenerationId};
use crate::library::hooks;
use crate::library::loader::Library;
use crate::library::start::StartError;

/// How long streams may take to notice that they have been cut.
const CUT_LIMIT: Duration = Duration::from_secs(2);

/// How long the release before is waited for between two tries to start it again: what the app
/// that ended held may be free a moment later.
const PAUSES: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_millis(1500),
];

/// Apps that have ended, while requests for them wait: until it is [resumed](Self::resume) or
/// [left](Self::leave), or the switch goes on from it. Dropped, it resumes in a task of its own.
#[derive(Debug)]
#[must_use = "requests wait until it is resumed or left"]
pub struct Hold {
    switch: Arc<Switch>,
    /// `None` only while it is dropped.
    held: Option<(HeldDoor, Vec<HeldSlot>)>,
    since: Instant,
}

/// One of them.
#[derive(Debug)]
struct HeldSlot {
    slot: usize,
    old: Arc<Generation>,
    state: Option<Bytes>,
    /// Why there is no state, although the app saves one.
    lost: Option<String>,
    /// The app, if its `shutdown` has not ended in time.
    unended: Option<Arc<App>>,
}

/// What becomes of a state that the next app cannot take over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnMisfit {
    /// Then the next app is not wanted.
    Refuse,
    /// It starts anew: somebody has said that the state may be lost.
    StartAnew,
    /// It goes on from what its build exported last, or else starts anew.
    Older,
}

impl OnMisfit {
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
    /// Ends the apps of these slots, and lets requests for them wait. `path`: what is to take
    /// their place, for messages, and `next` its library. With `force` a state is lost that cannot
    /// be exported or does not fit.
    ///
    /// # Errors
    /// If a page does not answer in time, or a state cannot be exported; what served serves on.
    pub(super) async fn hold_slots(
        self: &Arc<Self>,
        slots: &[usize],
        path: &Path,
        force: bool,
        next: Option<&Arc<Library>>,
    ) -> Result<Hold, SwapError> {
        let table = self.table();
        let old = |slot: &usize| Some((*slot, table.generations().get(*slot)?.clone()));
        let olds: Vec<_> = slots.iter().filter_map(old).collect();
        drop(table);
        let settings = self.settings();
        for (_, old) in &olds {
            old.tell();
        }
        let deadline = Instant::now() + settings.stream_grace;
        // A job that goes on would change what is exported.
        for (slot, _) in &olds {
            self.leaders.stand_by(*slot).await;
        }
        for (_, old) in &olds {
            old.until_by(deadline, |counts| counts.streaming == 0).await;
        }
        let (door, since) = (self.door.hold(), Instant::now());
        for (_, old) in &olds {
            old.close();
        }
        let mut held = Vec::new();
        let exported = async {
            self.empty(&olds, path).await?;
            self.export(olds.clone(), path, force, &mut held).await?;
            self.check_fit(&held, path, force, next).await
        };
        if let Err(error) = exported.await {
            for (_, old) in &olds {
                old.reopen();
            }
            self.follow();
            door.open();
            return Err(error);
        }
        for HeldSlot { old, state, unended, .. } in &mut held {
            if let Some(state) = state {
                self.exported.keep(old.build_id().clone(), state.clone());
            }
            if let Some(app) = old.take_app_when_empty().await {
                // Not held: the thread of `shutdown` is to drop it.
                let kept = Arc::downgrade(&app);
                if !shut_down(old.id, app, settings.hook_limit).await {
                    *unended = kept.upgrade();
                }
            }
        }
        Ok(Hold { switch: Arc::clone(self), held: Some((door, held)), since })
    }

    /// Waits until nobody is inside of these closed generations, and nothing else of their slots
    /// runs.
    async fn empty(&self, olds: &[(usize, Arc<Generation>)], path: &Path) -> Result<(), SwapError> {
        let limit = self.settings().hold_limit;
        let deadline = Instant::now() + limit;
        let still = |old: &Generation| {
            let pages = old.answering().into_iter().map(|(page, count)| match count {
                1 => page,
                count => format!("{page}, {count} times"),
            });
            let pages = pages.collect::<Vec<_>>().join("; ");
            SwapError::StillInside { path: path.to_owned(), generation: old.id, pages, limit }
        };
        for (slot, old) in olds {
            if !old.until_by(deadline, |counts| counts.inside == 0).await {
                return Err(still(old));
            }
            old.expire();
            let cut_by = Instant::now() + CUT_LIMIT;
            if !old.until_by(cut_by, |counts| counts.inside + counts.streaming == 0).await {
                return Err(SwapError::StillStreaming {
                    path: path.to_owned(),
                    generation: old.id,
                });
            }
            self.drains.end_slot(*slot, deadline.max(cut_by)).await.map_err(|old| still(&old))?;
        }
        Ok(())
    }

    /// Exports the states.
    async fn export(
        &self,
        olds: Vec<(usize, Arc<Generation>)>,
        path: &Path,
        force: bool,
        held: &mut Vec<HeldSlot>,
    ) -> Result<(), SwapError> {
        for (slot, old) in olds {
            let exported = match old.app() {
                Some(app) => hooks::export(app, self.settings().hook_limit).await,
                // It could not be started again: its state is what it was to be started with.
                None => Ok(self.stranded.state_of(old.id).map(OwnedBytes::from_owner)),
            };
            let (state, lost) = match exported {
                Ok(state) => (state.map(Bytes::from_owner), None),
                Err(cause) if force => (None, Some(format!("`export` of app.rs {cause}"))),
                Err(cause) => {
                    let (path, generation) = (path.to_owned(), old.id);
                    return Err(SwapError::Export { path, generation, cause });
                }
            };
            held.push(HeldSlot { slot, old, state, lost, unended: None });
        }
        Ok(())
    }

    /// Says whether the states can be read by the app that comes, and by the one that goes, which is
    /// the way back.
    async fn check_fit(
        &self,
        held: &[HeldSlot],
        path: &Path,
        force: bool,
        next: Option<&Arc<Library>>,
    ) -> Result<(), SwapError> {
        if force {
            return Ok(());
        }
        let limit = self.settings().hook_limit;
        for HeldSlot { old, state, .. } in held {
            let Some(state) = state else { continue };
            let fits = |library: &Arc<Library>| hooks::fits(library.clone(), state.clone(), limit);
            let forth = async {
                match next {
                    Some(next) => fits(next).await,
                    None => Ok(()),
                }
            };
            let (forth, back) = tokio::join!(forth, fits(&old.library));
            let generation = old.id;
            forth.map_err(|cause| {
                let reason = cause.to_string();
                SwapError::Misfit { path: path.to_owned(), generation, reason }
            })?;
            back.map_err(|cause| {
                let reason = cause.to_string();
                SwapError::NoWayBack { path: path.to_owned(), generation, reason }
            })?;
        }
        Ok(())
    }

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
    /// The state of each library, in their order; of those that have none, or are not held, none.
    #[must_use]
    pub fn states(&self) -> Vec<Option<Bytes>> {
        let count = self.switch.table().generations().len();
        let of = |slot| {
            let held = self.slots().iter().find(|held| held.slot == slot)?;
            held.state.clone()
        };
        (0..count).map(of).collect()
    }

    /// Whether any library is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots().is_empty()
    }

    fn slots(&self) -> &[HeldSlot] {
        self.held.as_ref().map_or(&[], |(_, slots)| slots)
    }

    /// Starts the apps again from their states, and lets requests in.
    pub async fn resume(mut self) -> Waits {
        match self.held.take() {
            Some((door, slots)) => Arc::clone(&self.switch).resume(door, slots).await,
            None => Waits::default(),
        }
    }

    /// Lets another process, which has the states, answer the requests that wait and all that still
    /// come to this one.
    pub fn leave(mut self, forward: Arc<dyn Forward>) -> Waits {
        self.held.take().map_or_else(Waits::default, |(door, _)| door.leave(forward))
    }

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

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some((door, slots)) = self.held.take() {
            let switch = Arc::clone(&self.switch);
            tokio::spawn(async move { switch.resume(door, slots).await });
        }
    }
}

impl Switch {
    /// Starts apps again from their states, and opens the door.
    async fn resume(self: Arc<Self>, door: HeldDoor, slots: Vec<HeldSlot>) -> Waits {
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
        if let Some(app) = held.unended.clone() {
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
        self.stranded.keep(slot, held.old, held.state);
        tokio::spawn(super::stranded::revive_later(Arc::downgrade(self), id));
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
        let Some((slot, old, state)) = self.stranded.get(id) else { return true };
        let held = HeldSlot { slot, old, state, lost: None, unended: None };
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
