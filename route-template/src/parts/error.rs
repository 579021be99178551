//! Why an app cannot be compiled in parts.

use std::io;
use std::path::PathBuf;

use crate::cargo::diagnostic::Diagnostic;
use crate::cargo::error::CargoError;

/// Why an app cannot be compiled in parts.
#[derive(Debug, thiserror::Error)]
pub enum PartsError {
    /// cargo or the compiler refused.
    #[error(transparent)]
    Cargo(#[from] CargoError),
    /// What cargo compiled cannot be made into one library.
    #[error("its dependencies do not link as one library: {}", reason(.0))]
    Image(CargoError),
    /// The app library, or a page, cannot be linked beside the others.
    #[error("a part of it does not link: {}", reason(.0))]
    Link(CargoError),
    /// cargo built the app, and its call of the compiler was not seen.
    #[error("cargo does not show how it compiles the app")]
    NotCaptured,
    /// There is no folder for images.
    #[error(
        "{} cannot be written ({source}); NOVA_CACHE_DIR names another folder for what apps \
         share", folder.display()
    )]
    Cache {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something in the app's folder cannot be read or written.
    #[error("{what} cannot be prepared: {source}")]
    Io {
        /// What it is.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The app's own settings rule it out.
    #[error("{0}")]
    Unfit(&'static str),
    /// Code of the app, or of a crate, says how memory is allocated.
    #[error(
        "it chooses its allocator (`#[global_allocator]`), and libraries that share Rust's standard \
         library have that one's"
    )]
    Allocator,
    /// A crate finds what code registers while one library is linked, or is loaded.
    #[error(
        "`{0}` finds what is registered with it in one library, and not in several that are loaded \
         one by one"
    )]
    Registry(&'static str),
}

/// The line in which the linker, or the system, says what is wrong.
fn reason(error: &CargoError) -> String {
    match error {
        CargoError::Failed { diagnostics, output } => {
            let said = diagnostics.iter().map(Diagnostic::plain);
            let said: String = said.chain([output.clone()]).collect();
            let lines = || said.lines().map(|line| line.trim_start_matches(['=', ' ']));
            // What the linker says; the first line is only that it failed.
            let of_linker = lines().find(|line| line.contains(": error:"));
            of_linker.or_else(|| lines().next()).map_or_else(|| error.to_string(), str::to_owned)
        }
        CargoError::Run { source, .. } | CargoError::File { source, .. } => {
            format!("{error}: {source}")
        }
        _ => error.to_string(),
    }
}
