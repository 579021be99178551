//! How long ago a change was written: the part of an update that is over when it is noticed.

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::change::Change;

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
    use crate::dev::watch::change::ChangeKind;

    #[test]
    fn only_a_believable_age_counts() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let change = |path: &str| Change { path: path.into(), kind: ChangeKind::Edited };
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
