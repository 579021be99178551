//! Which generation of each library leads: the one that serves, when what led before has let go.
//!
//! A job of an app runs in the generation that leads. So after a publish the generation before is
//! told to stand by, and its jobs are waited for; then the next one is told to lead. Requests wait
//! for none of it. In between nobody leads, and at no time do two.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinSet;

use crate::generation::Generation;

/// How long the jobs of a generation may take to end when another one is to lead.
pub(super) const STAND_BY_LIMIT: Duration = Duration::from_secs(5);

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Leaders {
    shared: Arc<Shared>,
    /// Another process leads.
    is_held_back: AtomicBool,
}

#[derive(Debug, Default)]
struct Shared {
    /// Which generation of each library is to lead.
    wanted: Mutex<Vec<Option<Arc<Generation>>>>,
    /// Which one does; held while that changes.
    leading: tokio::sync::Mutex<Vec<Option<Arc<Generation>>>>,
}

impl Leaders {
    /// Lets these generations lead, one for each library, as soon as those before have let go. One
    /// that is closed is held: another app is to take its place, so it does not begin again.
    pub(super) fn follow(&self, serving: &[Arc<Generation>]) {
        if self.is_held_back.load(Ordering::SeqCst) {
            return;
        }
        let wanted = |it: &Arc<Generation>| (!it.is_closed()).then(|| Arc::clone(it));
        *self.shared.wanted.lock() = serving.iter().map(wanted).collect();
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move { shared.settle().await });
    }

    /// Lets none lead from now on: another process decides which one does.
    pub(super) fn hold_back(&self) {
        self.is_held_back.store(true, Ordering::SeqCst);
    }

    /// Lets these generations lead: the other process says so.
    pub(super) fn release(&self, serving: &[Arc<Generation>]) {
        self.is_held_back.store(false, Ordering::SeqCst);
        self.follow(serving);
    }

    /// Lets no generation of library `slot` lead; ready when its jobs have ended.
    pub(super) async fn stand_by(&self, slot: usize) {
        if let Some(wanted) = self.shared.wanted.lock().get_mut(slot) {
            *wanted = None;
        }
        self.shared.settle().await;
    }

    /// Lets no generation lead; ready when their jobs have ended. All of them are told at once: a
    /// job that goes on keeps no other one from its end.
    pub(super) async fn all_stand_by(&self) {
        self.shared.wanted.lock().fill(None);
        let mut leading = self.shared.leading.lock().await;
        let mut ending = JoinSet::new();
        for leader in leading.iter_mut().filter_map(Option::take) {
            ending.spawn(async move { stand_by(&leader).await });
        }
        while ending.join_next().await.is_some() {}
        drop(leading);
        // Others may be wanted by now.
        self.shared.settle().await;
    }
}

impl Shared {
    /// Brings what leads in step with what is wanted, by now.
    async fn settle(&self) {
        let mut leading = self.leading.lock().await;
        let count = self.wanted.lock().len().max(leading.len());
        leading.resize(count, None);
        for (slot, leader) in leading.iter_mut().enumerate() {
            while let Some(change) = self.change(slot, leader.as_ref()) {
                if let Some(before) = leader.take()
                    && !change.as_ref().is_some_and(|next| is_same_app(next, &before))
                {
                    stand_by(&before).await;
                    // Another one may be wanted by now.
                    continue;
                }
                if let Some(next) = &change {
                    lead(next).await;
                }
                *leader = change;
            }
        }
    }

    /// What is to lead instead of `leader`; `None`: it is the one.
    fn change(
        &self,
        slot: usize,
        leader: Option<&Arc<Generation>>,
    ) -> Option<Option<Arc<Generation>>> {
        let wanted = self.wanted.lock().get(slot).cloned().flatten();
        let is_it = match (&wanted, leader) {
            (Some(wanted), Some(leader)) => Arc::ptr_eq(wanted, leader),
            (wanted, leader) => wanted.is_none() && leader.is_none(),
        };
        (!is_it).then_some(wanted)
    }
}

/// Whether both are views of one app, which goes on.
fn is_same_app(one: &Generation, other: &Generation) -> bool {
    one.app().zip(other.app()).is_some_and(|(one, other)| one.is_view_of(&other))
}

async fn stand_by(generation: &Generation) {
    let Some(app) = generation.app() else { return };
    let id = generation.id;
    match tokio::time::timeout(STAND_BY_LIMIT, app.lead(false)).await {
        Ok(Ok(())) => {}
        Ok(Err(failure)) => tracing::error!("the jobs of generation {id} do not end: {failure}"),
        Err(_) => tracing::warn!(
            "a job of generation {id} holds its term of `nova::leadership()` for longer than \
             {STAND_BY_LIMIT:?}; the next generation leads now, so the job may run twice"
        ),
    }
}

async fn lead(generation: &Generation) {
    let Some(app) = generation.app() else { return };
    if let Err(failure) = app.lead(true).await {
        tracing::error!("generation {} does not lead: {failure}", generation.id);
    }
}
