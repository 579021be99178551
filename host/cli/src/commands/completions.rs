//! `nova completions`: what a shell needs to complete the command line.

use clap::CommandFactory as _;
use clap_complete::{Shell, generate};

use super::{Cli, Outcome};

/// Print what a shell needs to complete `nova`
#[derive(Debug, clap::Args)]
#[command(after_help = "For bash, say: nova completions bash > \
                  ~/.local/share/bash-completion/completions/nova")]
pub(super) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "nova", &mut script);
    anstream::print!("{}", String::from_utf8(script)?);
    Ok(Outcome::Done)
}
