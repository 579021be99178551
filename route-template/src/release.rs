//! A release: the folder that a host serves, and what is known of the library in it.

pub(crate) mod code_size;
pub(crate) mod error;
pub(crate) mod library;
pub(crate) mod manifest;
pub(crate) mod prerendered;
pub(crate) mod public;
pub(crate) mod strip;
pub(crate) mod writer;
