//! The text of an app, as far as Nova reads it: files, the items in them, and places.

pub(crate) mod cfg;
pub(crate) mod file;
pub(crate) mod items;
pub(crate) mod place;
