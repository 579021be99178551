//! The command line `nova`.

use std::process::ExitCode;

fn main() -> ExitCode {
    nova_host::cli::main()
}
