//! What was found out of source files, so that only what changed is read and parsed again.
//!
//! An entry holds for the file with the same size, times and inode. As in git's index, that says
//! nothing of a file which changed only just before it was read: it could change once more within
//! the same tick of the clock. Such a file is read again, until a scan finds it older. The time
//! that counts is the kernel's own of the last change (`ctime`), which no program sets: files
//! from the past or the future, and files that others replaced by older ones, are no exception.
//!
//! A process keeps one for as long as it likes; on disk it is under `.nova/`. Without it, or with
//! a damaged one, everything is read as ever.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::digest::sha256;
use crate::files::is_gone;
use crate::source::file::{Content, SourceFile};

/// Where an app's cache is, from its folder.
const FILE: &str = ".nova/sources.json";

/// What reads the files: another version may find out something else. The number is for changes
/// between releases.
const READER: &str = concat!(env!("CARGO_PKG_VERSION"), ".4");

/// A file that changed this short a time before it was read may change without a trace; some file
/// systems count in steps of two seconds.
const SETTLED: Duration = Duration::from_secs(2);

/// When the disk knows less of so many files, it is told. To read and parse them again would take
/// about as long as the writing.
const WORTH_SAVING: usize = 16;

/// The known files of one app.
#[derive(Debug, Default)]
pub struct SourceCache {
    /// Where it is kept; nowhere for one that ends with its process.
    path: Option<PathBuf>,
    entries: HashMap<String, Entry>,
    /// Files of which more is known here than on disk.
    unsaved: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    stamp: Stamp,
    /// Whether the file had been left alone for long enough when it was read.
    settled: bool,
    content: Arc<Content>,
    /// Whether the present scan has found the file.
    #[serde(skip)]
    seen: bool,
}

/// What the system says of a file; it changes with the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds of the last modification.
    modified: (i64, i64),
    /// The same of the last change of any kind.
    changed: (i64, i64),
}

/// The cache as it is on disk.
#[derive(Serialize, Deserialize)]
struct CacheFile<E> {
    reader: String,
    entries: E,
}

impl SourceCache {
    /// The cache of the app in `dir`; an empty one if there is none, or an invalid one.
    pub fn open(dir: &Path) -> Self {
        let path = dir.join(FILE);
        let entries = fs::read(&path).ok().and_then(|bytes| {
            let saved: CacheFile<HashMap<String, Entry>> = serde_json::from_slice(&bytes).ok()?;
            (saved.reader == READER).then_some(saved.entries)
        });
        Self { path: Some(path), entries: entries.unwrap_or_default(), ..Self::default() }
    }

    /// What the file at `path` in `dir` contains; nothing if it has gone in the meantime. The scan
    /// began at `now`.
    pub(crate) fn read(&mut self, dir: &Path, path: String, now: SystemTime) -> Option<SourceFile> {
        let content = match self.content(&dir.join(&path), &path, now) {
            Err(error) if is_gone(Some(&error)) => return None,
            outcome => outcome.map_err(|error| error.to_string()),
        };
        Some(SourceFile { path, content })
    }

    /// Forgets the files that this scan has not found. Saves what is worth it.
    pub(crate) fn end_scan(&mut self) {
        self.entries.retain(|_, entry| std::mem::take(&mut entry.seen));
        if self.unsaved >= WORTH_SAVING {
            // Without a cache the next start takes longer, and that is all.
            let _ = self.save();
        }
    }

    fn content(&mut self, file: &Path, path: &str, now: SystemTime) -> io::Result<Arc<Content>> {
        let known = self.entries.get_mut(path);
        if let Some(entry) = known
            && entry.settled
            && entry.stamp == Stamp::of(&fs::metadata(file)?)
        {
            entry.seen = true;
            return Ok(entry.content.clone());
        }
        // First the stamp, then the text: what changes in between has another stamp afterwards.
        let mut opened = File::open(file)?;
        let stamp = Stamp::of(&opened.metadata()?);
        let settled = stamp.is_settled(now);
        let mut text = String::new();
        opened.read_to_string(&mut text)?;
        let known = self.entries.get(path).map(|entry| &entry.content);
        let same = known.filter(|content| content.sha256 == sha256(text.as_bytes())).cloned();
        if settled || same.is_none() {
            self.unsaved += 1;
        }
        let content = same.unwrap_or_else(|| Arc::new(Content::of(&text)));
        let entry = Entry { stamp, settled, content: content.clone(), seen: true };
        self.entries.insert(path.to_owned(), entry);
        Ok(content)
    }

    /// Writes it to the disk. It need not survive a crash, and another process that writes it at
    /// the same time is as right as this one.
    fn save(&mut self) -> io::Result<()> {
        self.unsaved = 0;
        let Some(path) = &self.path else { return Ok(()) };
        let saved = CacheFile { reader: READER.to_owned(), entries: &self.entries };
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let file = tempfile::Builder::new().prefix(".sources-").tempfile_in(folder)?;
        serde_json::to_writer(io::BufWriter::new(&file), &saved)?;
        file.persist(path)?;
        Ok(())
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether the file is the same as some time before `now`. One that changes later than now,
    /// by a clock that was set back, is not.
    fn is_settled(&self, now: SystemTime) -> bool {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let limit = now.saturating_sub(SETTLED);
        i64::try_from(limit.as_secs()).is_ok_and(|limit| self.changed.0 < limit)
    }
}

#[cfg(test)]
mod tests;
