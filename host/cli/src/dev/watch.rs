//! Which files changed, and what that asks for.

pub(crate) mod age;
pub(crate) mod change;
pub(crate) mod snapshot;
pub(crate) mod sources;
pub(crate) mod watcher;
