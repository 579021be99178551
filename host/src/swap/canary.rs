//! Two generations that share the requests, until one of them has all of them.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Prepared, State, SwapError, Swapped, Switch, blocking, locked, micros};
use crate::generation::{Generation, GenerationId};
use crate::library::start::StartInfo;
use crate::release::ledger::{Facts, Refused, WentBack, now};

/// A canary that is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trying {
    /// Which share of the requests it answers, from 0 to 1.
    pub share: f64,
    /// For how long.
    pub length: Duration,
}

/// A canary that answers requests.
#[derive(Debug)]
pub(super) struct Running {
    slot: usize,
    generation: Arc<Generation>,
    trying: Trying,
    since: Instant,
    facts: Facts,
}

impl Running {
    /// Where it belongs in the table, what it is, and its share.
    pub(super) fn place(&self) -> (usize, Arc<Generation>, f64) {
        (self.slot, self.generation.clone(), self.trying.share)
    }
}

impl Switch {
    /// Lets the release at `source` answer a share of the requests, beside the generation that it
    /// may replace.
    ///
    /// # Errors
    /// As [`swap`](Self::swap), and where nothing serves yet.
    pub async fn try_out(
        self: &Arc<Self>,
        source: &Path,
        info: &StartInfo,
        force: bool,
        trying: Trying,
    ) -> Result<Swapped, SwapError> {
        let Ok(_swapping) = self.swapping.try_lock() else {
            return Err(self.busy(source.into()));
        };
        self.no_canary()?;
        let began = async {
            let Prepared { slot, generation, mut swapped, facts, began } =
                self.prepare(source, info, force).await?;
            if self.table().generations().get(slot).is_none() {
                generation.app().shutdown().await;
                return Err(SwapError::NoCanary);
            }
            let since = Instant::now();
            let running = Running { slot, generation: generation.clone(), trying, since, facts };
            let _publishing = locked(&self.publishing);
            *locked(&self.canary) = Some(running);
            if let Err(error) = self.set_table(self.table().generations().to_vec()) {
                *locked(&self.canary) = None;
                return Err(error.into());
            }
            self.history.record_as(State::Canary, std::slice::from_ref(&generation));
            swapped.total_us = micros(began);
            Ok(swapped)
        };
        self.noted(source, began).await
    }

    /// The canary, its library's place in the table, and how long it still has.
    #[must_use]
    pub fn canary(&self) -> Option<(Arc<Generation>, usize, Trying, Duration)> {
        let canary = locked(&self.canary);
        let Running { slot, generation, trying, since, .. } = canary.as_ref()?;
        let left = trying.length.saturating_sub(since.elapsed());
        Some((generation.clone(), *slot, *trying, left))
    }

    pub(crate) fn no_canary(&self) -> Result<(), SwapError> {
        match self.canary() {
            None => Ok(()),
            Some((generation, _, trying, left)) => Err(SwapError::Canary {
                build_id: generation.build_id().clone(),
                percent: percent(trying.share),
                left_seconds: left.as_secs(),
            }),
        }
    }

    /// Gives a canary all of the requests.
    ///
    /// # Errors
    /// When it is not there any more, or its routes do not fit any more.
    pub async fn promote(self: &Arc<Self>, id: GenerationId) -> Result<Swapped, SwapError> {
        let began = Instant::now();
        let Running { slot, generation, facts, .. } = self.take_canary(id)?;
        let old = match self.place(&generation, slot) {
            Ok(old) => old,
            Err(error) => {
                self.retire(generation, None, Duration::ZERO);
                return Err(error.into());
            }
        };
        self.history.mark(id, State::Live);
        let replaced = old.as_ref().map(|old| old.id);
        let public = facts.public();
        let swapped = Swapped { replaced, public, ..Swapped::by(&generation, began) };
        if let Some(old) = old {
            self.retire(old, Some(slot), self.settings.standby);
        }
        self.ledger.serves(slot, facts);
        Ok(swapped)
    }

    /// Takes the requests from a canary again, and refuses its build, durably. Gives back the
    /// generation that has all of them now.
    ///
    /// # Errors
    /// When it is not there any more.
    pub async fn end_canary(
        self: &Arc<Self>,
        id: GenerationId,
        reason: String,
        automatic: bool,
    ) -> Result<Arc<Generation>, SwapError> {
        let Running { slot, generation, .. } = self.take_canary(id)?;
        let serves = {
            let _publishing = locked(&self.publishing);
            let slots = self.table().generations().to_vec();
            let serves = slots.get(slot).cloned().ok_or(SwapError::NothingServes)?;
            self.set_table(slots)?;
            serves
        };
        let (from, source) = (generation.build_id().clone(), generation.source.clone());
        let to = serves.build_id().clone();
        self.retire(generation, None, Duration::ZERO);
        let ledger = self.ledger.clone();
        blocking(move || {
            ledger.change(|book| {
                if from != to {
                    let (build_id, reason) = (from.clone(), reason.clone());
                    book.refuse(Refused { build_id, source, reason, at: now() });
                }
                book.rollbacks += 1;
                book.last_rollback = Some(WentBack { from, to, reason, automatic, at: now() });
            });
        })
        .await;
        Ok(serves)
    }

    fn take_canary(&self, id: GenerationId) -> Result<Running, SwapError> {
        let mut canary = locked(&self.canary);
        canary.take_if(|running| running.generation.id == id).ok_or(SwapError::Overtaken(id))
    }
}

/// A share as people write it.
#[must_use]
pub fn percent(share: f64) -> String {
    let text = format!("{:.2}", share * 100.0);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_as_people_write_them() {
        for (share, text) in [(0.05, "5%"), (0.5, "50%"), (0.005, "0.5%"), (1.0, "100%")] {
            assert_eq!(percent(share), text);
        }
    }
}
