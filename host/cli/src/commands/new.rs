//! `nova new`: an app out of a template.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;
use nova_route_template::scaffold::{Template, create};

use super::Outcome;
use crate::terminal::style::{BOLD, GOOD, WARN};

/// Make an app out of a template
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder of the app, which is empty or does not exist yet
    path: PathBuf,
    /// What it begins with
    #[arg(long, default_value = Template::default().name(), value_parser = template())]
    template: Template,
    /// The name of its package [default: the folder's]
    #[arg(long)]
    name: Option<String>,
}

fn template() -> impl clap::builder::TypedValueParser<Value = Template> {
    PossibleValuesParser::new(Template::ALL.map(Template::name))
        .try_map(|name| name.parse::<Template>())
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let created = create(&args.path, args.template, args.name.as_deref())?;
    let path = args.path.display();
    anstream::println!(
        "{GOOD}created{GOOD:#}   {path}  an app named {} from the template {}",
        created.name,
        args.template
    );
    if let Some(workspace) = created.outer_workspace {
        let workspace = workspace.display();
        if created.is_member {
            anstream::println!(
                "{WARN}note{WARN:#}      it is a member of the workspace of {workspace}"
            );
        } else {
            anstream::println!(
                "{WARN}note{WARN:#}      {workspace} excludes it, so it is a workspace of its own"
            );
        }
    }
    anstream::println!("\n  {BOLD}cd {path}{BOLD:#}\n  {BOLD}nova dev{BOLD:#}");
    Ok(Outcome::Done)
}
