//! What the linked library tells: whose functions it defines and calls, and its static TLS. It is
//! looked at before it is stripped, since most of the names go then.

use std::collections::HashSet;

use memchr::memmem;
use object::elf::{DF_STATIC_TLS, DT_FLAGS, PT_TLS};
use object::read::elf::{Dyn as _, ElfFile64, FileHeader as _, ProgramHeader as _};
use object::{Endianness, Object as _, ObjectSection as _, ObjectSymbol as _};

use crate::release::library::LibraryError;

/// What a library is made of, as far as its file tells.
#[derive(Debug)]
pub(super) struct LinkedLibrary<'a> {
    bytes: &'a [u8],
    defined: HashSet<&'a str>,
    called: HashSet<&'a str>,
    /// The names of its symbols; none in a library that was stripped.
    names: Option<&'a [u8]>,
    /// The bytes of thread-local variables, if code relies on their being at a fixed place.
    pub(super) static_tls: Option<u64>,
}

impl<'a> LinkedLibrary<'a> {
    /// Looks at the bytes of a library, as it came from the linker.
    ///
    /// # Errors
    /// If they are not an ELF file.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, LibraryError> {
        let elf = ElfFile64::<Endianness>::parse(bytes)
            .map_err(|error| LibraryError::NotElf(error.to_string()))?;
        let mut library = Self {
            bytes,
            defined: HashSet::new(),
            called: HashSet::new(),
            names: elf.section_by_name(".strtab").and_then(|section| section.data().ok()),
            static_tls: static_tls(&elf, bytes),
        };
        for symbol in elf.symbols().chain(elf.dynamic_symbols()) {
            let Ok(name) = symbol.name() else { continue };
            // Rust's own names are looked for as text.
            if is_mangled(name) {
                continue;
            }
            if symbol.is_definition() {
                library.defined.insert(name);
            } else if symbol.is_undefined() {
                library.called.insert(name.split('@').next().unwrap_or(name));
            }
        }
        Ok(library)
    }

    /// Whether it has the names that a linker leaves in.
    pub(super) fn has_names(&self) -> bool {
        self.names.is_some()
    }

    /// Whether a function or variable of this name is in it.
    pub(super) fn defines(&self, symbol: &str) -> bool {
        self.defined.contains(symbol)
    }

    /// Whether its code uses this function of another library.
    pub(super) fn calls(&self, symbol: &str) -> bool {
        self.called.contains(symbol)
    }

    /// Whether these bytes stand somewhere in it.
    pub(super) fn holds(&self, text: &[u8]) -> bool {
        memmem::find(self.bytes, text).is_some()
    }

    /// Whether one of its symbols names this crate. Both of rustc's manglings write a name behind
    /// its length.
    pub(super) fn names_crate(&self, name: &str) -> bool {
        let Some(names) = self.names else { return false };
        let mangled = format!("{}{name}", name.len());
        memmem::find_iter(names, mangled.as_bytes())
            .any(|at| at == 0 || !names[at - 1].is_ascii_digit())
    }
}

fn is_mangled(name: &str) -> bool {
    name.starts_with("_ZN") || name.starts_with("_R")
}

/// The size of the thread-local variables of a library that says that they must have a fixed place
/// (`DF_STATIC_TLS`).
fn static_tls(elf: &ElfFile64<'_, Endianness>, bytes: &[u8]) -> Option<u64> {
    let endian = elf.endian();
    let table = elf.elf_section_table().dynamic(endian, bytes).ok()??.0;
    let flags = table.iter().find(|entry| entry.d_tag(endian) == DT_FLAGS)?;
    if flags.d_val(endian) & DF_STATIC_TLS.0 == 0 {
        return None;
    }
    let segments = elf.elf_header().program_headers(endian, bytes).ok()?;
    let tls = segments.iter().find(|segment| segment.p_type(endian) == PT_TLS);
    Some(tls.map_or(0, |segment| segment.p_memsz(endian)))
}
