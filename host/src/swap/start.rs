//! The releases that a host starts with: nothing serves yet, so there is nothing to protect.

use std::path::{Path, PathBuf};
use std::time::Instant;

use nova_abi::OwnedBytes;

use super::launcher::{Launch, WarmUp};
use super::publisher::PublishFailure;
use super::{SwapError, SwapReport, Switch};
use crate::generation::preflight::PreflightReport;
use crate::library::loader::{Candidate, Library};
use crate::library::start::StartInfo;
use crate::release::Release;
use crate::release::ledger::ReleaseFacts;

impl Switch {
    /// Reads the releases that a host starts with. In the place of a build that is refused comes
    /// the release that served when the host ended.
    ///
    /// # Errors
    /// With the first that cannot be read, or is refused and has nothing in its place.
    pub fn read(&self, sources: &[PathBuf]) -> Result<Vec<Release>, SwapError> {
        let read = |(slot, source): (usize, &PathBuf)| {
            let release =
                Release::read_for(source, &self.settings().trust, Some(self.launcher.store()))?;
            let build_id = &release.candidate.build_id;
            let Some(refused) = self.ledger.refusal(build_id) else { return Ok(release) };
            let log = self.ledger.log();
            let serving = log.serving(slot).filter(|kept| kept.build_id != *build_id);
            let Some(kept) = serving else {
                let (path, reason) = (source.clone(), refused.reason);
                return Err(SwapError::RefusedBuild { path, build_id: refused.build_id, reason });
            };
            tracing::warn!(
                "{}: build {build_id} was refused: {}; build {}, which served last, starts instead",
                source.display(),
                refused.reason,
                kept.build_id
            );
            Ok(self.ledger.read(kept, self.launcher.store(), &self.settings().trust)?)
        };
        sources.iter().enumerate().map(read).collect()
    }

    /// Loads the libraries that a host starts with.
    ///
    /// # Errors
    /// As [`read`](Self::read) and [`start_read`](Self::start_read).
    pub async fn start(
        &self,
        sources: &[PathBuf],
        info: &StartInfo,
    ) -> Result<Vec<SwapReport>, SwapError> {
        self.start_read(self.read(sources)?, info).await
    }

    /// Loads the libraries of these releases. There is nothing to protect yet, so there is no
    /// child; all of them are published at once.
    ///
    /// # Errors
    /// With the first library that does not start; nothing is published then.
    pub async fn start_read(
        &self,
        releases: Vec<Release>,
        info: &StartInfo,
    ) -> Result<Vec<SwapReport>, SwapError> {
        self.start_with(releases, info, Vec::new()).await
    }

    /// The same with the states that the apps had before, in the order of the releases.
    ///
    /// # Errors
    /// As [`start_read`](Self::start_read).
    pub async fn start_with(
        &self,
        releases: Vec<Release>,
        info: &StartInfo,
        states: Vec<Option<OwnedBytes>>,
    ) -> Result<Vec<SwapReport>, SwapError> {
        let first = releases.first().map_or(Path::new(""), |release| &release.source).to_owned();
        let _turn = self.gate.enter(&first).await;
        let (mut candidates, mut reports, mut facts) = (Vec::new(), Vec::new(), Vec::new());
        let mut states = states.into_iter();
        for release in releases {
            facts.push(ReleaseFacts::of(&release));
            let launch = Launch {
                info: self.launcher.info_for(&release, info),
                release,
                preflight: PreflightReport::default(),
                began: Instant::now(),
            };
            let (launcher, saved) = (&self.launcher, states.next().flatten());
            let started = async {
                let loaded = launcher.load(launch).await?;
                launcher.start(&loaded, saved, WarmUp::Cold).await
            };
            let error = match started.await {
                Ok((candidate, report)) => {
                    candidates.push(candidate);
                    reports.push(report);
                    continue;
                }
                Err(error) => error,
            };
            let limit = self.settings().hook_limit;
            return Err(PublishFailure::new(candidates, error).discard(limit).await);
        }
        match self.publisher.publish_all(candidates) {
            Ok(before) => {
                let before = before.into_iter().enumerate();
                before.for_each(|(slot, before)| self.drains.drain(before, slot));
            }
            Err(failure) => return Err(failure.discard(self.settings().hook_limit).await),
        }
        self.follow();
        for (slot, facts) in facts.into_iter().enumerate() {
            self.ledger.serves(slot, facts);
        }
        Ok(reports)
    }

    /// Takes a library that is linked into this program for one that was read and loaded; nothing
    /// is ever swapped in its place.
    pub fn link(&self, library: Library) -> Candidate {
        self.launcher.link(library)
    }
}
