//! The segments of a library: which parts of its file are mapped, where, and as what.

use std::ops::Range;

use object::Endianness;
use object::elf::{self, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader};

use super::dynamic;
use super::elf::error::{ElfError, damaged};

/// The parts of a library's file that are mapped.
#[derive(Debug)]
pub(super) struct Segments {
    /// The table that says which they are.
    pub(super) headers: Range<u64>,
    /// The parts, in the order of their addresses.
    pub(super) mapped: Vec<Segment>,
    /// Whether the dynamic linker writes into segments that are not writable, too.
    pub(super) relocates_code: bool,
}

/// A part of the file that is mapped.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    /// Where it lies in the file.
    pub(super) file: Range<u64>,
    /// Where it lies in memory, seen from the library's beginning; it may be longer there.
    pub(super) memory: Range<u64>,
    pub(super) writable: bool,
    pub(super) executable: bool,
}

impl Segments {
    /// The segments of a library whose extents have been checked.
    pub(super) fn of(bytes: &[u8]) -> Result<Self, ElfError> {
        let header = FileHeader64::<Endianness>::parse(bytes).map_err(damaged)?;
        let endian = header.endian().map_err(damaged)?;
        let table = header.program_headers(endian, bytes).map_err(damaged)?;
        let mut mapped = Vec::new();
        for entry in table {
            if entry.p_type(endian) == elf::PT_LOAD {
                let flags = entry.p_flags(endian);
                let range = |start: u64, length: u64| start..start.saturating_add(length);
                mapped.push(Segment {
                    file: range(entry.p_offset(endian), entry.p_filesz(endian)),
                    memory: range(entry.p_vaddr(endian), entry.p_memsz(endian)),
                    writable: flags.contains(elf::PF_W),
                    executable: flags.contains(elf::PF_X),
                });
            }
        }
        let length = u64::from(header.e_phnum(endian)) * u64::from(header.e_phentsize(endian));
        let start = header.e_phoff(endian);
        let headers = start..start.saturating_add(length);
        Ok(Self { headers, mapped, relocates_code: dynamic::relocates_code(bytes)? })
    }
}
