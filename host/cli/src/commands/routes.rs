//! `nova routes`: what an app answers, from its files.

use std::path::PathBuf;

use nova_route_template::prepare;

use super::Outcome;
use crate::terminal::listing::{RouteRow, listing};
use crate::terminal::style::WARN;

/// List what an app answers, and from which files
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The app's folder
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Print JSON, for other programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let tree = prepare(&args.dir)?.tree;
    if args.json {
        let rows: Vec<_> = tree.pages.iter().map(RouteRow::new).collect();
        anstream::println!("{}", serde_json::to_string_pretty(&rows)?);
        return Ok(Outcome::Done);
    }
    for warning in tree.warnings() {
        anstream::eprintln!("{WARN}warning{WARN:#}: {warning}");
    }
    anstream::print!("{}", listing(&tree));
    Ok(Outcome::Done)
}
