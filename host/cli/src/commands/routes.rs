//! `nova routes`: what an app answers, from its files.

use std::path::PathBuf;

use nova_route_template::prepare;

use super::{Outcome, app_folder};
use crate::terminal::listing::{RouteList, listing};
use crate::terminal::style::WARN;

/// List what an app answers, and from which files
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The app's folder
    #[arg(default_value = app_folder::HERE, value_parser = app_folder::parser())]
    dir: PathBuf,
    /// Print JSON, for other programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let tree = prepare(&args.dir)?.tree;
    if args.json {
        anstream::println!("{}", serde_json::to_string_pretty(&RouteList::new(&tree))?);
        return Ok(Outcome::Done);
    }
    for warning in tree.warnings() {
        anstream::eprintln!("{WARN}warning{WARN:#}: {warning}");
    }
    anstream::print!("{}", listing(&tree));
    Ok(Outcome::Done)
}
