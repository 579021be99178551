//! `nova upgrade`: this version's SDK in an app.

use std::path::PathBuf;

use anyhow::Context as _;
use nova_route_template::Project;
use nova_route_template::scaffold::vendor;

use super::Outcome;
use crate::terminal::style::{BOLD, GOOD};

/// Put this version's SDK into an app, in place of the one in vendor/nova
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The app's folder
    #[arg(default_value = ".")]
    dir: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let project = Project::open(&args.dir)?;
    let vendored = vendor(project.dir())
        .with_context(|| format!("the SDK in {} was not replaced", project.dir().display()))?;
    let from = match &vendored.from {
        Some(from) => format!("from {from} "),
        None => String::new(),
    };
    anstream::println!("{GOOD}upgraded{GOOD:#}  vendor/nova {from}to {}", vendored.to);
    if vendored.from.is_none() {
        anstream::println!(
            "\nThe app uses it with this line in Cargo.toml, under [dependencies]:\n\n  \
             {BOLD}nova = {{ package = \"nova-plugin-sdk\", path = \"vendor/nova/plugin-sdk\" }}{BOLD:#}"
        );
    }
    Ok(Outcome::Done)
}
