//! Which files changed, and what that asks for.
//!
//! The [`watcher`] knows which paths had an event, the [`snapshot`] which of them are different; the
//! two together are [`sources`], with the files that lie [`elsewhere`]. [`change`] says what a changed file is to the app.

pub(crate) mod age;
pub(crate) mod change;
mod elsewhere;
pub(crate) mod file_system;
pub(crate) mod snapshot;
pub(crate) mod sources;
pub(crate) mod watcher;
