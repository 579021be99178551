//! The half of `nova dev` that outlives every mistake in a page: it watches the files, plans,
//! builds, and owns the terminal. It never maps a library.

pub(crate) mod builder;
pub(crate) mod change;
pub(crate) mod copies;
pub(crate) mod freshness;
pub(crate) mod inputs;
pub(crate) mod journal;
pub(crate) mod keys;
pub(crate) mod problems;
pub(crate) mod report;
pub(crate) mod session;
pub(crate) mod settings;
pub(crate) mod snapshot;
pub(crate) mod styles;
pub(crate) mod watch;
