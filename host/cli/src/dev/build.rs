//! From changed files to libraries: page by page, or the whole app.

pub(crate) mod builder;
pub(crate) mod engine;
pub(crate) mod failure;
pub(crate) mod touch;
