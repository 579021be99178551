//! Where a process keeps its record, so that who comes after it finds it.
//!
//! The file is in memory: on a disk the kernel would write it back now and then, and hold up who
//! stores to it meanwhile. It is in the folder that the service manager gives for such files, or
//! under `/dev/shm`. A lock on it, which the kernel takes away with the process, says whether its
//! process lives; a process that ends in order removes the file. Where there is no such folder, only
//! the process itself reads its record.

use std::fs::{DirEntry, File, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{
    FallocateFlags, FlockOperation, MemfdFlags, Mode, OFlags, fallocate, flock, memfd_create, open,
};

use super::{LENGTH, Record, RecordedActivity, running};
use crate::process::service_folders;

/// When the record of another host that has begun so long ago, and is gone, is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(24 * 60 * 60);

/// Where the files may be, best first. What is in the latter, systemd removes with the end of a
/// service that has a dynamic user.
fn folders() -> impl Iterator<Item = PathBuf> {
    service_folders::runtime_folder().into_iter().chain([PathBuf::from("/dev/shm")])
}

/// The place of the records of one host, and of the processes that it starts.
#[derive(Clone, Debug)]
pub struct RecordPlace {
    /// What the names of the files begin with; `None`: there is no way to find them again.
    prefix: Option<String>,
}

/// A record whose process is gone, and did not end in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftRecord {
    /// The process.
    pub pid: u32,
    /// What it was running.
    pub running: Vec<RecordedActivity>,
}

/// The file of this process' record; dropping it removes it, which says that the process ends in
/// order.
#[derive(Debug)]
pub struct RecordFile(Option<PathBuf>);

impl Drop for RecordFile {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // Another host of this user may have found it too old.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A file in memory, for the record of a process that another one looks after.
///
/// # Errors
/// If the system refuses.
pub fn file_in_memory() -> io::Result<File> {
    let file = File::from(memfd_create("nova-record", MemfdFlags::CLOEXEC)?);
    // A store to a page that there is no memory for would end the process.
    fallocate(&file, FallocateFlags::empty(), 0, LENGTH as u64)?;
    Ok(file)
}

impl RecordPlace {
    /// That of the host which is told from others by `identity`, such as its state folder.
    #[must_use]
    pub fn of(identity: &impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        identity.hash(&mut hasher);
        let user = rustix::process::geteuid().as_raw();
        Self { prefix: Some(format!("nova-{user}-{:016x}-", hasher.finish())) }
    }

    /// That of a host which is told from others by nothing: only the process itself reads its record.
    #[must_use]
    pub fn private() -> Self {
        Self { prefix: None }
    }

    /// Begins the record of this process.
    ///
    /// # Errors
    /// If the system refuses, or the process has a record already.
    pub fn begin(
        &self,
        on_exit: impl Fn(&RecordedActivity) + Send + Sync + 'static,
    ) -> io::Result<RecordFile> {
        let created = self.prefix.as_ref().and_then(|prefix| {
            folders().find_map(|folder| match create(prefix, &folder) {
                Ok((file, path)) => Some((file, Some(path))),
                Err(error) => {
                    let folder = folder.display();
                    tracing::debug!("{folder}: cannot keep the record of what runs: {error}");
                    None
                }
            })
        });
        let (file, path) = match created {
            Some(created) => created,
            None => (memfd_create("nova-record", MemfdFlags::CLOEXEC)?.into(), None),
        };
        let kept = RecordFile(path);
        Record::begin(file, on_exit)?;
        Ok(kept)
    }

    /// The records of processes that are gone and did not end in order. Each is found once.
    #[must_use]
    pub fn left(&self) -> Vec<LeftRecord> {
        let Some(prefix) = &self.prefix else { return Vec::new() };
        let entries = folders().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
        let found = entries.filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let Some(rest) = name.strip_prefix(prefix) else {
                forget_old(&entry, &name);
                return None;
            };
            take(&entry.path(), rest.split_once('-')?.0.parse().ok()?)
        });
        found.collect()
    }
}

fn create(prefix: &str, folder: &Path) -> io::Result<(File, PathBuf)> {
    let file = tempfile::Builder::new()
        .prefix(&format!("{prefix}{}-", std::process::id()))
        .tempfile_in(folder)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    // A store to a page that there is no memory for would end the process.
    fallocate(&file, FallocateFlags::empty(), 0, LENGTH as u64)?;
    Ok(file.keep()?)
}

/// Removes what another host of this user has left that does not come back: its memory is not given
/// back by itself.
fn forget_old(entry: &DirEntry, name: &str) {
    let user = rustix::process::geteuid().as_raw();
    let is_record = name.starts_with(&format!("nova-{user}-"));
    let began = entry.metadata().and_then(|metadata| metadata.modified()).ok();
    let age = began.and_then(|began| began.elapsed().ok());
    if is_record && age.is_some_and(|age| age > FORGOTTEN) {
        take(&entry.path(), 0);
    }
}

/// Takes the record at `path`, if its process is gone.
fn take(path: &Path, pid: u32) -> Option<LeftRecord> {
    // The folder is open to all: only what is ours, and a plain file, is read.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(open(path, flags, Mode::empty()).ok()?);
    let is_ours = |it: &Metadata| it.is_file() && it.uid() == rustix::process::geteuid().as_raw();
    let metadata = file.metadata().ok().filter(is_ours)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
    // Shorter is one that is just being made, or that another has taken.
    if metadata.len() < LENGTH as u64 || metadata.nlink() == 0 {
        return None;
    }
    let running = running(&file).ok()?;
    std::fs::remove_file(path).ok()?;
    Some(LeftRecord { pid, running })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_left_when_its_process_is_gone() {
        let place = RecordPlace::of(&("a test", std::process::id()));
        let create = || create(place.prefix.as_ref().unwrap(), Path::new("/dev/shm")).unwrap();
        let (file, path) = create();
        assert_eq!(place.left(), [], "its process lives");
        drop(file);
        let left = LeftRecord { pid: std::process::id(), running: Vec::new() };
        assert_eq!(place.left(), [left]);
        assert_eq!(place.left(), [], "each is found once");
        assert!(!path.exists());

        let (file, path) = create();
        drop(RecordFile(Some(path)));
        drop(file);
        assert_eq!(place.left(), [], "it ended in order");
    }
}
