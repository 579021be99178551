//! `nova sign`: a signature for a release.

use std::path::{Path, PathBuf};

use super::Outcome;
use crate::sign::{PrivateKey, sign_release};
use crate::terminal::style::{DIM, GOOD};

/// Sign a release, for hosts that take signed ones alone
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder of the release
    #[arg(default_value = "build")]
    release: PathBuf,
    /// The private key, from `nova keygen`
    #[arg(long, value_name = "KEY", env = "NOVA_SIGN")]
    key: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    sign(&args.release, &PrivateKey::read(&args.key)?)?;
    Ok(Outcome::Done)
}

/// Signs the release in `folder`, and says so.
pub(super) fn sign(folder: &Path, key: &PrivateKey) -> anyhow::Result<()> {
    let files = sign_release(folder, key)?;
    anstream::println!(
        "{GOOD}signed{GOOD:#}    {}  {files} files, by key {}  {DIM}manifest.sig{DIM:#}",
        folder.display(),
        key.public().short()
    );
    Ok(())
}
