//! The bytes of a library: read into memory, or those of the private copy that is there already.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::unix::fs::{FileExt, MetadataExt};

use memmap2::Mmap;

/// How much of a file is read at a time, in bytes.
pub(super) const PART: usize = 64 * 1024;

/// The bytes of a library, which nobody changes.
#[derive(Debug)]
pub(super) enum Content {
    /// Read from whatever file it was.
    Memory(Vec<u8>),
    /// Those of a copy in a store.
    Copy(Mmap, File),
}

impl Content {
    /// Looks into a file that a store has written.
    pub(super) fn of_copy(copy: File) -> io::Result<Self> {
        // SAFETY: copies lie in a folder that is ours and that nobody else can write to, which
        // `store::usable` has checked; they get their name when they are whole, and are replaced,
        // never written to: what is mapped does not change.
        let map = unsafe { Mmap::map(&copy)? };
        Ok(Self::Copy(map, copy))
    }

    /// Whether a file has these bytes.
    pub(super) fn is_in(&self, file: &File) -> io::Result<bool> {
        match self {
            Self::Copy(_, copy) if is_same_file(copy, file)? => Ok(true),
            _ => has_bytes(file, self),
        }
    }
}

impl Deref for Content {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Memory(bytes) => bytes,
            Self::Copy(map, _) => map,
        }
    }
}

/// Whether two handles lead to one file.
pub(super) fn is_same_file(one: &File, other: &File) -> io::Result<bool> {
    let (one, other) = (one.metadata()?, other.metadata()?);
    Ok((one.dev(), one.ino()) == (other.dev(), other.ino()))
}

/// Whether a file has these bytes, and no others. It is read in parts: memory for all of a library
/// costs more than to compare it.
pub(super) fn has_bytes(file: &File, bytes: &[u8]) -> io::Result<bool> {
    if file.metadata()?.len() != bytes.len() as u64 {
        return Ok(false);
    }
    let (mut part, mut at) = (vec![0; PART], 0);
    while at < bytes.len() {
        let read = file.read_at(&mut part, at as u64)?;
        if read == 0 || bytes.get(at..at + read) != Some(&part[..read]) {
            return Ok(false);
        }
        at += read;
    }
    Ok(true)
}
