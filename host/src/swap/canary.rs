//! Two generations that share the requests, until one of them has all of them.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::publisher::{CanaryEnd, CanarySpec, CanaryView, Promotion};
use super::report::micros;
use super::{PreparedSwap, SwapError, SwapReport, Switch, blocking};
use crate::generation::{Generation, GenerationId};
use crate::library::start::StartInfo;
use crate::release::ledger::{RollbackRecord, now};

impl Switch {
    /// Lets the release at `source` answer a share of the requests, beside the generation that it
    /// may replace.
    ///
    /// # Errors
    /// As [`swap`](Self::swap), and where nothing serves yet.
    pub async fn start_canary(
        &self,
        source: &Path,
        info: &StartInfo,
        force: bool,
        spec: CanarySpec,
    ) -> Result<SwapReport, SwapError> {
        let _turn = self.gate.try_enter(source)?;
        self.no_canary()?;
        let result = async {
            let PreparedSwap { slot, candidate, mut report, facts, began } =
                self.prepare(source, info, force).await?;
            if let Err(failure) = self.publisher.start_canary(candidate, slot, spec, facts) {
                return Err(failure.discard().await);
            }
            report.total_us = micros(began);
            Ok(report)
        };
        self.counted(result.await)
    }

    /// The canary, if there is one.
    #[must_use]
    pub fn canary(&self) -> Option<CanaryView> {
        self.publisher.canary()
    }

    /// Says that there is no canary.
    ///
    /// # Errors
    /// If there is one.
    pub(crate) fn no_canary(&self) -> Result<(), SwapError> {
        match self.canary() {
            None => Ok(()),
            Some(CanaryView { generation, spec, left, .. }) => Err(SwapError::Canary {
                build_id: generation.build_id().clone(),
                percent: percent(spec.share),
                left_seconds: left.as_secs(),
            }),
        }
    }

    /// Gives a canary all of the requests.
    ///
    /// # Errors
    /// When it is not there any more, or its routes do not fit any more.
    pub async fn promote(&self, id: GenerationId) -> Result<SwapReport, SwapError> {
        let began = Instant::now();
        let Promotion { slot, generation, replaced, facts } =
            self.publisher.promote(id).map_err(|failure| {
                if let Some(canary) = failure.canary {
                    self.drains.drain(canary);
                }
                *failure.error
            })?;
        let report = SwapReport {
            replaced: Some(replaced.id()),
            public: facts.public(),
            ..SwapReport::of(&generation, began)
        };
        self.follow();
        self.drains.drain_slot(replaced, slot, self.settings().standby);
        self.ledger.serves(slot, facts);
        Ok(report)
    }

    /// Takes the requests from a canary again, and refuses its build, durably. Gives back the
    /// generation that has all of them now.
    ///
    /// # Errors
    /// When it is not there any more.
    pub async fn end_canary(
        &self,
        id: GenerationId,
        reason: String,
        automatic: bool,
    ) -> Result<Arc<Generation>, SwapError> {
        let CanaryEnd { canary, serving } = self.publisher.end_canary(id)?;
        let (from, to) = (canary.generation().build_id().clone(), serving.build_id().clone());
        let source = canary.generation().source.clone();
        self.drains.drain(canary);
        let rollback = RollbackRecord { from, to, reason, automatic, at: now() };
        let ledger = self.ledger.clone();
        blocking(move || ledger.change(|log| log.rolled_back(rollback, source))).await;
        Ok(serving)
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
