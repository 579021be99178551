//! Driving cargo: start a build of the app's library, follow it, stop it.
//!
//! The app's package is an ordinary library, so that `cargo check` and editors need nothing of
//! Nova. It becomes a `cdylib` on cargo's command line alone, in a target folder of its own:
//! an editor's `cargo check` and a build then neither wait for nor undo each other.
//!
//! What rustc says passes through as it is. Beside its rendered text stands the structured
//! form, for a browser or an editor.
//!
//! [`build`] runs cargo and reads its [`message`]s, of which [`diagnostic`] is rustc's part;
//! [`process`] is a compiler that runs and can be stopped, [`dep_info`] the note that it leaves of
//! the files it read, [`progress`] counts packages, and [`error`] says why there is no library.

pub(crate) mod build;
pub(crate) mod dep_info;
pub(crate) mod diagnostic;
pub(crate) mod error;
pub(crate) mod message;
pub(crate) mod process;
mod progress;
