//! Which paths are the dev host's own.

/// Every path of the dev host's own begins with this; no page can.
pub(super) const PREFIX: &str = "/__nova/";

/// Whether a path is the dev host's own.
pub(crate) fn is_own(path: &str) -> bool {
    path.starts_with(PREFIX) || path == PREFIX.trim_end_matches('/')
}
