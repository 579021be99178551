//! The production host: serves route libraries, and swaps them while it serves.

use std::process::ExitCode;

fn main() -> ExitCode {
    nova_host::main()
}
