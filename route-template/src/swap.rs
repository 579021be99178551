//! How an app is swapped: found out from what its library holds, unless `app.rs` says it.
//!
//! Two copies of some code must not meet in one process, and some files, ports and locks have one
//! holder. [`table`] has what is known of that, a row each. [`packages`] are what cargo compiled
//! for the app, [`library`] is the file that came of it, and [`plan`] chooses.

pub(crate) mod library;
pub(crate) mod mode;
pub(crate) mod packages;
pub(crate) mod plan;
mod table;
