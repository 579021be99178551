//! The apps that have ended while requests for them wait, with what they have saved.
//!
//! A swap goes on with a [`Hold`] by itself (`handover.rs`); another process does with
//! [`Hold::states`], and [`Hold::leave`] lets it answer.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use nova_abi::{App, OwnedBytes};

use super::apart::Apart;
use super::door::{Forward, HeldDoor, Waits};
use super::gate::SwapTurn;
use super::handover;
use super::leaders::STAND_BY_LIMIT;
use super::lifecycle::shut_down;
use super::{SwapError, Switch};
use crate::generation::Generation;
use crate::library::hooks;
use crate::library::loader::Library;

/// How long streams may take to notice that they have been cut.
const CUT_LIMIT: Duration = Duration::from_secs(2);

/// What the steps of a hold may take that have no limit.
const SLACK: Duration = Duration::from_secs(10);

/// Apps that have ended, while requests for them wait: until it is [resumed](Self::resume) or
/// [left](Self::leave), or the switch goes on from it. Dropped, it resumes in a task of its own.
#[derive(Debug)]
#[must_use = "requests wait until it is resumed or left"]
pub struct Hold {
    pub(super) switch: Arc<Switch>,
    /// `None` only while it is dropped.
    pub(super) held: Option<(HeldDoor, Vec<HeldSlot>)>,
    pub(super) since: Instant,
    /// Lets no swap begin meanwhile, and no app start again by itself; `None`: another one does.
    turn: Option<SwapTurn>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct HeldSlot {
    pub(super) slot: usize,
    pub(super) old: Arc<Generation>,
    pub(super) state: Option<Bytes>,
    /// Why there is no state, although the app saves one.
    pub(super) lost: Option<String>,
    /// The app, if its `shutdown` has not ended in time.
    pub(super) unended: Apart<Arc<App>>,
    /// It could not be started again before it was held; that is still tried from time to time.
    pub(super) was_stranded: bool,
}

/// How long at most another process waits for this one, by all limits of the host together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HoldLimits {
    /// Until its apps are held.
    pub(crate) hold: Duration,
    /// Until they have started again.
    pub(crate) resume: Duration,
}

impl Hold {
    /// Keeps a turn for as long as this is held, and for good if it is left.
    pub(super) fn keeping(mut self, turn: SwapTurn) -> Self {
        self.turn = Some(turn);
        self
    }

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

    pub(super) fn slots(&self) -> &[HeldSlot] {
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
        if let Some(turn) = self.turn.take() {
            turn.keep_for_good();
        }
        self.held.take().map_or_else(Waits::default, |(door, _)| door.leave(forward))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some((door, slots)) = self.held.take() {
            let (switch, turn) = (Arc::clone(&self.switch), self.turn.take());
            tokio::spawn(async move {
                switch.resume(door, slots).await;
                drop(turn);
            });
        }
    }
}

impl Switch {
    /// How long a hold of so many libraries may take, and its end.
    pub(crate) fn hold_limits(&self, libraries: usize) -> HoldLimits {
        let settings = self.settings();
        let count = u32::try_from(libraries).unwrap_or(u32::MAX);
        // An app that starts, and is shut down again if it cannot be published.
        let start = settings.init_limit.saturating_add(settings.hook_limit);
        // `export`, `import` of what it saved, `shutdown`.
        let hooks = settings.hook_limit.saturating_mul(3);
        let each = hooks.saturating_add(STAND_BY_LIMIT + CUT_LIMIT).saturating_mul(count);
        // An app that could not be started again may be about to start.
        let once = [start, settings.stream_grace, settings.hold_limit, SLACK];
        let hold = once.into_iter().fold(each, Duration::saturating_add);
        let tries = u32::try_from(handover::PAUSES.len()).unwrap_or(u32::MAX);
        let again = start.saturating_mul(tries).saturating_add(handover::PAUSES.iter().sum());
        HoldLimits { hold, resume: again.saturating_mul(count).saturating_add(SLACK) }
    }

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
        for HeldSlot { old, state, unended, was_stranded, .. } in &mut held {
            if let Some(state) = state {
                self.exported.keep(old.build_id().clone(), state.clone());
            }
            if *was_stranded {
                // Its state is here now.
                self.stranded.remove(old.id);
            }
            if let Some(app) = old.take_app_when_empty().await {
                // Not held by us while `shutdown` has its time: its thread drops the app then.
                let kept = Arc::downgrade(&app);
                if !shut_down(old.id, app, settings.hook_limit).await {
                    *unended = Apart::from(kept.upgrade());
                }
            }
        }
        Ok(Hold { switch: Arc::clone(self), held: Some((door, held)), since, turn: None })
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
            let was_stranded = self.stranded.get(old.id).is_some();
            held.push(HeldSlot { slot, old, state, lost, unended: Apart::default(), was_stranded });
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
}

#[cfg(test)]
mod tests {
    use super::super::SwapSettings;
    use super::super::door::tests::Elsewhere;
    use super::*;
    use crate::library::loader::Store;

    fn switch(settings: SwapSettings) -> Arc<Switch> {
        Arc::new(Switch::new(settings, Store::open_default()))
    }

    #[tokio::test]
    async fn nothing_starts_by_itself_while_another_process_goes_on() {
        let (switch, next) = (switch(SwapSettings::default()), Path::new("/srv/next"));
        let is_held = || matches!(switch.turn(next), Err(SwapError::Busy { .. }));
        let hold = switch.hold_for(&[], next, false).await.unwrap();
        assert!(is_held());
        hold.resume().await;
        assert!(!is_held());
        switch.hold_for(&[], next, false).await.unwrap().leave(Arc::new(Elsewhere));
        assert!(is_held(), "the other process has the states for good");
    }

    #[test]
    fn a_hold_has_the_time_of_its_steps() {
        let seconds = Duration::from_secs;
        let settings = SwapSettings {
            init_limit: seconds(1000),
            hold_limit: seconds(200),
            stream_grace: seconds(30),
            hook_limit: seconds(4000),
            ..SwapSettings::default()
        };
        let switch = switch(settings);
        let limits = switch.hold_limits(2);
        // The start of an app that could not be started again, and three hooks of each library.
        let steps = seconds(1000 + 4000 + 200 + 30 + 2 * 3 * 4000);
        assert!(limits.hold > steps && limits.hold < steps + seconds(60), "{limits:?}");
        let tries = seconds(2 * 4 * (1000 + 4000));
        assert!(limits.resume > tries && limits.resume < tries + seconds(60), "{limits:?}");
    }
}
