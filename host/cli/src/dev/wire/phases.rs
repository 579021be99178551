//! Where the time of an update goes.

use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::dev::watch::change::Change;

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

/// An edit that was seen later than this was not seen late: its file was moved here, or carries
/// the time of an archive or a checkout.
const BELIEVABLE: Duration = Duration::from_secs(2);

/// How long ago the newest of the changed files below `dir` was written.
pub(crate) fn since_written(dir: &Path, changes: &[Change]) -> Duration {
    let now = SystemTime::now();
    let written = changes.iter().filter_map(|change| {
        let metadata = dir.join(&change.path).metadata().ok()?;
        metadata.modified().ok()
    });
    let age = written.max().and_then(|newest| now.duration_since(newest).ok());
    age.filter(|age| *age < BELIEVABLE).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::dev::watch::change::Kind;

    #[test]
    fn the_total_is_the_sum() {
        let phases =
            Phases { watch_us: 1, compile_us: 20, link_us: 300, load_us: 4000, swap_us: 50_000 };
        assert_eq!(phases.total(), Duration::from_micros(54_321));
        assert_eq!(phases.in_order().len(), Phases::NAMES.len());
    }

    #[test]
    fn only_a_believable_age_counts() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let change = |path: &str| Change { path: path.into(), kind: Kind::Edited };
        let file = |name: &str, age| {
            let file = File::create(dir.path().join(name)).expect("a file");
            file.set_modified(SystemTime::now() - Duration::from_millis(age)).expect("a time");
        };
        file("fresh", 50);
        file("older", 900);
        file("ancient", 1_000_000);
        let age = |names: &[&str]| {
            let changes: Vec<_> = names.iter().map(|name| change(name)).collect();
            since_written(dir.path(), &changes)
        };
        assert!((50..900).contains(&age(&["older", "fresh", "ancient"]).as_millis()));
        assert!(age(&["older"]).as_millis() >= 900);
        assert_eq!(age(&["ancient"]), Duration::ZERO);
        assert_eq!(age(&["gone"]), Duration::ZERO);
        assert_eq!(age(&[]), Duration::ZERO);
    }
}
