//! `nova upgrade`: this version's SDK in an app.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use nova_route_template::Project;
use nova_route_template::scaffold::{VendorError, VendorReport, vendor};

use super::{Outcome, app_folder};
use crate::terminal::style::{BOLD, GOOD, WARN};

/// Put this version's SDK into an app, in place of the one in vendor/nova
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The app's folder
    #[arg(default_value = app_folder::HERE, value_parser = app_folder::parser())]
    dir: PathBuf,
    /// Replace it also where it has changes of your own
    #[arg(long)]
    force: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let project = Project::open(&args.dir)?;
    let vendored = match vendor(project.dir(), args.force) {
        Err(ref error @ VendorError::Changed { ref place, .. }) => bail!(
            "{error}\n  help: keep them elsewhere (git diff {place}), or replace all of it: \
             nova upgrade --force"
        ),
        vendored => vendored
            .with_context(|| format!("the SDK in {} was not replaced", project.dir().display()))?,
    };
    let VendorReport { place, to, shared_with, .. } = &vendored;
    if vendored.changed {
        let from = match &vendored.from {
            Some(from) => format!("from {from} "),
            None => String::new(),
        };
        anstream::println!("{GOOD}upgraded{GOOD:#}  {place} {from}to {to}");
    } else {
        anstream::println!("{GOOD}unchanged{GOOD:#}  {place} is the SDK of {to} already");
    }
    if !shared_with.is_empty() {
        anstream::println!(
            "{WARN}note{WARN:#}      it is also the SDK of {}",
            shared_with.join(", ")
        );
    }
    if !vendored.is_used {
        anstream::println!(
            "\nThe app uses it with this line in Cargo.toml, under [dependencies]:\n\n  \
             {BOLD}nova = {{ package = \"nova-plugin-sdk\", path = \"{place}/plugin-sdk\" }}{BOLD:#}"
        );
    } else if vendored.changed {
        anstream::println!(
            "\nNext: {BOLD}cargo check{BOLD:#} tells whether the pages still fit, and brings Cargo.lock in \
             step; commit it with {place}."
        );
    }
    Ok(Outcome::Done)
}
