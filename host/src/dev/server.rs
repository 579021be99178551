//! The half of `nova dev` that answers requests.

pub(crate) mod backtrace;
pub(crate) mod client;
pub(crate) mod control;
pub(crate) mod endpoints;
pub(crate) mod guard;
pub(crate) mod hub;
pub(crate) mod inject;
pub(crate) mod page;
pub(crate) mod panics;
pub(crate) mod site;
pub(crate) mod waiting;
