//! Mapping a library and taking its root module.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::mem::ManuallyDrop;
use std::path::Path;

use libloading::os::unix::{Library as Handle, RTLD_LOCAL, RTLD_NOW};
use nova_abi::abi_stable::library::{AbiHeaderRef, LibraryError, ROOT_MODULE_LOADER_NAME_WITH_NUL};
use nova_abi::abi_stable::std_types::RArc;
use nova_abi::{Exported, Failure, LibraryRef};

use super::again;
use super::segments::Segments;
use super::signal_handlers;
use super::store::FreshCopy;
use super::{LoadError, Routes};

/// Maps the private copy; `path` is where the library came from, for messages.
pub(super) fn open(copy: &Path, path: &Path) -> Result<LibraryRef, LoadError> {
    let library = map(copy, path)?;
    root(&library, path)
}

/// Maps a library once more, of which the copy `name` is mapped already.
pub(super) fn open_again(
    fresh: &FreshCopy,
    name: &'static CStr,
    segments: &Segments,
    path: &Path,
) -> Result<LibraryRef, LoadError> {
    let library = map(fresh.path(), path)?;
    root(&again::settle(library, fresh, name, segments), path)
}

fn root(library: &Handle, path: &Path) -> Result<LibraryRef, LoadError> {
    // SAFETY: the symbol was found in the file by `elf::check`; abi_stable exports it under this
    // name with this type alone, and checks the header's magic before it uses the rest.
    let header =
        unsafe { library.get::<AbiHeaderRef>(ROOT_MODULE_LOADER_NAME_WITH_NUL.as_bytes()) }
            .map(|header| *header);
    let layout = |error: &LibraryError| {
        let details = error.to_string();
        LoadError::Layout { path: path.into(), cause: short_cause(&details), details }
    };
    let header = header.map_err(|error| refused(path, &error))?;
    let header = header.upgrade().map_err(|error| layout(&error))?;
    header.init_root_module::<LibraryRef>().map_err(|error| layout(&error))
}

/// Maps a library that others need.
pub(super) fn shared(path: &Path) -> Result<(), LoadError> {
    map(path, path).map(drop)
}

/// Maps a library, and looks up a symbol that was found in the file.
pub(super) fn symbol<T: Exported>(path: &Path, symbol: &str) -> Result<T, LoadError> {
    let library = map(path, path)?;
    // SAFETY: the name begins with the type's prefix, so a library of Nova exports this type there;
    // it is one address long, and the library stays mapped.
    unsafe {
        let found = library.get::<T>(symbol.as_bytes());
        found.map(|found| *found).map_err(|error| refused(path, &error))
    }
}

/// Maps a file for good: the layout checker keeps pointers into it, and so may thread locals.
fn map(file: &Path, path: &Path) -> Result<ManuallyDrop<Handle>, LoadError> {
    // RTLD_NOW: a missing symbol is an error here, not a crash in a request. RTLD_LOCAL: two
    // generations of one library must not see each other's symbols.
    // SAFETY: initialisers of the library run here. It was built by the user of this host for
    // this host; `elf` has made sure that the file is complete, and it is our own copy or a file
    // that nobody writes again, so it does not change under the mapping.
    let library = unsafe { Handle::open(Some(file), RTLD_NOW | RTLD_LOCAL) };
    signal_handlers::put_back("an initialiser of the library");
    library.map(ManuallyDrop::new).map_err(|error| refused(path, &error))
}

fn refused(path: &Path, error: &libloading::Error) -> LoadError {
    let message = root_cause(error);
    // In the words of glibc, which has no other sign for it.
    if message.ends_with("cannot allocate memory in static TLS block") {
        return LoadError::StaticTls { path: path.into() };
    }
    LoadError::Open { path: path.into(), message }
}

/// The routes that the library declares.
pub(super) fn routes(root: &LibraryRef) -> Result<Routes, Failure> {
    let routes = root.routes()().into_result()?;
    Ok(routes.into_iter().map(RArc::new).collect())
}

/// libloading's own text says which function failed; the linker's says why.
fn root_cause(error: &libloading::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// abi_stable's report runs to hundreds of lines, the reason in its last ones.
fn short_cause(details: &str) -> String {
    let lines: Vec<&str> = details.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let reason = lines.iter().rposition(|line| line.starts_with("Error:")).map_or_else(
        || lines.first().copied().unwrap_or("no reason given").to_owned(),
        |at| lines[at..].iter().take(5).copied().collect::<Vec<_>>().join(" "),
    );
    reason.chars().take(240).collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// More than any process keeps free, whatever it was told at its start.
    #[test]
    fn a_library_without_room_for_its_variables_is_told_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let (source, library) = (folder.path().join("app.c"), folder.path().join("app.so"));
        let code = "__attribute__((tls_model(\"initial-exec\"))) __thread char x[8 << 20];
                    char *at(int i) { return &x[i]; }";
        std::fs::write(&source, code).unwrap();
        let mut compiler = Command::new("cc");
        let status = compiler.args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status();
        assert!(status.unwrap().success());
        let error = shared(&library).unwrap_err();
        assert!(matches!(error, LoadError::StaticTls { .. }), "{error}");
    }
}
