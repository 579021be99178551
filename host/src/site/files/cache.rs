//! Small files that were read, in memory: bounded in bytes, and each looked at again for each request.
//!
//! A file is the one that was read as long as its [`Stamp`] is the same. Two writes within one tick of
//! the clock of a file system leave the same time, so what was changed just before it was read is not
//! kept: as git does with its index, for the same reason.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use quick_cache::sync::{Cache as Entries, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::opened::Snapshot;
use super::stamp::Stamp;

/// How many bytes all files of a host take here.
const CAPACITY: u64 = 32 * 1024 * 1024;

/// So long a file must have rested: some file systems count in steps of two seconds.
const REST: Duration = Duration::from_secs(2);

/// Parts with a lock of their own. Each has its share of the capacity, which must be worth many
/// times the longest file.
const SHARDS: usize = 8;

/// About what is kept besides the bytes and the path of a file.
const ENTRY: usize = 256;

/// See the module.
#[derive(Debug)]
pub(super) struct Cache {
    entries: Entries<PathBuf, Snapshot, Bytes>,
    rest: Duration,
}

impl Cache {
    /// One of `capacity` bytes, for files that have rested for so long.
    pub(super) fn new(capacity: u64, rest: Duration) -> Self {
        let options = OptionsBuilder::new()
            .estimated_items_capacity(1024)
            .weight_capacity(capacity)
            .shards(SHARDS)
            .build()
            .expect("all that is required is given");
        let (hasher, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
        Self { entries: Entries::with_options(options, Bytes, hasher, lifecycle), rest }
    }

    /// The file at `path`, if it is here and has not changed. What is here is looked at with one
    /// `stat`: for a local file system, whose answer is in memory.
    ///
    /// # Errors
    ///
    /// As `stat` has them; what cannot be looked at is not here any more.
    pub(super) fn current(&self, path: &Path) -> io::Result<Option<Snapshot>> {
        let Some(snapshot) = self.entries.get(path) else { return Ok(None) };
        let found = path.metadata().map(|metadata| Stamp::of(&metadata));
        if !found.as_ref().is_ok_and(|found| *found == snapshot.stamp) {
            self.entries.remove(path);
            return found.map(|_| None);
        }
        Ok(Some(snapshot))
    }

    /// Keeps a file that was read at `path` since `began`, if it had rested by then.
    pub(super) fn keep(&self, path: &Path, snapshot: &Snapshot, began: SystemTime) {
        if snapshot.stamp.age(began).is_some_and(|age| age >= self.rest) {
            self.entries.insert(path.to_owned(), snapshot.clone());
        }
    }

    /// How many bytes it takes now.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> u64 {
        self.entries.weight()
    }
}

impl Default for Cache {
    fn default() -> Self {
        Self::new(CAPACITY, REST)
    }
}

/// Weighs files by the memory that they take.
#[derive(Clone, Debug)]
struct Bytes;

impl Weighter<PathBuf, Snapshot> for Bytes {
    fn weight(&self, path: &PathBuf, snapshot: &Snapshot) -> u64 {
        (snapshot.bytes.len() + path.as_os_str().len() + ENTRY) as u64
    }
}
