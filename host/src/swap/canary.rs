//! Two generations that share the requests, until one of them has all of them.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use nova_abi::SwapMode;

use super::launcher::WarmUp;
use super::publisher::{CanaryEnd, CanarySpec, CanaryView, Promotion};
use super::report::micros;
use super::{PreparedSwap, SwapError, SwapOptions, SwapReport, Switch, blocking};
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
        self: &Arc<Self>,
        source: &Path,
        info: &StartInfo,
        options: impl Into<SwapOptions>,
        spec: CanarySpec,
    ) -> Result<SwapReport, SwapError> {
        let (source, info, options) = (source.to_owned(), info.clone(), options.into());
        self.to_its_end(&source.clone(), move |switch| async move {
            let _turn = switch.gate.try_enter(&source)?;
            switch.no_canary()?;
            let result = switch.begin_canary(&source, &info, options, spec).await;
            switch.counted(result)
        })
        .await
    }

    async fn begin_canary(
        &self,
        source: &Path,
        info: &StartInfo,
        options: SwapOptions,
        spec: CanarySpec,
    ) -> Result<SwapReport, SwapError> {
        let swap = self.prepare(source, info, options).await?;
        if let Some(old) = swap.old.as_ref().filter(|_| swap.mode != SwapMode::Overlap) {
            let (path, mode, serving) = (source.to_owned(), swap.mode, old.id);
            return Err(SwapError::CanaryAlone { path, mode, serving });
        }
        let PreparedSwap { slot, old, loaded, facts, began, preflight_us, .. } =
            self.load(swap).await?;
        let saved = match &old {
            Some(old) => self.saved(old).await,
            None => None,
        };
        let (candidate, mut report) = self.start_beside(&loaded, saved, WarmUp::Full).await?;
        if let Err(failure) = self.publisher.start_canary(candidate, slot, spec, facts) {
            return Err(failure.discard(self.settings().hook_limit).await);
        }
        report.preflight_us = preflight_us;
        report.total_us = micros(began);
        Ok(report)
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
                if let Some((canary, slot)) = failure.canary {
                    self.drains.drain(canary, slot);
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
        let CanaryEnd { slot, canary, serving } = self.publisher.end_canary(id)?;
        let (from, to) = (canary.generation().build_id().clone(), serving.build_id().clone());
        let source = canary.generation().origin.source.clone();
        self.drains.drain(canary, slot);
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
