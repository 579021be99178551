//! The bytes of a library: read into memory, or those of the private copy that is there already.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ops::Deref;

use memmap2::Mmap;

/// The bytes of a library, which nobody changes.
#[derive(Debug)]
pub(super) enum Content {
    /// Read from whatever file it was.
    Memory(Vec<u8>),
    /// Those of a copy in a store.
    Copy(Mmap),
}

impl Content {
    /// Looks into a file that a store has written.
    pub(super) fn of_copy(copy: &File) -> io::Result<Self> {
        // SAFETY: copies lie in a folder that is ours and that nobody else can write to, which
        // `store::usable` has checked; they get their name when they are whole, and are replaced,
        // never written to: what is mapped does not change.
        let map = unsafe { Mmap::map(copy)? };
        Ok(Self::Copy(map))
    }
}

impl Deref for Content {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Memory(bytes) => bytes,
            Self::Copy(map) => map,
        }
    }
}
