//! `nova man`: manual pages of the command line.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::CommandFactory as _;

use super::{Cli, Outcome};
use crate::terminal::style::{GOOD, counted};

/// Write manual pages, one for each command
#[derive(Debug, clap::Args)]
#[command(after_help = "For `man nova-dev`, say: nova man ~/.local/share/man/man1")]
pub(super) struct Args {
    /// The folder that they go into
    #[arg(value_name = "FOLDER")]
    out: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let count = write(&args.out)
        .with_context(|| format!("the pages cannot be written to {}", args.out.display()))?;
    let pages = counted(count, "page");
    anstream::println!("{GOOD}written{GOOD:#}   {}  {pages}", args.out.display());
    Ok(Outcome::Done)
}

/// Writes a page for `nova` and each of its commands.
fn write(folder: &Path) -> std::io::Result<usize> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), folder)?;
    Ok(std::fs::read_dir(folder)?
        .flatten()
        .filter(|it| it.file_name().to_string_lossy().starts_with("nova"))
        .count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let count = write(folder.path()).expect("pages");
        assert_eq!(count, Cli::command().get_subcommands().count() + 1);
        let page = std::fs::read_to_string(folder.path().join("nova-dev.1")).expect("a page");
        assert!(page.contains("debugger"), "{page}");
    }
}
