//! A few words of memory that outlive this process: the file behind them is open in another one.
//!
//! It is here because this room is the one that maps files.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::sync::atomic::AtomicU64;

use memmap2::MmapMut;

/// Maps `count` words of a file for as long as this process lives.
///
/// # Errors
/// If the file is not that long, or the system refuses.
pub(crate) fn shared_words(file: &File, count: usize) -> io::Result<&'static [AtomicU64]> {
    let bytes = count * size_of::<AtomicU64>();
    if file.metadata()?.len() < bytes as u64 {
        return Err(io::Error::other("the file is too short for its words"));
    }
    // SAFETY: the file is a piece of memory that our supervisor has made and sealed against being
    // cut short, so that each mapped page stays there; others read it, and that is what atomics are
    // for.
    let map = unsafe { MmapMut::map_mut(file)? };
    let words = Box::leak(Box::new(map)).as_mut_ptr().cast::<AtomicU64>();
    // SAFETY: the mapping is that long, begins at a page and so is aligned, is never unmapped, and
    // is reached through these atomics alone; any bytes are an `AtomicU64`.
    Ok(unsafe { std::slice::from_raw_parts(words, count) })
}
