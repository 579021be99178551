//! The releases that a host starts with: nothing serves yet, so there is nothing to protect.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use nova_abi::OwnedBytes;

use super::prepare::Incoming;
use super::{SwapError, Swapped, Switch};
use crate::generation::preflight::Report;
use crate::generation::table::Table;
use crate::library::loader::{Candidate, Library};
use crate::library::start::StartInfo;
use crate::release::Release;
use crate::release::ledger::Facts;

impl Switch {
    /// Reads the releases that a host starts with. In the place of a build that is refused comes
    /// the release that served when the host ended.
    ///
    /// # Errors
    /// With the first that cannot be read, or is refused and has nothing in its place.
    pub fn read(&self, sources: &[PathBuf]) -> Result<Vec<Release>, SwapError> {
        let read = |(slot, source): (usize, &PathBuf)| {
            let release = Release::read_for(source, &self.settings.trust, Some(&self.store))?;
            let build_id = &release.candidate.build_id;
            let Some(refused) = self.ledger.refusal(build_id) else { return Ok(release) };
            let book = self.ledger.book();
            let serving = book.serving(slot).filter(|kept| kept.build_id != *build_id);
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
            Ok(self.ledger.read(kept, &self.store, &self.settings.trust)?)
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
    ) -> Result<Vec<Swapped>, SwapError> {
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
    ) -> Result<Vec<Swapped>, SwapError> {
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
    ) -> Result<Vec<Swapped>, SwapError> {
        let _swapping = self.swapping.lock().await;
        let (mut slots, mut swapped, mut facts) = (Vec::new(), Vec::new(), Vec::new());
        let mut states = states.into_iter();
        for release in releases {
            let state = states.next().flatten();
            let began = Instant::now();
            facts.push(Facts::of(&release));
            let info = self.info_for(&release, info);
            let incoming = Incoming { release, info };
            let (generation, done) =
                self.bring_up(incoming, state, began, Report::default()).await?;
            slots.push(generation);
            swapped.push(done);
        }
        let table = Table::build(slots)?;
        self.history.record(table.generations());
        self.table.store(Arc::new(table));
        for (slot, facts) in facts.into_iter().enumerate() {
            self.ledger.serves(slot, facts);
        }
        Ok(swapped)
    }

    /// Takes a library that is linked into this program for one that was read and loaded; nothing
    /// is ever swapped in its place.
    pub fn link(&self, library: Library) -> Candidate {
        self.linked.store(true, Ordering::Relaxed);
        self.loader.link(library)
    }
}
