//! Parted apps, which `nova dev` serves: the app library as a whole, and each page as a library.
//!
//! *Open* starts an app library with its pages; that is a swap like any other, with the state
//! handed over. *Attach* gives the app that runs another set of pages: nothing is started, the
//! state stays where it is, and what is published is another view of the same app. Neither has a
//! preflight: in development a crash has a supervisor, and a page that was saved is asked for next.
//!
//! The host knows nothing of it: it maps files where they lie (`nova_host::library::loader::InPlace`)
//! and publishes what another crate has started ([`ManualSwap`](nova_host::swap::ManualSwap)).

mod error;
mod libraries;
mod switch;

use std::path::PathBuf;

use nova_host::BuildId;
use serde::{Deserialize, Serialize};

pub use self::error::{PartError, RefusedPage};
pub use self::switch::PartedSwitch;

/// The libraries that start a parted app. None of the files is ever written again, and each has
/// a name of its own, which the libraries that need it know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartedApp {
    /// Rust's std and the image, in the order in which they need each other.
    pub shared: Vec<PathBuf>,
    /// The app library.
    pub app: PathBuf,
    /// Its identity.
    pub build: BuildId,
}

/// One page of a parted app, as a library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageLibrary {
    /// The page's source file, relative to the app.
    pub file: String,
    /// The library; never written again, and named by what is in it.
    pub path: PathBuf,
    /// The function that it exports.
    pub symbol: String,
}
