//! Swapping in what is deployed at the paths of a host: as told by a signal or a command, or
//! whenever it changes. It is the same for a host of one process and for one of several, which
//! differ in what a swap is ([`Redeploy`]).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::admin::{Reason, SwapFailure, SwapRequest, SwapResponse};
use super::operator::{WhileBusy, done, failure_of, serves_over, unchanged_below};
use super::tasks::supervise;
use crate::release::ledger::Ledger;
use crate::release::watch::{ReleaseWatch, WatchError};
use crate::swap::{SwapError, SwapOptions, SwapReport};

/// A host into which releases are swapped.
pub(crate) trait Redeploy: Sync {
    /// What it remembers of releases.
    fn ledger(&self) -> &Arc<Ledger>;

    /// Whether it is stopping.
    fn is_stopping(&self) -> bool;

    /// Swaps in the release at a path; what is wrong with it is in the log.
    fn swap_in(
        &self,
        release: &Path,
        options: SwapOptions,
        while_busy: WhileBusy,
    ) -> impl Future<Output = Result<SwapReport, SwapError>> + Send;
}

/// Says that the host does what it is asked to.
///
/// # Errors
/// When it is stopping.
pub(crate) fn accepts_orders(host: &impl Redeploy) -> Result<(), SwapFailure> {
    match host.is_stopping() {
        true => Err(SwapFailure::new(Reason::Stopping, "the host is stopping")),
        false => Ok(()),
    }
}

/// Swaps in the releases that a request names, until one is refused.
///
/// # Errors
/// With the first that is refused, and those before it.
pub(crate) async fn swap_all(
    host: &impl Redeploy,
    request: SwapRequest,
) -> Result<SwapResponse, SwapFailure> {
    let options = request.options();
    let mut response = SwapResponse::default();
    for source in request.paths {
        let failed = |failure| SwapFailure { swapped: response.swapped.clone(), ..failure };
        accepts_orders(host).map_err(failed)?;
        match host.swap_in(&source, options, WhileBusy::Refuse).await {
            Ok(report) => response.swapped.push(done(source, report)),
            Err(error) => return Err(failed(failure_of(&error))),
        }
    }
    Ok(response)
}

/// Swaps in what lies at `releases` now, one after the other. What is wrong is in the log.
pub(crate) async fn reload(host: &impl Redeploy, releases: &[PathBuf]) {
    for release in releases {
        if host.is_stopping() {
            return;
        }
        if let Some(kept) = serves_over(host.ledger(), release).await {
            tracing::info!("{}", unchanged_below(release, &kept));
            continue;
        }
        // Other errors are in the log already.
        match host.swap_in(release, SwapOptions::default(), WhileBusy::Wait).await {
            Err(SwapError::AlreadyLive { generation, .. }) => {
                let release = release.display();
                tracing::info!("{release}: unchanged, generation {generation} serves on");
            }
            Err(error @ SwapError::Canary { .. }) => {
                tracing::error!("{}: not swapped in: {error}", release.display());
            }
            _ => {}
        }
    }
}

/// Swaps in each release that changes, for as long as this is polled.
pub(crate) async fn follow(host: &impl Redeploy, watch: ReleaseWatch) {
    let releases = watch.releases();
    let mut first = Some(watch);
    let follow = || {
        let (first, releases) = (first.take(), &releases);
        async move {
            if let Err(error) = follow_watch(host, first, releases).await {
                tracing::error!("releases are not watched: {error}");
            }
        }
    };
    supervise("the watch of releases", follow).await;
}

/// The same until the watch fails; `None`: it has failed before, and is set anew.
async fn follow_watch(
    host: &impl Redeploy,
    watch: Option<ReleaseWatch>,
    releases: &[PathBuf],
) -> Result<(), WatchError> {
    let mut watch = match watch {
        Some(watch) => watch,
        None => {
            let watch = ReleaseWatch::new(releases)?;
            // What has changed before the watch began again.
            reload(host, releases).await;
            watch
        }
    };
    loop {
        let changed = watch.changed().await?;
        reload(host, &changed).await;
    }
}
