//! `init` before the long work: where all code is optimised as one, compiling takes minutes, and what
//! `init` misses, such as a variable, is missed by a library that was compiled in seconds as well.

use nova_host::release::Release;
use nova_host::release::trust::Trust;
use nova_route_template::{Build, Output};

use super::{BuildJob, follow};
use crate::commands::{block_on, check};

/// The profile that compiles fastest. What it made of the dependencies is there for the next time.
const PROFILE: &str = "dev";

/// Whether it is worth it: the app has an `init`, and compiling takes long.
pub(super) fn is_worth_it(job: &BuildJob<'_>) -> bool {
    let has_init = job.prepared.tree.app.as_ref().is_some_and(|hooks| !hooks.init.is_empty());
    job.args.aot && has_init && job.args.profile != PROFILE
}

/// Compiles the app as it is compiled for development, and runs its `init` in a child process.
///
/// # Errors
/// If it does not compile, or `init` fails.
pub(super) fn try_init(job: &BuildJob<'_>) -> anyhow::Result<()> {
    let build = Build::new(&job.prepared.project, job.prepared.crate_root.origins.clone())
        .profile(PROFILE)
        .args(&job.args.cargo)
        .output(Output::Capture);
    let (built, _) = follow(job, build)?;
    let release = Release::read(&built.library, &Trust::default())?;
    block_on(check::preflight(release, false))??;
    Ok(())
}
