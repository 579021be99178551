//! `nova rollback`: take a running host back to a release before.

use std::path::PathBuf;
use std::time::Duration;

use nova_host::operate::admin::{AdminClient, RollbackRequest};

use super::swap::say_state;
use super::{Outcome, block_on};
use crate::terminal::style::{DIM, GOOD, took};

/// Take a running host back to a release that served before
///
/// The build that is left is refused from then on, also after a restart; `nova swap --force` swaps
/// it in all the same. `nova status` lists the releases that are kept.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The release's build id, or its first digits [default: the release before]
    #[arg(long, value_name = "BUILD_ID")]
    to: Option<String>,
    /// The host's socket, where more than one host runs
    #[arg(long, value_name = "SOCKET")]
    admin: Option<PathBuf>,
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    let client = AdminClient::new(args.admin)?;
    let report = block_on(client.rollback(&RollbackRequest { to: args.to }))??;
    let serving = report.serving;
    let build = |id: &str| id.get(..12).unwrap_or(id).to_owned();
    anstream::println!(
        "{GOOD}went back{GOOD:#}   build {} serves as generation {}  {DIM}{}{DIM:#}",
        build(&serving.build_id),
        serving.generation,
        took(Duration::from_micros(serving.total_us))
    );
    say_state(&serving);
    anstream::println!("{DIM}refused     build {}{DIM:#}", build(&report.refused));
    if let Some(after) = serving.after_restart {
        anstream::println!("            {DIM}{after}{DIM:#}");
    }
    Ok(Outcome::Done)
}
