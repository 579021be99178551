//! Why a candidate does not serve.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::generation::GenerationId;
use crate::generation::preflight::PreflightError;
use crate::generation::table::TableError;
use crate::library::loader::{BuildId, LoadError};
use crate::library::start::StartError;
use crate::release::ReleaseError;
use crate::release::ledger::RollbackError;

/// Why a candidate does not serve. The generation that served before still does.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The messages say what the fields are.
pub enum SwapError {
    #[error(transparent)]
    Release(#[from] ReleaseError),
    #[error("{}: refused by the preflight: {cause}", .path.display())]
    Preflight { path: PathBuf, cause: PreflightError },
    #[error("{}: {cause}", .path.display())]
    Start { path: PathBuf, cause: StartError },
    #[error(transparent)]
    Table(#[from] TableError),
    /// It was started in another process, which says why it does not serve.
    #[error("{reason}")]
    Elsewhere { reason: String, lasting: bool },
    #[error("no app serves yet")]
    NothingServes,
    #[error(
        "{}: build {build_id} is live already, as generation {generation}; \
         nothing to do (--force starts it anew)", .path.display()
    )]
    AlreadyLive { path: PathBuf, build_id: BuildId, generation: GenerationId },
    #[error(
        "another swap is under way ({}, since {since:?}); try again when it is done",
        .candidate.display()
    )]
    Busy { candidate: PathBuf, since: Duration },
    #[error(
        "{}: build {build_id} was refused: {reason}; \
         `nova swap --force` swaps it in all the same, another build needs no force",
        .path.display()
    )]
    RefusedBuild { path: PathBuf, build_id: BuildId, reason: String },
    #[error(
        "a canary is under way: build {build_id} answers {percent} of the requests for \
         {left_seconds} s more; try again when it is over, or end it with `nova rollback`"
    )]
    Canary { build_id: BuildId, percent: String, left_seconds: u64 },
    #[error(
        "the routes of this program are linked into it, and nothing can be swapped in: \
         build it again, and start the new one in its place"
    )]
    Linked,
    #[error(
        "a canary is compared with what serves, and nothing serves yet; \
         swap the release in without --canary"
    )]
    NoCanary,
    #[error(
        "generation {0} does not serve any more: another one has taken its place; \
         `nova status` shows which"
    )]
    Overtaken(GenerationId),
    #[error("what the process before served cannot be taken over: {0}")]
    Inherited(io::Error),
    #[error(transparent)]
    Rollback(#[from] RollbackError),
    #[error(
        "{}: is an app named `{app}`, but this host serves {serving}; \
         name the library's own path, or give the app the name that it replaces",
        .path.display()
    )]
    NoSlot { path: PathBuf, app: String, serving: String },
}

impl SwapError {
    /// Whether the same files will be refused again: only `init` may go better the next time.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        !matches!(self, Self::Start { .. } | Self::Elsewhere { lasting: false, .. })
    }
}

impl From<LoadError> for SwapError {
    fn from(error: LoadError) -> Self {
        Self::Release(error.into())
    }
}
