//! From changed files to libraries.
//!
//! The [`engine`] compiles an app in parts: this is what `nova dev` is for. Where the parts cannot
//! be prepared, the [`builder`] has cargo compile the app as a whole.

pub(crate) mod builder;
pub(crate) mod engine;
pub(crate) mod failure;
pub(crate) mod touch;
