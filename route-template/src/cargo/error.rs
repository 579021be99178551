//! Why there is no library.

use std::io;
use std::path::PathBuf;

use crate::cargo::diagnostic::Diagnostic;

/// Why a build gave no library.
#[derive(Debug, thiserror::Error)]
pub enum CargoError {
    /// No `cargo` in any folder of `PATH`.
    #[error(
        "cargo is not on PATH\n  help: pages are compiled by Rust's own tools; install them from \
         https://rustup.rs, then open a new terminal"
    )]
    NotFound,
    /// `cargo` could not be started, or its output could not be read.
    #[error("{} cannot be run", program.display())]
    Run {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file on the way to the library cannot be read or written.
    #[error("{} cannot be read or written", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The build was stopped.
    #[error("the build was stopped")]
    Stopped,
    /// cargo or rustc refused. What they said is in the diagnostics, or in `output`.
    #[error("{}", if diagnostics.is_empty() { "cargo cannot build the app" } else { "the app does not compile" })]
    Failed {
        /// What rustc said, in its order.
        diagnostics: Vec<Diagnostic>,
        /// What cargo said, if its output was captured.
        output: String,
    },
    /// The build succeeded without a call of the compiler for the app's crate.
    #[error(
        "cargo did not compile {} with the wrapper that Nova gave it\n  help: is there another \
         `rustc-workspace-wrapper` in a `.cargo/config.toml`?", library.display()
    )]
    NotCaptured {
        /// What was built.
        library: PathBuf,
    },
    /// The build succeeded and made no shared object.
    #[error(
        "cargo made no shared object for {package}\n  help: [lib] in Cargo.toml must describe an \
         ordinary library, not a proc-macro"
    )]
    NoLibrary {
        /// The app's package.
        package: String,
    },
}
