//! Why a candidate does not serve.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use nova_abi::SwapMode;

use crate::generation::GenerationId;
use crate::generation::preflight::PreflightError;
use crate::generation::table::TableError;
use crate::library::hooks::HookError;
use crate::library::loader::{BuildId, LoadError};
use crate::library::start::StartError;
use crate::process::ChildError;
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
    #[error(
        "{}: its app has a state of its own, which would be another one in each of {workers} \
         workers; start the host with --workers 1, or, if the state is not its own, say \
         `pub const SWAP: Swap = Swap::Process;` in app.rs", .path.display()
    )]
    ManyStates { path: PathBuf, workers: usize },
    /// It was started in another process, which says why it does not serve.
    #[error("{reason}")]
    Elsewhere { reason: String, lasting: bool },
    #[error(
        "{}: not swapped in: the old app has to end first, and generation {generation} has not \
         answered within {limit:?}: {pages}; it serves on. Try again, or give its pages longer with \
         --hold-timeout", .path.display()
    )]
    StillInside { path: PathBuf, generation: GenerationId, pages: String, limit: Duration },
    #[error(
        "{}: not swapped in: the old app has to end first, and a stream or an upgraded connection \
         of generation {generation} does not end although it was cut; it serves on. Look for a page \
         that blocks its thread", .path.display()
    )]
    StillStreaming { path: PathBuf, generation: GenerationId },
    #[error(
        "{}: not swapped in: `export` of app.rs in generation {generation} {cause}; it serves on, \
         with its state. `nova swap --force` swaps without the state, which is lost then",
        .path.display()
    )]
    Export { path: PathBuf, generation: GenerationId, cause: HookError },
    #[error(
        "{}: not swapped in: its `import` cannot read the state of generation {generation}: \
         {reason}; what served before serves on, with its state. Teach `import` the old form, or \
         start the release without the state: `nova swap --force`", .path.display()
    )]
    Misfit { path: PathBuf, generation: GenerationId, reason: String },
    #[error(
        "{}: not swapped in: `import` of generation {generation} cannot read what its own `export` \
         saves: {reason}; there would be no way back. It serves on, with its state. `nova swap \
         --force` swaps all the same", .path.display()
    )]
    NoWayBack { path: PathBuf, generation: GenerationId, reason: String },
    #[error(
        "{}: not swapped in: it is swapped by `{mode}`{}, which a single process cannot do; start \
         the host with `--workers 1`", .path.display(), because(.reasons)
    )]
    NeedsProcess { path: PathBuf, mode: SwapMode, reasons: String },
    #[error(
        "{}: not swapped in: --swap {wanted} would let two generations be alive at once, which \
         destroys data here: {reasons}; leave --swap away, or say `pub const SWAP: Swap` in app.rs \
         if you know better", .path.display()
    )]
    Unsafe { path: PathBuf, wanted: SwapMode, reasons: String },
    #[error(
        "{}: no canary: it would run beside generation {serving}, and they are to be swapped by \
         {mode}, because each has a state of its own; swap it in without --canary, or, if its state \
         is not its own, say `pub const SWAP: Swap = Swap::Overlap;` in app.rs", .path.display()
    )]
    CanaryAlone { path: PathBuf, mode: SwapMode, serving: GenerationId },
    #[error(
        "{}: no canary: in its process there would be another app of {}, beside generation {serving}, \
         which is swapped by {mode}, because it has a state of its own; swap it in without --canary, \
         or, if that state is not its own, say `pub const SWAP: Swap = Swap::Overlap;` in that app.rs",
        .path.display(), .held.display()
    )]
    CanaryBeside { path: PathBuf, held: PathBuf, mode: SwapMode, serving: GenerationId },
    #[error("{}: the swap ended without a result: {cause}", .path.display())]
    Lost { path: PathBuf, cause: String },
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

/// What a library holds, behind the mode that follows from it.
fn because(reasons: &str) -> String {
    if reasons.is_empty() { String::new() } else { format!(", because {reasons}") }
}

impl SwapError {
    /// Whether the same files will be refused again: what depends on the app that serves, `init`, and
    /// what the system could not do, such as write to a full disk, may go better the next time.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        if let Self::Release(error) = self
            && error.is_of_the_system()
        {
            return false;
        }
        !matches!(
            self,
            Self::Start { .. }
                | Self::Elsewhere { lasting: false, .. }
                | Self::StillInside { .. }
                | Self::StillStreaming { .. }
                | Self::Export { .. }
                | Self::Misfit { .. }
                | Self::NoWayBack { .. }
                | Self::Lost { .. }
                | Self::Preflight {
                    cause: PreflightError::Died { cause: ChildError::Start { .. }, .. },
                    ..
                }
        )
    }
}

impl From<LoadError> for SwapError {
    fn from(error: LoadError) -> Self {
        Self::Release(error.into())
    }
}
