//! `nova new`: an app out of a template.

use std::io::{ErrorKind, IsTerminal as _};
use std::path::Path;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;
use dialoguer::Select;
use nova_route_template::scaffold::{AppSdk, NewApp, Template, create};

use super::{Outcome, secret};
use crate::terminal::style::{BOLD, DIM, GOOD, WARN};

/// Make an app out of a template
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder of the app, which is empty or does not exist yet
    path: PathBuf,
    /// What it begins with [default: starter; in a terminal it is asked]
    #[arg(long, value_parser = template())]
    template: Option<Template>,
    /// The name of its package [default: the folder's]
    #[arg(long)]
    name: Option<String>,
    /// Do not make a git repository of it
    #[arg(long)]
    no_git: bool,
}

fn template() -> impl clap::builder::TypedValueParser<Value = Template> {
    PossibleValuesParser::new(Template::ALL.map(Template::name))
        .try_map(|name| name.parse::<Template>())
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let template = match args.template {
        Some(template) => template,
        None if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() => ask()?,
        None => Template::default(),
    };
    let created = create(&args.path, template, args.name.as_deref())?;
    secret::write(&created.dir)?;
    let path = args.path.display();
    anstream::println!(
        "{GOOD}created{GOOD:#}   {path}  an app named {} from the template {template}",
        created.name,
    );
    if args.template.is_none() {
        let others = Template::ALL.iter().filter(|it| **it != template).map(|it| it.name());
        let others = others.collect::<Vec<_>>().join(", ");
        anstream::println!("          {DIM}other templates (--template): {others}{DIM:#}");
    }
    if !args.no_git {
        repository(&created.dir)?;
    }
    tell_of_workspace(&created);
    if let Some(sdk) = &created.shared_sdk {
        tell_of_sdk(sdk, &args.path);
    }
    anstream::println!();
    if !is_here(&created.dir) {
        anstream::println!("  {BOLD}cd {path}{BOLD:#}");
    }
    anstream::println!("  {BOLD}nova dev{BOLD:#}");
    Ok(Outcome::Done)
}

/// Asks for the template.
fn ask() -> anyhow::Result<Template> {
    let lines = Template::ALL.map(|it| format!("{:<8}  {}", it.name(), it.about()));
    let usual = Template::ALL.iter().position(|it| *it == Template::default());
    let chosen = Select::new()
        .with_prompt("What does it begin with?")
        .items(lines)
        .default(usual.unwrap_or_default())
        .interact_opt()
        .context("the terminal cannot be asked; name a --template")?;
    match chosen {
        Some(index) => Ok(Template::ALL[index]),
        None => bail!("nothing was made"),
    }
}

/// Makes a git repository of the app, unless it is in one.
fn repository(dir: &Path) -> anyhow::Result<()> {
    let mut inside = Command::new("git");
    inside.arg("-C").arg(dir).args(["rev-parse", "--is-inside-work-tree"]);
    match inside.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(status) if status.success() => return Ok(()),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {
            anstream::println!(
                "{WARN}note{WARN:#}      git is not installed: this is no repository"
            );
            return Ok(());
        }
        Err(error) => return Err(error).context("git cannot be run"),
    }
    let made = Command::new("git").args(["init", "--quiet"]).arg(dir).stdin(Stdio::null()).status();
    if !made.context("git cannot be run")?.success() {
        anstream::println!("{WARN}note{WARN:#}      `git init` failed: this is no repository");
    }
    Ok(())
}

/// What the workspace around the app does with it.
fn tell_of_workspace(created: &NewApp) {
    let Some(workspace) = &created.outer_workspace else { return };
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

/// That it has no SDK of its own; and that the one that is there is another than it would have got. Such
/// a one is not replaced: that is a change of the other apps.
fn tell_of_sdk(sdk: &AppSdk, app: &Path) {
    let path = &sdk.path;
    anstream::println!("{WARN}note{WARN:#}      it shares the workspace's SDK, {path}");
    let own = env!("CARGO_PKG_VERSION");
    if let Some(version) = sdk.version.as_deref().filter(|version| *version != own) {
        anstream::println!(
            "{WARN}note{WARN:#}      that SDK is version {version}, and this nova is {own}: \
             {BOLD}nova upgrade {}{BOLD:#} replaces it for all that share it",
            app.display()
        );
    }
}

fn is_here(dir: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    real(dir)
        .is_some_and(|dir| std::env::current_dir().ok().and_then(|here| real(&here)) == Some(dir))
}
