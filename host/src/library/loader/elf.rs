//! The ELF file: complete, for this machine, with the symbols of a route library.
//!
//! `dlopen` maps what the headers promise; where the file is shorter, the first touch of the
//! missing part is a SIGBUS. So every promise is compared with the file's length first.

pub(super) mod error;

use nova_abi::abi_stable::library::ROOT_MODULE_LOADER_NAME;
use nova_abi::note;
use object::Endianness;
use object::elf::{self, FileHeader64};
use object::read::ReadRef;
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};

pub(super) use self::error::ElfError;
use self::error::damaged;
use super::dynamic;

#[cfg(target_arch = "x86_64")]
const MACHINE: (elf::Machine, &str) = (elf::EM_X86_64, "x86-64");
#[cfg(target_arch = "aarch64")]
const MACHINE: (elf::Machine, &str) = (elf::EM_AARCH64, "aarch64");

/// Checks a route library and returns the bytes of its note.
pub(super) fn check(bytes: &[u8]) -> Result<&[u8], ElfError> {
    let (header, endian) = check_file(bytes)?;
    let missing = |symbol| ElfError::Symbol { symbol };
    let found = dynamic::definition(bytes, note::SYMBOL)?.ok_or(missing(note::SYMBOL))?;
    let root = dynamic::definition(bytes, ROOT_MODULE_LOADER_NAME)?;
    root.ok_or(missing(ROOT_MODULE_LOADER_NAME))?;
    let segments = header.program_headers(endian, bytes).map_err(damaged)?;
    segments
        .iter()
        .filter(|segment| segment.p_type(endian) == elf::PT_LOAD)
        .find_map(|segment| {
            segment.data_range(endian, bytes, found.address, found.size).ok().flatten()
        })
        .ok_or_else(|| ElfError::Damaged(format!("`{}` lies outside the file", note::SYMBOL)))
}

/// Checks that the file is a whole shared library for this machine; reads nothing but headers.
pub(super) fn check_file<'data, R: ReadRef<'data>>(
    data: R,
) -> Result<(&'data FileHeader64<Endianness>, Endianness), ElfError> {
    let len = data.len().map_err(|()| ElfError::Damaged("its length is unknown".into()))?;
    let start = data.read_bytes_at(0, len.min(5)).unwrap_or_default();
    if !start.starts_with(&elf::ELFMAG) {
        return Err(ElfError::Magic);
    }
    match start.get(4) {
        Some(2) => {}
        Some(1) => return Err(ElfError::Class { found: 32 }),
        _ => return Err(ElfError::Truncated { what: "the ELF header", end: 64, len }),
    }
    if len < 64 {
        return Err(ElfError::Truncated { what: "the ELF header", end: 64, len });
    }
    let header = FileHeader64::<Endianness>::parse(data).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    let machine = header.e_machine(endian);
    if machine != MACHINE.0 {
        return Err(ElfError::Machine { found: machine_name(machine), expected: MACHINE.1 });
    }
    match header.e_type(endian) {
        elf::ET_DYN => {}
        elf::ET_REL => return Err(ElfError::Kind { found: "an object file" }),
        elf::ET_EXEC => return Err(ElfError::Kind { found: "an executable" }),
        _ => return Err(ElfError::Kind { found: "neither object nor program" }),
    }
    check_extents(header, endian, data, len)?;
    Ok((header, endian))
}

/// Every part that the headers name must lie within the file.
fn check_extents<'data, R: ReadRef<'data>>(
    header: &FileHeader64<Endianness>,
    endian: Endianness,
    data: R,
    len: u64,
) -> Result<(), ElfError> {
    let within = |what, offset: u64, size: u64| {
        let end = offset.saturating_add(size);
        if end > len { Err(ElfError::Truncated { what, end, len }) } else { Ok(()) }
    };
    let table = |count: u16, size: u16| u64::from(count) * u64::from(size);
    within(
        "the table of segments",
        header.e_phoff(endian),
        table(header.e_phnum(endian), header.e_phentsize(endian)),
    )?;
    for segment in header.program_headers(endian, data).map_err(damaged)? {
        within("a segment", segment.p_offset(endian), segment.p_filesz(endian))?;
    }
    within(
        "the table of sections",
        header.e_shoff(endian),
        table(header.e_shnum(endian), header.e_shentsize(endian)),
    )?;
    for section in header.section_headers(endian, data).map_err(damaged)? {
        if section.sh_type(endian) != elf::SHT_NOBITS {
            within("a section", section.sh_offset(endian), section.sh_size(endian))?;
        }
    }
    Ok(())
}

fn machine_name(machine: elf::Machine) -> String {
    match machine {
        elf::EM_X86_64 => "x86-64".into(),
        elf::EM_AARCH64 => "aarch64".into(),
        elf::EM_386 => "32-bit x86".into(),
        elf::EM_ARM => "32-bit ARM".into(),
        elf::EM_RISCV => "RISC-V".into(),
        other => format!("ELF machine {}", other.0),
    }
}

#[cfg(test)]
mod tests;
