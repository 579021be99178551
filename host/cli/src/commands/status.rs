//! `nova status`: what a running host does.

use std::path::PathBuf;

use nova_host::operate::admin::AdminClient;

use super::{Outcome, block_on};
use crate::terminal::routes::RouteTable;
use crate::terminal::status::StatusView;
use crate::terminal::width;

/// Show what a running host does: generations, requests in flight, memory kept
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The host's socket, where more than one host runs
    #[arg(long, value_name = "SOCKET")]
    admin: Option<PathBuf>,
    /// Show instead how the routes answer: requests, errors, times
    #[arg(long)]
    routes: bool,
    /// Print JSON, for other programs: all of it
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    let status = &block_on(AdminClient::new(args.admin)?.status())??;
    let width = width::of(std::io::stdout());
    if args.json {
        anstream::println!("{}", serde_json::to_string_pretty(status)?);
    } else if args.routes {
        anstream::print!("{}", RouteTable { routes: &status.routes, width });
    } else {
        anstream::println!("{}", StatusView { status, width });
    }
    Ok(Outcome::Done)
}
