//! The command line `nova`.

mod commands;
mod dev;
mod precompile;
mod sign;
mod terminal;

use std::process::ExitCode;

fn main() -> ExitCode {
    commands::main()
}
