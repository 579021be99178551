//! What a person at a terminal sees, and what is opened beside it.

pub(crate) mod ansi;
pub(crate) mod launch;
pub(crate) mod listing;
pub(crate) mod routes;
pub(crate) mod status;
pub(crate) mod style;
pub(crate) mod swap;
pub(crate) mod table;
pub(crate) mod width;
