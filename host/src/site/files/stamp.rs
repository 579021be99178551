//! What tells one version of a file from another, without its content.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// See the module. The time of the last change of the inode is a part of it: each write moves it,
/// and no program can set it back, as `touch`, `cp -p` and `tar` do with that of the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    /// In bytes.
    pub(super) length: u64,
    /// Seconds and nanoseconds since 1970.
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// The same of another length.
    pub(super) fn of_length(self, length: u64) -> Self {
        Self { length, ..self }
    }

    /// When its content was changed last, or is said to have been.
    pub(super) fn modified(self) -> Option<SystemTime> {
        time(self.modified)
    }

    /// How long before `now` anything about it was changed last; `None` where that is later.
    pub(super) fn age(self, now: SystemTime) -> Option<Duration> {
        now.duration_since(time(self.changed)?).ok()
    }
}

/// `None` before 1970.
fn time((seconds, nanoseconds): (i64, i64)) -> Option<SystemTime> {
    let (seconds, nanoseconds) = (seconds.try_into().ok()?, nanoseconds.try_into().ok()?);
    UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds))
}
