//! The address that is for precompilation alone.

/// Under this address a library answers to precompilation alone: what its pages and its
/// `precompile.rs` ask for. An ordinary route, so that the contract knows nothing of it, but in no
/// table.
pub const RESERVED: &str = "/_nova/precompile";

/// Whether a route is for precompilation alone.
#[must_use]
pub fn is_reserved(pattern: &str) -> bool {
    pattern.strip_prefix(RESERVED).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
