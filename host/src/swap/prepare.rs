//! Bringing a candidate as far as it comes without a request: read, checked in a child, loaded,
//! started and warm, but in no table yet.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nova_abi::OwnedBytes;

use super::{STYLESHEETS, SwapError, Swapped, Switch, micros};
use crate::generation::Generation;
use crate::generation::exercise;
use crate::generation::preflight::{self, Report};
use crate::generation::table::Table;
use crate::library::loader::{Candidate, Library, LoadError};
use crate::library::start::{StartInfo, start};
use crate::release::Release;
use crate::release::assets::ReleaseAssets;
use crate::release::ledger::Facts;
use crate::release::plan::Plan;

/// How long the warm-up may take at most where nothing serves yet.
const COLD_WARM_LIMIT: Duration = Duration::from_millis(3);

/// A candidate on its way: everything about it but its library's code.
pub(super) struct Incoming {
    pub(super) release: Release,
    pub(super) info: StartInfo,
}

/// A candidate that has started, and only has to be published.
pub(super) struct Prepared {
    pub(super) slot: usize,
    pub(super) generation: Arc<Generation>,
    pub(super) swapped: Swapped,
    pub(super) facts: Facts,
    pub(super) began: Instant,
}

impl Switch {
    /// Brings a candidate as far as it comes without a request.
    pub(super) async fn prepare(
        self: &Arc<Self>,
        source: &Path,
        info: &StartInfo,
        force: bool,
    ) -> Result<Prepared, SwapError> {
        if self.linked.load(Ordering::Relaxed) {
            return Err(SwapError::Linked);
        }
        let began = Instant::now();
        let table = self.table();
        let (switch, path) = (Arc::clone(self), source.to_owned());
        let read = tokio::task::spawn_blocking(move || {
            Release::read_for(&path, &switch.settings.trust, Some(&switch.store))
        });
        let release = read.await.map_err(|error| LoadError::Open {
            path: source.into(),
            message: error.to_string(),
        })??;
        let slot = slot_for(&table, &release)?;
        let old = table.generations().get(slot).cloned();
        if let Some(old) = &old
            && *old.build_id() == release.candidate.build_id
            && !old.assets.differs(&release, self.settings.release_files)
            && !force
        {
            return Err(SwapError::AlreadyLive {
                path: source.into(),
                build_id: old.build_id().clone(),
                generation: old.id,
            });
        }
        if let Some(refused) = self.ledger.refusal(&release.candidate.build_id).filter(|_| !force) {
            return Err(SwapError::RefusedBuild {
                path: source.into(),
                build_id: refused.build_id,
                reason: refused.reason,
            });
        }
        let info = self.info_for(&release, info);
        let checking = Instant::now();
        let report = self.preflight(&release, &info).await?;
        let preflight_us = micros(checking);
        let facts = Facts::of(&release);
        let incoming = Incoming { release, info };
        let saved = match &old {
            Some(old) => Self::saved(old).await,
            None => None,
        };
        let (generation, mut swapped) = self.bring_up(incoming, saved, began, report).await?;
        swapped.preflight_us = preflight_us;
        Ok(Prepared { slot, generation, swapped, facts, began })
    }

    pub(super) async fn preflight(
        &self,
        release: &Release,
        info: &StartInfo,
    ) -> Result<Report, SwapError> {
        let Some(program) = &self.settings.preflight else { return Ok(Report::default()) };
        let staged = self.loader.stage(&release.candidate)?;
        let job = preflight::Job {
            library: staged.path().to_owned(),
            store: self.store.folder().map(Path::to_owned),
            exercise: self.settings.exercise,
            spared: release.plan.as_ref().map(Plan::failing).unwrap_or_default(),
            init_limit: self.settings.init_limit,
            info: info.clone(),
        };
        preflight::check(program, &job, self.settings.preflight_limit)
            .await
            .map_err(|cause| SwapError::Preflight { path: release.source.clone(), cause })
    }

    /// Loads, starts and warms a candidate; it is in no table yet.
    pub(super) async fn bring_up(
        &self,
        incoming: Incoming,
        saved: Option<OwnedBytes>,
        began: Instant,
        report: Report,
    ) -> Result<(Arc<Generation>, Swapped), SwapError> {
        let Incoming { mut release, info } = incoming;
        let assets = ReleaseAssets::take(&mut release);
        let Release { source, candidate, stylesheet, public, plan, .. } = release;
        let loading = Instant::now();
        let library = self.load(candidate).await?;
        let load_us = micros(loading);
        let starting = Instant::now();
        let app = start(&library, self.settings.purpose, info, saved, self.settings.init_limit)
            .await
            .map_err(|cause| SwapError::Start { path: source.clone(), cause })?;
        let init_us = micros(starting);
        let id = self.next_id();
        if let Some(sheet) = stylesheet {
            self.stylesheets.add(sheet);
        }
        let generation = Generation::new(id, source, library, app, assets);
        if self.settings.exercise {
            // A host that starts is waited for; one that swaps serves meanwhile.
            let limit = self.settings.warm_limit;
            let cold = self.table().generations().is_empty();
            let limit = if cold { limit.min(COLD_WARM_LIMIT) } else { limit };
            exercise::warm(&generation, plan, limit).await;
        }
        let unwell = report.unwell;
        let swapped =
            Swapped { public, unwell, load_us, init_us, ..Swapped::by(&generation, began) };
        Ok((generation, swapped))
    }

    /// Maps a candidate's library, on a thread that may wait for the disk.
    async fn load(&self, candidate: Candidate) -> Result<Arc<Library>, LoadError> {
        let (loader, path) = (Arc::clone(&self.loader), candidate.path.clone());
        tokio::task::spawn_blocking(move || loader.load_candidate(candidate))
            .await
            .unwrap_or_else(|error| Err(LoadError::Open { path, message: error.to_string() }))
    }

    pub(super) fn info_for(&self, release: &Release, info: &StartInfo) -> StartInfo {
        let mut info = StartInfo { dev: self.settings.dev, ..info.clone() };
        if self.settings.release_files {
            info.public.clone_from(&release.hashed);
            if let Some(hashed) = info.favicon.as_ref().and_then(|icon| info.public.get(icon)) {
                info.favicon = Some(hashed.clone());
            }
        }
        if let Some(sheet) = &release.stylesheet {
            info.stylesheet = Some(format!("{STYLESHEETS}{}", sheet.name));
        }
        info
    }
}

/// Which generation a release replaces: the only one, the one from the same path, or the one of
/// the same app.
fn slot_for(table: &Table, release: &Release) -> Result<usize, SwapError> {
    let generations = table.generations();
    if generations.len() <= 1 {
        return Ok(0);
    }
    let name = |app: &str| app.split(' ').next().unwrap_or_default().to_owned();
    let app = name(&release.candidate.note.app);
    generations
        .iter()
        .position(|generation| generation.source == release.source)
        .or_else(|| generations.iter().position(|old| name(&old.library.note.app) == app))
        .ok_or_else(|| SwapError::NoSlot {
            path: release.source.clone(),
            app,
            serving: generations
                .iter()
                .map(|old| format!("`{}` ({})", name(&old.library.note.app), old.source.display()))
                .collect::<Vec<_>>()
                .join(" and "),
        })
}
