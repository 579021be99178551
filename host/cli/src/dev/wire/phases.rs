//! Where the time of an update goes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The parts of an update, one after the other, in microseconds; 0 for a part that it did not
/// have, or that was not measured for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Phases {
    /// From the write of the file to the start of the build: the kernel's event, the pause that
    /// ends a batch, reading what changed.
    pub(crate) watch_us: u64,
    /// The compiler. With cargo, which does not tell them apart, the linker too.
    pub(crate) compile_us: u64,
    /// The linker, where it is called apart.
    pub(crate) link_us: u64,
    /// Preflight, copying, mapping and checking the library.
    pub(crate) load_us: u64,
    /// `init` or attach, warm-up, and the publish.
    pub(crate) swap_us: u64,
}

impl Phases {
    /// The names, in the order in which they happen.
    pub(crate) const NAMES: [&'static str; 5] = ["watch", "compile", "link", "load", "swap"];

    /// The phases in the order of [`NAMES`](Self::NAMES).
    pub(crate) fn in_order(&self) -> [Duration; 5] {
        let Self { watch_us, compile_us, link_us, load_us, swap_us } = *self;
        [watch_us, compile_us, link_us, load_us, swap_us].map(Duration::from_micros)
    }

    /// All of them.
    pub(crate) fn total(&self) -> Duration {
        self.in_order().iter().sum()
    }
}

/// Microseconds, as the fields of [`Phases`] have them.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_the_sum() {
        let phases =
            Phases { watch_us: 1, compile_us: 20, link_us: 300, load_us: 4000, swap_us: 50_000 };
        assert_eq!(phases.total(), Duration::from_micros(54_321));
        assert_eq!(phases.in_order().len(), Phases::NAMES.len());
    }
}
