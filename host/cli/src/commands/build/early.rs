//! `init` before the long work: where all code is optimised as one, compiling takes a minute, and what
//! `init` misses, such as a variable, is missed by a library that was compiled in seconds as well.
//!
//! In seconds only where `nova dev` or an earlier build has compiled the dependencies for development.
//! Elsewhere, as in CI, that would take as long as the work itself, and is left out: `init` runs when the
//! library is checked.

use nova_host::release::Release;
use nova_host::release::trust::Trust;
use nova_route_template::{Build, Output};

use super::{BuildJob, follow};
use crate::commands::{block_on, check};

/// The profile that compiles fastest.
const PROFILE: &str = "dev";

/// Whether it is worth it: the app has an `init`, compiling takes long, and this does not.
pub(super) fn is_worth_it(job: &BuildJob<'_>) -> bool {
    let has_init = job.prepared.tree.app.as_ref().is_some_and(|hooks| !hooks.init.is_empty());
    job.args.aot && has_init && job.args.profile != PROFILE && quick_build(job).has_compiled_sdk()
}

/// Compiles the app as it is compiled for development, and runs its `init` in a child process.
///
/// # Errors
/// If it does not compile, or `init` fails.
pub(super) fn try_init(job: &BuildJob<'_>) -> anyhow::Result<()> {
    let (built, _) = follow(job, quick_build(job))?;
    let release = Release::read(&built.library, &Trust::default())?;
    block_on(check::preflight(release, false))??;
    Ok(())
}

fn quick_build(job: &BuildJob<'_>) -> Build {
    Build::new(&job.prepared.project, job.prepared.crate_root.origins.clone())
        .profile(PROFILE)
        .args(&job.args.cargo)
        .output(Output::Capture)
}
