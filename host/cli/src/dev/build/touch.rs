//! Changes that cargo does not see.
//!
//! Cargo compares times: a file counts as changed if it is newer than the last build. A file that
//! was moved here, unpacked, or saved under a clock that goes wrong brings a time of its own, and
//! may be older than the build which it changes. Then the crate root, which every build reads, is
//! given the present time. Its content stays as it is, and so does the user's file.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::dev::watch::change::{Change, ChangeKind};

/// A file that is seen so long after its time was not written when it was seen.
const SEEN: Duration = Duration::from_secs(2);

/// Makes sure that cargo sees `changes` of the app in `dir`, whose crate root is at `root`.
pub(crate) fn touch_crate_root(dir: &Path, root: &str, changes: &[Change]) {
    let now = SystemTime::now();
    let is_old = |change: &Change| {
        let modified = fs::metadata(dir.join(&change.path)).and_then(|file| file.modified());
        change.kind != ChangeKind::Removed
            && modified.is_ok_and(|modified| now.duration_since(modified).is_ok_and(|it| it > SEEN))
    };
    if changes.iter().any(is_old) {
        // Without the right to set its time, cargo decides by what it sees.
        let _ = File::options()
            .append(true)
            .open(dir.join(root))
            .and_then(|file| file.set_modified(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crate_root_is_newer_than_an_old_file() {
        let app = tempfile::tempdir().expect("a temporary folder");
        let day = Duration::from_secs(24 * 60 * 60);
        let yesterday = SystemTime::now() - day;
        let set = |name: &str, time| {
            let file = File::create(app.path().join(name)).expect("a file");
            file.set_modified(time).expect("a time");
        };
        let change = |kind| [Change { path: "page.rs".into(), kind }];
        let is_fresh = |kind| {
            set("lib.rs", yesterday);
            touch_crate_root(app.path(), "lib.rs", &change(kind));
            let root = fs::metadata(app.path().join("lib.rs")).expect("a file");
            root.modified().expect("a time") > yesterday + day / 2
        };
        set("page.rs", yesterday);
        assert!(is_fresh(ChangeKind::Edited));
        assert!(is_fresh(ChangeKind::Added));
        assert!(!is_fresh(ChangeKind::Removed));
        set("page.rs", SystemTime::now());
        assert!(!is_fresh(ChangeKind::Edited));
        set("page.rs", SystemTime::now() + day);
        assert!(!is_fresh(ChangeKind::Edited));
    }
}
