//! What a built library says of itself, read from the file without running any of it.

use object::elf::DT_NEEDED;
use object::read::elf::{ElfFile64, ProgramHeader as _};
use object::{Endianness, Object as _, ObjectSection as _, ObjectSymbol as _};

use crate::swap::mode::SwapMode;

/// The symbol of the note that the SDK's `export!` puts into a library.
const NOTE_SYMBOL: &str = "nova_library_note";
/// The first line of the note.
const NOTE_MAGIC: &str = "nova route library\n";

/// What is known of a library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LibraryInfo {
    /// The number of the contract between host and library.
    pub(crate) abi: u32,
    /// Version of the SDK.
    pub(crate) sdk: String,
    /// The compiler.
    pub(crate) rustc: String,
    /// The target triple.
    pub(crate) target: String,
    /// The app's package: its name and version.
    pub(crate) app: (String, String),
    /// How it is swapped, as far as its app says so.
    pub(crate) swap: Option<SwapMode>,
    /// Whether the app asks for that, whatever its library holds.
    pub(crate) swap_declared: bool,
    /// The least version of glibc that has everything the library needs, such as `2.34`.
    pub(crate) glibc: Option<String>,
    /// The shared libraries that it needs beside those of glibc and rustc's runtime, such as
    /// `libsqlite3.so.0`.
    pub(crate) needs: Vec<String>,
}

/// Why a file is not a route library.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LibraryError {
    /// It is not an ELF file of 64 bits.
    #[error("the library is not an ELF file: {0}")]
    NotElf(String),
    /// The SDK's note is not in it.
    #[error(
        "the library holds no routes\n  help: its crate root must call `nova::export!(routes)`, \
         which stands in the part that nova generates"
    )]
    NoNote,
    /// The note lacks a line.
    #[error("the library's note has no `{0}`")]
    Incomplete(&'static str),
}

impl LibraryInfo {
    /// Reads the facts from the bytes of a library.
    ///
    /// # Errors
    /// If they are not an ELF file, or hold no note of the SDK.
    pub(crate) fn read(library: &[u8]) -> Result<Self, LibraryError> {
        let elf = ElfFile64::<Endianness>::parse(library)
            .map_err(|error| LibraryError::NotElf(error.to_string()))?;
        let note = note(&elf).ok_or(LibraryError::NoNote)?;
        let value = |key: &'static str| {
            let mut pairs = note.lines().filter_map(|line| line.split_once('='));
            pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
        };
        let find = |key| value(key).map(str::to_owned).ok_or(LibraryError::Incomplete(key));
        let app = find("app")?;
        let (name, version) = app.split_once(' ').ok_or(LibraryError::Incomplete("app"))?;
        Ok(Self {
            abi: find("abi")?.parse().map_err(|_| LibraryError::Incomplete("abi"))?,
            sdk: find("sdk")?,
            rustc: find("rustc")?,
            target: find("target")?,
            app: (name.to_owned(), version.to_owned()),
            swap: value("swap").and_then(SwapMode::named),
            swap_declared: value("swap-declared") == Some("yes"),
            glibc: least(&elf),
            needs: needs(&elf),
        })
    }
}

/// The least version of glibc that has everything a program or library needs, such as `2.34`;
/// none if the bytes are not an ELF file, or need none.
#[must_use]
pub fn least_glibc(program: &[u8]) -> Option<String> {
    least(&ElfFile64::<Endianness>::parse(program).ok()?)
}

/// The dynamic linker that a program asks for; none for a library.
#[must_use]
pub fn interpreter(program: &[u8]) -> Option<String> {
    let elf = ElfFile64::<Endianness>::parse(program).ok()?;
    let mut segments = elf.elf_program_headers().iter();
    let path = segments.find_map(|segment| segment.interpreter(elf.endian(), program).ok()?)?;
    String::from_utf8(path.to_vec()).ok()
}

fn note<'a>(elf: &ElfFile64<'a, Endianness>) -> Option<&'a str> {
    let symbol = elf.dynamic_symbols().find(|symbol| symbol.name() == Ok(NOTE_SYMBOL))?;
    let (address, size) = (symbol.address(), symbol.size());
    let section =
        elf.sections().find(|s| (s.address()..s.address() + s.size()).contains(&address))?;
    let bytes = section.data_range(address, size).ok()??;
    std::str::from_utf8(bytes).ok()?.strip_prefix(NOTE_MAGIC)
}

/// The greatest `GLIBC_x.y` among the versions of symbols that the library imports.
fn least(elf: &ElfFile64<'_, Endianness>) -> Option<String> {
    let endian = elf.endian();
    let sections = elf.elf_section_table();
    let (mut libraries, strings) = sections.gnu_verneed(endian, elf.data()).ok()??;
    let strings = sections.strings(endian, elf.data(), strings).ok()?;
    let mut versions = Vec::new();
    while let Ok(Some((_, mut needs))) = libraries.next() {
        while let Ok(Some(need)) = needs.next() {
            let name =
                need.name(endian, strings).ok().and_then(|name| std::str::from_utf8(name).ok());
            versions.extend(name.and_then(glibc_version));
        }
    }
    let (major, minor) = versions.into_iter().max()?;
    Some(format!("{major}.{minor}"))
}

/// What every system with glibc has, by the beginning of the name.
const EVERYWHERE: [&str; 12] = [
    "ld-linux",
    "libanl.so",
    "libc.so",
    "libdl.so",
    "libgcc_s.so",
    "libm.so",
    "libmvec.so",
    "libpthread.so",
    "libresolv.so",
    "librt.so",
    "libutil.so",
    "linux-vdso",
];

/// The libraries that the dynamic linker is told to find, but for those that are everywhere.
fn needs(elf: &ElfFile64<'_, Endianness>) -> Vec<String> {
    let sections = elf.elf_section_table();
    let Ok(table) = sections.dynamic_table(elf.endian(), elf.data()) else { return Vec::new() };
    let needed = table.iter().filter(|entry| entry.tag == DT_NEEDED);
    let names = needed.filter_map(|entry| std::str::from_utf8(table.string(entry).ok()?).ok());
    let beside = names.filter(|name| !EVERYWHERE.iter().any(|base| name.starts_with(base)));
    beside.map(str::to_owned).collect()
}

/// `GLIBC_2.34` and `GLIBC_2.2.5` as numbers; names such as `GLIBC_PRIVATE` have none.
fn glibc_version(name: &str) -> Option<(u32, u32)> {
    let mut numbers = name.strip_prefix("GLIBC_")?.split('.').map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Some((major, minor)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert_eq!(glibc_version("GLIBC_2.2.5"), Some((2, 2)));
        assert!(glibc_version("GLIBC_2.34") > glibc_version("GLIBC_2.4"));
        assert_eq!(glibc_version("GLIBC_PRIVATE"), None);
        assert_eq!(glibc_version("GCC_3.0"), None);
    }

    #[test]
    fn other_files_are_told_apart() {
        assert!(matches!(LibraryInfo::read(b""), Err(LibraryError::NotElf(_))));
        assert!(matches!(LibraryInfo::read(b"#!/bin/sh\n"), Err(LibraryError::NotElf(_))));
        let this_test = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(LibraryInfo::read(&this_test), Err(LibraryError::NoNote));
    }

    #[test]
    fn the_least_glibc_of_this_test_is_known() {
        let this_test = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let (major, minor) =
            glibc_version(&format!("GLIBC_{}", least_glibc(&this_test).unwrap())).unwrap();
        assert!(major == 2 && minor >= 17, "{major}.{minor}");
        let elf = ElfFile64::<Endianness>::parse(&*this_test).unwrap();
        assert_eq!(needs(&elf), <[String; 0]>::default(), "what is everywhere is not named");
    }
}
