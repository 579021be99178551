//! Going back to a release that served before.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::prepare::Incoming;
use super::{State, SwapError, Swapped, Switch, blocking, locked, micros};
use crate::generation::preflight::Report;
use crate::generation::{Generation, GenerationId};
use crate::library::loader::BuildId;
use crate::library::start::StartInfo;
use crate::release::ledger::{Facts, Kept, Ledger, Refused, WentBack, now};

/// A generation that fails may hang while it saves its state; nobody waits for that.
const EXPORT_LIMIT: Duration = Duration::from_secs(1);

/// Which way to go back, and why.
#[derive(Debug, Clone)]
pub struct Back {
    /// The generation that is left; it is refused from now on.
    pub from: GenerationId,
    /// The release that serves instead.
    pub to: Kept,
    /// Why.
    pub reason: String,
    /// Whether the host decided it by itself.
    pub automatic: bool,
}

impl Switch {
    /// Puts a release that served before in the place of a generation: the generation itself, if
    /// it stands by, or the release started anew. The build that is left is refused, durably.
    ///
    /// # Errors
    /// When that generation does not serve any more, or the release does not start; what serves
    /// goes on then.
    pub async fn go_back(
        self: &Arc<Self>,
        back: Back,
        info: &StartInfo,
    ) -> Result<Swapped, SwapError> {
        let began = Instant::now();
        let Back { from, to, reason, automatic } = back;
        let slot = to.slot;
        let left = self.serving_at(slot, from)?;
        let (mut swapped, facts) = match self.take_standby(slot, &to.build_id) {
            Some(standby) => (self.serve_again(standby, &left, slot, began)?, None),
            None => {
                let (swapped, facts) = self.start_again(&to, &left, info, began).await?;
                (swapped, Some(facts))
            }
        };
        swapped.replaced = Some(from);
        swapped.total_us = micros(began);
        let (left_build, source) = (left.build_id().clone(), left.source.clone());
        self.retire(left, Some(slot), Duration::ZERO);
        let ledger = self.ledger.clone();
        blocking(move || {
            note(&ledger, Noted { to, facts, left_build, source, reason, automatic });
        })
        .await;
        Ok(swapped)
    }

    fn serving_at(&self, slot: usize, id: GenerationId) -> Result<Arc<Generation>, SwapError> {
        let table = self.table();
        let live = table.generations().get(slot).filter(|live| live.id == id);
        live.cloned().ok_or(SwapError::Overtaken(id))
    }

    /// Publishes `generation` if `left` still serves.
    fn replace_live(
        &self,
        generation: &Arc<Generation>,
        left: &Arc<Generation>,
        slot: usize,
    ) -> Result<(), SwapError> {
        let _publishing = locked(&self.publishing);
        self.serving_at(slot, left.id)?;
        let mut slots = self.table().generations().to_vec();
        slots[slot].clone_from(generation);
        self.set_table(slots)?;
        Ok(())
    }

    fn serve_again(
        self: &Arc<Self>,
        standby: Arc<Generation>,
        left: &Arc<Generation>,
        slot: usize,
        began: Instant,
    ) -> Result<Swapped, SwapError> {
        if let Err(error) = self.replace_live(&standby, left, slot) {
            self.retire(standby, Some(slot), Duration::ZERO);
            return Err(error);
        }
        self.history.mark(standby.id, State::Live);
        Ok(Swapped::by(&standby, began))
    }

    async fn start_again(
        self: &Arc<Self>,
        to: &Kept,
        left: &Arc<Generation>,
        info: &StartInfo,
        began: Instant,
    ) -> Result<(Swapped, Facts), SwapError> {
        let read = || {
            let (ledger, store, to) = (self.ledger.clone(), self.store.clone(), to.clone());
            let trust = self.settings.trust.clone();
            async move {
                let read = blocking(move || ledger.read(&to, &store, &trust)).await;
                read.ok_or(SwapError::NothingServes)?.map_err(SwapError::from)
            }
        };
        let release = read().await?;
        let info = self.info_for(&release, info);
        // What has served in this process will not end it now.
        let report = if self.loader.has(&to.build_id) {
            Report::default()
        } else {
            self.preflight(&release, &info).await?
        };
        let saved = tokio::time::timeout(EXPORT_LIMIT, Self::saved(left)).await.ok().flatten();
        let facts = Facts::of(&release);
        let had_state = saved.is_some();
        let incoming = Incoming { release, info: info.clone() };
        let started = match self.bring_up(incoming, saved, began, report).await {
            // The state of newer code may be nothing that older code understands.
            Err(SwapError::Start { .. }) if had_state => {
                let incoming = Incoming { release: read().await?, info };
                self.bring_up(incoming, None, began, Report::default()).await
            }
            started => started,
        };
        let (generation, swapped) = started?;
        if let Err(error) = self.replace_live(&generation, left, to.slot) {
            generation.app().shutdown().await;
            return Err(error);
        }
        self.history.record(std::slice::from_ref(&generation));
        Ok((swapped, facts))
    }
}

/// What is remembered of one time.
struct Noted {
    to: Kept,
    facts: Option<Facts>,
    left_build: BuildId,
    source: PathBuf,
    reason: String,
    automatic: bool,
}

fn note(ledger: &Ledger, noted: Noted) {
    let Noted { to, facts, left_build, source, reason, automatic } = noted;
    let (slot, to_build) = (to.slot, to.build_id.clone());
    if let Some(facts) = facts {
        ledger.serves(slot, facts);
    }
    ledger.change(|book| {
        if book.current.get(&slot) != Some(&to_build) {
            let mut kept = book.releases.iter();
            let kept = kept.find(|kept| kept.slot == slot && kept.build_id == to_build);
            let kept = kept.cloned().unwrap_or(to);
            book.serves(Kept { since: now(), ..kept });
        }
        if left_build != to_build {
            let (build_id, reason) = (left_build.clone(), reason.clone());
            book.refuse(Refused { build_id, source, reason, at: now() });
        }
        book.rollbacks += 1;
        book.last_rollback =
            Some(WentBack { from: left_build, to: to_build, reason, automatic, at: now() });
    });
}
