//! Why a release could not be written.

use std::io;
use std::path::PathBuf;

use crate::release::library::LibraryError;

/// Why a release could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// A file cannot be read or written.
    #[error("{} cannot be {action}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// `read`, `written` or `removed`.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The public files would be copied over themselves.
    #[error(
        "the release would be written over the app's own files in {}\n  help: name another folder \
         with --out, such as build", folder.display()
    )]
    IntoItself {
        /// The folder of public files.
        folder: PathBuf,
    },
    /// A page whose path cannot be the name of a file.
    #[error("the page at {path} cannot become a file: its path has an empty or a relative part")]
    NoFile {
        /// The path.
        path: String,
    },
    /// What cargo built is not a route library.
    #[error(transparent)]
    Library(#[from] LibraryError),
}
