//! What a library says to the dynamic linker: its own name, what it needs, exports and calls, and
//! whether its thread-local variables must have a fixed place.

use object::elf::{self, FileHeader64};
use object::read::ReadRef;
use object::read::elf::{Dynamic, ElfFile, FileHeader, ProgramHeader};
use object::{Endianness, Object, ObjectSymbol};

use super::elf::error::{ElfError, damaged};

/// The names in a library's dynamic section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    /// By which the linker knows it when another library needs it; a `dylib` has one.
    pub(super) soname: Option<String>,
    /// The libraries that it needs.
    pub(super) needed: Vec<String>,
}

/// Reads the names of a library whose extents have been checked.
pub(super) fn names<'data, R: ReadRef<'data>>(data: R) -> Result<Names, ElfError> {
    let header = FileHeader64::<Endianness>::parse(data).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    let sections = header.sections(endian, data).map_err(damaged)?;
    let table = sections.dynamic_table(endian, data).map_err(damaged)?;
    let mut names = Names { soname: None, needed: Vec::new() };
    for entry in &table {
        let name = || -> Result<String, ElfError> {
            let name = table.string(entry).map_err(damaged)?;
            Ok(String::from_utf8_lossy(name).into_owned())
        };
        match entry.tag {
            elf::DT_SONAME => names.soname = Some(name()?),
            elf::DT_NEEDED => names.needed.push(name()?),
            _ => {}
        }
    }
    Ok(names)
}

/// Whether the dynamic linker writes into the code of a library whose extents have been checked.
pub(super) fn relocates_code(bytes: &[u8]) -> Result<bool, ElfError> {
    let header = FileHeader64::<Endianness>::parse(bytes).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    let sections = header.sections(endian, bytes).map_err(damaged)?;
    let table = sections.dynamic_table(endian, bytes).map_err(damaged)?;
    let says = |flags: u64| flags & elf::DF_TEXTREL.0 != 0;
    Ok(table.iter().any(|entry| match entry.tag {
        elf::DT_TEXTREL => true,
        elf::DT_FLAGS => says(entry.val),
        _ => false,
    }))
}

/// Where a symbol is, once the library is mapped, and how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Definition {
    pub(super) address: u64,
    pub(super) size: u64,
}

/// The symbol that the library itself defines by this name. The linker's own look-up would go on to
/// the libraries that it needs.
pub(super) fn definition(bytes: &[u8], symbol: &str) -> Result<Option<Definition>, ElfError> {
    let file = ElfFile::<FileHeader64<Endianness>>::parse(bytes).map_err(damaged)?;
    let mut symbols = file.dynamic_symbols();
    let found = symbols.find(|found| found.is_definition() && found.name() == Ok(symbol));
    Ok(found.map(|found| Definition { address: found.address(), size: found.size() }))
}

/// Whether code of the library calls this function of another one.
pub(super) fn calls(bytes: &[u8], function: &str) -> Result<bool, ElfError> {
    let file = ElfFile::<FileHeader64<Endianness>>::parse(bytes).map_err(damaged)?;
    let mut symbols = file.dynamic_symbols();
    Ok(symbols.any(|symbol| symbol.is_undefined() && symbol.name() == Ok(function)))
}

/// The size of the thread-local variables of a library that says that they must have a fixed place.
pub(super) fn static_tls(bytes: &[u8]) -> Result<Option<u64>, ElfError> {
    let header = FileHeader64::<Endianness>::parse(bytes).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    let sections = header.sections(endian, bytes).map_err(damaged)?;
    let table = sections.dynamic_table(endian, bytes).map_err(damaged)?;
    let is_static =
        |entry: Dynamic| entry.tag == elf::DT_FLAGS && entry.val & elf::DF_STATIC_TLS.0 != 0;
    if !table.iter().any(is_static) {
        return Ok(None);
    }
    let segments = header.program_headers(endian, bytes).map_err(damaged)?;
    let variables = segments.iter().find(|segment| segment.p_type(endian) == elf::PT_TLS);
    Ok(Some(variables.map_or(0, |segment| segment.p_memsz(endian))))
}
