//! C code that dependencies bring along, so that the image offers it as it offers Rust.
//!
//! A crate such as `libsqlite3-sys` has the object files of a C library in its archive, and Rust
//! code of other crates that is generic or inline calls them: that code is compiled into pages. A
//! shared library exports the symbols of its Rust code by itself. It exports those of an archive
//! as well where it declares them as its own, so the image's source declares every one
//! ([`declarations`]), in the name of an archive that is empty: the code itself comes from the
//! crates.
//!
//! What turns this off: a linker that does not make the image so. It is then made without, and an
//! app that needs one of these symbols is built as a whole.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use object::Endianness;
use object::elf::{
    FileHeader64, SHN_UNDEF, SHT_SYMTAB, STB_GLOBAL, STB_WEAK, STT_FILE, STT_SECTION, STT_TLS,
    STV_DEFAULT, STV_HIDDEN, STV_INTERNAL, STV_PROTECTED, Sym64,
};
use object::read::archive::ArchiveFile;
use object::read::elf::{FileHeader as _, SectionHeader as _, Sym as _};

/// The archive in whose name the image declares the symbols.
pub(super) const ARCHIVE: &str = "nova_native";
/// An archive with nothing in it.
pub(super) const EMPTY_ARCHIVE: &[u8] = b"!<arch>\n";

/// Where `st_other`, which holds the visibility, is in a symbol.
const VISIBILITY: usize = 5;

/// What the archive of a crate has besides Rust.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct NativeCode {
    /// The symbols that other code can name.
    pub(super) symbols: BTreeSet<String>,
    /// Where the visibility of what is hidden is said, and what it is to be.
    hidden: Vec<(usize, u8)>,
}

impl NativeCode {
    /// Reads the archive of a crate. What is not understood is passed over.
    pub(super) fn of(archive: &[u8]) -> Self {
        let mut code = Self::default();
        code.read(archive, 0);
        code
    }

    fn read(&mut self, archive: &[u8], start: usize) {
        let Ok(file) = ArchiveFile::parse(archive) else { return };
        for member in file.members().flatten() {
            if is_rust(member.name()) {
                continue;
            }
            let (offset, size) = member.file_range();
            let (offset, size) = (offset as usize, size as usize);
            let Some(bytes) = archive.get(offset..).and_then(|rest| rest.get(..size)) else {
                continue;
            };
            if bytes.starts_with(EMPTY_ARCHIVE) {
                self.read(bytes, start + offset);
            } else {
                // What is not an object file for this system has nothing to declare.
                let _ = self.read_object(bytes, start + offset);
            }
        }
    }

    fn read_object(&mut self, bytes: &[u8], start: usize) -> object::Result<()> {
        let header = FileHeader64::<Endianness>::parse(bytes)?;
        let endian = header.endian()?;
        let sections = header.sections(endian, bytes)?;
        let symbols = sections.symbols(endian, bytes, SHT_SYMTAB)?;
        let table = sections.section(symbols.section())?.sh_offset(endian) as usize;
        for (index, symbol) in symbols.enumerate() {
            let is_global = matches!(symbol.st_bind(), STB_GLOBAL | STB_WEAK)
                && !matches!(symbol.st_type(), STT_FILE | STT_SECTION | STT_TLS);
            if !is_global {
                continue;
            }
            let is_defined = symbol.st_shndx(endian) != SHN_UNDEF;
            if symbol.st_visibility() == STV_HIDDEN {
                // Code beside it was compiled in the belief that no other can come in its place.
                let visibility = if is_defined { STV_PROTECTED } else { STV_DEFAULT };
                let place = start + table + index.0 * size_of::<Sym64<Endianness>>() + VISIBILITY;
                self.hidden.push((place, visibility.0));
            }
            let name = str::from_utf8(symbols.symbol_name(endian, symbol)?).unwrap_or_default();
            // What C++ makes anew wherever it is used; Rust cannot name it.
            let is_repeated = symbol.st_bind() == STB_WEAK && name.starts_with("_Z");
            let is_internal = symbol.st_visibility() == STV_INTERNAL;
            if is_defined && !is_repeated && !is_internal && is_plain(name) {
                self.symbols.insert(name.to_owned());
            }
        }
        Ok(())
    }

    /// The same archive with nothing hidden; `None`: it is so already.
    pub(super) fn unhidden(&self, archive: &[u8]) -> Option<Vec<u8>> {
        if self.hidden.is_empty() {
            return None;
        }
        let mut archive = archive.to_vec();
        for (place, visibility) in &self.hidden {
            archive[*place] = archive[*place] & !0b11 | visibility;
        }
        Some(archive)
    }
}

/// Whether a name can stand in quotes.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|it| it.is_ascii_graphic() && it != '"' && it != '\\')
}

/// Whether a member of a crate's archive was made by rustc.
fn is_rust(name: &[u8]) -> bool {
    name.ends_with(b".rcgu.o") || name.ends_with(b".rmeta")
}

/// The items of the image's source for these symbols.
pub(super) fn declarations(symbols: &BTreeSet<String>) -> String {
    if symbols.is_empty() {
        return String::new();
    }
    // Of variables, too, only the name is of interest.
    let mut text = format!("\n#[link(name = \"{ARCHIVE}\", kind = \"static\")]\nextern \"C\" {{\n");
    for (number, symbol) in symbols.iter().enumerate() {
        let _ = writeln!(text, "    #[link_name = \"{symbol}\"]\n    pub fn native_{number}();");
    }
    text.push_str("}\n");
    text
}

/// The file names of the crates that the linker was given, in what `--print=link-args` wrote.
pub(super) fn linked_crates(arguments: &str) -> BTreeSet<&str> {
    let crates = arguments.split('"').filter(|argument| argument.ends_with(".rlib"));
    crates.map(|path| path.rsplit('/').next().unwrap_or(path)).collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::*;
    use crate::parts::toolchain::LINKER;

    /// An archive of one object file with this assembly, beside one that rustc could have made.
    fn archive(folder: &Path, assembly: &str) -> Vec<u8> {
        std::fs::write(folder.join("own.s"), assembly).unwrap();
        std::fs::write(folder.join("rust.s"), ".globl of_rust\nof_rust: .long 1\n").unwrap();
        let run = |program: &str, arguments: &[&str]| {
            let status = Command::new(program).args(arguments).current_dir(folder).status();
            assert!(status.unwrap().success(), "{program} {arguments:?}");
        };
        run(LINKER, &["-c", "own.s", "-o", "a-rather-long-name-of-own-code.o"]);
        run(LINKER, &["-c", "rust.s", "-o", "rust.rcgu.o"]);
        let members = ["a-rather-long-name-of-own-code.o", "rust.rcgu.o"];
        run("ar", &[&["rcs", "lib.a"], &members[..]].concat());
        std::fs::read(folder.join("lib.a")).unwrap()
    }

    #[test]
    fn what_other_code_can_name_is_found_and_nothing_stays_hidden() {
        let folder = tempfile::tempdir().unwrap();
        let assembly = ".globl open, table, inside, local_to_thread\n.weak replaceable, _ZN3BoxC1Ev\n\
             .hidden inside, elsewhere\n.type local_to_thread, @tls_object\n\
             open: call inside\ncall elsewhere\nreplaceable: nop\n_ZN3BoxC1Ev: nop\n\
             inside: nop\nown: nop\n.data\ntable: .long 1\n\
             .section .tbss,\"awT\",@nobits\nlocal_to_thread: .zero 4\n";
        let archive = archive(folder.path(), assembly);
        let code = NativeCode::of(&archive);
        let expected = ["inside", "open", "replaceable", "table"].map(str::to_owned);
        assert_eq!(code.symbols, BTreeSet::from(expected));

        let unhidden = code.unhidden(&archive).unwrap();
        assert_eq!(unhidden.len(), archive.len());
        let again = NativeCode::of(&unhidden);
        assert_eq!(again, NativeCode { hidden: Vec::new(), ..code });
        assert_eq!(again.unhidden(&unhidden), None);
        assert_eq!(NativeCode::of(b"no archive"), NativeCode::default());
    }

    #[test]
    fn each_symbol_is_declared_once() {
        assert_eq!(declarations(&BTreeSet::new()), "");
        let symbols = BTreeSet::from(["deflate".to_owned(), "a$b".to_owned()]);
        assert_eq!(
            declarations(&symbols),
            "\n#[link(name = \"nova_native\", kind = \"static\")]\nextern \"C\" {\n    \
             #[link_name = \"a$b\"]\n    pub fn native_0();\n    \
             #[link_name = \"deflate\"]\n    pub fn native_1();\n}\n"
        );
    }

    #[test]
    fn the_linker_says_which_crates_are_in_the_image() {
        let said = "LC_ALL=\"C\" \"cc\" \"-m64\" \"/tmp/rustc1/libzstd_sys-1.rlib\" \"-lc\" \
                    \"/cache/crates/libmaud-2.rlib\" \"-o\" \"x.so\"";
        assert_eq!(linked_crates(said), BTreeSet::from(["libmaud-2.rlib", "libzstd_sys-1.rlib"]));
    }
}
