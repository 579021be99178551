//! Why a library was not loaded: one variant per cause, found and expected.

use std::io;
use std::path::PathBuf;

use nova_abi::ABI;
use nova_abi::note::NoteError;

use super::build_id::BuildIdError;
use super::elf::ElfError;

/// Why a library was not loaded.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The messages say what the fields are.
pub enum LoadError {
    #[error("{}: no such file; `nova compile` writes it", .path.display())]
    Missing { path: PathBuf },

    #[error("{}: cannot be read: {source}", .path.display())]
    Read { path: PathBuf, source: io::Error },

    #[error("{}: is a {found}, not a library file", .path.display())]
    NotAFile { path: PathBuf, found: &'static str },

    #[error("{}: is empty; was its build or copy cut short?", .path.display())]
    Empty { path: PathBuf },

    #[error(
        "{0}: can be written by {who} (mode {mode:o}), so it is not loaded; \
         run `chmod {fix} {0}`", .path.display()
    )]
    Writable { path: PathBuf, who: String, fix: &'static str, mode: u32 },

    #[error(
        "{}: can be replaced by {who}, because the folder {1} has mode {mode:o}, so it is not \
         loaded; run `chmod {fix} {1}`", .path.display(), .folder.display()
    )]
    FolderWritable { path: PathBuf, folder: PathBuf, who: String, fix: &'static str, mode: u32 },

    #[error(
        "{}: can be replaced by user {owner}, whose folder {1} is, and who is neither root nor \
         user {us} who runs this host, so it is not loaded; run `chown {us} {1}`",
        .path.display(), .folder.display()
    )]
    FolderOwner { path: PathBuf, folder: PathBuf, owner: u32, us: u32 },

    #[error(
        "{0}: belongs to user {owner}, neither to root nor to user {us} who runs this host; \
         run `chown {us} {0}`", .path.display()
    )]
    Owner { path: PathBuf, owner: u32, us: u32 },

    #[error("{}: {cause}", .path.display())]
    Elf { path: PathBuf, cause: ElfError },

    #[error(
        "{}: is not a Nova route library: the note it exports cannot be read: {cause}",
        .path.display()
    )]
    Note { path: PathBuf, cause: NoteError },

    #[error(
        "{}: was built for ABI {found} (nova-plugin-sdk {sdk}), this host speaks ABI {ABI}; {}",
        .path.display(),
        if *.found > ABI { "upgrade the host first" } else { "build it again with a newer SDK" }
    )]
    Abi { path: PathBuf, found: u32, sdk: String },

    #[error(
        "{}: was built with panic = \"{found}\", so one panic would end the whole server; \
         remove `panic` from the profile in Cargo.toml and build it again", .path.display()
    )]
    PanicStrategy { path: PathBuf, found: String },

    #[error(
        "{}: was built for {found}, this host runs libraries for {expected}{}; \
         build it with `--target {expected}`", .path.display(),
        if .found.contains("musl") {
            ": a library for musl brings a C library of its own, and two of them do not go together \
             in one process"
        } else { "" }
    )]
    Target { path: PathBuf, found: String, expected: &'static str },

    #[error("{}: {cause}", .path.display())]
    BuildId { path: PathBuf, cause: BuildIdError },

    #[error("{}: the private copy of the library cannot be written: {source}", .path.display())]
    Store { path: PathBuf, source: io::Error },

    #[error("{}: the dynamic linker refuses it: {message}", .path.display())]
    Open { path: PathBuf, message: String },

    #[error(
        "{}: has no room in this process: the dynamic linker keeps little for variables that must \
         have a fixed place (static TLS), and what libraries took before is gone; build it without \
         (feature `disable_initial_exec_tls` of tikv-jemallocator, `local_dynamic_tls` of \
         mimalloc), or start the host with \
         GLIBC_TUNABLES=glibc.rtld.optional_static_tls=65536", .path.display()
    )]
    StaticTls { path: PathBuf },

    #[error(
        "{}: its types do not fit this host although its note says ABI {ABI} ({cause}); \
         build it again with the SDK of this host", .path.display()
    )]
    Layout { path: PathBuf, cause: String, details: String },

    #[error("{}: declaring its routes panicked: {message}", .path.display())]
    Routes { path: PathBuf, message: String },
}

impl LoadError {
    /// The long text behind a short message, for a verbose log.
    #[must_use]
    pub fn details(&self) -> Option<&str> {
        match self {
            Self::Layout { details, .. } => Some(details),
            _ => None,
        }
    }
}
