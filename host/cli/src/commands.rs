//! The command line `nova`: one file per command.
//!
//! The arguments are parsed first, whole; then a command acts. Commands return what happened and
//! print what they found; what that means as an exit code is decided in [`main`] alone: 0 is done,
//! 1 is failed, 2 is wrong usage.

mod app_folder;
mod build;
mod call;
mod check;
mod clean;
mod compile;
mod completions;
mod dev;
mod doctor;
mod env_file;
mod keygen;
mod man;
mod needs;
mod new;
mod precompile;
mod rollback;
pub(crate) mod routes;
mod secret;
mod sign;
mod start;
mod status;
mod swap;
mod tips;
mod upgrade;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use nova_host::generation::preflight;
use nova_host::process::{self, Role};

use crate::terminal::style;

/// Routes are files; their code is swapped while the server runs.
#[derive(Debug, Parser)]
#[command(name = "nova", version, styles = style::HELP, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(new::Args),
    Dev(dev::Args),
    Compile(compile::Args),
    Build(build::Args),
    Start(start::Args),
    Routes(routes::Args),
    Precompile(precompile::Args),
    Check(check::Args),
    Call(call::Args),
    Keygen(keygen::Args),
    Sign(sign::Args),
    Swap(swap::Args),
    Rollback(rollback::Args),
    Status(status::Args),
    Doctor(doctor::Args),
    Clean(clean::Args),
    Upgrade(upgrade::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// What a command that could do its work found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// All is well.
    Done,
    /// It did its work, and the answer is no; it has said why.
    Failed,
}

/// What a child of this program may be.
const ROLES: [Role; 3] = [preflight::ROLE, crate::precompile::ROLE, crate::dev::server::ROLE];

/// Runs the command line of this process.
#[must_use]
pub(crate) fn main() -> ExitCode {
    // Started by this very program, or by cargo on its behalf.
    if let Some(code) =
        process::child_main(&ROLES).or_else(nova_route_template::parts::wrapper_main)
    {
        return code;
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let error = tips::with_tip(error);
            // Help and version arrive here, too. A closed pipe is the reader's choice.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let outcome = match cli.command {
        Command::New(args) => new::run(&args),
        Command::Dev(args) => dev::run(&args),
        Command::Compile(args) => compile::run(&args),
        Command::Build(args) => build::run(&args),
        Command::Start(args) => start::run(&args),
        Command::Routes(args) => routes::run(&args),
        Command::Precompile(args) => precompile::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Call(args) => call::run(args),
        Command::Keygen(args) => keygen::run(&args),
        Command::Sign(args) => sign::run(&args),
        Command::Swap(args) => swap::run(args),
        Command::Rollback(args) => rollback::run(args),
        Command::Status(args) => status::run(args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Clean(args) => clean::run(&args),
        Command::Upgrade(args) => upgrade::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    };
    match outcome {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::FAILURE,
        Err(error) => {
            anstream::eprintln!("{}", style::error(&error));
            ExitCode::FAILURE
        }
    }
}

/// Runs a command's future to its end on this thread.
fn block_on<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the command's runtime")?;
    Ok(runtime.block_on(work))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_names_every_command() {
        let help = Cli::command().render_help().to_string();
        for command in Cli::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{} says nothing", command.get_name());
        }
        insta::assert_snapshot!(help);
    }
}
