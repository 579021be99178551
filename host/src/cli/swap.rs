//! `nova swap`: give a running host another release.

use std::path::PathBuf;
use std::time::Duration;

use super::style::{DIM, GOOD, WARN, took};
use super::{Outcome, block_on};
use crate::admin::{AdminClient, SwapRequest};

/// Swap a release into a running host
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Release folders or libraries
    #[arg(value_name = "LIB_OR_RELEASE", required = true)]
    releases: Vec<PathBuf>,
    /// The host's socket, where more than one host runs
    #[arg(long, value_name = "SOCKET")]
    admin: Option<PathBuf>,
    /// Start a build anew that is live already
    #[arg(long)]
    force: bool,
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    let client = AdminClient::new(args.admin)?;
    let request = SwapRequest { paths: args.releases, force: args.force };
    let report = block_on(client.swap(request))??;
    for swap in report.swapped {
        let replaced = swap.replaced.map(|old| format!(" replaces {old}")).unwrap_or_default();
        anstream::println!(
            "{GOOD}swapped{GOOD:#}   {}  generation {}{replaced}, {} routes  {DIM}{}{DIM:#}",
            swap.source.display(),
            swap.generation,
            swap.routes,
            took(Duration::from_micros(swap.total_us))
        );
        for route in swap.unwell {
            anstream::println!("{WARN}weak{WARN:#}      {route}");
        }
    }
    Ok(Outcome::Done)
}
