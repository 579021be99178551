//! Conduit, a place to write and to read: the RealWorld application on Nova.

/// What is stored, and how.
pub mod model;

// The block below is kept in step with pages/, components/ and app.rs by `nova`.
// nova:begin
pub mod app;
// nova:end
