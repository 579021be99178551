//! The scenarios, each of which prints a table and its gates.

pub(crate) mod edits;
pub(crate) mod heavy;
pub(crate) mod pages;
pub(crate) mod peers;
pub(crate) mod soak;
pub(crate) mod storm;
