//! A copy for a library that is mapped already: the dynamic linker tells libraries apart by their
//! files, so another file is another library, whose statics begin anew.
//!
//! It is needed for as long as the linker looks at it. It has what is mapped, and holes elsewhere;
//! it has no name any more when it is dropped, and nothing of it stays but what is mapped.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FallocateFlags, fallocate};

use super::memory;
use crate::library::loader::BuildId;
use crate::library::loader::segments::Segments;

/// See the [module](self).
#[derive(Debug)]
pub(in super::super) struct FreshCopy {
    path: PathBuf,
    file: File,
    /// Whether it lies in a folder.
    is_named: bool,
}

/// How many there were in this process: the linker knows a library by the text that it was asked
/// for, for good, so none may come twice.
static COUNT: AtomicU64 = AtomicU64::new(0);

impl FreshCopy {
    /// Writes what is mapped of `bytes` into a file in `folder`, or in memory.
    pub(super) fn write(
        folder: Option<&Path>,
        build_id: &BuildId,
        bytes: &[u8],
        segments: &Segments,
    ) -> io::Result<Self> {
        let number = COUNT.fetch_add(1, Ordering::Relaxed) + 1;
        let copy = match folder {
            Some(folder) => {
                let (build_id, us) = (build_id.as_str(), std::process::id());
                let path = folder.join(format!(".{build_id}-{number}-{us}"));
                // Left by a process with our number.
                let _ = fs::remove_file(&path);
                let file =
                    OpenOptions::new().write(true).create_new(true).mode(0o500).open(&path)?;
                Self { path, file, is_named: true }
            }
            None => {
                let file = memory::file(build_id)?;
                Self { path: alias(file.as_raw_fd(), number), file, is_named: false }
            }
        };
        copy.file.set_len(bytes.len() as u64)?;
        let parts = segments.mapped.iter().map(|segment| &segment.file);
        for part in parts.chain([&segments.headers]) {
            let in_bytes = |at: u64| usize::try_from(at).map_err(io::Error::other);
            let range = in_bytes(part.start)?..in_bytes(part.end)?;
            let part_bytes = bytes.get(range).ok_or(io::ErrorKind::UnexpectedEof)?;
            copy.file.write_all_at(part_bytes, part.start)?;
        }
        Ok(copy)
    }

    /// What the dynamic linker is asked for.
    pub(in super::super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives back the room of parts that are not mapped from here any more.
    pub(in super::super) fn release(&self, parts: &[Range<u64>]) {
        for part in parts {
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            if let Err(error) = fallocate(&self.file, flags, part.start, part.end - part.start) {
                // The file system has no holes; the room is free when the process has ended.
                tracing::debug!("{}: keeps its room: {error}", self.path.display());
            }
        }
    }
}

impl Drop for FreshCopy {
    fn drop(&mut self) {
        let ended =
            if self.is_named { fs::remove_file(&self.path) } else { memory::seal(&self.file) };
        if let Err(error) = ended {
            tracing::warn!("{}: stays as it is: {error}", self.path.display());
        }
    }
}

/// The path of a descriptor as nobody has written it before: numbers of descriptors come back, and
/// what was opened by the same text would be taken for this.
fn alias(descriptor: i32, number: u64) -> PathBuf {
    let digits = 0..u64::BITS - number.leading_zeros();
    let way: String =
        digits.map(|digit| if number >> digit & 1 == 1 { "/." } else { "/" }).collect();
    PathBuf::from(format!("/proc/self/fd{way}/{descriptor}"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_descriptor_is_never_named_twice_by_the_same_text() {
        let file = tempfile::tempfile().unwrap();
        // Paths that lead to one place are equal; the texts are not.
        let text = |number| alias(file.as_raw_fd(), number).into_os_string();
        assert_eq!((1..3_000).map(text).collect::<HashSet<_>>().len(), 2_999);
        for name in [1, 2, 3, 77, u64::MAX].map(|number| alias(file.as_raw_fd(), number)) {
            assert!(fs::metadata(&name).unwrap().is_file(), "{}", name.display());
        }
    }
}
