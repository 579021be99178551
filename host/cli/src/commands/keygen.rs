//! `nova keygen`: a pair of keys to sign releases with.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::Outcome;
use crate::sign::PrivateKey;
use crate::terminal::style::{BOLD, DIM, GOOD};

/// Make a pair of keys, to sign releases with and to check them
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file of the private key; the public one is written beside it, as `.pub`
    #[arg(default_value = "nova.key")]
    path: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let (private, public) = (&args.path, args.path.with_extension("pub"));
    anyhow::ensure!(
        *private != public,
        "{}: a private key is not called `.pub`; name it without, or with `.key`",
        private.display()
    );
    for path in [private, &public] {
        anyhow::ensure!(
            !path.try_exists().is_ok_and(|exists| exists),
            "{}: is there already, and a key is never written over",
            path.display()
        );
    }
    let key = PrivateKey::new().context("the system gives no random numbers for a key")?;
    let cannot = |path: &Path| format!("{}: cannot be written", path.display());
    key.write(private).with_context(|| cannot(private))?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(&public)
        .with_context(|| cannot(&public))?;
    file.write_all(key.public().to_text().as_bytes()).with_context(|| cannot(&public))?;
    anstream::println!(
        "{GOOD}made{GOOD:#}      {}  {DIM}signs releases: keep it secret, and out of git{DIM:#}",
        private.display()
    );
    anstream::println!("          {}  {DIM}for hosts: {}{DIM:#}", public.display(), key.public());
    anstream::println!(
        "\n  {BOLD}nova compile --sign {}{BOLD:#}\n  {BOLD}nova-host --routes build --trust {}{BOLD:#}",
        private.display(),
        public.display()
    );
    Ok(Outcome::Done)
}
