//! The apps that have ended while requests for them wait, with what they have saved.
//!
//! A swap goes on with a [`Hold`] by itself (`handover.rs`); another process does with
//! [`Hold::states`], and [`Hold::leave`] lets it answer.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use nova_abi::{App, OwnedBytes};

use super::door::{Forward, HeldDoor, Waits};
use super::lifecycle::shut_down;
use super::{SwapError, Switch};
use crate::generation::Generation;
use crate::library::hooks;
use crate::library::loader::Library;

/// How long streams may take to notice that they have been cut.
const CUT_LIMIT: Duration = Duration::from_secs(2);

/// Apps that have ended, while requests for them wait: until it is [resumed](Self::resume) or
/// [left](Self::leave), or the switch goes on from it. Dropped, it resumes in a task of its own.
#[derive(Debug)]
#[must_use = "requests wait until it is resumed or left"]
pub struct Hold {
    pub(super) switch: Arc<Switch>,
    /// `None` only while it is dropped.
    pub(super) held: Option<(HeldDoor, Vec<HeldSlot>)>,
    pub(super) since: Instant,
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
    pub(super) unended: Option<Arc<App>>,
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
        self.held.take().map_or_else(Waits::default, |(door, _)| door.leave(forward))
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
}
