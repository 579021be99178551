//! `nova swap`: give a running host another release.

use std::path::PathBuf;
use std::time::Duration;

use nova_host::operate::admin::{AdminClient, CanaryRequest, Swap, SwapRequest};
use nova_host::run::config::{duration, share};

use super::{Outcome, block_on};
use crate::terminal::style::{DIM, GOOD, WARN, took};

/// Swap a release into a running host
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Release folders or libraries
    #[arg(value_name = "LIB_OR_RELEASE", required = true)]
    releases: Vec<PathBuf>,
    /// The host's socket, where more than one host runs
    #[arg(long, value_name = "SOCKET")]
    admin: Option<PathBuf>,
    /// Start a build anew that is live already, or was refused, and swap although the state of the
    /// app is lost; the preflight is made all the same
    #[arg(long)]
    force: bool,
    /// Leave out the preflight, which starts the release in a process of its own first and asks its
    /// pages; what crashes then crashes the host
    #[arg(long)]
    no_preflight: bool,
    /// Let the release answer this share of the requests at first; when it has done well for the
    /// time of --for, it gets all of them, else none
    #[arg(long, value_name = "PERCENT", value_parser = part)]
    canary: Option<f64>,
    /// How long a canary is tried
    #[arg(
        long = "for",
        value_name = "TIME",
        default_value = "2m",
        requires = "canary",
        value_parser = duration
    )]
    length: Duration,
}

/// A share that leaves the other one something.
fn part(text: &str) -> Result<f64, String> {
    let part = share(text)?;
    if part > 0.0 && part < 1.0 {
        Ok(part)
    } else {
        Err("give more than 0% and less than 100%".to_owned())
    }
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    let client = AdminClient::new(args.admin)?;
    if let Some(share) = args.canary {
        let [path] = <[PathBuf; 1]>::try_from(args.releases)
            .map_err(|_| anyhow::anyhow!("a canary is one release; name one"))?;
        let seconds = args.length.as_secs_f64();
        let (force, no_preflight) = (args.force, args.no_preflight);
        let request = CanaryRequest { path, force, no_preflight, share, seconds };
        let report = block_on(client.canary(request))??;
        for swap in report.swapped {
            anstream::println!(
                "{GOOD}canary{GOOD:#}    {}  generation {}, for {:?}  {DIM}`nova status` shows how it \
                 does, `nova rollback` ends it{DIM:#}",
                swap.source.display(),
                swap.generation,
                args.length
            );
        }
        return Ok(Outcome::Done);
    }
    let (paths, force, no_preflight) = (args.releases, args.force, args.no_preflight);
    let request = SwapRequest { paths, force, no_preflight };
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
        say_state(&swap);
        for route in swap.unwell {
            anstream::println!("{WARN}weak{WARN:#}      {route}");
        }
        if let Some(after) = swap.after_restart {
            anstream::println!("          {DIM}{after}{DIM:#}");
        }
    }
    Ok(Outcome::Done)
}

/// Says how long requests waited, what became of the app's state, and what went wrong.
pub(super) fn say_state(swap: &Swap) {
    if let Some(held) = &swap.held {
        anstream::println!("{DIM}{:<9} {held}{DIM:#}", swap.mode);
    }
    if let Some(lost) = &swap.state_lost {
        anstream::println!("{WARN}state{WARN:#}     {lost}");
    }
    for warning in &swap.warnings {
        anstream::println!("{WARN}warning{WARN:#}   {warning}");
    }
}
