//! Why a file is not a whole library for this machine.

/// What is wrong with a file that should be a shared library.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // The messages say what the fields are.
pub enum ElfError {
    #[error("is not an ELF file, so not a library of this system")]
    Magic,
    #[error("is a {found}-bit library, this host runs 64-bit ones")]
    Class { found: u8 },
    #[error("is for {found}, this machine is {expected}; build it for this machine")]
    Machine { found: String, expected: &'static str },
    #[error("is an ELF file of another kind ({found}), not a shared library")]
    Kind { found: &'static str },
    #[error("is cut short: {what} ends at byte {end}, the file at {len}; copy or build it again")]
    Truncated { what: &'static str, end: u64, len: u64 },
    #[error("has a damaged ELF structure: {0}; copy or build it again")]
    Damaged(String),
    #[error(
        "is a shared library, but not a Nova route library: it does not export `{symbol}`; \
         does its lib.rs call `nova::export!`?"
    )]
    Symbol { symbol: &'static str },
}

pub(in crate::library::loader) fn damaged(error: object::read::Error) -> ElfError {
    ElfError::Damaged(error.to_string())
}
