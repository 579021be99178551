//! A library that is mapped once more, from a [`FreshCopy`].
//!
//! What it must have of its own is what it writes to: its statics. All else is the same as in the
//! copy that lies in the store, and is mapped from there as soon as the linker is done; so a library
//! that comes back a thousand times takes the room of its code once. It also gets the name of that
//! copy, by which debuggers, profilers and backtraces find its symbols.
#![allow(unsafe_code)]

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use libloading::os::unix::Library as Handle;
use rustix::mm::{MapFlags, ProtFlags, mmap};
use rustix::param::page_size;

use super::segments::{Segment, Segments};
use super::store::FreshCopy;

/// The beginning of what the dynamic linker knows of a library, as `<link.h>` has it.
#[repr(C)]
struct LinkMap {
    /// Where the library begins in memory.
    address: usize,
    name: *mut c_char,
}

/// `RTLD_DI_LINKMAP`.
const LINK_MAP: c_int = 2;

unsafe extern "C" {
    fn dlinfo(handle: *mut c_void, request: c_int, info: *mut c_void) -> c_int;
}

/// Maps what is never written from the copy in the store, `name`, and calls the library so. Where
/// that does not work, it stays as it is: as good, and larger.
pub(super) fn settle(
    library: ManuallyDrop<Handle>,
    fresh: &FreshCopy,
    name: &'static CStr,
    segments: &Segments,
) -> ManuallyDrop<Handle> {
    let handle = ManuallyDrop::into_inner(library).into_raw();
    if let Some(map) = link_map(handle, fresh.path()) {
        match share(map, name, segments) {
            Ok(shared) => {
                fresh.release(&shared);
                rename(map, name);
            }
            Err(error) => tracing::debug!("{}: not shared: {error}", fresh.path().display()),
        }
    }
    // SAFETY: it is the handle that was taken apart above.
    ManuallyDrop::new(unsafe { Handle::from_raw(handle) })
}

/// What the linker knows of a library that was opened by the text `path`.
fn link_map(handle: *mut c_void, path: &Path) -> Option<*mut LinkMap> {
    let mut map: *mut LinkMap = ptr::null_mut();
    // SAFETY: the handle is open, and for this request the linker writes one pointer.
    let failed = unsafe { dlinfo(handle, LINK_MAP, (&raw mut map).cast()) };
    if failed != 0 || map.is_null() {
        return None;
    }
    // SAFETY: the linker's entry of a library that is never closed; its name is a C string.
    let name = unsafe { CStr::from_ptr((*map).name) };
    (OsStr::from_bytes(name.to_bytes()) == path.as_os_str()).then_some(map)
}

/// Maps what is not written to from the copy in the store; gives the parts of the file that are
/// not needed any more.
fn share(map: *mut LinkMap, name: &CStr, segments: &Segments) -> io::Result<Vec<Range<u64>>> {
    if segments.relocates_code {
        return Ok(Vec::new());
    }
    let copy = File::open(Path::new(OsStr::from_bytes(name.to_bytes())))?;
    let page = page_size() as u64;
    let mut spared = Vec::new();
    for (at, segment) in segments.mapped.iter().enumerate() {
        let others = segments.mapped.iter().enumerate().filter(|(other, _)| *other != at);
        let Some(pages) = shareable(segment, others.map(|(_, other)| other), page) else {
            continue;
        };
        let Segment { file, memory, executable, .. } = segment;
        let protection =
            if *executable { ProtFlags::READ | ProtFlags::EXEC } else { ProtFlags::READ };
        let offset = file.start - (memory.start - pages.start);
        let length = usize::try_from(pages.end - pages.start).map_err(io::Error::other)?;
        let start = usize::try_from(pages.start).map_err(io::Error::other)?;
        // SAFETY: the pages are those of one segment of this library and of no other, they are
        // mapped and never written to; the same bytes of the same file offset come in their place,
        // because the store has compared its copy with what this library was written from, and
        // nobody writes to that copy. The kernel exchanges a mapping while page faults wait.
        unsafe {
            let address = (*map).address.wrapping_add(start) as *mut c_void;
            mmap(address, length, protection, MapFlags::PRIVATE | MapFlags::FIXED, &copy, offset)?;
        }
        let spare = file.start.next_multiple_of(page)..file.end / page * page;
        if !spare.is_empty() {
            spared.push(spare);
        }
    }
    Ok(spared)
}

/// The pages of a segment in memory, if all that is in them comes from its part of the file and is
/// never written to.
fn shareable<'a>(
    segment: &Segment,
    mut others: impl Iterator<Item = &'a Segment>,
    page: u64,
) -> Option<Range<u64>> {
    let pages = |memory: &Range<u64>| memory.start / page * page..memory.end.next_multiple_of(page);
    let own = pages(&segment.memory);
    let whole = segment.file.end - segment.file.start == segment.memory.end - segment.memory.start;
    let in_step = segment.file.start % page == segment.memory.start % page;
    let alone = others.all(|other| {
        let other = pages(&other.memory);
        other.end <= own.start || own.end <= other.start
    });
    (!segment.writable && whole && in_step && alone && !own.is_empty()).then_some(own)
}

/// Calls a library by another name, which is read by `dl_iterate_phdr` and by debuggers.
fn rename(map: *mut LinkMap, name: &'static CStr) {
    // SAFETY: the entry of a library that is never closed, so its old name is never freed, and
    // neither is the new one. Who reads it meanwhile sees the one or the other.
    let place = unsafe { AtomicPtr::from_ptr(&raw mut (*map).name) };
    place.store(name.as_ptr().cast_mut(), Ordering::Release);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(file: Range<u64>, memory: Range<u64>, writable: bool) -> Segment {
        Segment { file, memory, writable, executable: false }
    }

    #[test]
    fn only_whole_pages_that_nobody_writes_are_shared() {
        let code = segment(0x1010..0x5000, 0x2010..0x6000, false);
        let data = |memory| segment(0x5000..0x6000, memory, true);
        let shared =
            |segment: &Segment, other: Segment| shareable(segment, [&other].into_iter(), 0x1000);
        assert_eq!(shared(&code, data(0x6000..0x9000)), Some(0x2000..0x6000));
        assert_eq!(shared(&code, data(0x5f00..0x9000)), None, "another one on its last page");
        assert_eq!(shared(&segment(0..0x10, 0..0x10, true), data(0x6000..0x9000)), None, "written");
        let zeroed = segment(0..0x10, 0..0x20, false);
        assert_eq!(shared(&zeroed, data(0x6000..0x9000)), None, "longer than its file");
        let shifted = segment(0x1010..0x2000, 0x2020..0x3010, false);
        assert_eq!(shared(&shifted, data(0x6000..0x9000)), None, "not on the same place of a page");
    }
}
