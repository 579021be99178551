//! Moments that are far away.

use std::time::Duration;

use tokio::time::Instant;

/// As good as never, and no clock counts further than this.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// The moment after this pause. One that no clock can count to, as [`Duration::MAX`] for "never", is
/// decades away.
pub(crate) fn after(pause: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(pause).unwrap_or_else(|| now + FAR)
}
