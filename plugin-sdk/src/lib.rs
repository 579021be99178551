//! Nova: what a page imports.

pub mod routing;
